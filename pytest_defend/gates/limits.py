"""Rules that limit how many tests came to another end than they should.

Rules:
- Counts come from journals. Of each stage its last run in each environment is looked at, and every one of
  them must keep the limit.
- A run whose journal counts nothing is unknown, never zero.
- The tests are named as far as they have an outcome of their own.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from pytest_defend.gates.counts import RERUN, unread
from pytest_defend.gates.material import listed, plural, runs_of, shown_run, where
from pytest_defend.gates.rule import Rule
from pytest_defend.model.decision import Ruling
from pytest_defend.model.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_defend.model.decision import Finding
    from pytest_defend.model.evidence import Evidence, StageEvidence

__all__ = ["RULES", "Flaky", "MaxFailed", "MaxSkipped", "MaxWarned", "MaxXfail"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _AtMost(Rule):
    """No run has more of something than a limit."""

    MAIN: ClassVar[str] = "at-most"
    WHAT: ClassVar[str]
    STEP: ClassVar[str]

    at_most: int
    """How many there may be in one run of a stage."""
    stages: tuple[str, ...] = ()
    """Which stages; every stage when none is named."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Parameters that make no sense."""
        if self.at_most < 0:
            yield "at-most", "must be 0 or more"

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        about = f" in a run of {listed(self.stages)}" if self.stages else " in a run of any stage"
        expected = f"at most {plural(self.at_most, 'test')} {self.WHAT}{about}"
        runs = runs_of(evidence, self.stages)
        if unknown := unread(runs):
            return self.cannot_say(expected, f"the counts of {listed(unknown)} are not known", next=RERUN)
        absent = sorted(set(self.stages) - {run.fact.stage for run in runs})
        if absent or not runs:
            actual = f"no run of {listed(absent)}" if absent else "no stage has run"
            return self.cannot_say(expected, actual, next="Run it, on the files of this build.")
        counts = [(self.count(evidence, run), run) for run in runs]
        over = [
            f"{count} in {shown_run(run)}{_named(self.which(evidence, run))}"
            for count, run in counts
            if count > self.at_most
        ]
        if over:
            return self.fails(expected, listed(over, "; "), where(runs), next=self.STEP)
        actual = listed(f"{run.fact.stage} {count}" for count, run in counts)
        return self.passes(expected, actual, where(runs))

    @abstractmethod
    def count(self, evidence: Evidence, run: StageEvidence) -> int:
        """How many a run has."""

    @abstractmethod
    def which(self, evidence: Evidence, run: StageEvidence) -> Iterable[str]:
        """Node ids of those that are known by name."""


def _named(tests: Iterable[str]) -> str:
    told = listed(sorted(tests))
    return f": {told}" if told else ""


def _ended(run: StageEvidence, outcome: Outcome) -> list[str]:
    return [nodeid for nodeid, ended in run.outcomes.items() if ended is outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxFailed(_AtMost):
    """Not many tests failed."""

    NAME: ClassVar[str] = "max-failed"
    WHAT: ClassVar[str] = "that failed, broke or never finished"
    STEP: ClassVar[str] = "Repair these tests, or what they found, and publish a new build."

    def count(self, evidence: Evidence, run: StageEvidence) -> int:
        """How many failed, had an error or never finished; of those without quarantined ones, tests."""
        if excused := evidence.excused_in(run):
            return len(run.bad - excused)
        return run.tally.failed + run.tally.errors + run.tally.lost

    def which(self, evidence: Evidence, run: StageEvidence) -> Iterable[str]:
        """Their node ids."""
        return run.bad - evidence.excused_in(run)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxSkipped(_AtMost):
    """Not many tests were skipped."""

    NAME: ClassVar[str] = "max-skipped"
    WHAT: ClassVar[str] = "that were skipped"
    STEP: ClassVar[str] = "Let these tests run where the stage runs, or raise the limit."

    def count(self, evidence: Evidence, run: StageEvidence) -> int:  # noqa: ARG002
        """How many were skipped, modules that were skipped as a whole among them."""
        return run.tally.skipped

    def which(self, evidence: Evidence, run: StageEvidence) -> Iterable[str]:  # noqa: ARG002
        """Their node ids."""
        return _ended(run, Outcome.SKIPPED)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxXfail(_AtMost):
    """Not many tests failed as expected."""

    NAME: ClassVar[str] = "max-xfail"
    WHAT: ClassVar[str] = "that failed as expected"
    STEP: ClassVar[str] = "Repair what these tests expect to fail, or raise the limit."

    def count(self, evidence: Evidence, run: StageEvidence) -> int:  # noqa: ARG002
        """How many failed as expected."""
        return run.tally.xfailed

    def which(self, evidence: Evidence, run: StageEvidence) -> Iterable[str]:  # noqa: ARG002
        """Their node ids."""
        return _ended(run, Outcome.XFAILED)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxWarned(_AtMost):
    """Not many tests passed in a way that makes their stage `warned`."""

    NAME: ClassVar[str] = "max-warned"
    WHAT: ClassVar[str] = "that were flaky or passed although expected to fail"
    STEP: ClassVar[str] = "Repair flaky tests, and take xfail from tests that pass."

    def count(self, evidence: Evidence, run: StageEvidence) -> int:  # noqa: ARG002
        """How many were flaky or passed unexpectedly."""
        return run.tally.flaky + run.tally.xpassed

    def which(self, evidence: Evidence, run: StageEvidence) -> Iterable[str]:  # noqa: ARG002
        """Their node ids."""
        return [*run.flaky, *_ended(run, Outcome.XPASSED)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flaky(_AtMost):
    """Not many tests passed only after another try."""

    NAME: ClassVar[str] = "flaky"
    WHAT: ClassVar[str] = "that passed only after another try"
    STEP: ClassVar[str] = "Repair these tests: another try hides a fault, it does not cure it."

    max_reruns: int | None = None
    """How many further tries there may be in one run of a stage, of all tests together."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Parameters that make no sense."""
        yield from _AtMost.problems(self)
        if self.max_reruns is not None and self.max_reruns < 0:
            yield "max-reruns", "must be 0 or more"

    def count(self, evidence: Evidence, run: StageEvidence) -> int:  # noqa: ARG002
        """How many passed after an attempt that did not."""
        return run.tally.flaky

    def which(self, evidence: Evidence, run: StageEvidence) -> Iterable[str]:  # noqa: ARG002
        """Their node ids."""
        return run.flaky

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        found = _AtMost.judge(self, evidence)
        if self.max_reruns is None or found.ruling is not Ruling.PASS:
            return found
        runs = runs_of(evidence, self.stages)
        expected = f"{found.expected}, with at most {plural(self.max_reruns, 'rerun')}"
        over = [f"{run.tally.rerun} in {shown_run(run)}" for run in runs if run.tally.rerun > self.max_reruns]
        if over:
            return self.fails(expected, f"reruns: {listed(over, '; ')}", where(runs), next=self.STEP)
        return self.passes(expected, found.actual, where(runs))


RULES: tuple[type[Rule], ...] = (MaxFailed, MaxSkipped, MaxXfail, MaxWarned, Flaky)
