"""What follows from a journal: tally, lost tests, cases.

Rules:
- Everything is derived in one reading that keeps the node ids and two bytes for each collected test; a test
  that passed leaves nothing else.
- A test is finished when its last attempt ended and asked for no other one. Every other test is lost;
  finished and lost ones together are the collected ones.
- A test nobody collected counts as collected once it begins: it can be lost like any other.
- Counts are made as pytest's own summary line makes them. Whether they are good enough is for
  `model.verdict` to say.
"""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import InvalidDocument
from pytest_defend.model.facts import Gap
from pytest_defend.model.idtable import IdTable
from pytest_defend.model.journal import (
    End,
    Header,
    WorkerEvent,
    attempt_of,
    is_attempt,
    passed_of,
    read_lines,
)
from pytest_defend.model.results import Attempt, Case, CollectionProblem, Outcome, Phase, Tally

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Summary", "cases", "summarise"]

_Key = tuple["int | str", str]  # row of the table (or node id), worker with --dist=each

_COUNTED = {
    Outcome.PASSED: "passed",
    Outcome.FAILED: "failed",
    Outcome.XPASSED_STRICT: "failed",
    Outcome.CRASHED: "failed",
    Outcome.ERROR: "errors",
    Outcome.SKIPPED: "skipped",
    Outcome.XFAILED: "xfailed",
    Outcome.XPASSED: "xpassed",
    Outcome.RERUN: "rerun",
}
_OUTCOMES = tuple(Outcome)
_RERUN = 1 + _OUTCOMES.index(Outcome.RERUN)


@dataclass(slots=True)
class Summary:
    """Everything a journal says but the texts of its tests.

    Durations are microseconds; `work_us` is the sum over tests, `workers_us` the same for each worker.
    """

    header: Header
    facts: Mapping[str, Any] = field(default_factory=dict)
    ids: IdTable = field(default_factory=IdTable)
    tally: Tally = field(default_factory=Tally)
    collection: list[CollectionProblem] = field(default_factory=list)
    internal: list[str] = field(default_factory=list)
    workers: dict[str, list[WorkerEvent]] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    lost: dict[_Key, Case] = field(default_factory=dict)
    """Tests that were collected and never finished; the ones that had begun say so."""
    tries: dict[_Key, int] = field(default_factory=dict)
    """Tests with more than one attempt, and how many (reruns, a crash that another worker repeated)."""
    marks: dict[str, set[int]] = field(default_factory=dict)
    """Rows of the tests that carry a marker, by its name."""
    end: End | None = None
    work_us: int = 0
    workers_us: dict[str, int] = field(default_factory=dict)


def summarise(lines: Iterable[bytes]) -> Summary:
    """Read a whole journal.

    Args:
        lines: Of the journal, as a file opened for bytes gives them.

    Raises:
        InvalidDocument: It is no journal this version can read.
    """
    entries = read_lines(lines)
    reading = _Reading(Summary(header=Header.from_dict(next(entries))))
    try:
        for entry in entries:
            reading.take(entry)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise InvalidDocument("journal", [("", f"a line is not understood ({error!r})")]) from error
    return reading.finish()


def cases(lines: Iterable[bytes], summary: Summary) -> Iterator[Case]:
    """Every test of the journal once, with all its attempts, in the order the tests ended; lost ones last.

    Args:
        lines: Of the journal `summary` was made from, from its start.
        summary: Of that journal.
    """
    ids = summary.ids
    waiting: dict[_Key, tuple[Attempt, ...]] = {}
    left = dict(summary.tries)
    for entry in read_lines(lines):
        if not is_attempt(entry):
            continue
        test = ids.key(entry["n"] if "n" in entry else entry["id"])
        attempt = attempt_of(entry, ids.name(test))
        key = (test, attempt.worker if summary.header.each else "")
        attempts = (*waiting.pop(key, ()), attempt)
        if key in left:
            left[key] -= 1
        if left.get(key) or key in summary.lost:
            waiting[key] = attempts
        else:
            yield Case(nodeid=attempt.nodeid, attempts=attempts)
    for key, case in summary.lost.items():
        yield replace(case, attempts=(*waiting.get(key, ()), *case.attempts))


class _Reading:
    """The state of one reading."""

    def __init__(self, summary: Summary) -> None:
        self.summary = summary
        self.each = summary.header.each
        self.counts: Counter[str] = Counter()
        self.ended: dict[str, bytearray] = {}  # by worker with --dist=each: 1 + index of the last outcome
        self.begun = bytearray()
        self.strangers: dict[_Key, int] = {}  # the same for tests nobody collected; 0 while they are open
        self.retried: set[_Key] = set()  # had an attempt that speaks against them
        self.good: set[_Key] = set()  # of these, the ones that ended well
        self.deselected: Counter[str] = Counter()

    def take(self, entry: Mapping[str, Any]) -> None:
        if "attempt" in entry:
            test = self._test(entry)
            attempt = attempt_of(entry, self.summary.ids.name(test))
            self._count(attempt)
            self._ended(test, attempt.worker, attempt.outcome, attempt.duration_us)
        elif "d" in entry:
            worker, _, durations = passed_of(entry)
            self.counts["passed"] += 1
            self._ended(self._test(entry), worker, Outcome.PASSED, sum(durations))
        else:
            for kind, told in entry.items():
                take = getattr(self, f"_take_{kind}", None)
                if take is not None:  # else: a kind a later version added, beside the tests
                    take(told)

    def _test(self, entry: Mapping[str, Any]) -> int | str:
        return self.summary.ids.key(entry["n"] if "n" in entry else entry["id"])

    def _take_b(self, told: object) -> None:
        test = self.summary.ids.key(told)
        if isinstance(test, str):
            self.strangers.setdefault((test, ""), 0)
        else:
            self.begun[test] = 1

    def _count(self, attempt: Attempt) -> None:
        for phase in attempt.phases:
            if phase.when == "call" or phase.outcome is not Outcome.PASSED:
                self.counts[_COUNTED[phase.outcome]] += 1
                self.counts["crashed"] += phase.outcome is Outcome.CRASHED
        if attempt.outcome is Outcome.RERUN:  # pytest-rerunfailures takes their subtests back
            return
        for subtest in attempt.subtests:
            if subtest.outcome.bad:
                self.counts["failed"] += 1
                self.counts["subtests_failed"] += 1
            else:
                passed = subtest.outcome is Outcome.PASSED
                self.counts["subtests_passed" if passed else "subtests_skipped"] += 1

    def _ended(self, test: int | str, worker: str, outcome: Outcome, duration_us: int) -> None:
        summary = self.summary
        summary.work_us += duration_us
        summary.workers_us[worker] = summary.workers_us.get(worker, 0) + duration_us
        key = (test, worker if self.each else "")
        before = self._exchange(key, 1 + _OUTCOMES.index(outcome))
        if before:
            summary.tries[key] = summary.tries.get(key, 1) + 1
            if _speaks_against(_OUTCOMES[before - 1]):
                self.retried.add(key)
        if key in self.retried:
            (self.good.discard if _speaks_against(outcome) else self.good.add)(key)

    def _exchange(self, key: _Key, code: int) -> int:
        test, worker = key
        if self.strangers:  # its beginning may have been told without its row or worker
            began = (self.summary.ids.name(test), "")
            if self.strangers.get(began) == 0:
                del self.strangers[began]
        if isinstance(test, str):
            before = self.strangers.get(key, 0)
            self.strangers[key] = code
            return before
        ended = self.ended[worker]
        before, ended[test] = ended[test], code
        return before

    def _take_facts(self, told: Mapping[str, Any]) -> None:
        self.summary.facts = told

    def _take_ids(self, told: Mapping[str, Any]) -> None:
        ids = self.summary.ids
        ids.add(told)
        self.begun.extend(bytes(len(ids) - len(self.begun)))
        self.ended.setdefault(told["worker"] if self.each else "", bytearray())
        for ended in self.ended.values():
            ended.extend(bytes(len(ids) - len(ended)))

    def _take_collection(self, told: Mapping[str, Any]) -> None:
        problem = CollectionProblem.from_dict(told)
        self.summary.collection.append(problem)
        self.counts["errors" if problem.outcome.bad else "skipped"] += 1

    def _take_deselected(self, told: Mapping[str, Any]) -> None:
        self.deselected[told["worker"]] += len(told["ids"])

    def _take_marks(self, told: Mapping[str, Any]) -> None:
        rows = self.summary.ids.collections[told["worker"]]
        for name, runs in told["marks"].items():
            marked = self.summary.marks.setdefault(str(name), set())
            for first, count in runs:
                if not 0 <= first <= first + count <= len(rows):
                    problem = f"marker {name!r} is on tests {first} to {first + count} of {len(rows)}"
                    raise ValueError(problem)
                marked.update(rows[first : first + count])

    def _take_warning(self, _told: object) -> None:
        self.counts["warnings"] += 1

    def _take_worker(self, told: Mapping[str, Any]) -> None:
        event = WorkerEvent.from_dict(told)
        self.summary.workers.setdefault(event.id, []).append(event)

    def _take_internal(self, told: str) -> None:
        self.summary.internal.append(told.strip())

    def _take_gap(self, told: Mapping[str, Any]) -> None:
        self.summary.gaps.append(Gap.from_dict(told))

    def _take_end(self, told: Mapping[str, Any]) -> None:
        self.summary.end = End.from_dict(told)

    def finish(self) -> Summary:
        summary = self.summary
        codes = itertools.chain(self._expected(), self.strangers.items())
        summary.lost = {key: self._lost(*key) for key, code in codes if code in (0, _RERUN)}
        collected = sum(1 for _ in self._expected()) + len(self.strangers)
        warnings = self.counts.pop("warnings", 0)
        summary.tally = Tally(
            collected=collected,
            finished=collected - len(summary.lost),
            lost=len(summary.lost),
            deselected=max(self.deselected.values(), default=0),
            flaky=len(self.good),
            warnings=summary.end.warnings if summary.end else warnings,
            **self.counts,
        )
        return summary

    def _expected(self) -> Iterator[tuple[_Key, int]]:
        """Every collected test with 1 + index of its last outcome, 0 for none."""
        collections = list(self.summary.ids.collections.items())
        for worker, rows in collections if self.each else collections[:1]:
            owner = worker if self.each else ""
            yield from (((row, owner), self.ended[owner][row]) for row in rows)

    def _lost(self, test: int | str, worker: str) -> Case:
        nodeid = self.summary.ids.name(test)
        began = isinstance(test, str) or self.begun[test]
        message = "began and never finished" if began else "collected and never finished"
        phase = Phase(when="lost", outcome=Outcome.LOST, message=message)
        return Case(nodeid=nodeid, attempts=(Attempt(nodeid=nodeid, worker=worker, phases=(phase,)),))


def _speaks_against(outcome: Outcome) -> bool:
    return outcome.bad or outcome is Outcome.RERUN
