"""What the reading commands answer: builds as people and scripts ask for them.

Rules:
- Made of what a store says; nothing here is stored.
- `to_dict` of these is the documented JSON of the commands and stays stable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_defend.model.answer import Answer
from pytest_defend.model.buildinfo import BuildInfo
from pytest_defend.model.fields import Document

__all__ = [
    "BuildRow",
    "BuildView",
    "Check",
    "FileView",
    "FilesView",
    "SpoolRow",
    "StageView",
    "VersionView",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageView(Document):
    """What one stage of a build said."""

    name: str
    module: str
    result: str
    """By the record: `passed`, `warned`, `failed` or `incomplete`."""
    mark: str
    """What `defend.stage.<stage>` says on every one of its files; empty when they disagree or do not say it:
    the run never spoke its last word, or files are gone."""
    reasons: str = ""
    """Why it is no better."""
    run: str = ""
    tests: Mapping[str, int] = field(default_factory=dict)
    """Counts by name; one that is missing is zero."""
    facts: Mapping[str, str] = field(default_factory=dict)
    """The other module properties."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildView(Document):
    """One build and its stages."""

    store: str
    stages: tuple[StageView, ...]
    build: BuildInfo


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRow(Document):
    """One run of a build in a list."""

    name: str
    number: str
    started: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileView(Document):
    """One file of a build."""

    path: str
    """`repository/folder/.../file`."""
    module: str
    type: str
    sha256: str
    sha1: str = ""
    md5: str = ""
    kept: bool
    """Whether the store still has it, byte for byte."""
    size_bytes: int | None = None
    properties: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesView(Document):
    """Every file of a build."""

    build: str
    files: tuple[FileView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpoolRow(Document):
    """A record that waits on disk."""

    run: str
    """Its id; the name of its folder."""
    folder: str
    state: str
    """`complete`; `packed`: its process ended without a last word; `heard`: still being heard, or killed;
    `damaged`."""
    build: str = ""
    """`NAME/NUMBER`."""
    stage: str = ""
    started: str = ""
    result: str = ""
    """`passed`, `warned`, `failed` or `incomplete`; empty for one that is not packed."""
    reasons: str = ""
    """Why it is no better."""
    files: int = 0
    """How many files it has."""
    size_bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionView(Document):
    """The version of a change-set, and what it was made from."""

    version: str
    base: str
    source: str
    """`ci` or `git`."""
    commit: str = ""
    dirty: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Document):
    """One thing that publishing needs."""

    name: str
    answer: Answer
    says: str
    """What was found."""
    hint: str = ""
    """How to get what is missing."""
