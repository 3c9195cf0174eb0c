"""A snapshot: what a store said about a build at one moment, as the rules of a gate look at it.

Rules:
- Small facts are here; documents are named by their path and sha256 and read again when they are needed.
- Nothing is judged here: what could not be read says so where it would be.
- Reading the same snapshot again gives the same evidence, as long as the store keeps the documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from pytest_defend.model.buildinfo import BuildInfo
from pytest_defend.model.fields import Document
from pytest_defend.model.ladder import Ladder
from pytest_defend.model.results import Tally

__all__ = [
    "DependencyFact",
    "ExternalAnswer",
    "FileFact",
    "KeptFile",
    "PolicyFact",
    "PreviousFact",
    "Snapshot",
    "StageFact",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptFile(Document):
    """A file a store keeps, as it said."""

    path: str
    """`repository/folder/.../file`."""
    sha256: str
    """Of its bytes."""
    created: datetime
    """When the store got it."""
    properties: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Values by name; of a dependency those that begin with `build.` or `defend.`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFact(Document):
    """A file of the build, by its build-info, and where it is kept."""

    path: str
    """Where it was published: `repository/folder/.../file`."""
    module: str
    """Id of its module."""
    sha256: str
    """By the build-info; empty when it does not say."""
    kept: tuple[KeptFile, ...] = ()
    """Files under its path within a repository, whatever they hold, sorted by path: in the repository it was
    published to and in those of the ladder."""

    @property
    def intact(self) -> tuple[KeptFile, ...]:
        """Those that hold what the build-info says."""
        return tuple(kept for kept in self.kept if self.sha256 and kept.sha256 == self.sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencyFact(Document):
    """A dependency of a package of the build, and where the store keeps its file."""

    id: str
    """`name:version`."""
    module: str
    """Id of the module that needs it."""
    sha256: str = ""
    """Of its file; empty when that is not known."""
    scopes: tuple[str, ...] = ()
    """What it is needed for: `runtime`, an extra, ..."""
    kept: tuple[KeptFile, ...] = ()
    """Files with these bytes, sorted by path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StageFact(Document):
    """One run of a stage, by its module."""

    stage: str
    """Its name."""
    run: str
    """Unique id of the run."""
    module: str
    """Id of the module."""
    mark: str = ""
    """`defend.stage.<stage>` of its files: a claim; empty when they disagree or say nothing."""
    record: str = ""
    """Path of its `record.json` in the store; empty when the module names none."""
    journal: str = ""
    """Path of its `journal.jsonl`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviousFact(Document):
    """The build that reached the level last."""

    build: str
    """`NAME/NUMBER@STARTED`."""
    tests: Mapping[str, Tally] = field(default_factory=dict)
    """Counts by stage, by its module."""
    reports: Mapping[str, tuple[str, ...]] | None = None
    """Paths of the archived files that rules ask for, by the name they ask by; null when nobody looked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicyFact(Document):
    """The policy that was judged by."""

    source: str
    """Where it was read: a file, or `store:REPOSITORY/PATH`."""
    sha256: str
    """Of the canonical bytes of the ladder."""
    ladder: Ladder


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalAnswer(Document):
    """What a command outside said; asked once, when the snapshot was taken."""

    ruling: str
    """`pass`, `fail` or `unknown`."""
    actual: str = ""
    """What it found, in its words."""
    next: str = ""
    """What to do about it, in its words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot(Document):
    """One build, seen once."""

    taken: datetime
    """The instant everything is judged at."""
    store: str
    """Where, without credentials."""
    level: str
    """The level that is asked for."""
    build: BuildInfo
    """As it was read."""
    policy: PolicyFact
    subsystem: str = ""
    """Whose repositories its packages are in."""
    standing: str = ""
    """The level its packages stand on, all of them; empty when they are on none."""
    runs: tuple[str, ...] = ()
    """`started` of every run with this name and number."""
    files: tuple[FileFact, ...] = ()
    """In the order of the build-info."""
    stages: tuple[StageFact, ...] = ()
    dependencies: tuple[DependencyFact, ...] = ()
    """Of its packages, in the order of the build-info."""
    previous: PreviousFact | None = None
    """Null when no build reached the level yet."""
    envelopes: tuple[str, ...] = ()
    """Paths of the files with signed evidence."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Public keys as PEM, by the text that names them in the policy; what cannot be read is missing."""
    external: Mapping[str, ExternalAnswer] = field(default_factory=dict)
    """By command, as its rule writes it."""
    local: bool = False
    """Whether this is what a run knows at its end, before anything is published: the store was not asked."""
