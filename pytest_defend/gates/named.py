"""Rules about tests by name: those that must have passed, and those that may fail for a while.

Rules:
- A test that must have passed did so in one run that counts at least, and failed in none.
- A quarantined test runs and is recorded like every other. Its failure is excused until its day is over, as
  long as somebody owns it; a run in which nothing else went wrong counts as passed.
- An entry past its day, or without an owner or a day, excuses nothing and is a failure itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date
from typing import TYPE_CHECKING, ClassVar

from pytest_defend.gates.counts import RERUN, unread
from pytest_defend.gates.material import counting, listed, plural, runs_of, shown_run, where
from pytest_defend.gates.rule import Rule
from pytest_defend.gates.selection import MARKER, is_like, selected
from pytest_defend.model.fields import Document
from pytest_defend.model.results import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from pytest_defend.model.decision import Finding
    from pytest_defend.model.evidence import Evidence, StageEvidence

__all__ = ["RULES", "Quarantine", "Quarantined", "RequiredTests"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredTests(Rule):
    """Tests that must have passed: not skipped, not deselected, not gone."""

    NAME: ClassVar[str] = "required-tests"
    MAIN: ClassVar[str] = "tests"

    tests: tuple[str, ...]
    """Node ids with `*` and `?`, or `marker:NAME`; each must mean a test, all meant must have passed."""
    stages: tuple[str, ...] = ()
    """Where they must have passed; in the stages the level requires, or in any, when none is named."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Parameters that make no sense."""
        if not self.tests or not all(self.tests) or MARKER in self.tests:
            yield "tests", "names no test, or one by an empty text"

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        runs = runs_of(evidence, counting(evidence, self.stages))
        expected = f"passed: {listed(self.tests)}"
        unknown = unread(runs)
        if unknown or not runs:
            actual = f"the tests of {listed(unknown)} are not known" if unknown else "no stage has run"
            return self.cannot_say(expected, actual, where(runs), next=RERUN)
        unmatched = [f"{each} means no test that ran" for each in self.tests if not _meant(each, runs)]
        meant = sorted({nodeid for each in self.tests for nodeid in _meant(each, runs)})
        sure = [run for run in runs if evidence.is_last(run)]
        bad = [told for nodeid in meant if (told := _not_passed(nodeid, runs, sure))]
        if unmatched or bad:
            step = (
                "Make these tests run and pass. If one was renamed or removed on purpose, change the policy."
            )
            return self.fails(expected, listed([*unmatched, *bad], "; "), where(runs), next=step)
        return self.passes(expected, f"{plural(len(meant), 'test')}, all passed", where(runs))


def _meant(pattern: str, runs: Iterable[StageEvidence]) -> frozenset[str]:
    return frozenset(nodeid for run in runs for nodeid in selected(pattern, run))


def _not_passed(nodeid: str, runs: Iterable[StageEvidence], sure: Iterable[StageEvidence]) -> str:
    """Why a test did not pass, in words; skipped in one run is no harm when it passed in another."""
    ends = [(run.outcomes[nodeid], run) for run in runs if nodeid in run.outcomes]
    passed = any(run.outcomes.get(nodeid) is Outcome.PASSED for run in sure)
    for outcome, run in ends:
        if outcome is not Outcome.PASSED and not (passed and outcome is Outcome.SKIPPED):
            return f"{nodeid}: {outcome.value} in {shown_run(run)}"
    return "" if passed else f"{nodeid}: no run in which it is known to have passed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantined(Document):
    """A test whose failure is excused for a while."""

    test: str
    """Node id with `*` and `?`."""
    owner: str = ""
    """Who repairs it."""
    issue: str = ""
    """Where that is followed."""
    reason: str = ""
    """Why it may fail until then."""
    expires: str = ""
    """The last day (`2026-12-31`, UTC) its failure is excused."""

    def trouble(self, now: datetime) -> str:
        """Why it excuses nothing, in words; empty when it does."""
        whose = f"{self.test} (owner {self.owner or 'nobody'})"
        if not self.owner:
            until = f", until {self.expires}" if self.expires else ""
            return f"{self.test} has no owner{until}"
        if not self.expires:
            return f"{whose} has no day on which it ends"
        return f"{whose} expired on {self.expires}" if self.is_over(now) else ""

    def is_over(self, now: datetime) -> bool:
        """Whether its day has passed."""
        return now.astimezone(UTC).date() > date.fromisoformat(self.expires)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quarantine(Rule):
    """Tests whose failure is excused for a while, each with an owner and a day."""

    NAME: ClassVar[str] = "quarantine"
    MAIN: ClassVar[str] = "entries"

    entries: tuple[Quarantined, ...]
    """The tests."""
    at_most: int | None = None
    """How many entries there may be."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Parameters that make no sense."""
        for index, entry in enumerate(self.entries):
            if not entry.test or entry.test.startswith(MARKER):
                yield f"entries[{index}].test", "must be a node id, with * and ? if need be"
            if entry.expires and not _is_day(entry.expires):
                yield f"entries[{index}].expires", "must be a day like 2026-12-31"
        if self.at_most is not None and self.at_most < 0:
            yield "at-most", "must be 0 or more"

    def excuses(self, evidence: Evidence) -> frozenset[str]:
        """Failed tests with an entry that is in force."""
        now = evidence.snapshot.taken
        patterns = [entry.test for entry in self.entries if not entry.trouble(now)]
        failed = {nodeid for run in evidence.stages for nodeid in run.bad}
        return frozenset(nodeid for nodeid in failed if any(is_like(each, nodeid) for each in patterns))

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        limit = "" if self.at_most is None else f", {self.at_most} at most"
        expected = f"every quarantined test has an owner and a day to come{limit}"
        troubles = [told for entry in self.entries if (told := entry.trouble(evidence.snapshot.taken))]
        if troubles:
            step = "Repair the test and take it from the list, or let its owner agree to another day."
            return self.fails(expected, listed(troubles, "; "), next=step)
        count = plural(len(self.entries), "quarantined test")
        if self.at_most is not None and len(self.entries) > self.at_most:
            step = "Repair some of them before you add others."
            return self.fails(expected, f"{count}: {listed(each.test for each in self.entries)}", next=step)
        excused = self.excuses(evidence)
        told = f"; failed and excused: {listed(sorted(excused))}" if excused else ""
        return self.passes(expected, f"{count}{told}")


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


RULES: tuple[type[Rule], ...] = (RequiredTests, Quarantine)
