"""Every outcome pytest knows, run in every mode: the record says the same, and counts as pytest counts."""

from __future__ import annotations

import os
import xml.etree.ElementTree as ET
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from plugin.recorded import MODES, WORKERS, Demo, facts, said
from pytest_defend.model.bundle import JUNIT

if TYPE_CHECKING:
    from collections.abc import Callable

    from plugin.recorded import Run
    from pytest_defend.model.results import Case

PYTEST_9 = pytest.version_tuple >= (9,)

CONFTEST = """
import pytest

@pytest.fixture
def setup_breaks():
    raise RuntimeError("no setup")

@pytest.fixture
def teardown_breaks():
    yield
    raise RuntimeError("no teardown")

@pytest.fixture
def skips():
    pytest.skip("skipped by a fixture")
"""
OUTCOMES = """
import sys, unittest, pytest

TRIES = {}

def tried(name):
    TRIES[name] = TRIES.get(name, 0) + 1
    return TRIES[name]

@pytest.fixture
def sometimes():
    assert tried("setup") == 2

def test_passed(record_property):
    record_property("colour", "blue")
    print("printed")
    print("complained", file=sys.stderr)

def test_failed():
    assert 1 == 2

def test_unwanted():
    pass

def test_setup(setup_breaks):
    pass

def test_teardown(teardown_breaks):
    pass

def test_call_and_teardown(teardown_breaks):
    assert 0

@pytest.mark.skip(reason="not today")
def test_skipped_by_mark():
    pass

def test_skipped_in_setup(skips):
    pass

def test_skipped_in_call():
    pytest.skip("not here")

@pytest.mark.xfail(reason="known")
def test_xfailed():
    assert 0

def test_xfailed_in_call():
    pytest.xfail("known too")

@pytest.mark.xfail(run=False, reason="hangs")
def test_xfailed_not_run():
    pass

@pytest.mark.xfail(reason="mended")
def test_xpassed():
    pass

@pytest.mark.xfail(strict=True, reason="mended strictly")
def test_xpassed_strict():
    pass

@pytest.mark.flaky(reruns=2)
def test_flaky():
    assert tried("call") == 2

@pytest.mark.flaky(reruns=1)
def test_flaky_setup(sometimes):
    pass

@pytest.mark.flaky(reruns=2)
def test_rerun_in_vain():
    assert 0

@pytest.mark.parametrize("address", ["a@b", "c@d]e", "x::y@z"])
def test_address(address):
    pass

@pytest.mark.xdist_group("g")
def test_grouped():
    pass

@pytest.mark.xdist_group("g")
@pytest.mark.parametrize("address", ["a@b"])
def test_grouped_address(address):
    pass

class TestUnit(unittest.TestCase):
    def test_fine(self):
        pass

    def test_bad(self):
        self.assertEqual(1, 2)

    @unittest.skip("no unit")
    def test_skipped(self):
        pass

    @unittest.expectedFailure
    def test_expected(self):
        self.fail()

    @unittest.expectedFailure
    def test_unexpected(self):
        pass
"""
SKIPPED_MODULE = 'import pytest\npytest.importorskip("no_such_module_anywhere")\n'
SUBTESTS = """
import unittest, pytest

def test_subtests(subtests):
    for name in ("good", "bad", "skipped"):
        with subtests.test("some", name=name):
            assert name != "bad"
            if name == "skipped":
                pytest.skip("not this one")

def test_subtests_pass(subtests):
    with subtests.test(i=1):
        pass

class TestSub(unittest.TestCase):
    def test_sub(self):
        for i in range(3):
            with self.subTest("m", i=i):
                self.assertNotEqual(i, 1)
"""
DOCTESTS = """
>>> 2 + 2
4
"""
BAD_DOCTESTS = """
>>> 2 + 2
5
"""

EXPECTED = {
    "test_passed": "passed",
    "test_failed": "failed",
    "test_setup": "error",
    "test_teardown": "error",
    "test_call_and_teardown": "failed",
    "test_skipped_by_mark": "skipped",
    "test_skipped_in_setup": "skipped",
    "test_skipped_in_call": "skipped",
    "test_xfailed": "xfailed",
    "test_xfailed_in_call": "xfailed",
    "test_xfailed_not_run": "xfailed",
    "test_xpassed": "xpassed",
    "test_xpassed_strict": "xpassed-strict",
    "test_flaky": "passed",
    "test_flaky_setup": "passed",
    "test_rerun_in_vain": "failed",
    "test_address[a@b]": "passed",
    "test_address[c@d]e]": "passed",
    "test_address[x::y@z]": "passed",
    "test_grouped": "passed",
    "test_grouped_address[a@b]": "passed",
    "TestUnit::test_fine": "passed",
    "TestUnit::test_bad": "failed",
    "TestUnit::test_skipped": "skipped",
    "TestUnit::test_expected": "xfailed",
    "TestUnit::test_unexpected": "failed",
    "doc.txt": "passed",
    "bad.txt": "failed",
}
SUBTESTED = {"test_subtests": "failed", "test_subtests_pass": "passed", "TestSub::test_sub": "failed"}


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Run]:
    """The suite above, run once in each mode that is asked for."""
    runs: dict[str, Run] = {}

    def run(mode: str) -> Run:
        if mode not in runs:
            demo = Demo(folder=tmp_path_factory.mktemp("outcomes"))
            demo.holds(conftest=CONFTEST, test_outcomes=OUTCOMES, test_skipped=SKIPPED_MODULE)
            if PYTEST_9:
                demo.holds(test_subtests=SUBTESTS)
            (demo.folder / "doc.txt").write_text(DOCTESTS)
            (demo.folder / "bad.txt").write_text(BAD_DOCTESTS)
            runs[mode] = demo.run("--doctest-glob=*.txt", "-k", "not unwanted", mode=mode)
        return runs[mode]

    return run


@pytest.mark.parametrize("mode", MODES)
def test_every_outcome_is_recorded(outcomes: Callable[[str], Run], mode: str) -> None:
    run = outcomes(mode)

    expected = {**EXPECTED, **SUBTESTED} if PYTEST_9 else EXPECTED
    assert run.outcomes == expected
    assert len(run.cases) == len(expected) * (2 if mode == "each" else 1)
    assert run.status == 1
    assert run.stage.result == "failed"
    assert run.stage.mark == "failed"
    assert {worker for case in run.cases for worker in _workers(case)} <= (
        {"gw0", "gw1"} if mode in WORKERS else {""}
    )


def _workers(case: Case) -> set[str]:
    return {attempt.worker for attempt in case.attempts}


@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "plain"])
def test_the_same_facts_in_every_mode(outcomes: Callable[[str], Run], mode: str) -> None:
    times = 2 if mode == "each" else 1

    assert facts(outcomes(mode)) == {
        nodeid: tries * times for nodeid, tries in facts(outcomes("plain")).items()
    }


@pytest.mark.parametrize("mode", MODES)
def test_counts_are_those_of_the_summary_line(outcomes: Callable[[str], Run], mode: str) -> None:
    run = outcomes(mode)

    counted = said(run.out)
    if mode in WORKERS:  # pytest-xdist tells nobody
        counted["deselected"] = 1
    assert {name: getattr(run.tally, name) for name in counted} == counted
    assert run.tally.collected == run.tally.finished == len(run.cases)
    assert {name.replace("-", "_"): run.stage.tests[name] for name in run.stage.tests} == {
        name: count for name, count in run.tally.to_dict().items() if count
    }


@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_what_is_told_of_a_test(outcomes: Callable[[str], Run], mode: str) -> None:
    run = outcomes(mode)
    told = {case.nodeid.partition("::")[2]: case for case in run.cases}

    (passed,) = told["test_passed"].attempts
    assert passed.properties == (("colour", "blue"),)
    assert [(s.name, s.text) for s in passed.sections] == [
        ("Captured stdout call", "printed\n"),
        ("Captured stderr call", "complained\n"),
    ]
    (failed,) = told["test_failed"].attempts
    assert [(p.when, p.outcome.value) for p in failed.phases] == [
        ("setup", "passed"),
        ("call", "failed"),
        ("teardown", "passed"),
    ]
    assert failed.phases[1].message == "assert 1 == 2"
    assert "def test_failed" in failed.phases[1].text
    both = told["test_call_and_teardown"].attempts[0]
    assert [p.outcome.value for p in both.phases] == ["passed", "failed", "error"]
    reasons = {name: case.attempts[0].phases for name, case in told.items()}
    assert reasons["test_skipped_by_mark"][0].message == "not today"
    assert reasons["test_skipped_in_call"][1].message == "not here"
    assert reasons["test_xfailed"][1].message == "known"
    assert reasons["test_xpassed"][1].message == "mended"
    assert reasons["test_xpassed_strict"][1].message == "[XPASS(strict)] mended strictly"
    assert reasons["test_setup"][0].message == "RuntimeError: no setup"


@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_reruns_are_attempts_of_one_test(outcomes: Callable[[str], Run], mode: str) -> None:
    told = {case.nodeid.partition("::")[2]: case for case in outcomes(mode).cases}

    tries = {name: [a.outcome.value for a in told[name].attempts] for name in told}
    assert tries["test_flaky"] == ["rerun", "passed"]
    assert tries["test_flaky_setup"] == ["rerun", "passed"]
    assert tries["test_rerun_in_vain"] == ["rerun", "rerun", "failed"]
    assert [a.ordinal for a in told["test_rerun_in_vain"].attempts] == [0, 1, 2]
    assert {name for name, case in told.items() if case.flaky} == {"test_flaky", "test_flaky_setup"}
    assert outcomes(mode).tally.flaky == 2
    assert "assert 1 == 2" in told["test_flaky"].attempts[0].phases[1].text


@pytest.mark.parametrize("mode", MODES)
def test_a_module_that_is_skipped(outcomes: Callable[[str], Run], mode: str) -> None:
    (problem,) = outcomes(mode).summary.collection

    assert replace(problem, worker="", message="") == replace(
        problem, worker="", message="", nodeid="test_skipped.py", text=""
    )
    assert problem.outcome.value == "skipped"
    assert problem.message.startswith("could not import 'no_such_module_anywhere'")


@pytest.mark.skipif(not PYTEST_9, reason="subtests are in pytest since 9.0")
@pytest.mark.parametrize("mode", MODES)
def test_subtests_belong_to_their_test(outcomes: Callable[[str], Run], mode: str) -> None:
    told = {case.nodeid.partition("::")[2]: case for case in outcomes(mode).cases}

    inner = {
        name: [(s.label, s.outcome.value) for s in told[name].attempts[0].subtests] for name in SUBTESTED
    }
    assert inner == {
        "test_subtests": [
            ("[some] (name=good)", "passed"),
            ("[some] (name=bad)", "failed"),
            ("[some] (name=skipped)", "skipped"),
        ],
        "test_subtests_pass": [("(i=1)", "passed")],
        "TestSub::test_sub": [("[m] (i=0)", "passed"), ("[m] (i=1)", "failed"), ("[m] (i=2)", "passed")],
    }


ODD_TEXTS = r"""
import pytest, sys

def test_message():
    pytest.fail("lone \udc80 surrogate \x00 and \x1b[31m control")

def test_property(record_property):
    record_property("odd \udc80", "\ud800")

def test_output():
    print("odd \udc80 \x00 \uffff")

@pytest.mark.parametrize("odd", ["\udc80", "\x00", "\uffff", "\n", "é"])
def test_id(odd):
    pass

@pytest.mark.skip(reason="odd \udc80")
def test_skip():
    pass
"""


def test_texts_no_file_can_hold(demo: Demo) -> None:
    (demo.holds(test_it=ODD_TEXTS).folder / os.fsdecode(b"test_\xff.py")).write_text("def test_name(): pass")

    run = demo.run()

    assert run.status == 1, run.out
    assert run.tally.collected == run.tally.finished == 10
    assert {outcome for name, outcome in run.outcomes.items() if name.startswith("test_id[")} == {"passed"}
    assert run.outcomes["test_name"] == "passed"
    assert run.outcomes["test_message"] == "failed"
    assert [gap.topic for gap in run.record.gaps] == ["git", "distributions"]
    assert len(list(ET.fromstring(run.file(JUNIT)).iter("testcase"))) == 10


@pytest.mark.parametrize("mode", ["plain", "n2", "each"])
def test_only_flaky_is_warned(demo: Demo, mode: str) -> None:
    demo.holds(
        test_flaky="""
import pytest
TRIES = []

def test_fine():
    pass

@pytest.mark.flaky(reruns=1)
def test_flaky():
    TRIES.append(1)
    assert len(TRIES) == 2
"""
    )

    run = demo.run(mode=mode)

    assert run.status == 0
    assert run.stage.result == run.stage.mark == "warned"
    flaky = 2 if mode == "each" else 1
    assert run.stage.reasons == f"{flaky} flaky: passed after an attempt that did not"


@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_green_is_green(demo: Demo, mode: str) -> None:
    demo.holds(test_it="import pytest\n@pytest.mark.parametrize('i', range(5))\ndef test_it(i): pass")

    run = demo.run(mode=mode)

    assert run.status == 0
    assert run.stage.result == run.stage.mark == "passed"
    assert run.verdict.reasons == ()
    assert run.tally.passed == run.tally.collected == 5
    assert run.spooled == []
    assert run.record.exit_status == 0
    assert sum(run.record.workers_us.values()) == (run.record.work_us if mode == "n2" else 0)
