"""Limits on how many tests ran, failed, were skipped, and came to another end than they should."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from judged import LADDER, a_stage, an_evidence, judged
from pytest_defend.errors import InvalidDocument
from pytest_defend.gates import kinds, read_policy
from pytest_defend.model.decision import Ruling
from pytest_defend.model.results import Tally
from pytest_defend.model.snapshot import PreviousFact

GONE = replace(a_stage("smoke"), problem="its journal is not there", record=None, verdict=None)
MIXED = {"a": "passed", "b": "passed", "c": "skipped", "d": "xfailed", "e": "xpassed", "f": "failed"}
AT_MOST = ("max-failed", "max-skipped", "max-xfail", "max-warned", "flaky")


@pytest.mark.parametrize(
    ("parameters", "ruling", "actual"),
    [
        (8, Ruling.PASS, "8 tests ran (unit 4, smoke 4)"),
        (9, Ruling.FAIL, "8 tests ran"),
        ({"at-least": 4, "stages": ["unit"]}, Ruling.PASS, "4 tests ran (unit 4)"),
        ({"at-least": 5, "stages": ["unit"]}, Ruling.FAIL, "4 tests ran"),
    ],
)
def test_enough_tests_must_run(parameters: Any, ruling: Ruling, actual: str) -> None:
    finding = judged(an_evidence(), "min-tests", parameters)
    assert finding.ruling is ruling
    assert actual in finding.actual


@pytest.mark.parametrize(
    ("outcomes", "counts", "ran"),
    [
        (MIXED, {}, 5),
        ({"a": "skipped"}, {}, 0),
        ({"a": "passed"}, {"errors": 1}, 1),  # a teardown that failed: one test all the same
        ({"a": "passed"}, {"skipped": 3}, 1),  # modules that were skipped as a whole
        ({"a": "lost", "b": "passed"}, {}, 1),
    ],
)
def test_a_test_ran_when_it_was_not_skipped(
    outcomes: dict[str, str], counts: dict[str, int], ran: int
) -> None:
    evidence = an_evidence(a_stage("smoke", outcomes=outcomes, counts=counts))
    wanted = {"at-least": 100, "stages": ["smoke"]}
    assert f"(smoke {ran})" in judged(evidence, "min-tests", wanted).actual


def test_of_several_environments_the_one_with_the_fewest_tests_counts() -> None:
    few = a_stage("smoke", outcomes={"a": "passed"}, python="3.13.0")
    finding = judged(an_evidence(a_stage("smoke"), few), "min-tests", {"at-least": 2, "stages": ["smoke"]})
    assert finding.ruling is Ruling.FAIL


@pytest.mark.parametrize("rule", ["min-tests", *AT_MOST])
@pytest.mark.parametrize("smoke", [GONE, a_stage("smoke", outcomes={})], ids=["gone", "empty"])
def test_what_was_not_counted_is_not_zero(rule: str, smoke: Any) -> None:
    finding = judged(an_evidence(a_stage("unit"), smoke), rule, 1)
    assert finding.ruling is Ruling.UNKNOWN
    assert "stage 'smoke'" in finding.actual
    assert finding.next


@pytest.mark.parametrize("rule", ["min-tests", *AT_MOST])
def test_without_a_run_nothing_is_counted(rule: str) -> None:
    ladder = replace(LADDER, levels=(replace(LADDER.levels[1], stages=()),))
    assert judged(replace(an_evidence(ladder=ladder), stages=()), rule, 1).ruling is Ruling.UNKNOWN


@pytest.mark.parametrize("rule", AT_MOST)
def test_a_stage_that_has_not_run_keeps_no_limit(rule: str) -> None:
    finding = judged(an_evidence(), rule, {"at-most": 0, "stages": ["lint", "unit"]})
    assert finding.ruling is Ruling.UNKNOWN
    assert finding.actual == "no run of lint"


@pytest.mark.parametrize(
    ("rule", "counts", "most"),
    [
        ("max-failed", {"failed": 1, "errors": 2, "lost": 1}, 4),
        ("max-skipped", {"skipped": 3}, 3),
        ("max-xfail", {"xfailed": 2}, 2),
        ("max-warned", {"xpassed": 1, "flaky": 2}, 3),
        ("flaky", {"flaky": 2}, 2),
    ],
)
def test_a_limit_is_kept_by_every_run(rule: str, counts: dict[str, int], most: int) -> None:
    evidence = an_evidence(a_stage("unit"), a_stage("smoke", counts=counts))
    kept = judged(evidence, rule, most)
    assert (kept.ruling, kept.actual) == (Ruling.PASS, f"unit 0, smoke {most}")
    broken = judged(evidence, rule, most - 1)
    assert broken.ruling is Ruling.FAIL
    assert broken.actual.startswith(f"{most} in stage 'smoke'")
    assert broken.next
    assert judged(evidence, rule, {"at-most": 0, "stages": ["unit"]}).ruling is Ruling.PASS


@pytest.mark.parametrize(
    ("rule", "named"),
    [
        ("max-failed", "b, c"),
        ("max-skipped", "d"),
        ("max-xfail", "e"),
        ("max-warned", "a, f"),
        ("flaky", "a"),
    ],
)
def test_the_tests_are_named(rule: str, named: str) -> None:
    outcomes = {"a": "passed", "c": "failed", "b": "lost", "d": "skipped", "e": "xfailed", "f": "xpassed"}
    smoke = a_stage("smoke", outcomes=outcomes, flaky=frozenset("a"))
    finding = judged(an_evidence(smoke), rule, 0)
    assert finding.actual.endswith(f" in stage 'smoke' (run 1 on cpython 3.12.1 linux-x86_64): {named}")


def test_quarantined_failures_do_not_count() -> None:
    evidence = an_evidence(
        a_stage("smoke", outcomes={"a": "failed", "b": "failed", "c": "passed"}, counts={"errors": 1})
    )
    entries = [{"test": "a", "owner": "ann", "expires": "2099-01-01"}]
    assert judged(evidence, "max-failed", 2).ruling is Ruling.FAIL
    excused = judged(evidence, "max-failed", 1, quarantine=entries)
    assert (excused.ruling, excused.actual) == (Ruling.PASS, "smoke 1")


@pytest.mark.parametrize(("reruns", "ruling"), [(3, Ruling.PASS), (4, Ruling.FAIL)])
def test_further_tries_are_limited(reruns: int, ruling: Ruling) -> None:
    evidence = an_evidence(a_stage("smoke", flaky=frozenset({"a"}), counts={"rerun": reruns}))
    finding = judged(evidence, "flaky", {"at-most": 1, "max-reruns": 3})
    assert finding.ruling is ruling
    assert "with at most 3 reruns" in finding.expected
    assert judged(evidence, "flaky", {"at-most": 0, "max-reruns": 9}).ruling is Ruling.FAIL


def _previous(**tests: int) -> PreviousFact:
    tallies = {name: Tally(collected=ran, finished=ran, passed=ran) for name, ran in tests.items()}
    return PreviousFact(build="demo/0@2026-01-01T00:00:00.000+0000", tests=tallies)


@pytest.mark.parametrize(
    ("previous", "parameters", "ruling", "actual"),
    [
        (None, 0, Ruling.PASS, "nothing to compare with"),
        (_previous(), 0, Ruling.PASS, "nothing to compare with"),
        (_previous(unit=4), 0, Ruling.PASS, "stage 'unit': 4 ran in demo/0"),
        (_previous(unit=5), 20, Ruling.PASS, "now 4 ran"),
        (_previous(unit=5), 19.5, Ruling.FAIL, "now 4 ran"),
        (_previous(unit=6), {"tests": 2}, Ruling.PASS, "6 ran"),
        (_previous(unit=7), {"tests": 2}, Ruling.FAIL, "7 ran"),
        (_previous(unit=7), {"tests": 2, "percent": 90}, Ruling.FAIL, "7 ran"),
        (_previous(unit=7, smoke=1), {"tests": 0, "stages": ["smoke"]}, Ruling.PASS, "stage 'smoke'"),
        (_previous(lint=1), 100, Ruling.FAIL, "now it has not run"),
    ],
)
def test_tests_do_not_vanish(
    previous: PreviousFact | None, parameters: Any, ruling: Ruling, actual: str
) -> None:
    finding = judged(an_evidence(previous=previous), "max-drop", parameters)
    assert finding.ruling is ruling
    assert actual in finding.actual
    assert bool(finding.next) == (ruling is not Ruling.PASS)


def test_what_cannot_be_read_cannot_be_compared() -> None:
    finding = judged(an_evidence(a_stage("unit"), GONE, previous=_previous(smoke=1)), "max-drop", 50)
    assert finding.ruling is Ruling.UNKNOWN


@pytest.mark.parametrize(
    ("rule", "parameters", "problem"),
    [
        ("min-tests", 0, "must be 1 or more"),
        ("min-tests", "many", "must be a whole number"),
        ("max-drop", True, "is missing"),
        ("max-drop", 101, "must be a number from 0 to 100"),
        ("max-drop", "2 %", "must be a number from 0 to 100"),
        ("max-drop", {"tests": -1}, "must be 0 or more"),
        ("flaky", {"at-most": 0, "max-reruns": -1}, "must be 0 or more"),
        *((rule, -1, "must be 0 or more") for rule in AT_MOST),
    ],
)
def test_parameters_that_make_no_sense_are_refused(rule: str, parameters: Any, problem: str) -> None:
    with pytest.raises(InvalidDocument, match=problem):
        read_policy(replace(LADDER, rules={rule: parameters}), source="policy.toml", kinds=kinds())


def test_what_is_expected_names_the_limits_that_were_set() -> None:
    evidence = an_evidence(previous=_previous(unit=4))
    assert "more than 2.5 % fewer than in" in judged(evidence, "max-drop", 2.5).expected
    assert "more than 1 test fewer than in" in judged(evidence, "max-drop", {"tests": 1}).expected
    both = judged(evidence, "max-drop", {"percent": 2, "tests": 3})
    assert "more than 2 % fewer or 3 tests fewer than in" in both.expected


def test_no_rerun_at_all_can_be_allowed() -> None:
    assert judged(an_evidence(), "flaky", {"at-most": 0, "max-reruns": 0}).ruling is Ruling.PASS
