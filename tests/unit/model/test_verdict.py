"""Every reason why a run is no better, and which kind of reason wins."""

from __future__ import annotations

from typing import Any

import pytest

from builders import IDS, a_journal, an_ended
from pytest_defend.model.journal import (
    End,
    WorkerEvent,
    attempt_line,
    began_line,
    ids_line,
    line,
    passed_line,
)
from pytest_defend.model.replay import summarise
from pytest_defend.model.results import CollectionProblem, Outcome, Result, Verdict
from pytest_defend.model.verdict import complete, judge

PASSED = tuple(passed_line(row, "", 1, (1, 2, 3)) for row in range(2))


def judged(*lines: bytes, **journal: Any) -> Verdict:
    return judge(summarise(a_journal(*lines, **journal)))


def ended(row: int, outcome: str, when: str = "call") -> bytes:
    return attempt_line(row, an_ended(outcome, when, nodeid=IDS[row]))


def event(worker: str, name: str, error: str = "") -> bytes:
    return line("worker", WorkerEvent(id=worker, event=name, error=error))


def test_a_run_in_which_everything_passed_needs_no_reason() -> None:
    verdict = judged(*PASSED)
    assert verdict == Verdict(result=Result.PASSED)
    assert verdict.green
    assert verdict.mark == "passed"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([ended(0, "failed"), PASSED[1]], "1 failed"),
        ([ended(0, "crashed", "crash"), PASSED[1]], "1 failed (1 of them crashed)"),
        ([ended(0, "xpassed-strict"), PASSED[1]], "1 failed"),
        ([ended(0, "error", "setup"), PASSED[1]], "1 error"),
        ([ended(0, "error", "setup"), ended(1, "error", "setup")], "2 errors"),
        (
            [line("collection", CollectionProblem(nodeid="t", outcome=Outcome.ERROR)), *PASSED],
            "1 error",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
@pytest.mark.parametrize("status", [0, 1])
def test_what_failed_fails_the_stage_whatever_pytest_exits_with(
    lines: list[bytes], reason: str, status: int
) -> None:
    assert judged(*lines, end=status) == Verdict(result=Result.FAILED, reasons=(reason,))


@pytest.mark.parametrize(
    ("status", "result", "reason"),
    [
        (0, Result.PASSED, ""),
        (1, Result.FAILED, "pytest ended with exit status 1"),  # and no test failed: a late exception
        (2, Result.INCOMPLETE, "pytest ended with exit status 2: interrupted"),
        (3, Result.INCOMPLETE, "pytest ended with exit status 3: internal error"),
        (4, Result.INCOMPLETE, "pytest ended with exit status 4: usage error"),
        (5, Result.INCOMPLETE, "pytest ended with exit status 5: no tests were collected"),
        (6, Result.FAILED, "pytest ended with exit status 6"),  # --max-warnings
        (7, Result.FAILED, "pytest ended with exit status 7"),  # --fail-on-flaky
        (42, Result.FAILED, "pytest ended with exit status 42"),  # pytest.exit
        (70, Result.FAILED, "pytest ended with exit status 70"),
        (130, Result.INCOMPLETE, "pytest ended with exit status 130: terminated"),
        (143, Result.INCOMPLETE, "pytest ended with exit status 143: terminated"),
        (-9, Result.FAILED, "pytest ended with exit status -9"),
    ],
)
def test_an_exit_status_speaks_even_when_all_tests_passed(status: int, result: Result, reason: str) -> None:
    verdict = judged(*PASSED, end=status)
    assert verdict == Verdict(result=result, reasons=(reason,) if reason else ())
    assert verdict.green is (status == 0)
    assert verdict.mark == ("failed" if status else "passed")


def test_why_pytest_stopped_is_told_in_its_own_words() -> None:
    verdict = judged(*PASSED, line("end", End(exit_status=2, reason="stopping after 1 failures")), end=None)
    assert verdict.reasons == ("pytest ended with exit status 2: stopping after 1 failures",)


UNKNOWN = "what was collected is not known"


@pytest.mark.parametrize(
    ("lines", "journal", "reasons"),
    [
        (PASSED, {"end": None}, ["the run was killed before its session finished"]),
        (PASSED[:1], {}, [f"1 collected test never finished: {IDS[1]}"]),
        ([began_line(0, IDS[0]), *PASSED, began_line(None, "x")], {}, ["1 collected test never finished: x"]),
        (
            PASSED,
            {"ids": [str(number) for number in range(9)]},
            ["7 collected tests never finished: 2, 3, 4, 5, 6 and 2 more"],
        ),
        ([*PASSED, line("internal", "Traceback\n  boom\n")], {}, ["internal error:   boom"]),
        ([*PASSED, line("internal", " ")], {}, ["internal error: unknown"]),
        ([*PASSED, event("gw0", "ready")], {}, ["worker gw0 never ended"]),
        (
            [*PASSED, event("gw0", "ready"), event("gw0", "died", "killed"), event("gw0", "died", "again")],
            {},
            ["worker gw0 died: killed"],
        ),
        (
            [attempt_line(None, an_ended("passed", nodeid="x"))],
            {"ids": None},
            [UNKNOWN],
        ),
        ([], {"ids": []}, ["no test ran to its end"]),
        ([], {"ids": None}, ["no test ran to its end"]),
        ([ended(row, "skipped", "setup") for row in (0, 1)], {}, ["no test ran to its end"]),
        ([ended(row, "xfailed") for row in (0, 1)], {}, ["no test passed"]),
        (
            [ids_line("gw0", 0, IDS[:1], 1), PASSED[0].replace(b'"s"', b'"w":"gw0","s"')]
            + [event(worker, name) for worker in ("gw0", "gw1") for name in ("ready", "ended")],
            {"ids": None, "each": True},
            ["what worker gw1 collected is not known"],
        ),
    ],
    ids=lambda value: (
        str(value)[:50] if isinstance(value, list) and value and isinstance(value[0], str) else ""
    ),
)
def test_what_is_missing_makes_a_run_incomplete(
    lines: list[bytes], journal: dict[str, Any], reasons: list[str]
) -> None:
    verdict = judged(*lines, **journal)
    assert verdict == Verdict(result=Result.INCOMPLETE, reasons=tuple(reasons))
    assert not verdict.green
    assert verdict.mark == "failed"


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ([ended(0, "rerun"), *PASSED], "1 flaky: passed after an attempt that did not"),
        ([ended(0, "xpassed"), PASSED[1]], "1 passed although expected to fail"),
    ],
    ids=["flaky", "xpassed"],
)
def test_what_passed_and_should_not_have_is_a_warning(lines: list[bytes], reason: str) -> None:
    verdict = judged(*lines)
    assert verdict == Verdict(result=Result.WARNED, reasons=(reason,))
    assert verdict.green
    assert verdict.mark == "warned"


def test_workers_that_ended_well_and_skips_beside_a_pass_are_no_reason() -> None:
    assert judged(PASSED[0], ended(1, "skipped"), event("gw0", "ready"), event("gw0", "ended")).reasons == ()


def test_failed_is_said_before_incomplete_and_warnings_only_when_nothing_is_worse() -> None:
    flaky = [ended(0, "rerun"), PASSED[0]]
    failed = judged(*flaky, ended(1, "failed"), event("gw0", "died", "x"), end=None)
    assert failed.result is Result.FAILED
    assert failed.reasons == (
        "1 failed",
        "the run was killed before its session finished",
        "worker gw0 died: x",
    )
    assert judged(*flaky, PASSED[1], end=2).result is Result.INCOMPLETE
    assert judged(*flaky, PASSED[1]).result is Result.WARNED


@pytest.mark.parametrize(
    ("lines", "journal", "expected"),
    [
        (PASSED, {}, True),
        ([ended(0, "failed"), PASSED[1]], {"end": 1}, True),
        ([ended(0, "error", "setup"), PASSED[1]], {"end": 1}, True),
        ([ended(0, "failed"), PASSED[1]], {"end": 2}, False),
        ([ended(0, "failed"), PASSED[1]], {"end": 6}, False),
        ([ended(0, "failed"), PASSED[1]], {"end": None}, False),
        ([ended(0, "failed")], {"end": 1}, False),
        ([ended(0, "crashed", "crash"), PASSED[1]], {"end": 1}, False),
        ([ended(0, "failed"), PASSED[1], event("gw0", "died", "killed")], {"end": 1}, False),
        (
            [line("collection", CollectionProblem(nodeid="t", outcome=Outcome.ERROR)), *PASSED],
            {"end": 1},
            False,
        ),
        ([ended(0, "skipped"), ended(1, "skipped")], {}, False),
    ],
)
def test_nothing_but_tests_went_wrong_in_a_complete_run(
    lines: Any, journal: dict[str, Any], expected: bool
) -> None:
    assert complete(summarise(a_journal(*lines, **journal))) is expected
