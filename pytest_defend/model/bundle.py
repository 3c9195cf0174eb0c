"""A bundle: a folder (or zip) that holds one run completely, ready to be published anywhere.

Rules:
- `manifest.json` is written last: a folder without it is a run that is still being heard or was killed.
- It names every file with its digests and the path it is published to, and holds the build-info.
- `final.json` is the last word: the status pytest really ended with. Without it no run is eligible.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_defend.model.buildinfo import BuildInfo
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.eligibility import Eligibility
from pytest_defend.model.fields import Document
from pytest_defend.model.record import RanOn
from pytest_defend.model.results import Result, Tally, Verdict

__all__ = [
    "FINAL",
    "FORMAT",
    "JOURNAL",
    "JUNIT",
    "MANIFEST",
    "RECORD",
    "BundledFile",
    "Final",
    "Manifest",
    "Published",
]

FORMAT = "pytest-defend/bundle/1"
MANIFEST = "manifest.json"
FINAL = "final.json"
JOURNAL = "journal.jsonl"
JUNIT = "junit.xml"
RECORD = "record.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class BundledFile(Document):
    """One file of a bundle."""

    name: str
    """Its path in the bundle."""
    path: str
    """Where it is published: `repository/folder/.../file`."""
    checksums: Checksums


@dataclass(frozen=True, slots=True, kw_only=True)
class Final(Document):
    """What was known when the process was about to end."""

    exit_status: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest(Document):
    """What a bundle holds and where it belongs."""

    format: str
    stage: str
    run: str
    verdict: Verdict
    """As the session's end allowed it; only `final.json` can confirm a green one."""
    tally: Tally
    build: BuildInfo
    files: tuple[BundledFile, ...]
    properties: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """To set on the package when the stage has passed."""
    gaps: int = 0
    tested: Mapping[str, RanOn] = field(default_factory=dict)
    """By name of a wheel that is published: whether the tests ran on it."""
    origins: Mapping[str, int] = field(default_factory=dict)
    """How many packages stand on each rung of the ladder of certainty, the most certain first."""
    eligibility: tuple[Eligibility, ...] = ()
    """What the rules of the next level said; empty without a ladder."""
    drift: int = 0
    """How many installed files are not what RECORD says; 0 unless they were looked at."""
    work_us: int = 0
    """Sum of the durations of all tests, microseconds."""
    workers_us: Mapping[str, int] = field(default_factory=dict)
    """The same for each worker; empty in a run without workers."""

    def concluded(self, final: Final | None) -> Verdict:
        """The verdict once the last word is known.

        Args:
            final: The last word; None when the process ended without one.
        """
        if not self.verdict.green:
            return self.verdict
        if final is None:
            reason = "the process ended without a last word after its session finished"
            return Verdict(result=Result.INCOMPLETE, reasons=(reason,))
        if final.exit_status:
            reason = f"pytest ended with exit status {final.exit_status} after its session finished"
            return Verdict(result=Result.FAILED, reasons=(reason,))
        return self.verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class Published(Document):
    """What publishing did, or would do.

    Attributes:
        build: `NAME/NUMBER@STARTED` of the build that is there now.
        store: Where, without credentials.
        stage: Name of the stage.
        new: Paths of files that were not there before.
        kept: Paths of files that were there already, byte for byte.
        size_bytes: Of the new files.
        dry_run: Whether nothing was written.
        url: Page of the build in the web interface of the store; empty where there is none.
    """

    build: str
    store: str
    stage: str
    new: tuple[str, ...]
    kept: tuple[str, ...]
    size_bytes: int
    dry_run: bool = False
    url: str = ""
