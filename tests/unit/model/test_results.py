"""Outcomes of attempts and cases."""

from __future__ import annotations

import pytest

from builders import an_attempt, an_ended
from pytest_defend.model.results import Attempt, Case, Outcome, Phase, Result, Subtest, Verdict

BAD = {Outcome.FAILED, Outcome.ERROR, Outcome.XPASSED_STRICT, Outcome.CRASHED, Outcome.LOST}


@pytest.mark.parametrize("outcome", Outcome)
def test_some_outcomes_speak_against_the_release(outcome: Outcome) -> None:
    assert outcome.bad is (outcome in BAD)


@pytest.mark.parametrize(
    ("phases", "outcome"),
    [
        ([], "passed"),
        (["passed", "passed"], "passed"),
        (["passed", "skipped"], "skipped"),
        (["skipped", "xfailed"], "xfailed"),
        (["xfailed", "xpassed"], "xpassed"),
        (["xpassed", "error"], "error"),
        (["error", "xpassed-strict"], "xpassed-strict"),
        (["error", "failed"], "failed"),
        (["failed", "lost"], "lost"),
        (["lost", "crashed"], "crashed"),
        (["failed", "rerun"], "rerun"),
    ],
)
def test_an_attempt_ended_as_its_worst_phase(phases: list[str], outcome: str) -> None:
    for given in (phases, phases[::-1]):
        attempt = Attempt(nodeid="t", phases=tuple(Phase(when="call", outcome=Outcome(one)) for one in given))
        assert attempt.outcome is Outcome(outcome)


@pytest.mark.parametrize(
    ("subtest", "outcome"), [("failed", "failed"), ("skipped", "passed"), ("passed", "passed")]
)
def test_a_subtest_that_failed_fails_its_attempt(subtest: str, outcome: str) -> None:
    attempt = an_attempt(subtests=(Subtest(label="s", outcome=Outcome(subtest)),))
    assert attempt.outcome is Outcome(outcome)


def test_the_work_for_an_attempt_is_that_of_its_phases() -> None:
    assert an_attempt().duration_us == 3000


@pytest.mark.parametrize(
    ("outcomes", "flaky"),
    [
        (["passed"], False),
        (["rerun", "passed"], True),
        (["rerun", "failed"], False),
        (["crashed", "passed"], True),
        (["passed", "passed"], False),
        (["failed", "skipped"], True),
        (["rerun", "lost"], False),
    ],
)
def test_flaky_is_what_ended_well_after_an_attempt_that_did_not(outcomes: list[str], flaky: bool) -> None:
    case = Case(nodeid="t", attempts=tuple(an_ended(outcome) for outcome in outcomes))
    assert case.outcome is Outcome(outcomes[-1])
    assert case.flaky is flaky


@pytest.mark.parametrize(
    ("result", "green", "mark"),
    [
        ("passed", True, "passed"),
        ("warned", True, "warned"),
        ("failed", False, "failed"),
        ("incomplete", False, "failed"),
    ],
)
def test_a_mark_has_three_values(result: str, green: bool, mark: str) -> None:
    verdict = Verdict(result=Result(result))
    assert (verdict.green, verdict.mark) == (green, mark)
