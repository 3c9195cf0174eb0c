"""What follows from a journal: tally, lost tests, cases."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from builders import IDS, a_journal, an_attempt, an_ended
from pytest_defend.errors import InvalidDocument
from pytest_defend.model.facts import Gap
from pytest_defend.model.fields import canonical_bytes
from pytest_defend.model.journal import (
    WorkerEvent,
    attempt_line,
    began_line,
    ids_line,
    line,
    passed_line,
)
from pytest_defend.model.replay import Summary, cases, summarise
from pytest_defend.model.results import Attempt, Case, CollectionProblem, Outcome, Phase, Subtest, Tally

A, B = IDS


def passed(row: int, worker: str = "") -> bytes:
    return passed_line(row, worker, 1_700_000_000_000, (1, 2, 3))


def ended(row: int | str, outcome: str, when: str = "call", **told: Any) -> bytes:
    nodeid = row if isinstance(row, str) else IDS[row]
    attempt = an_ended(outcome, when, nodeid=nodeid, **told)
    return attempt_line(None if isinstance(row, str) else row, attempt)


def replayed(*lines: bytes, **journal: Any) -> tuple[Summary, list[Case]]:
    told = a_journal(*lines, **journal)
    summary = summarise(told)
    found = list(cases(told, summary))
    tally = summary.tally
    assert tally.collected == tally.finished + tally.lost == len(found)
    assert tally.lost == sum(case.outcome is Outcome.LOST for case in found)
    assert tally.flaky == sum(case.flaky for case in found)
    return summary, found


def counted(tally: Tally) -> dict[str, int]:
    return {name: count for name, count in tally.to_dict().items() if name not in ("collected", "finished")}


def told(found: list[Case]) -> dict[str, list[str]]:
    return {case.nodeid: [attempt.outcome.value for attempt in case.attempts] for case in found}


COUNTED: list[tuple[Attempt, dict[str, int]]] = [
    (an_attempt(), {"passed": 1}),
    (an_ended("failed"), {"failed": 1}),
    (an_ended("error", "setup"), {"errors": 1}),
    (an_ended("skipped", "setup"), {"skipped": 1}),
    (an_ended("xfailed"), {"xfailed": 1}),
    (an_ended("xpassed"), {"xpassed": 1}),
    (an_ended("xpassed-strict"), {"failed": 1}),
    (an_ended("crashed", "crash"), {"failed": 1, "crashed": 1}),
    (
        an_attempt(
            phases=(
                Phase(when="setup", outcome=Outcome.PASSED),
                Phase(when="call", outcome=Outcome.PASSED),
                Phase(when="teardown", outcome=Outcome.ERROR),
            )
        ),
        {"passed": 1, "errors": 1},  # as pytest counts it: one test, twice
    ),
    (
        an_attempt(
            subtests=(
                Subtest(label="a", outcome=Outcome.PASSED),
                Subtest(label="b", outcome=Outcome.FAILED),
                Subtest(label="c", outcome=Outcome.SKIPPED),
                Subtest(label="d", outcome=Outcome.XFAILED),
            )
        ),
        {"passed": 1, "failed": 1, "subtests_passed": 1, "subtests_failed": 1, "subtests_skipped": 2},
    ),
]


@pytest.mark.parametrize(("attempt", "expected"), COUNTED, ids=lambda value: str(value)[:40])
def test_counts_are_those_of_pytests_summary_line(attempt: Attempt, expected: dict[str, int]) -> None:
    summary, found = replayed(attempt_line(0, attempt), ids=[attempt.nodeid])
    assert counted(summary.tally) == expected
    assert found == [Case(nodeid=attempt.nodeid, attempts=(attempt,))]


def test_subtests_of_an_attempt_that_runs_again_are_taken_back() -> None:
    failed = Subtest(label="a", outcome=Outcome.FAILED)
    summary, _ = replayed(
        attempt_line(0, an_ended("rerun", subtests=(failed,))), passed(0), ids=[an_attempt().nodeid]
    )
    assert counted(summary.tally) == {"rerun": 1, "passed": 1, "flaky": 1}


def test_time_is_added_up_over_tests_and_for_each_worker() -> None:
    summary, _ = replayed(passed(0, "gw0"), ended(1, "failed", worker="gw1"))
    assert summary.work_us == 1006
    assert summary.workers_us == {"gw0": 6, "gw1": 1000}


def test_reruns_are_attempts_of_one_case() -> None:
    summary, found = replayed(ended(0, "rerun"), ended(1, "rerun"), passed(0), ended(1, "failed", ordinal=1))
    assert told(found) == {A: ["rerun", "passed"], B: ["rerun", "failed"]}
    assert counted(summary.tally) == {"rerun": 2, "passed": 1, "failed": 1, "flaky": 1}


def test_a_crash_that_passes_on_another_worker_is_one_flaky_case() -> None:
    summary, found = replayed(
        began_line(0, A),
        ended(0, "crashed", "crash", worker="gw0"),
        passed(1, "gw1"),
        passed(0, "gw1"),
        passed(1, "gw2"),
    )
    assert told(found) == {A: ["crashed", "passed"], B: ["passed", "passed"]}
    assert counted(summary.tally) == {"passed": 3, "failed": 1, "crashed": 1, "flaky": 1}


def test_good_and_bad_ends_in_turn_are_flaky_by_the_last() -> None:
    summary, _ = replayed(
        passed(0), ended(0, "failed"), passed(0), passed(1), ended(1, "failed"), passed(1), ended(1, "failed")
    )
    assert summary.tally.flaky == 1


def test_a_test_that_never_ended_is_lost_and_says_whether_it_began() -> None:
    summary, found = replayed(began_line(0, A), end=None)
    messages = {case.nodeid: case.attempts[-1].phases[0].message for case in found}
    assert messages == {A: "began and never finished", B: "collected and never finished"}
    assert (summary.tally.lost, summary.tally.finished, summary.end) == (2, 0, None)


def test_a_test_that_was_to_run_again_and_never_did_is_lost_with_its_attempts() -> None:
    _, found = replayed(began_line(0, A), ended(0, "rerun"), passed(1), end=None)
    assert told(found) == {B: ["passed"], A: ["rerun", "lost"]}


def test_a_duplicate_id_has_its_own_row() -> None:
    summary, found = replayed(passed(0), ended(1, "failed"), ids=[A, A, A])
    assert [case.outcome for case in found] == [Outcome.PASSED, Outcome.FAILED, Outcome.LOST]
    assert {case.nodeid for case in found[:1]} == {A}
    assert summary.tally.collected == 3


def test_strangers_count_as_collected_once_they_begin() -> None:
    summary, found = replayed(
        passed(0),
        passed(1),
        began_line(None, "x"),
        ended("x", "failed"),
        ended("x", "passed"),
        began_line(None, "y"),
        ended("z", "rerun"),
    )
    assert told(found) == {
        A: ["passed"],
        B: ["passed"],
        "x": ["failed", "passed"],
        "y": ["lost"],
        "z": ["rerun", "lost"],
    }
    assert (summary.tally.collected, summary.tally.lost) == (5, 2)


def heard_by_each(*lines: bytes) -> tuple[Summary, list[Case]]:
    collected = [ids_line("gw0", 0, IDS, 2), ids_line("gw1", 0, None, 2)]
    return replayed(*collected, *lines, ids=None, each=True)


def test_with_each_a_test_is_a_case_for_each_worker() -> None:
    summary, found = heard_by_each(
        passed(0, "gw0"), passed(0, "gw1"), ended(1, "failed", worker="gw1"), passed(1, "gw0")
    )
    assert Counter(case.nodeid for case in found) == {A: 2, B: 2}
    assert counted(summary.tally) == {"passed": 3, "failed": 1}


def test_with_each_what_one_worker_did_not_finish_is_lost() -> None:
    summary, found = heard_by_each(passed(0, "gw0"), passed(0, "gw1"), passed(1, "gw0"))
    lost = [(case.nodeid, case.attempts[0].worker) for case in found if case.outcome is Outcome.LOST]
    assert lost == [(B, "gw1")]
    assert (summary.tally.collected, summary.tally.finished) == (4, 3)


def test_with_each_workers_may_collect_different_tests() -> None:
    lines = [ids_line("gw0", 0, [A], 1), ids_line("gw1", 1, [B], 1)]
    # the second list is not the one that beginnings are told by
    begun = [began_line(0, A), began_line(None, B)]
    summary, found = replayed(*lines, *begun, passed(0, "gw0"), passed(1, "gw1"), ids=None, each=True)
    assert told(found) == {A: ["passed"], B: ["passed"]}
    assert summary.tally.collected == 2


def test_with_each_a_stranger_belongs_to_its_worker() -> None:
    both = [passed(row, worker) for row in (0, 1) for worker in ("gw0", "gw1")]
    _, found = heard_by_each(
        *both,
        began_line(None, "x"),
        ended("x", "passed", worker="gw0"),
        ended("x", "failed", worker="gw1"),
    )
    assert [case.outcome.value for case in found if case.nodeid == "x"] == ["passed", "failed"]


def test_with_each_an_attempt_of_a_worker_that_never_collected_is_not_understood() -> None:
    with pytest.raises(InvalidDocument, match="a line is not understood"):
        heard_by_each(passed(0, "gw7"))


def test_without_each_all_workers_share_one_collection() -> None:
    lines = [ids_line("gw0", 0, IDS, 2), ids_line("gw1", 0, None, 2), ids_line("gw2", 2, ["z"], 1)]
    summary, found = replayed(*lines, passed(0, "gw1"), passed(1, "gw0"), ids=None)
    assert told(found) == {A: ["passed"], B: ["passed"]}
    assert summary.ids.collections.keys() == {"gw0", "gw1", "gw2"}


def test_everything_else_is_kept_as_it_was_heard() -> None:
    problem = CollectionProblem(nodeid="tests/test_x.py", outcome=Outcome.ERROR, message="SyntaxError")
    skipped = CollectionProblem(nodeid="tests/test_y.py", outcome=Outcome.SKIPPED)
    ready, died = WorkerEvent(id="gw0", event="ready"), WorkerEvent(id="gw0", event="died", error="killed")
    gap = Gap(topic="git", problem="It is shallow.")
    summary, _ = replayed(
        line("facts", {"more": {}}),
        line("collection", problem),
        line("collection", skipped),
        line("worker", ready),
        line("worker", died),
        line("internal", "Traceback\nboom\n"),
        line("gap", gap),
        canonical_bytes({"later": {"kind": 1}}) + b"\n",
        passed(0),
        passed(1),
    )
    assert summary.facts == {"more": {}}
    assert summary.collection == [problem, skipped]
    assert summary.workers == {"gw0": [ready, died]}
    assert summary.internal == ["Traceback\nboom"]
    assert summary.gaps == [gap]
    assert counted(summary.tally) == {"passed": 2, "errors": 1, "skipped": 1}


def test_what_several_workers_deselected_is_counted_once() -> None:
    lines = [line("deselected", {"worker": worker, "ids": ["x", "y"]}) for worker in ("gw0", "gw1")]
    assert replayed(*lines)[0].tally.deselected == 2
    plain = [line("deselected", {"worker": "", "ids": [name]}) for name in ("x", "y")]
    assert replayed(*plain)[0].tally.deselected == 2


def test_markers_are_kept_by_the_rows_of_their_tests() -> None:
    told = {"worker": "", "marks": {"smoke": [[0, 2]], "slow": [[1, 1]]}}
    assert replayed(line("marks", told))[0].marks == {"smoke": {0, 1}, "slow": {1}}
    assert replayed()[0].marks == {}


def test_with_each_markers_are_on_the_tests_of_their_worker() -> None:
    ids = [ids_line(worker, first, IDS, 2) for worker, first in (("gw0", 0), ("gw1", 2))]
    marks = [
        line("marks", {"worker": worker, "marks": {"smoke": [[place, 1]]}})
        for worker, place in (("gw0", 0), ("gw1", 1))
    ]
    summary = summarise(a_journal(*ids, *marks, ids=None, each=True))
    assert summary.marks == {"smoke": {0, 3}}


def test_warnings_are_counted_by_the_end_or_by_their_lines() -> None:
    warning = line("warning", {"category": "UserWarning", "message": "m", "nodeid": A, "where": "a.py:1"})
    assert replayed(warning, warning, end=None)[0].tally.warnings == 2
    finished = line("end", {"exit_status": 0, "warnings": 7})
    assert replayed(warning, finished, end=None)[0].tally.warnings == 7


@pytest.mark.parametrize(
    "hostile",
    [
        {"n": 0},
        {"d": [1, 2, 3], "s": 1},
        {"d": [1, 2, 3], "s": 1, "n": 99},
        {"d": [1, 2, 3], "s": 1, "n": -1},
        {"attempt": {"phases": [{"when": "call", "outcome": "lost"}]}, "n": 0},
        {"attempt": 1, "n": 0},
        {"attempt": {}, "id": 5},
        {"b": 99},
        {"b": None},
        {"ids": {"worker": "", "first": 0, "count": 10**12}},
        {"collection": 1},
        {"deselected": {"worker": "", "ids": 1}},
        {"marks": {"worker": "gw7", "marks": {}}},
        {"marks": {"worker": "", "marks": {"smoke": [[0, 3]]}}},
        {"marks": {"worker": "", "marks": {"smoke": [[-1, 1]]}}},
        {"marks": {"worker": "", "marks": {"smoke": [[1, -1]]}}},
        {"marks": {"worker": "", "marks": {"smoke": 1}}},
        {"worker": {"id": "gw0"}},
        {"internal": ["boom"]},
        {"gap": None},
        {"end": {"exit_status": "0"}},
    ],
    ids=str,
)
def test_a_line_that_makes_no_sense_is_an_invalid_document(hostile: dict[str, Any]) -> None:
    if hostile == {"n": 0}:  # a kind a later version may have added
        assert replayed(canonical_bytes(hostile) + b"\n")[0].tally.collected == 2
        return
    with pytest.raises(InvalidDocument):
        replayed(canonical_bytes(hostile) + b"\n")
