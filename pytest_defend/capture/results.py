"""pytest's reports become attempts, streamed to the journal.

Rules:
- Works on what pytest's report objects offer to everybody, in a run with and without workers alike.
- Only open tests are in memory. A test is finished at its teardown report, or at a report that is no
  phase of its own (`when == "???"`: the worker died).
- Subtests are held inside their open test. Output is taken from the last report, which has all of it.
- The way of a test that passed and left nothing to tell is short: budget 25 us for its three reports.
- Text is redacted before it is written, and capped.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_defend.capture.reports import PHASES, capped, is_subtest, number
from pytest_defend.model.facts import Gap
from pytest_defend.model.journal import (
    attempt_line,
    began_line,
    ids_line,
    line,
    passed_line,
)
from pytest_defend.model.results import Attempt, Outcome, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_defend.capture.reports import ReportReader
    from pytest_defend.model.fields import Document
    from pytest_defend.model.journal import End, WorkerEvent
    from pytest_defend.model.results import Subtest

__all__ = ["Recorder", "without_group"]

_TEXT_LIMIT = 64 * 1024
_IDS_AT_ONCE = 1000  # in a line, so that no line grows with the run
_WARNINGS_TOLD = 500  # distinct warnings; all are counted


class _Open:
    """A test that has begun: what its reports said so far."""

    __slots__ = ("durations", "phases", "started_ms", "subtests")

    def __init__(self, started_ms: int) -> None:
        self.started_ms = started_ms
        self.durations: list[int] = []
        self.phases: list[Phase] | None = None  # once there is something to tell
        self.subtests: list[Subtest] = []

    def tell(self) -> list[Phase]:
        """Leave the short way: what passed so far becomes phases like any other."""
        if self.phases is None:
            passed = zip(PHASES, self.durations, strict=False)
            self.phases = [Phase(when=w, outcome=Outcome.PASSED, duration_us=us) for w, us in passed]
        return self.phases


class Recorder:
    """Hears a run and writes its journal.

    Args:
        write: Takes a line; returns when it is on disk.
        reader: Reads reports.
        groups: Whether `--dist=loadgroup` put `@group` behind node ids.
        each: Whether every worker runs every test.
        look: A last look of others at each attempt before it is written.

    Attributes:
        gaps: What tests left that could not be kept; for the end of the journal.
        warnings: How many there were.
    """

    def __init__(
        self,
        write: Callable[[bytes], None],
        reader: ReportReader,
        *,
        groups: bool = False,
        each: bool = False,
        look: Callable[[Attempt], Attempt] | None = None,
    ) -> None:
        self._write = write
        self._reader = reader
        self._groups = groups
        self._each = each
        self._look = look
        self._open: dict[Any, _Open] = {}
        self._tries: dict[Any, int] = {}
        self._rows: dict[str, dict[str, Any]] = {}  # by worker: node id -> row, or rows left of a duplicate
        self._lists: list[tuple[Sequence[str], int, dict[str, Any]]] = []
        self._count = 0
        self._marks: list[Mapping[str, object]] = []
        self._warned: set[int] = set()
        self.gaps: list[Gap] = []
        self.warnings = 0
        self._tells_output = reader.output == "all"

    def collected(self, worker: str, ids: Sequence[str]) -> None:
        """A worker (or the only process, `""`) has finished collecting."""
        for known, first, rows in self._lists:
            if known == ids:
                # Rows of duplicates are used up by whoever runs them.
                alone = self._each and len(rows) != len(ids)
                self._rows[worker] = _with_duplicates(ids, first) if alone else rows
                self._write(ids_line(worker, first, None, len(ids)))
                return
        first, self._count = self._count, self._count + len(ids)
        rows = {nodeid: row for row, nodeid in enumerate(ids, first)}
        if len(rows) != len(ids):  # --keep-duplicates
            rows = _with_duplicates(ids, first)
        self._rows[worker] = rows
        self._lists.append((ids, first, rows))
        for start in range(0, len(ids) or 1, _IDS_AT_ONCE):  # nothing collected is told too
            part = self._shown(ids[start : start + _IDS_AT_ONCE])
            self._write(ids_line(worker, first + start, part, len(part)))

    def forget(self) -> None:
        """Give back what was remembered: the session is over, and what follows needs the memory."""
        self._open.clear()
        self._rows.clear()
        self._lists.clear()

    def began(self, nodeid: str) -> None:
        """A test began, on whichever worker."""
        row = self._lists[0][2].get(nodeid) if self._lists else None
        if isinstance(row, list):
            row = row[0]
        self._write(began_line(row, nodeid if row is not None else self._shown((nodeid,))[0]))

    def hear(self, report: Any) -> None:
        """Take in a report of setup, call, teardown, a subtest or a crash."""
        said = report.__dict__
        nodeid, when = report.nodeid, report.when
        node = said.get("node")
        worker = "" if node is None else node.gateway.id
        key = (nodeid, worker) if worker else nodeid
        test = self._open.get(key)
        if test is None:
            test = self._open[key] = _Open(number(report, "start", 1000))
        if (
            test.phases is None
            and said["outcome"] == "passed"
            and "wasxfail" not in said
            and "context" not in said
            and not said.get("user_properties")
            and not (self._tells_output and said.get("sections"))
            and "defend_attachments" not in said
            and type(said.get("duration")) is float
            and when in PHASES
        ):
            test.durations.append(int(said["duration"] * 1_000_000))
        elif is_subtest(report):
            test.tell()
            test.subtests.append(self._reader.subtest(report))
            return
        else:
            test.tell().append(self._reader.phase(report))
        if when == "teardown" or when not in PHASES:
            del self._open[key]
            self._ended(key, nodeid, worker, test, report)

    def _ended(self, key: Any, nodeid: str, worker: str, test: _Open, report: Any) -> None:
        row = self._rows.get(worker, _NO_ROWS).get(nodeid)
        whole = test.phases is None and len(test.durations) == len(PHASES)
        if whole and type(row) is int and self._look is None and key not in self._tries:
            self._write(passed_line(row, worker, test.started_ms, test.durations))
            return
        attempt = Attempt(
            nodeid=self._shown((nodeid,))[0],
            worker=worker,
            ordinal=self._tries.get(key, 0),
            started_ms=test.started_ms,
            phases=tuple(test.tell()),
            subtests=tuple(test.subtests),
        )
        if attempt.outcome is Outcome.RERUN:
            self._tries[key] = attempt.ordinal + 1
        if isinstance(row, list):  # one of several tests with the same id: each has its row
            row = row[0] if attempt.outcome is Outcome.RERUN or len(row) == 1 else row.pop(0)
        try:
            attempt = self._with_the_rest(attempt, report)
        finally:  # how it ended is written, whatever cannot be read besides
            self._write(attempt_line(row, self._look(attempt) if self._look else attempt))

    def _with_the_rest(self, attempt: Attempt, report: Any) -> Attempt:
        attachments, problems = self._reader.attachments(report)
        told = (f"{attempt.nodeid}: {problem}" for problem in problems)
        self.gaps += (Gap(topic="attachments", problem=problem) for problem in told)
        return replace(
            attempt,
            properties=self._reader.properties(report),
            attachments=attachments,
            sections=self._reader.sections(report, bad=attempt.outcome.bad),
        )

    def problem(self, report: Any) -> None:
        """A collector failed or was skipped."""
        told = self._reader.collector(report)
        node = getattr(report, "node", None)
        worker = "" if node is None else node.gateway.id
        self._write(line("collection", replace(told, nodeid=self._shown((told.nodeid,))[0], worker=worker)))

    def marked(self, worker: str, marks: Mapping[str, object]) -> None:
        """Which tests of a worker's collection carry which markers; told once when all say the same."""
        told = {"worker": worker, "marks": marks}
        if marks and (self._each or marks not in self._marks):
            self._marks.append(marks)
            self._write(line("marks", told))

    def deselected(self, worker: str, ids: Sequence[str]) -> None:
        """Tests that were collected and will not run by the user's choice."""
        self._write(line("deselected", {"worker": worker, "ids": self._shown(ids)}))

    def warned(self, category: str, message: str, nodeid: str, where: str) -> None:
        """A warning; each distinct one is told once, all are counted."""
        self.warnings += 1
        known = hash((category, message, where))
        if known in self._warned or len(self._warned) >= _WARNINGS_TOLD:
            return
        self._warned.add(known)
        told = {"category": category, "message": message, "nodeid": nodeid, "where": where}
        self._write(line("warning", {name: self._reader.redact(text) for name, text in told.items()}))

    def worker(self, event: WorkerEvent) -> None:
        """A worker became ready, ended or died."""
        self._write(line("worker", event))

    def internal_error(self, text: str) -> None:
        """An error of pytest itself or of a plugin, here or in a worker."""
        self._write(line("internal", capped(self._reader.redact(text), _TEXT_LIMIT)))

    def gap(self, gap: Gap) -> None:
        """Something could not be read."""
        self._write(line("gap", gap))

    def facts(self, facts: Document) -> None:
        """What the run runs on."""
        self._write(line("facts", facts))

    def end(self, end: End) -> None:
        """The session finished."""
        self._write(line("end", end))

    def _shown(self, ids: Iterable[str]) -> list[str]:
        """Node ids as they are recorded: without xdist's group, without secrets."""
        ids = [without_group(nodeid) for nodeid in ids] if self._groups else list(ids)
        joined = "\n".join(ids)
        redacted = self._reader.redact(joined)
        if redacted == joined:
            return ids
        shown = redacted.split("\n")
        return shown if len(shown) == len(ids) else [self._reader.redact(nodeid) for nodeid in ids]


_NO_ROWS: dict[str, Any] = {}


def _with_duplicates(ids: Sequence[str], first: int) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for row, nodeid in enumerate(ids, first):
        rows.setdefault(nodeid, []).append(row)
    return {nodeid: several if len(several) > 1 else several[0] for nodeid, several in rows.items()}


def without_group(nodeid: str) -> str:
    """A node id without the `@group` that pytest-xdist's loadgroup puts behind it.

    Only what stands behind the last `]` and behind a test's `::` can be a group; a parametrised id or a
    folder may hold an `@` of its own.

    Source: `LoadGroupScheduling._split_scope` of pytest-xdist compares the same positions.
    """
    at = nodeid.rfind("@")
    return nodeid[:at] if at > nodeid.rfind("]") and "::" in nodeid[:at] else nodeid
