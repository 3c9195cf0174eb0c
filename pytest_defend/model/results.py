"""What a test run said: attempts, and what follows from them.

Rules:
- The unit is the `Attempt`: one try of one test on one worker. It is stored; cases, tallies and verdicts
  are derived from attempts and never stored beside them.
- An outcome is a fact pytest reported; a verdict is our judgement, and fails closed.
- Durations are whole microseconds measured by a monotonic clock; instants are epoch milliseconds of the
  process that ran the test.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pytest_defend.model.fields import Document

__all__ = [
    "Attachment",
    "Attempt",
    "Case",
    "CollectionProblem",
    "Outcome",
    "Phase",
    "Result",
    "Section",
    "Subtest",
    "Tally",
    "Verdict",
]


class Outcome(StrEnum):
    """How one phase, subtest or test ended."""

    PASSED = "passed"
    FAILED = "failed"
    ERROR = "error"  # setup, teardown or collection failed
    SKIPPED = "skipped"
    XFAILED = "xfailed"
    XPASSED = "xpassed"
    XPASSED_STRICT = "xpassed-strict"  # pytest counts it as failed
    RERUN = "rerun"  # failed, and another attempt follows
    CRASHED = "crashed"  # the process that ran it died
    LOST = "lost"  # collected, never finished

    @property
    def bad(self) -> bool:
        """Whether a test that ends so speaks against the release."""
        return self in _BAD


_BAD = frozenset({Outcome.FAILED, Outcome.ERROR, Outcome.XPASSED_STRICT, Outcome.CRASHED, Outcome.LOST})


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase(Document):
    """Setup, call or teardown of one attempt."""

    when: str
    """`setup`, `call`, `teardown`, or `crash` for a worker that died."""
    outcome: Outcome
    duration_us: int = 0
    message: str = ""
    """One line: the exception, the skip or xfail reason."""
    text: str = ""
    """What pytest shows for it, redacted and capped."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subtest(Document):
    """One subtest of an attempt; `label` is the same with and without xdist."""

    label: str
    outcome: Outcome
    duration_us: int = 0
    message: str = ""
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section(Document):
    """Captured output of an attempt, redacted and capped."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment(Document):
    """A file a test attached; `path` is relative to the bundle."""

    name: str
    path: str
    sha256: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt(Document):
    """One try of one test on one worker."""

    nodeid: str
    worker: str = ""
    """xdist's worker id (`gw0`); empty in a run without workers."""
    ordinal: int = 0
    """0 for the first try, 1 for the first rerun."""
    started_ms: int = 0
    """Epoch milliseconds by the worker's wall clock; 0 when unknown (a crash)."""
    phases: tuple[Phase, ...] = ()
    subtests: tuple[Subtest, ...] = ()
    sections: tuple[Section, ...] = ()
    properties: tuple[tuple[str, str], ...] = ()
    """What the test recorded with `record_property`."""
    attachments: tuple[Attachment, ...] = ()

    @property
    def outcome(self) -> Outcome:
        """The worst of its phases and subtests; `RERUN` when another attempt follows."""
        found = {phase.outcome for phase in self.phases}
        if any(subtest.outcome.bad for subtest in self.subtests):
            found.add(Outcome.FAILED)
        return next((outcome for outcome in _WORST_FIRST if outcome in found), Outcome.PASSED)

    @property
    def duration_us(self) -> int:
        """Work done for it: the sum of its phases."""
        return sum(phase.duration_us for phase in self.phases)


_WORST_FIRST = (
    Outcome.RERUN,
    Outcome.CRASHED,
    Outcome.LOST,
    Outcome.FAILED,
    Outcome.XPASSED_STRICT,
    Outcome.ERROR,
    Outcome.XPASSED,
    Outcome.XFAILED,
    Outcome.SKIPPED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One test with all its attempts, first try first; derived, never stored.

    With `--dist=each` the same test on two workers is two cases.
    """

    nodeid: str
    attempts: tuple[Attempt, ...]

    @property
    def outcome(self) -> Outcome:
        """How the last attempt ended."""
        return self.attempts[-1].outcome

    @property
    def flaky(self) -> bool:
        """Whether it passed in the end and an earlier attempt did not."""
        earlier = {attempt.outcome for attempt in self.attempts[:-1]}
        return not self.outcome.bad and any(o.bad or o is Outcome.RERUN for o in earlier)


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionProblem(Document):
    """A collector that failed or skipped; its tests are unknown."""

    nodeid: str
    outcome: Outcome
    message: str = ""
    text: str = ""
    worker: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally(Document):
    """How many of what, counted as pytest's own summary line counts.

    One test can count twice there: a call that passed and a teardown that failed are `1 passed, 1 error`.
    `flaky`, `crashed`, `lost` and `collected` are ours; a crashed test is among `failed`, as pytest has it.
    """

    collected: int = 0
    """Tests that were to run."""
    finished: int = 0
    """Tests whose last attempt ended."""
    passed: int = 0
    """Calls that passed."""
    failed: int = 0
    """Calls that failed, crashes and failed subtests among them."""
    errors: int = 0
    """Setups, teardowns and collectors that failed."""
    skipped: int = 0
    """Tests and collectors that were skipped."""
    xfailed: int = 0
    """Tests that failed as expected."""
    xpassed: int = 0
    """Tests that passed although expected to fail."""
    rerun: int = 0
    """Attempts after which another one followed."""
    deselected: int = 0
    """Tests that were left out by choice."""
    warnings: int = 0
    """Warnings that pytest counted."""
    subtests_passed: int = 0
    """Subtests that passed."""
    subtests_failed: int = 0
    """Subtests that failed."""
    subtests_skipped: int = 0
    """Subtests that were skipped, or failed as expected."""
    flaky: int = 0
    """Tests that passed after an attempt that did not."""
    crashed: int = 0
    """Tests whose process died."""
    lost: int = 0
    """Tests that were collected and never finished."""


class Result(StrEnum):
    """Our judgement of a stage."""

    PASSED = "passed"
    WARNED = "warned"  # everything passed, something was flaky or passed unexpectedly
    FAILED = "failed"
    INCOMPLETE = "incomplete"  # not everything that was collected was heard to its end


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict(Document):
    """A result and every reason why it is no better."""

    result: Result
    reasons: tuple[str, ...] = ()

    @property
    def green(self) -> bool:
        """Whether a gate may count this stage as passed."""
        return self.result in (Result.PASSED, Result.WARNED)

    @property
    def mark(self) -> str:
        """What `defend.stage.<stage>` says: `passed`, `warned` or `failed`."""
        return self.result.value if self.green else Result.FAILED.value
