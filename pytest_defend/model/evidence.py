"""Evidence: a snapshot with the documents it names, read; what the rules of a gate judge.

Rules:
- A document that is missing, altered or of something else is not here; why is said where it would be.
- Verdicts and outcomes come from journals, never from what a property or a module claims.
- A stage without its mark is not known to have ended: it is not green, whatever its journal says.
- A failure is excused only in a run in which nothing but tests went wrong, and only all of them together make
  the run green.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pytest_defend.model.results import Outcome, Tally

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from pytest_defend.model.record import RunRecord
    from pytest_defend.model.results import Verdict
    from pytest_defend.model.snapshot import Snapshot, StageFact

__all__ = ["EnvelopeEvidence", "Evidence", "StageEvidence"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StageEvidence:
    """One run of a stage, with what its journal says.

    Attributes:
        fact: What the build-info and the store say about it.
        problem: Why its record or journal counts for nothing, in words; empty when all is well.
        record: As archived; None with a problem.
        verdict: Derived from the journal; that of its mark where it is worse. None with a problem.
        tally: Counts, from the journal.
        outcomes: How each test ended, by node id; the worst of several workers.
        flaky: Node ids of tests that passed after an attempt that did not.
        marks: Node ids by name of the registered markers they carry.
        complete: Whether everything that was collected was heard to its end, so that nothing can have gone
            wrong but tests: `model.verdict.complete`.
        statements: Paths of the envelopes with a statement about this very record.
    """

    fact: StageFact
    problem: str = ""
    record: RunRecord | None = None
    verdict: Verdict | None = None
    tally: Tally = field(default_factory=Tally)
    outcomes: Mapping[str, Outcome] = field(default_factory=dict)
    flaky: frozenset[str] = frozenset()
    marks: Mapping[str, frozenset[str]] = field(default_factory=dict)
    complete: bool = False
    statements: tuple[str, ...] = ()

    @property
    def green(self) -> bool:
        """Whether its verdict is green; whether it counts as passed is for `Evidence.is_green` to say."""
        return self.verdict is not None and self.verdict.green

    @property
    def bad(self) -> frozenset[str]:
        """Node ids of the tests that speak against the release."""
        return frozenset(nodeid for nodeid, outcome in self.outcomes.items() if outcome.bad)

    @property
    def environment(self) -> str:
        """Interpreter and platform it ran on, in one line; empty when that is not known."""
        interpreter = self.record.facts.interpreter if self.record else None
        if interpreter is None:
            return ""
        return f"{interpreter.implementation} {interpreter.version} {interpreter.platform}"

    @property
    def ended(self) -> datetime | None:
        """When its session ended, by its record."""
        return self.record.started + timedelta(microseconds=self.record.wall_us) if self.record else None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnvelopeEvidence:
    """One signed statement.

    Attributes:
        path: Of the file it is in.
        line: Which line of it, from 1.
        digest: sha256 of its payload, as the chain of statements names it.
        statement: The in-toto statement; None with a problem.
        keys: Ids of the trusted keys that signed it.
        problem: Why it counts for nothing, as when only unknown keys signed it; empty when all is well.
    """

    path: str
    line: int
    digest: str = ""
    statement: Mapping[str, Any] | None = None
    keys: frozenset[str] = frozenset()
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What a gate judges.

    Attributes:
        snapshot: What the store said.
        stages: Every run of every stage, in the order of the build-info.
        envelopes: Signed statements, by path and line.
        reports: Bytes of the files that rules asked for, by path in the store; those of the build that
            reached the level last among them.
        keys: Ids of the trusted keys, by the text that names them in the policy; a text that names none, or
            cannot be read, is missing.
        excused: Node ids of tests whose failure counts for nothing, as the rules of the level say.
    """

    snapshot: Snapshot
    stages: tuple[StageEvidence, ...] = ()
    envelopes: tuple[EnvelopeEvidence, ...] = ()
    reports: Mapping[str, bytes] = field(default_factory=dict)
    keys: Mapping[str, frozenset[str]] = field(default_factory=dict)
    excused: frozenset[str] = frozenset()

    def excused_in(self, stage: StageEvidence) -> frozenset[str]:
        """Tests of a run that failed and are excused; none where more went wrong than tests."""
        return stage.bad & self.excused if stage.complete else frozenset()

    def is_green(self, stage: StageEvidence) -> bool:
        """Whether a run counts as passed: its verdict is green, or would be without what is excused."""
        if stage.problem or stage.verdict is None or not (stage.fact.mark or self.snapshot.local):
            return False
        passed = stage.tally.passed + stage.tally.xpassed
        only_excused = bool(stage.bad) and self.excused_in(stage) == stage.bad and passed > 0
        return stage.green or only_excused

    def newest(self) -> tuple[StageEvidence, ...]:
        """The run of each stage in each environment (interpreter, platform) that counts: the last one.

        A run that cannot be read, or does not say where it ran, takes nobody's place and keeps its own.
        """
        newest: dict[tuple[str, str, str], StageEvidence] = {}
        for stage in self.stages:
            own = "" if stage.environment else f"{stage.fact.module} {stage.fact.run}"
            key = (stage.fact.stage, stage.environment, own)
            if key not in newest or _began(stage) >= _began(newest[key]):
                newest[key] = stage
        return tuple(newest.values())

    def is_last(self, run: StageEvidence) -> bool:
        """Whether nothing may have taken the place of a run that counts.

        That is another run of its stage that began later, when it is not known of both where they ran. Where
        one good run is enough, one of which this is not certain is none.
        """
        return not any(
            other is not run
            and other.fact.stage == run.fact.stage
            and not (other.environment and run.environment)
            and _began(other) >= _began(run)
            for other in self.newest()
        )

    def latest(self) -> Mapping[str, StageEvidence]:
        """The run of each stage that counts: of those with one environment the one that began last.

        With several environments (interpreter, platform) the worst: a matrix is as good as its worst cell.
        """
        found: dict[str, StageEvidence] = {}
        for stage in self.newest():
            name = stage.fact.stage
            if name not in found or (self.is_green(found[name]) and not self.is_green(stage)):
                found[name] = stage
        return found

    def of_stage(self, name: str) -> Iterator[StageEvidence]:
        """Every run of one stage, in the order of the build-info."""
        return (stage for stage in self.stages if stage.fact.stage == name)


def _began(stage: StageEvidence) -> float:
    return stage.record.started.timestamp() if stage.record else float("inf")  # what cannot be read counts
