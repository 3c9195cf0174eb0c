"""The record of one run: what ran, on what, and which files tell the rest.

Rules:
- The attempts stay in the journal, which the record names by its digest; tallies and verdicts are derived
  from it (`model.replay`, `model.verdict`) and never stored here.
- Canonical bytes: UTF-8, keys sorted, no floats. The JSON Schema of this document is shipped as
  `pytest_defend/model/run-record.schema.json`; it is made from these classes (`documents.schema`).
- What could not be read is named in `gaps`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from pytest_defend.model.checksums import Checksums
from pytest_defend.model.ci import CiFacts
from pytest_defend.model.distributions import Installed
from pytest_defend.model.eligibility import Eligibility
from pytest_defend.model.facts import Gap, Interpreter, Platform
from pytest_defend.model.fields import Document
from pytest_defend.model.gitfacts import GitFacts
from pytest_defend.model.origins import Tree
from pytest_defend.model.process import Environment, Process
from pytest_defend.model.pytestfacts import PytestFacts

__all__ = ["SCHEMA", "RanOn", "RecordedFile", "RunFacts", "RunRecord", "Shipped", "Subject"]

SCHEMA = "pytest-defend/run-record/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts(Document):
    """What a run runs on, read when it starts."""

    interpreter: Interpreter | None = None
    platform: Platform | None = None
    process: Process | None = None
    environment: Environment | None = None
    git: GitFacts | None = None
    ci: CiFacts | None = None
    pytest: PytestFacts | None = None
    installed: Installed | None = None
    more: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Facts that extension points gave, by topic, then by name."""


class Shipped(Enum):
    """What the tests of a package ran on, compared with a file of it that is published."""

    ARTIFACT = "artifact"  # an installed copy that holds what the file holds, byte for byte
    NOT_IMPORTED = "not-imported"  # the same, but no process of the tests imported it
    DIFFERS = "differs"  # an installed copy of its version with other content
    CHANGED = "changed"  # an installed copy that was replaced or written to while the tests ran
    DEFECTIVE = "defective"  # the file is damaged, or its RECORD is not true: it proves nothing
    OTHER_WHEEL = "other-wheel"  # an installed copy of another wheel of its version
    NOT_FOR_HERE = "not-for-here"  # the file is for another interpreter or platform
    TREE = "tree"  # a working tree: an editable install, or the sources themselves
    SHADOWED = "shadowed"  # something of its name that comes first on the import path
    OTHER_VERSION = "other-version"  # an installed copy of another version
    NOT_INSTALLED = "not-installed"  # nothing of its name is installed


@dataclass(frozen=True, slots=True, kw_only=True)
class RanOn(Document):
    """Whether the tests ran on what is shipped."""

    what: Shipped
    """What they ran on."""
    fingerprint: str = ""
    """Digest of what the published file holds; empty when its RECORD cannot be read."""
    differs: tuple[str, ...] = ()
    """Files that are not the same: `changed PATH`, `missing PATH` or `added PATH`, as seen from the published
    one; of a copy that changed, what was written to; of a defective file, what is wrong. The first 100."""
    differs_count: int = 0
    """How many there are, also beyond the first 100."""
    imported_from: str = ""
    """Where a shadowed package was imported from."""
    tree: Tree | None = None
    """The working tree they ran on, if they did."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject(Document):
    """A distribution file this run is evidence for."""

    file: str
    """Name of the file."""
    name: str
    """Normalised."""
    version: str
    """As its metadata writes it."""
    type: str
    """`whl`, `tar.gz` or `zip`."""
    checksums: Checksums
    """Of the file as it is published."""
    tested: RanOn | None = None
    """Whether the tests ran on it; null for a source distribution, which cannot be compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedFile(Document):
    """A file archived with the run; `name` is its path in the bundle and below the run's evidence."""

    name: str
    """Its path in the bundle, and below the folder of the run's evidence."""
    role: str
    """`journal`, `junit`, `report`, `lock`, `sbom` or `attachment`."""
    checksums: Checksums
    """Of the file as it is archived."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord(Document):
    """One run of one stage."""

    schema: str
    """Which document this is: `pytest-defend/run-record/1`."""
    run: str
    """Unique id of the run."""
    stage: str
    """Name of the group of tests that ran."""
    build_name: str
    """Name of the build the run belongs to."""
    build_number: str
    """Number of that build."""
    started: datetime
    """When the run started; the build's `started`."""
    recorder: str
    """Version of pytest-defend."""
    exit_status: int | None = None
    """pytest's, when the session finished; absent for a run that was killed."""
    wall_us: int = 0
    """From the session's start to its finish, microseconds."""
    work_us: int = 0
    """Sum of the durations of all tests, microseconds."""
    workers_us: Mapping[str, int] = field(default_factory=dict)
    """The same for each worker, microseconds; empty in a run without workers."""
    facts: RunFacts = field(default_factory=RunFacts)
    installed_changes: tuple[str, ...] = ()
    """What was installed, removed or replaced while the tests ran."""
    subjects: tuple[Subject, ...] = ()
    """The distribution files it is evidence for."""
    files: tuple[RecordedFile, ...] = ()
    """The files archived with it, this one excepted."""
    eligibility: tuple[Eligibility, ...] = ()
    """What the rules of the next level said when the run ended; empty without a ladder."""
    gaps: tuple[Gap, ...] = ()
    """What should be in the record and is not."""
