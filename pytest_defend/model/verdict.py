"""Judging a run: is it complete, and is it green?

Rules:
- Complete means: what was collected is known, every collected test finished (on every worker with
  `--dist=each`), every worker that became ready ended well, there was no internal error, and the session
  ended by itself with status 0.
- A run that is not complete, or in which no test passed, is never green, whatever pytest exited with: tests
  that were skipped, or failed as expected, show nothing that works.
- A verdict names every reason, the worst kind first.

Source: pytest's `ExitCode`. Other codes (6 of `--max-warnings`, 7 of pytest-rerunfailures'
`--fail-on-flaky`) are failures; 128 and above stand for signals.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.model.results import Result, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.model.replay import Summary

__all__ = ["complete", "judge"]

_NAMED = 5  # tests named in a reason; the rest is counted
_TESTS_FAILED = 1
_INCOMPLETE = {2: "interrupted", 3: "internal error", 4: "usage error", 5: "no tests were collected"}
_SIGNALS = 128


def judge(summary: Summary) -> Verdict:
    """The verdict on a run.

    Args:
        summary: What its journal says.
    """
    failed, missing = list(_failures(summary)), list(_missing(summary))
    if failed or missing:
        result = Result.FAILED if failed else Result.INCOMPLETE
        return Verdict(result=result, reasons=(*failed, *missing))
    warned = list(_warnings(summary))
    return Verdict(result=Result.WARNED if warned else Result.PASSED, reasons=tuple(warned))


def complete(summary: Summary) -> bool:
    """Whether nothing went wrong in a run but tests that failed: what a quarantine may excuse.

    Args:
        summary: What its journal says.
    """
    status = summary.end.exit_status if summary.end else None
    collected = not any(problem.outcome.bad for problem in summary.collection)
    unharmed = not summary.tally.crashed and collected
    return status in (0, _TESTS_FAILED) and unharmed and not any(_missing(summary))


def _failures(summary: Summary) -> Iterator[str]:
    tally = summary.tally
    if tally.failed:
        crashed = f" ({tally.crashed} of them crashed)" if tally.crashed else ""
        yield f"{tally.failed} failed{crashed}"
    if tally.errors:
        yield _plural(tally.errors, "error")
    status = summary.end.exit_status if summary.end else 0
    told = status == _TESTS_FAILED and (tally.failed or tally.errors)
    if status and not told and status not in _INCOMPLETE and status < _SIGNALS:
        yield f"pytest ended with exit status {status}"


def _missing(summary: Summary) -> Iterator[str]:
    tally, end = summary.tally, summary.end
    if end is None:
        yield "the run was killed before its session finished"
    elif end.exit_status in _INCOMPLETE or end.exit_status >= _SIGNALS:
        why = end.reason or _INCOMPLETE.get(end.exit_status, "terminated")
        yield f"pytest ended with exit status {end.exit_status}: {why}"
    yield from _unheard(summary)
    if summary.lost:
        lost = [case.nodeid for case in summary.lost.values()]
        yield f"{_plural(len(lost), 'collected test')} never finished: {_names(lost)}"
    for text in summary.internal:
        yield f"internal error: {(text.splitlines() or ['unknown'])[-1]}"
    yield from _bad_workers(summary)
    if not tally.passed + tally.xpassed + tally.failed + tally.errors:
        yield "no test passed" if tally.xfailed else "no test ran to its end"


def _unheard(summary: Summary) -> Iterator[str]:
    """A test that nobody is known to have collected would not be missed."""
    collections = summary.ids.collections
    if summary.tally.collected and not collections:
        yield "what was collected is not known"
    elif summary.header.each:
        for worker in sorted(summary.workers.keys() - collections.keys()):
            yield f"what worker {worker} collected is not known"


def _bad_workers(summary: Summary) -> Iterator[str]:
    for worker, events in sorted(summary.workers.items()):
        died = [event.error for event in events if event.event == "died"]
        if died:
            yield f"worker {worker} died: {died[0]}"
        elif not any(event.event == "ended" for event in events):
            yield f"worker {worker} never ended"


def _warnings(summary: Summary) -> Iterator[str]:
    tally = summary.tally
    if tally.flaky:
        yield f"{tally.flaky} flaky: passed after an attempt that did not"
    if tally.xpassed:
        yield f"{tally.xpassed} passed although expected to fail"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def _names(lost: list[str]) -> str:
    named = ", ".join(lost[:_NAMED])
    return f"{named} and {len(lost) - _NAMED} more" if len(lost) > _NAMED else named
