"""Laws of the JUnit document: any text is read back, any case is valid and counted once."""

from __future__ import annotations

import io
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import xmlschema
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_defend.documents.junit import Suite, write_junit
from pytest_defend.documents.xmltext import escape
from pytest_defend.model.results import (
    Attempt,
    Case,
    CollectionProblem,
    Outcome,
    Phase,
    Section,
    Subtest,
)

# a list, because `text` would merge both alphabets into one and hardly ever draw the special characters
ANY_TEXT = st.lists(
    st.one_of(
        st.characters(exclude_categories=()),  # surrogates, controls and astral characters too
        st.sampled_from("\x00\x1b\t\n\r\x7f\x85\u2028\ud800\ufffe\uffff\U0001f600<>&\"']"),
    ),
    max_size=20,
).map("".join)


def shown(text: str) -> str:
    """What a reader finds: XML 1.0's production of `Char`, and `#x..` for the rest."""

    def allowed(code: int) -> bool:
        return code in (9, 10, 13) or 32 <= code <= 0xD7FF or 0xE000 <= code <= 0xFFFD or code > 0xFFFF

    return "".join(char if allowed(ord(char)) else f"#x{ord(char):02X}" for char in text)


@given(ANY_TEXT)
def test_any_text_is_read_back(text: str) -> None:
    element = ET.fromstring(f'<a b="{escape(text, attribute=True)}">{escape(text)}</a>'.encode())
    assert (element.text or "") == shown(text)
    assert element.get("b") == shown(text)


@given(ANY_TEXT)
def test_no_text_ends_a_cdata_section(text: str) -> None:
    assert "]]>" not in escape(f"{text}]]>{text}")


PHASES = st.builds(
    Phase,
    when=st.sampled_from(["setup", "call", "teardown", "crash", "lost"]) | ANY_TEXT,
    outcome=st.sampled_from(Outcome),
    duration_us=st.integers(0, 10**12),
    message=ANY_TEXT,
    text=ANY_TEXT,
)
SUBTESTS = st.builds(
    Subtest, label=ANY_TEXT, outcome=st.sampled_from(Outcome), message=ANY_TEXT, text=ANY_TEXT
)
SECTIONS = st.builds(
    Section, name=st.sampled_from(["Captured stdout call", "stderr"]) | ANY_TEXT, text=ANY_TEXT
)
ATTEMPTS = st.builds(
    Attempt,
    nodeid=st.just(""),
    worker=ANY_TEXT,
    phases=st.lists(PHASES, max_size=3).map(tuple),
    subtests=st.lists(SUBTESTS, max_size=2).map(tuple),
    sections=st.lists(SECTIONS, max_size=2).map(tuple),
    properties=st.lists(st.tuples(ANY_TEXT, ANY_TEXT), max_size=2).map(tuple),
)
CASES = st.builds(Case, nodeid=ANY_TEXT, attempts=st.lists(ATTEMPTS, min_size=1, max_size=3).map(tuple))
COLLECTION = st.builds(
    CollectionProblem, nodeid=ANY_TEXT, outcome=st.sampled_from(Outcome), message=ANY_TEXT, text=ANY_TEXT
)
SUITES = st.builds(
    Suite,
    name=ANY_TEXT,
    timestamp=st.datetimes(timezones=st.just(UTC)),
    hostname=ANY_TEXT,
    properties=st.dictionaries(ANY_TEXT, ANY_TEXT, max_size=2),
    collection=st.lists(COLLECTION, max_size=2),
    duration_us=st.integers(0, 10**12),
)
PROBLEMS = ("failure", "error", "skipped")


@cache
def schema() -> xmlschema.XMLSchema:
    return xmlschema.XMLSchema(str(Path(__file__).parents[1] / "data" / "junit" / "junit-10.xsd"))


@settings(deadline=None)
@given(st.lists(CASES, max_size=3), SUITES)
def test_any_run_is_a_valid_document_that_counts_right(cases: list[Case], suite: Suite) -> None:
    out = io.BytesIO()
    counts = write_junit(out, cases, suite=suite)
    root = ET.fromstring(out.getvalue())
    schema().validate(ET.ElementTree(root))
    found = root[0]
    testcases = list(found.iter("testcase"))
    problems = [[child.tag for child in testcase if child.tag in PROBLEMS] for testcase in testcases]
    assert all(len(tags) <= 1 for tags in problems)
    assert counts.tests == len(testcases) == len(cases) + len(suite.collection)
    for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        assert getattr(counts, name) == int(found.attrib[name]) == problems.count([tag])
    nodeids = [*(problem.nodeid for problem in suite.collection), *(case.nodeid for case in cases)]
    assert [testcase.get("group") for testcase in testcases] == [shown(nodeid) for nodeid in nodeids]


@given(CASES)
def test_a_case_that_ended_badly_never_looks_good(case: Case) -> None:
    suite = Suite(name="s", timestamp=datetime(2026, 1, 1, tzinfo=UTC))
    counts = write_junit(io.BytesIO(), [case], suite=suite)
    unfinished = case.outcome is Outcome.RERUN
    assert (counts.failures + counts.errors == 1) == (case.outcome.bad or unfinished)
