"""What follows from a journal: tally, lost tests, cases.

Rules:
- Everything is derived in one reading that keeps the node ids and two bytes for each collected test; a test
  that passed leaves nothing else.
- Complete means: every collected test finished, on every worker with `--dist=each`; no test is open; every
  worker that became ready ended well; no internal error; the session ended by itself with status 0.
- A run that is not complete, or in which nothing passed, is never green, whatever pytest exited with.
- Counts are made as pytest's own summary line makes them.

Source: pytest's `ExitCode`; 6 and 7 are `--max-warnings` of pytest and `--fail-on-flaky` of
pytest-rerunfailures.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import InvalidDocument
from pytest_defend.model.facts import Gap
from pytest_defend.model.journal import End, Header, IdTable, WorkerEvent, attempt_of, read_lines
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
    lost: list[Case] = field(default_factory=list)
    """Tests that were collected and never finished; the ones that had begun say so."""
    finals: dict[_Key, int] = field(default_factory=dict)
    """Tests that ended more than once, and how often (a crash that another worker repeated)."""
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
    except (KeyError, IndexError, TypeError, ValueError, AttributeError) as error:
        raise InvalidDocument("journal", [("", f"a line is not understood ({error!r})")]) from error
    return reading.finish()


def cases(lines: Iterable[bytes], summary: Summary) -> Iterator[Case]:
    """Every test of the journal with all its attempts, in the order the tests ended; lost ones last.

    Args:
        lines: Of the journal `summary` was made from, from its start.
        summary: Of that journal.
    """
    each, ids = summary.header.each, summary.ids
    waiting: dict[_Key, list[Attempt]] = {}
    left = dict(summary.finals)
    for entry in read_lines(lines):
        if "n" not in entry and "id" not in entry:
            continue
        attempt = attempt_of(entry, ids.name(entry))
        key = _key(entry, attempt.worker, each=each)
        attempts = [*waiting.pop(key, ()), attempt]
        final = attempt.outcome is not Outcome.RERUN
        if final and key in left:
            left[key] -= 1
            final = not left[key]
        if final:
            yield Case(nodeid=attempt.nodeid, attempts=tuple(attempts))
        else:
            waiting[key] = attempts
    yield from summary.lost


def _key(entry: Mapping[str, Any], worker: str, *, each: bool) -> _Key:
    return entry.get("n", entry.get("id")), worker if each else ""


class _Reading:
    """The state of one reading."""

    def __init__(self, summary: Summary) -> None:
        self.summary = summary
        self.each = summary.header.each
        self.counts: Counter[str] = Counter()
        self.ended: dict[str, bytearray] = {}  # by worker with --dist=each: 1 + index of the last outcome
        self.begun = bytearray()
        self.strangers: dict[_Key, int] = {}  # the same for tests that were never collected
        self.retried: set[_Key] = set()  # had a rerun or an earlier end that speaks against them
        self.good: set[_Key] = set()  # of these, the ones that ended well
        self.deselected: Counter[str] = Counter()

    def take(self, entry: Mapping[str, Any]) -> None:
        if "b" in entry:
            self._began(entry["b"])
        elif "d" in entry:
            self.counts["passed"] += 1
            self._ended(entry, entry.get("w", ""), Outcome.PASSED, sum(entry["d"]))
        elif "attempt" in entry:
            attempt = attempt_of(entry, self.summary.ids.name(entry))
            self._count(attempt)
            self._ended(entry, attempt.worker, attempt.outcome, attempt.duration_us)
        else:
            for kind, told in entry.items():
                take = getattr(self, f"_take_{kind}", None)
                if take is not None:  # else: a kind a later version added, beside the tests
                    take(told)

    def _began(self, began: int | str) -> None:
        if isinstance(began, int):
            self.begun[began] = 1

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

    def _ended(self, entry: Mapping[str, Any], worker: str, outcome: Outcome, duration_us: int) -> None:
        summary = self.summary
        summary.work_us += duration_us
        summary.workers_us[worker] = summary.workers_us.get(worker, 0) + duration_us
        key = _key(entry, worker, each=self.each)
        if outcome is Outcome.RERUN:
            self.retried.add(key)
            return
        before = self._exchange(key, 1 + _OUTCOMES.index(outcome))
        if before:
            summary.finals[key] = summary.finals.get(key, 1) + 1
            if _OUTCOMES[before - 1].bad:
                self.retried.add(key)
        if key in self.retried:
            (self.good.discard if outcome.bad else self.good.add)(key)

    def _exchange(self, key: _Key, code: int) -> int:
        row, worker = key
        if isinstance(row, str):
            before = self.strangers.get(key, 0)
            self.strangers[key] = code
            return before
        ended = self.ended[worker]
        before, ended[row] = ended[row], code
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

    def _take_warning(self, _told: object) -> None:
        self.counts["warnings"] += 1

    def _take_worker(self, told: Mapping[str, Any]) -> None:
        event = WorkerEvent.from_dict(told)
        self.summary.workers.setdefault(event.id, []).append(event)

    def _take_internal(self, told: str) -> None:
        self.summary.internal.append(told)

    def _take_gap(self, told: Mapping[str, Any]) -> None:
        self.summary.gaps.append(Gap.from_dict(told))

    def _take_end(self, told: Mapping[str, Any]) -> None:
        self.summary.end = End.from_dict(told)

    def finish(self) -> Summary:
        summary = self.summary
        expected = list(self._expected())
        summary.lost = [self._lost(row, worker) for worker, row in expected if not self.ended[worker][row]]
        warnings = self.counts.pop("warnings", 0)
        summary.tally = Tally(
            collected=len(expected),
            finished=len(expected) - len(summary.lost),
            lost=len(summary.lost),
            deselected=max(self.deselected.values(), default=0),
            flaky=len(self.good),
            warnings=summary.end.warnings if summary.end else warnings,
            **self.counts,
        )
        return summary

    def _expected(self) -> Iterator[tuple[str, int]]:
        collections = self.summary.ids.collections
        if self.each:
            yield from ((worker, row) for worker, rows in collections.items() for row in rows)
        else:
            yield from (("", row) for rows in list(collections.values())[:1] for row in rows)

    def _lost(self, row: int, worker: str) -> Case:
        nodeid = self.summary.ids[row]
        message = "began and never finished" if self.begun[row] else "collected and never finished"
        phase = Phase(when="lost", outcome=Outcome.LOST, message=message)
        return Case(nodeid=nodeid, attempts=(Attempt(nodeid=nodeid, worker=worker, phases=(phase,)),))
