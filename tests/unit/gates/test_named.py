"""Tests that must have passed, and tests in quarantine."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from judged import LADDER, a_stage, an_evidence, judged
from pytest_defend.errors import InvalidDocument
from pytest_defend.gates import kinds, read_policy
from pytest_defend.model.decision import Ruling

OUTCOMES = {
    "tests/test_pay.py::test_pay[card-1]": "passed",
    "tests/test_pay.py::test_pay[cash]": "passed",
    "tests/test_pay.py::test_refund": "skipped",
    "tests/test_stock.py::test_count": "failed",
    "tests/test_stock.py::test_order": "xfailed",
    "tests/test_stock.py::test_orderly": "passed",
}
SMOKE = replace(
    a_stage("smoke", outcomes=OUTCOMES),
    marks={"critical": frozenset({"tests/test_pay.py::test_pay[cash]"}), "odd": frozenset({"gone"})},
)


@pytest.mark.parametrize(
    ("tests", "ruling", "actual"),
    [
        (["tests/test_pay.py::test_pay*"], Ruling.PASS, "2 tests, all passed"),
        (["tests/test_pay.py::test_pay[card-1]"], Ruling.PASS, "1 test, all passed"),
        (["tests/test_pay.py::test_pay[c*]", "*_orderly"], Ruling.PASS, "3 tests"),
        (["*::test_order??"], Ruling.PASS, "1 test"),
        (["marker:critical"], Ruling.PASS, "1 test"),
        (["marker:nobody"], Ruling.FAIL, "marker:nobody means no test that ran"),
        (["marker:odd"], Ruling.FAIL, "gone: no run in which it is known to have passed"),
        (["tests/test_gone.py*"], Ruling.FAIL, "tests/test_gone.py* means no test that ran"),
        (["tests/test_pay.py::test_pay[!c]*"], Ruling.FAIL, "means no test that ran"),
        (["TESTS/*"], Ruling.FAIL, "means no test that ran"),
        (["tests/test_pay.py::*"], Ruling.FAIL, "tests/test_pay.py::test_refund: skipped in stage 'smoke'"),
        (["*::test_order"], Ruling.FAIL, "xfailed"),
        (["*::test_count"], Ruling.FAIL, "failed"),
    ],
)
def test_required_tests_have_passed(tests: list[str], ruling: Ruling, actual: str) -> None:
    finding = judged(an_evidence(SMOKE), "required-tests", {"tests": tests, "stages": ["smoke"]})
    assert finding.ruling is ruling
    assert actual in finding.actual
    assert bool(finding.next) == (ruling is not Ruling.PASS)


@pytest.mark.parametrize(
    ("elsewhere", "ruling"), [("passed", Ruling.PASS), ("skipped", Ruling.FAIL), ("failed", Ruling.FAIL)]
)
def test_skipped_here_is_no_harm_when_it_passed_there(elsewhere: str, ruling: Ruling) -> None:
    here = a_stage("smoke", outcomes={"a": "skipped", "b": "passed"})
    there = a_stage("smoke", outcomes={"a": elsewhere, "b": "passed"}, python="3.13.0")
    assert judged(an_evidence(here, there), "required-tests", ["a"]).ruling is ruling


def test_tests_of_a_stage_that_cannot_be_read_are_not_known() -> None:
    gone = replace(a_stage("smoke"), problem="its journal is not there", record=None, verdict=None)
    finding = judged(an_evidence(a_stage("unit"), gone), "required-tests", ["*::test_a"])
    assert finding.ruling is Ruling.UNKNOWN
    assert judged(replace(an_evidence(), stages=()), "required-tests", ["*"]).ruling is Ruling.UNKNOWN


def _entry(**changes: str) -> dict[str, str]:
    return {"test": "*::test_count", "owner": "ann", "issue": "SHOP-12", "expires": "2026-01-31", **changes}


@pytest.mark.parametrize(
    ("entries", "ruling", "actual"),
    [
        ([], Ruling.PASS, "0 quarantined tests"),
        ([_entry()], Ruling.PASS, "1 quarantined test; failed and excused: tests/test_stock.py::test_count"),
        ([_entry(expires="2026-01-30")], Ruling.FAIL, "*::test_count (owner ann) expired on 2026-01-30"),
        ([_entry(owner="")], Ruling.FAIL, "*::test_count has no owner, until 2026-01-31"),
        ([_entry(owner="", expires="")], Ruling.FAIL, "*::test_count has no owner"),
        ([_entry(expires="")], Ruling.FAIL, "*::test_count (owner ann) has no day on which it ends"),
        ([_entry(), _entry(test="*::test_other")], Ruling.PASS, "2 quarantined tests"),
        ([_entry(), _entry(), _entry()], Ruling.FAIL, "3 quarantined tests: *::test_count"),
    ],
)
def test_a_quarantine_has_owners_and_days_and_a_limit(
    entries: list[dict[str, str]], ruling: Ruling, actual: str
) -> None:
    finding = judged(an_evidence(SMOKE), "quarantine", {"entries": entries, "at-most": 2})
    assert finding.ruling is ruling
    assert actual in finding.actual


@pytest.mark.parametrize(
    ("rule", "parameters", "problem"),
    [
        ("required-tests", [], "names no test"),
        ("required-tests", [""], "names no test"),
        ("required-tests", ["marker:"], "names no test"),
        ("quarantine", [{"owner": "ann"}], "is missing"),
        ("quarantine", [_entry(test="")], "must be a node id"),
        ("quarantine", [_entry(test="marker:slow")], "must be a node id"),
        ("quarantine", [_entry(expires="soon")], "must be a day like"),
        ("quarantine", {"entries": [], "at-most": -1}, "must be 0 or more"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(rule: str, parameters: Any, problem: str) -> None:
    with pytest.raises(InvalidDocument, match=problem):
        read_policy(replace(LADDER, rules={rule: parameters}), source="policy.toml", kinds=kinds())


def test_a_quarantine_can_be_closed() -> None:
    assert judged(an_evidence(), "quarantine", {"entries": [], "at-most": 0}).ruling is Ruling.PASS
    entries = {"entries": [_entry()], "at-most": 0}
    assert judged(an_evidence(), "quarantine", entries).ruling is Ruling.FAIL
