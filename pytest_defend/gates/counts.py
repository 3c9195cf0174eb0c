"""Rules about how many tests ran.

Rules:
- Counts come from journals. Of each stage its last run in each environment is looked at; every one of them
  must keep a limit, and of several environments the one with the fewest tests counts.
- A test ran when it came to another end than being skipped: passed, failed, error, xfailed or xpassed.
- A run whose journal counts nothing is unknown, never zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_defend.gates.material import counting, listed, percent, plural, runs_of, shown_run, where
from pytest_defend.gates.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_defend.model.decision import Finding
    from pytest_defend.model.evidence import Evidence, StageEvidence
    from pytest_defend.model.results import Tally

__all__ = [
    "RERUN",
    "RULES",
    "MaxDrop",
    "MinTests",
    "unread",
]

RERUN = "Run the stage again and publish it, so that its journal can be read."
"""What to do about a run that tells nothing."""


def _ran(tally: Tally) -> int:
    """How many tests came to another end than being skipped; a test that ended twice counts once."""
    ends = tally.passed + tally.failed + tally.errors + tally.xfailed + tally.xpassed
    return min(tally.finished, ends)


def unread(runs: Sequence[StageEvidence]) -> list[str]:
    """Runs whose counts are not known."""
    return [
        shown_run(run)
        for run in runs
        if run.problem
        or run.verdict is None
        or run.tally.collected + run.tally.errors + run.tally.skipped <= 0
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class MinTests(Rule):
    """At least so many tests ran."""

    NAME: ClassVar[str] = "min-tests"
    MAIN: ClassVar[str] = "at-least"

    at_least: int
    """How many tests must have come to an end other than skipped, in all stages that are meant together."""
    stages: tuple[str, ...] = ()
    """Which stages; those the level requires, or every stage, when none is named."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Parameters that make no sense."""
        if self.at_least < 1:
            yield "at-least", "must be 1 or more"

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        names = counting(evidence, self.stages)
        runs = runs_of(evidence, names) if names else ()
        expected = f"at least {plural(self.at_least, 'test')} ran"
        if unknown := unread(runs):
            return self.cannot_say(expected, f"the counts of {listed(unknown)} are not known", next=RERUN)
        if not runs:
            return self.cannot_say(expected, "no stage has run", next="Run the stages of the level.")
        fewest: dict[str, int] = {}
        for run in runs:
            name, ran = run.fact.stage, _ran(run.tally)
            fewest[name] = min(ran, fewest.get(name, ran))
        total = sum(fewest.values())
        told = ", ".join(f"{name} {ran}" for name, ran in fewest.items())
        actual = f"{plural(total, 'test')} ran ({told})"
        if total >= self.at_least:
            return self.passes(expected, actual, where(runs))
        step = (
            "Find out why tests were not collected, or skipped; if they are gone on purpose, lower the limit."
        )
        return self.fails(expected, actual, where(runs), next=step)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaxDrop(Rule):
    """Not many fewer tests ran than in the build that reached the level last."""

    NAME: ClassVar[str] = "max-drop"
    MAIN: ClassVar[str] = "percent"
    ASKS_STORE: ClassVar[bool] = True

    percent: Any = None
    """How many percent fewer tests a stage may run."""
    tests: int | None = None
    """How many tests fewer; with both, neither limit may be passed."""
    stages: tuple[str, ...] = ()
    """Which stages; every stage of the earlier build when none is named."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Parameters that make no sense."""
        if self.percent is None and self.tests is None:
            yield "percent", "is missing; write percent, tests or both"
        if self.percent is not None and percent(self.percent) is None:
            yield "percent", "must be a number from 0 to 100"
        if self.tests is not None and self.tests < 0:
            yield "tests", "must be 0 or more"

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        previous = evidence.snapshot.previous
        limits = [f"{self.percent} % fewer"] if self.percent is not None else []
        limits += [f"{plural(self.tests, 'test')} fewer"] if self.tests is not None else []
        expected = (
            f"no stage runs more than {' or '.join(limits)} than in the build that reached the level last"
        )
        if previous is None:
            level = evidence.snapshot.level
            return self.passes(expected, f"no build reached {level} yet; there is nothing to compare with")
        before = {
            name: _ran(tally)
            for name, tally in previous.tests.items()
            if not self.stages or name in self.stages
        }
        runs = runs_of(evidence, before) if before else ()
        if unknown := unread(runs):
            return self.cannot_say(expected, f"the counts of {listed(unknown)} are not known", next=RERUN)
        dropped: list[str] = []
        told: list[str] = []
        for name, ran in before.items():
            counts = [_ran(run.tally) for run in runs if run.fact.stage == name]
            now = f"{min(counts)} ran" if counts else "it has not run"
            told.append(f"stage {name!r}: {ran} ran in {previous.build}, now {now}")
            if not counts or self._is_too_few(ran, min(counts)):
                dropped.append(told[-1])
        if dropped:
            step = "Find the tests that are gone; if they were removed on purpose, override this rule once."
            return self.fails(expected, listed(dropped, "; "), (previous.build, *where(runs)), next=step)
        actual = listed(told, "; ") or f"{previous.build} has no such stage; there is nothing to compare with"
        return self.passes(expected, actual, (previous.build, *where(runs)))

    def _is_too_few(self, before: int, now: int) -> bool:
        fewer, share = before - now, percent(self.percent)
        if self.tests is not None and fewer > self.tests:
            return True
        return share is not None and fewer * 100 > share * before


RULES: tuple[type[Rule], ...] = (MinTests, MaxDrop)
