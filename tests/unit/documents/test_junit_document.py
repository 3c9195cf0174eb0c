"""Every kind of case as JUnit XML: elements and counts, valid by the schema, read back by junitparser."""

from __future__ import annotations

import io
import tracemalloc
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import xmlschema
from junitparser import xunit2

from pytest_defend.documents.junit import Counts, Suite, write_junit
from pytest_defend.model.results import (
    Attachment,
    Attempt,
    Case,
    CollectionProblem,
    Outcome,
    Phase,
    Section,
    Subtest,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

NODEID = "tests/unit/test_a.py::TestA::test_b[x::y/z]"
STARTED = datetime(2026, 1, 31, 23, 59, 58, 123000, tzinfo=UTC)


@cache
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(Path(__file__).parents[2] / "data" / "junit" / "junit-10.xsd"))


def phase(when: str, outcome: str = "passed", **told: Any) -> Phase:
    return Phase(when=when, outcome=Outcome(outcome), duration_us=1000, **told)


def attempt(*phases: Phase, **told: Any) -> Attempt:
    return Attempt(nodeid=told.pop("nodeid", NODEID), phases=phases, **told)


def ended(outcome: str, when: str = "call") -> Attempt:
    """An attempt that one phase ended; messages and texts name it."""
    return attempt(phase(when, outcome, message=f"{when} {outcome}", text=f"long {when} {outcome}"))


def case(*attempts: Attempt) -> Case:
    return Case(nodeid=NODEID, attempts=attempts)


def written(*cases: Case, **told: Any) -> tuple[ET.Element, Counts]:
    """The suite element and the counts of a document, after every check that holds for all documents."""
    out = io.BytesIO()
    counts = write_junit(out, cases, suite=Suite(name="s", timestamp=STARTED, **told))
    document = out.getvalue()
    schema().validate(ET.ElementTree(ET.fromstring(document)))
    root = ET.fromstring(document)
    (suite,) = root
    declared = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
    assert Counts(**declared) == counts
    assert counts == recounted(document)
    return suite, counts


def recounted(document: bytes) -> Counts:
    """What junitparser finds when it counts the elements itself."""
    cases = [case for suite in xunit2.JUnitXml.fromstring(document) for case in suite]
    return Counts(
        tests=len(cases),
        failures=sum(case.is_failure for case in cases),
        errors=sum(case.is_error for case in cases),
        skipped=sum(case.is_skipped for case in cases),
    )


def children(*attempts: Attempt) -> list[ET.Element]:
    suite, _ = written(case(*attempts))
    return list(suite[0])


def kinds(elements: list[ET.Element]) -> list[tuple[str, str]]:
    return [(element.tag, element.get("type", "")) for element in elements]


FAILED, FAILED_AGAIN = ended("failed"), ended("rerun")
SUBTESTS = (
    Subtest(label="(i=1)", outcome=Outcome.PASSED, duration_us=1500),
    Subtest(label="(i=2)", outcome=Outcome.FAILED, message="assert 2", text="why 2"),
    Subtest(label="(i=3)", outcome=Outcome.SKIPPED, message="not here"),
    Subtest(label="(i=4)", outcome=Outcome.FAILED, message="assert 4"),
)

ONE_ATTEMPT: list[tuple[Attempt, list[tuple[str, str]]]] = [
    (attempt(phase("setup"), phase("call"), phase("teardown")), []),
    (attempt(), []),
    (FAILED, [("failure", "failed")]),
    (FAILED_AGAIN, [("failure", "failed")]),  # the run was killed before the next attempt
    (ended("xpassed-strict"), [("failure", "xpassed-strict")]),
    (ended("error", "setup"), [("error", "setup")]),
    (ended("error", "teardown"), [("error", "teardown")]),
    (ended("crashed", "crash"), [("error", "crashed")]),
    (ended("rerun", "crash"), [("error", "crashed")]),
    (ended("lost", "lost"), [("error", "lost")]),
    (ended("skipped", "setup"), [("skipped", "pytest.skip")]),
    (ended("skipped"), [("skipped", "pytest.skip")]),
    (ended("xfailed"), [("skipped", "pytest.xfail")]),
    (ended("xpassed"), [("system-out", "")]),
    (attempt(phase("call", "failed"), phase("teardown", "error")), [("failure", "failed")]),
    (attempt(phase("setup", "error"), phase("teardown", "error")), [("error", "setup")]),
    (attempt(phase("call", "skipped"), phase("teardown", "error")), [("error", "teardown")]),
    (attempt(phase("call", "xfailed"), phase("teardown", "error")), [("error", "teardown")]),
    (
        attempt(phase("call", "xpassed"), phase("teardown", "error")),
        [("error", "teardown"), ("system-out", "")],
    ),
    (attempt(phase("call"), phase("teardown", "rerun")), [("error", "teardown")]),
    (attempt(phase("call"), subtests=SUBTESTS), [("failure", "failed"), ("system-out", "")]),
    (attempt(phase("call", "failed"), subtests=SUBTESTS), [("failure", "failed"), ("system-out", "")]),
    (attempt(phase("call"), subtests=SUBTESTS[:1]), [("system-out", "")]),
    (attempt(phase("crash", "crashed"), subtests=SUBTESTS), [("error", "crashed"), ("system-out", "")]),
]


@pytest.mark.parametrize(("only", "expected"), ONE_ATTEMPT)
def test_one_attempt(only: Attempt, expected: list[tuple[str, str]]) -> None:
    suite, counts = written(case(only))
    assert kinds(list(suite[0])) == expected
    problem = expected[0][0] if expected else ""
    assert counts == Counts(
        tests=1, failures=problem == "failure", errors=problem == "error", skipped=problem == "skipped"
    )
    assert only.outcome.bad == (problem in ("failure", "error")) or only.outcome is Outcome.RERUN


PASSED, CRASHED = attempt(phase("call")), ended("crashed", "crash")
RERUN, RERUN_SETUP = ended("rerun"), ended("rerun", "setup")

SEVERAL_ATTEMPTS: list[tuple[list[Attempt], list[tuple[str, str]]]] = [
    ([RERUN, PASSED], [("flakyFailure", "failed")]),
    ([RERUN_SETUP, PASSED], [("flakyError", "setup")]),
    ([RERUN, RERUN_SETUP, PASSED], [("flakyFailure", "failed"), ("flakyError", "setup")]),
    ([CRASHED, PASSED], [("flakyError", "crashed")]),
    ([PASSED, PASSED], []),
    ([RERUN, ended("skipped")], [("skipped", "pytest.skip"), ("flakyFailure", "failed")]),
    ([RERUN, ended("xpassed")], [("flakyFailure", "failed"), ("system-out", "")]),
    ([ended("skipped"), PASSED], []),
    ([RERUN, FAILED], [("failure", "failed"), ("rerunFailure", "failed")]),
    (
        [RERUN, RERUN_SETUP, FAILED],
        [("failure", "failed"), ("rerunError", "setup"), ("rerunFailure", "failed")],
    ),
    ([RERUN_SETUP, FAILED], [("error", "setup"), ("rerunFailure", "failed")]),
    ([PASSED, FAILED], [("failure", "failed")]),
    ([CRASHED, PASSED, CRASHED], [("error", "crashed"), ("rerunError", "crashed")]),
]


@pytest.mark.parametrize(("attempts", "expected"), SEVERAL_ATTEMPTS)
def test_several_attempts(attempts: list[Attempt], expected: list[tuple[str, str]]) -> None:
    suite, _ = written(case(*attempts))
    assert kinds(list(suite[0])) == expected
    ((read,),) = xunit2.JUnitXml.fromstring(ET.tostring(suite))
    assert isinstance(read, xunit2.TestCase)
    assert read.is_flaky == case(*attempts).flaky
    assert read.is_rerun == any(tag.startswith("rerun") for tag, _ in expected)


def test_each_attempt_keeps_its_own_texts() -> None:
    earlier = attempt(
        phase("call", "rerun", message="first", text="first trace"),
        sections=(Section(name="Captured stdout call", text="1 out"), Section(name="stderr", text="1 err")),
    )
    last = attempt(phase("call"), sections=(Section(name="Captured stdout call", text="2 out"),))
    flaky, out = children(earlier, last)
    assert flaky.get("message") == "first"
    assert [(part.tag, part.text) for part in flaky] == [
        ("stackTrace", "first trace"),
        ("system-out", "--- Captured stdout call ---\n1 out"),
        ("system-err", "--- stderr ---\n1 err"),
    ]
    assert out.text == "--- Captured stdout call ---\n2 out"


def test_when_it_failed_in_the_end_the_first_failure_is_the_testcase() -> None:
    first = attempt(
        phase("call", "rerun", message="first", text="first trace"),
        sections=(Section(name="Captured log call", text="1"),),
    )
    failure, rerun, out = children(first, FAILED)
    assert (failure.get("message"), failure.text) == ("first", "first trace")
    assert (rerun.get("message"), rerun[0].text) == ("call failed", "long call failed")
    assert out.text == "--- Captured log call ---\n1"


def test_the_testcase_is_named_as_pytest_names_it_and_has_the_node_id() -> None:
    suite, _ = written(case(attempt(phase("setup"), phase("call"), phase("teardown"))))
    assert suite[0].attrib == {
        "classname": "tests.unit.test_a.TestA",
        "name": "test_b[x::y/z]",
        "group": NODEID,
        "time": "0.003",
    }


@pytest.mark.parametrize(
    ("nodeid", "classname", "name"),
    [
        ("test_a.py::test_b", "test_a", "test_b"),
        ("a/b.py::A::B::c", "a.b.A.B", "c"),
        ("a/b[1].py::c[::d]", "a.b[1]", "c[::d]"),
        ("docs/x.rst::x.rst", "docs.x.rst", "x.rst"),
        ("a/b.py", "", "a.b"),
        ("", "", "session"),
    ],
)
def test_names(nodeid: str, classname: str, name: str) -> None:
    suite, _ = written(Case(nodeid=nodeid, attempts=(attempt(nodeid=nodeid),)))
    assert (suite[0].get("classname"), suite[0].get("name"), suite[0].get("group")) == (
        classname,
        name,
        nodeid,
    )


def test_time_is_the_sum_of_all_attempts() -> None:
    slow = attempt(phase("setup"), phase("call", "rerun"), phase("teardown"))
    suite, _ = written(case(slow, slow, PASSED))
    assert suite[0].get("time") == "0.007"


def test_the_same_test_on_two_workers_is_two_testcases() -> None:
    suite, counts = written(
        case(attempt(phase("call"), worker="gw0")), case(attempt(phase("call"), worker="gw1"))
    )
    assert [child.get("group") for child in suite] == [NODEID, NODEID]
    assert counts.tests == 2


def test_a_problem_names_its_worker() -> None:
    failure, out = children(attempt(phase("call", "failed"), worker="gw1"))
    assert failure.tag == "failure"
    assert out.text == "[[PROPERTY|defend.worker=gw1]]"


def test_a_teardown_error_follows_the_failure_in_its_text() -> None:
    (failure,) = children(
        attempt(
            phase("call", "failed", message="assert 0", text="the call"),
            phase("teardown", "error", message="RuntimeError", text="the teardown"),
        )
    )
    assert failure.get("message") == "assert 0"
    assert failure.text == "--- call failed ---\nthe call\n--- teardown error ---\nthe teardown"


def test_failed_subtests_are_in_the_text_and_all_are_listed() -> None:
    failure, out = children(attempt(phase("call"), subtests=SUBTESTS))
    assert failure.get("message") == "(i=2): assert 2"
    assert failure.text == "--- subtest (i=2) ---\nwhy 2\n--- subtest (i=4) ---\nassert 4"
    assert out.text == (
        "subtest passed in 0.002 s: (i=1)\n"
        "subtest failed in 0.000 s: (i=2): assert 2\n"
        "subtest skipped in 0.000 s: (i=3): not here\n"
        "subtest failed in 0.000 s: (i=4): assert 4"
    )


def test_a_failed_parent_speaks_before_its_subtests() -> None:
    parent = phase("call", "failed", message="contains 2 failed subtests")
    failure, _ = children(attempt(parent, subtests=SUBTESTS))
    assert failure.get("message") == "contains 2 failed subtests"
    assert failure.text is not None
    assert failure.text.startswith(
        "--- call failed ---\ncontains 2 failed subtests\n--- subtest (i=2) ---\nwhy 2"
    )


@pytest.mark.parametrize(
    ("outcome", "message"),
    [("lost", "collected but never finished"), ("crashed", "the process that ran it died")],
)
def test_an_end_nobody_reported_has_a_message(outcome: str, message: str) -> None:
    (error,) = children(attempt(phase("crash", outcome)))
    assert (error.get("message"), error.text) == (message, message)


ATTACHMENT = Attachment(name="shot", path="attachments/shot.png", sha256="0" * 64, size_bytes=1)


@pytest.mark.parametrize(
    ("told", "text"),
    [
        ({"attachments": (ATTACHMENT,)}, "[[ATTACHMENT|attachments/shot.png]]"),
        ({"properties": (("speed", "9"),)}, "[[PROPERTY|speed=9]]"),
        (
            {"sections": (Section(name="Captured stdout call", text="hi"),)},
            "--- Captured stdout call ---\nhi",
        ),
        ({"subtests": SUBTESTS[:1]}, "subtest passed in 0.002 s: (i=1)"),
    ],
)
def test_a_test_that_passed_tells_what_it_left(told: dict[str, Any], text: str) -> None:
    (out,) = children(attempt(phase("call"), **told))
    assert (out.tag, out.text) == ("system-out", text)


def test_what_has_no_element_is_told_in_the_output() -> None:
    (out, err) = children(
        attempt(
            phase("call", "xpassed", message="should fail"),
            properties=(("speed", "9"), ("speed", "10")),
            attachments=(ATTACHMENT,),
            sections=(
                Section(name="Captured stderr call", text="oh"),
                Section(name="Captured log call", text="INFO"),
            ),
        )
    )
    assert (out.tag, err.tag) == ("system-out", "system-err")
    assert out.text == (
        "[[PROPERTY|defend.xpassed=should fail]]\n"
        "[[PROPERTY|speed=9]]\n"
        "[[PROPERTY|speed=10]]\n"
        "[[ATTACHMENT|attachments/shot.png]]\n"
        "--- Captured log call ---\nINFO"
    )
    assert err.text == "--- Captured stderr call ---\noh"


@pytest.mark.parametrize(("length", "shown"), [(500, "x" * 500), (501, "x" * 499 + "…")])
def test_a_message_is_cut_and_the_text_is_not(length: int, shown: str) -> None:
    (failure,) = children(attempt(phase("call", "failed", message="x" * length)))
    assert failure.get("message") == shown
    assert failure.text == "x" * length


def test_collection_problems_are_testcases() -> None:
    broken = CollectionProblem(
        nodeid="a/test_x.py", outcome=Outcome.ERROR, message="SyntaxError", text="line 1"
    )
    skipped = CollectionProblem(nodeid="a/test_y.py", outcome=Outcome.SKIPPED, message="no display")
    suite, counts = written(case(PASSED), collection=(broken, skipped))
    assert counts == Counts(tests=3, errors=1, skipped=1)
    assert [(child.get("name"), kinds(list(child))) for child in suite] == [
        ("a.test_x", [("error", "collection")]),
        ("a.test_y", [("skipped", "pytest.skip")]),
        ("test_b[x::y/z]", []),
    ]
    assert (suite[0][0].get("message"), suite[0][0].text) == ("SyntaxError", "line 1")
    assert suite[1][0].text == "no display"


def test_the_head_tells_of_the_run() -> None:
    suite, _ = written(hostname='a"b', properties={"build": "<1>", "x": "two\nlines"}, duration_us=61_234_567)
    assert suite.attrib == {
        "name": "s",
        "tests": "0",
        "failures": "0",
        "errors": "0",
        "skipped": "0",
        "time": "61.235",
        "timestamp": "2026-01-31T23:59:58.123+00:00",
        "hostname": 'a"b',
    }
    found = [(pair.get("name"), pair.get("value")) for pair in suite.iterfind("properties/property")]
    assert found == [("build", "<1>"), ("x", "two\nlines")]


def test_no_cases_is_a_document() -> None:
    suite, counts = written()
    assert list(suite) == []
    assert counts == Counts()


def test_the_document_may_stand_behind_something_else() -> None:
    out = io.BytesIO()
    out.write(b"before")
    counts = write_junit(out, [case(FAILED)], suite=Suite(name="s", timestamp=STARTED))
    assert out.tell() == len(out.getvalue())
    assert out.getvalue().startswith(b"before<?xml")
    assert recounted(out.getvalue()[6:]) == counts == Counts(tests=1, failures=1)


def test_each_case_is_written_before_the_next_is_asked_for() -> None:
    out = io.BytesIO()
    positions: list[int] = []

    def cases() -> Iterator[Case]:
        for only in (PASSED, FAILED, PASSED, ended("skipped")):
            positions.append(out.tell())
            yield case(only)

    write_junit(out, cases(), suite=Suite(name="s", timestamp=STARTED))
    assert len(set(positions)) == 4
    assert positions == sorted(positions)


def test_memory_does_not_grow_with_the_number_of_cases(tmp_path: Path) -> None:
    def cases() -> Iterator[Case]:
        for number in range(2000):
            text = f"{number}" * 1000
            yield case(attempt(phase("call", "failed", text=text)))

    with (tmp_path / "junit.xml").open("wb") as out:
        tracemalloc.start()
        try:
            write_junit(out, cases(), suite=Suite(name="s", timestamp=STARTED))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert (tmp_path / "junit.xml").stat().st_size > 6_000_000
    assert peak < 500_000


def test_the_schema_refuses_what_the_original_refuses() -> None:
    head = '<testsuites><testsuite name="s" tests="1" failures="0" errors="0"'
    for inner in (
        f'{head}><testcase name="a"><properties/></testcase></testsuite></testsuites>',
        f'{head}><testcase name="a" file="b"/></testsuite></testsuites>',
        f"{head}><testcase/></testsuite></testsuites>",
        f'{head}><testcase name="a"><rerunError/></testcase></testsuite></testsuites>',
        f'{head} time="1.2345"/></testsuites>',
        '<testsuites><testsuite name="s"/></testsuites>',
    ):
        assert not schema().is_valid(ET.ElementTree(ET.fromstring(inner)))
