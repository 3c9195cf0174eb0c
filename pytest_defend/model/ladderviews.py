"""What the ladder commands answer: the ladder as people read it, what contradicts it, what is to be made.

Rules:
- Made of a ladder and of what a store says; nothing here is stored.
- `to_dict` of these is the documented JSON of `pytest-defend ladder` and stays stable.
- What a store does not tell is not guessed: it is said to be unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from pytest_defend.model.fields import Document, named

__all__ = [
    "Action",
    "GroupView",
    "LadderCheck",
    "LadderPlan",
    "LadderView",
    "LevelView",
    "Planned",
    "Rung",
    "Trouble",
    "Violation",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung(Document):
    """A level of one subsystem: a repository."""

    repository: str
    subsystem: str = ""
    packages: int | None = None
    """How many versions of packages are in it; null when no store was asked, or has no such repository."""
    highest: int | None = None
    """How many of them are on no higher level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelView(Document):
    """One level."""

    name: str
    rules: tuple[str, ...] = ()
    """What it requires, a sentence for each rule."""
    rungs: tuple[Rung, ...] = ()
    """Its repositories, by subsystem."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView(Document):
    """A virtual repository, and what a code base sees that resolves from it."""

    key: str
    sees: Mapping[str, str]
    """The lowest level it sees, by subsystem."""
    members: tuple[str, ...]
    """Its repositories, in the order they are looked into."""
    deploys: str = ""
    """The subsystem its code base belongs to; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderView(Document):
    """The whole ladder."""

    source: str
    """Where it was read."""
    levels: tuple[LevelView, ...]
    """The lowest first."""
    always: tuple[str, ...] = ()
    """Rules that hold for every level without being written; a level may write some of them otherwise."""
    subsystems: tuple[str, ...] = ()
    groups: tuple[GroupView, ...] = ()
    store: str = ""
    """Which store was asked; empty for none."""


class Trouble(StrEnum):
    """What is wrong about a ladder as it stands."""

    ABOVE = "above-dependency"  # a build stands on a level above one of its dependencies
    GONE = "dependency-gone"  # a dependency is on no level any more
    UNSEEN = "unseen-dependency"  # a build was made with what its group must not see
    EXPOSED = "exposed"  # a virtual repository shows a level that its group must not see
    HIDDEN = "hidden"  # a virtual repository does not show a level that its group sees
    DEPLOYMENT = "deployment"  # files sent to a virtual repository go elsewhere
    MISSING = "missing-repository"  # a repository is not there
    OTHER = "other-repository"  # a repository is of another kind or package type


@dataclass(frozen=True, slots=True, kw_only=True)
class Violation(Document):
    """One thing that contradicts the ladder."""

    trouble: Trouble
    says: str
    """What was found, in words."""
    next: str
    """What to do about it."""
    build: str = ""
    """`NAME/NUMBER`."""
    level: str = ""
    """On which the build stands."""
    dependency: str = ""
    """`name:version`."""
    dependency_level: str = named("dependency-level", default="")
    """On which the dependency stands; empty for none."""
    group: str = ""
    repository: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderCheck(Document):
    """Everything that contradicts the ladder now."""

    store: str
    builds: int
    """How many builds on the ladder were looked at."""
    violations: tuple[Violation, ...] = ()
    unknown: tuple[str, ...] = ()
    """What the store does not tell, one sentence each."""


class Action(StrEnum):
    """What becomes of a repository."""

    CREATE = "create"
    CHANGE = "change"  # of a virtual one: what it looks into, and where it deploys to
    KEEP = "keep"  # it is as it should be
    DIFFERS = "differs"  # it is another one, and stays as it is
    UNKNOWN = "unknown"  # the server does not tell what it is like


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned(Document):
    """One repository of the ladder."""

    action: Action
    key: str
    kind: str
    """As the ladder needs it: `local` or `virtual`."""
    says: str
    """What is to be made or changed, or what is there, in words."""
    next: str = ""
    """What to do by hand; empty for nothing."""
    done: bool = False
    configuration: Mapping[str, Any] = field(default_factory=dict)
    """As `PUT /api/repositories/KEY` takes it; of what is to be made or changed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderPlan(Document):
    """What is to be made and changed for a ladder, in that order."""

    store: str
    steps: tuple[Planned, ...] = ()
    dry_run: bool = named("dry-run", default=False)
    problem: str = ""
    """Why it stopped before its end; empty when it did not."""
    hint: str = ""
    """What to do about that."""
