"""Rules about stages as a whole: which must be green, how old a result may be, and on what it must have run.

Rules:
- Of a stage counts its last run in each environment, and a stage is as good as its worst environment.
- A stage is green by its journal. Its mark can only make it worse; without one it is not known to have ended.
- A result says nothing about files that are younger than it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

from pytest_defend.gates.material import (
    age,
    counting,
    duration,
    instant,
    listed,
    packages,
    plural,
    required_stages,
    runs_of,
    shown_run,
    standing,
    where,
)
from pytest_defend.gates.rule import Rule
from pytest_defend.gates.selection import is_like
from pytest_defend.model.decision import Ruling
from pytest_defend.model.fields import Document, epoch_ms
from pytest_defend.model.results import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

    from pytest_defend.model.decision import Finding
    from pytest_defend.model.evidence import Evidence, StageEvidence

__all__ = ["RULES", "Environments", "Fresh", "RequiredStages", "Where"]

_RESULTS = (Result.PASSED.value, Result.WARNED.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredStages(Rule):
    """Stages that must have passed."""

    NAME: ClassVar[str] = "required-stages"
    MAIN: ClassVar[str] = "stages"

    stages: tuple[str, ...]
    """Their names."""
    results: tuple[str, ...] = _RESULTS
    """What counts as passed: `passed`, `warned` or both; with failed quarantined tests a run is `warned`."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Parameters that make no sense."""
        if not self.stages:
            yield "stages", "names no stage"
        if not self.results or not set(self.results) <= set(_RESULTS):
            yield "results", f"must be some of {', '.join(_RESULTS)}"

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        expected = f"passed: {', '.join(self.stages)}"
        if Result.WARNED.value not in self.results:
            expected += ", without warnings"
        latest = evidence.latest()
        missing = [name for name in self.stages if name not in latest]
        stood = {name: self._stands(evidence, latest[name]) for name in self.stages if name in latest}
        seen = where(latest[name] for name in stood)
        failed = [why for ruling, why in stood.values() if ruling is Ruling.FAIL]
        unsure = [why for ruling, why in stood.values() if ruling is Ruling.UNKNOWN]
        absent = [f"stage {name!r} has not run" for name in missing]
        told = listed([*failed, *absent, *unsure], "; ")
        if failed or missing:
            return self.fails(expected, told, seen, next=_next(missing, bool(failed)))
        if unsure:
            step = f"Run {_stages(stood[name][0] is Ruling.UNKNOWN and name for name in stood)} again."
            return self.cannot_say(expected, told, seen, next=step)
        return self.passes(expected, listed([why for _, why in stood.values()], "; "), seen)

    def _stands(self, evidence: Evidence, run: StageEvidence) -> tuple[Ruling, str]:
        ruling, why = standing(evidence, run)
        clean = run.verdict is not None and run.verdict.result is Result.PASSED
        if ruling is Ruling.PASS and not clean and Result.WARNED.value not in self.results:
            reasons = "; ".join(run.verdict.reasons) if run.verdict else ""
            return Ruling.FAIL, f"{shown_run(run)} passed with warnings: {reasons}"
        if ruling is Ruling.PASS and clean and Result.PASSED.value not in self.results:
            return Ruling.FAIL, why
        return ruling, why


def _stages(names: Iterable[str | bool]) -> str:
    told = [str(name) for name in names if name]
    return f"stage {told[0]}" if len(told) == 1 else f"stages {listed(told)}"


def _next(missing: list[str], failed: bool) -> str:
    steps = []
    if failed:
        steps.append("Repair what failed and publish a new build.")
    if missing:
        steps.append(f"Run {_stages(missing)} on the files of this build (--defend-artifact-from).")
    return " ".join(steps)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh(Rule):
    """Results are not too old, not older than what they are about, and not from the future."""

    NAME: ClassVar[str] = "fresh"
    MAIN: ClassVar[str] = "max-age"

    max_age: str = ""
    """How long ago a stage may have ended: `90m`, `12h`, `7d`, `2w`; empty for any time."""
    stages: tuple[str, ...] = ()
    """Of which stages; those the level requires, or every stage, when none is named."""
    skew: str = "5m"
    """How far ahead of the store the clock of a run may be."""
    side_by_side: bool = False
    """Whether a run may have begun before the files were published, like jobs that run side by side."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Parameters that make no sense."""
        if self.max_age and duration(self.max_age) is None:
            yield "max-age", "must be a length of time like 90m, 12h, 7d or 2w"
        if duration(self.skew) is None:
            yield "skew", "must be a length of time like 90m, 12h, 7d or 2w"

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        wanted = [] if self.side_by_side else ["younger than the files it is about"]
        if self.max_age:
            wanted.append(f"no older than {age(duration(self.max_age) or timedelta())}")
        expected = f"every result is {', '.join([*wanted, 'and not from the future'])}"
        names = counting(evidence, self.stages)
        runs = runs_of(evidence, names) if names else ()
        absent = [name for name in names if name not in {run.fact.stage for run in runs}]
        if absent or not runs:
            actual = f"no run of {_stages(absent)}" if absent else "no stage has run"
            return self.cannot_say(expected, actual, next="Run it, on the files of this build.")
        unsure = [shown_run(run) for run in runs if run.problem or run.ended is None]
        stale = [told for run in runs if (told := self._stale(evidence, run))]
        if stale:
            step = "Run these stages again, on the files of this build (--defend-artifact-from)."
            return self.fails(expected, listed(stale, "; "), where(runs), next=step)
        if unsure:
            step = "Run these stages again."
            actual = f"when it ended is not known of {listed(unsure)}"
            return self.cannot_say(expected, actual, where(runs), next=step)
        later = not self.side_by_side and any(_is_later(evidence, run) for run in runs)
        if later and _created(evidence) is None and not evidence.snapshot.local:
            step = "Publish the build again, into a store that keeps its files."
            return self.cannot_say(expected, "the store does not say since when it has the files", next=step)
        oldest = min(run.ended for run in runs if run.ended is not None)
        actual = f"the oldest of {plural(len(runs), 'result')} ended {_ago(evidence, oldest)}"
        return self.passes(expected, actual, where(runs))

    def _stale(self, evidence: Evidence, run: StageEvidence) -> str:
        """What is wrong with the age of a run; empty when nothing is."""
        if run.record is None or run.ended is None:
            return ""
        taken, skew = evidence.snapshot.taken, duration(self.skew) or timedelta()
        if run.ended > taken + skew:
            return f"{shown_run(run)} ends in the future, by {age(run.ended - taken)}"
        limit = duration(self.max_age) if self.max_age else None
        if limit is not None and taken - run.ended > limit:
            return f"{shown_run(run)} ended {_ago(evidence, run.ended)}"
        created = None if self.side_by_side or not _is_later(evidence, run) else _created(evidence)
        if created is not None and run.record.started < created:
            early = age(created - run.record.started)
            return f"{shown_run(run)} began {early} before the files it is about were published"
        return ""


def _ago(evidence: Evidence, instant: datetime) -> str:
    return f"{age(max(evidence.snapshot.taken - instant, timedelta()))} ago"


def _is_later(evidence: Evidence, run: StageEvidence) -> bool:
    """Whether a run is another one than that which began the build."""
    began = instant(evidence.snapshot.build.started)
    return run.record is None or began is None or epoch_ms(run.record.started) != epoch_ms(began)


def _created(evidence: Evidence) -> datetime | None:
    """Since when the store has all packages."""
    firsts = [min((kept.created for kept in file.intact), default=None) for file in packages(evidence)]
    known = [first for first in firsts if first is not None]
    return max(known) if known and len(known) == len(firsts) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Where(Document):
    """An environment; each field is a pattern with `*`, empty for anything."""

    python: str = ""
    """Version of the interpreter: `3.12.*`."""
    system: str = ""
    """`Linux`, `Darwin`, `Windows`."""
    machine: str = ""
    """`x86_64`, `aarch64`."""
    implementation: str = ""
    """`cpython`, `pypy`."""

    def __str__(self) -> str:
        parts = (self.implementation, self.python and f"Python {self.python}", self.system, self.machine)
        return " ".join(filter(None, parts)) or "anywhere"

    def covers(self, run: StageEvidence) -> bool:
        """Whether a run was on it."""
        facts = run.record.facts if run.record else None
        python, platform = (facts.interpreter, facts.platform) if facts else (None, None)
        told = (
            (self.python, python.version if python else ""),
            (self.implementation, python.implementation if python else ""),
            (self.system, platform.system if platform else ""),
            (self.machine, platform.machine if platform else ""),
        )
        return all(bool(text) and is_like(pattern, text) for pattern, text in told if pattern)


@dataclass(frozen=True, slots=True, kw_only=True)
class Environments(Rule):
    """Stages that must have passed on several environments."""

    NAME: ClassVar[str] = "environments"
    MAIN: ClassVar[str] = "matrix"

    matrix: tuple[Where, ...]
    """The environments; each must have a green run of every stage that is meant."""
    stages: tuple[str, ...] = ()
    """Which stages; those the level requires when none is named, and any one stage when it requires none."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Parameters that make no sense."""
        if not self.matrix:
            yield "matrix", "names no environment"

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        names = self.stages or required_stages(evidence)
        about = f"of {_stages(names)}" if names else "of a stage"
        expected = f"a green run {about} on {listed(map(str, self.matrix), '; ')}"
        runs = runs_of(evidence, names)
        failed: list[str] = []
        unsure: list[str] = []
        for cell in self.matrix:
            for name in names or ("",):
                ruling, why = self._cell(
                    evidence, cell, [r for r in runs if name in ("", r.fact.stage)], name
                )
                if ruling is not Ruling.PASS:
                    (failed if ruling is Ruling.FAIL else unsure).append(why)
        told = listed([*failed, *unsure], "; ")
        step = "Run the stage there on the files of this build (--defend-artifact-from)."
        if failed:
            return self.fails(expected, told, where(runs), next=step)
        if unsure:
            return self.cannot_say(expected, told, where(runs), next=step)
        return self.passes(expected, f"{plural(len(self.matrix), 'environment')}, all covered", where(runs))

    def _cell(
        self, evidence: Evidence, cell: Where, runs: list[StageEvidence], name: str
    ) -> tuple[Ruling, str]:
        there = [run for run in runs if cell.covers(run)]
        stood = [standing(evidence, run) for run in there]
        passed = [
            why
            for run, (ruling, why) in zip(there, stood, strict=True)
            if ruling is Ruling.PASS and (name or evidence.is_last(run))
        ]
        bad = sorted(each for each in stood if each[0] is not Ruling.PASS)  # failures come first
        anywhere = [shown_run(run) for run in runs if _is_placeless(run)]
        # With one stage meant, a red run in a corner of the environment is a red environment.
        if bad and (name or not passed):
            return bad[0]
        if anywhere and (name or not passed):
            return Ruling.UNKNOWN, f"{cell}: {listed(anywhere)} does not say where it ran"
        if passed:
            return Ruling.PASS, passed[0]
        return Ruling.FAIL, f"{cell}: no run of {f'stage {name!r}' if name else 'a stage'}"


def _is_placeless(run: StageEvidence) -> bool:
    """Whether it may have run in any environment, as far as is known."""
    facts = run.record.facts if run.record and not run.problem else None
    return facts is None or facts.interpreter is None or facts.platform is None


RULES: tuple[type[Rule], ...] = (RequiredStages, Fresh, Environments)
