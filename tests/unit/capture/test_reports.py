from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_defend.capture.reports import ATTACHMENTS, ReportReader, capped, is_subtest, number
from pytest_defend.model.results import Attachment, Outcome

SECRET = "wombat"


def _redact(text: str) -> str:
    return text.replace(SECRET, "***")


READER = ReportReader(_redact, output="all", limit=100)


class SubtestReport(SimpleNamespace):
    """Called as pytest's own."""


class Odd:
    def __str__(self) -> str:
        raise RuntimeError("odd")


def _report(**said: Any) -> SimpleNamespace:
    known = {"nodeid": "t.py::t", "when": "call", "outcome": "passed", "longrepr": None, "duration": 0.5}
    return SimpleNamespace(**{**known, **said})


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ({}, Outcome.PASSED),
        ({"when": "setup"}, Outcome.PASSED),
        ({"outcome": "failed"}, Outcome.FAILED),
        ({"outcome": "failed", "when": "setup"}, Outcome.ERROR),
        ({"outcome": "failed", "when": "teardown"}, Outcome.ERROR),
        ({"outcome": "failed", "when": "???"}, Outcome.CRASHED),
        ({"outcome": "rerun"}, Outcome.RERUN),
        ({"outcome": "rerun", "when": "???"}, Outcome.RERUN),
        ({"outcome": "skipped", "when": "setup"}, Outcome.SKIPPED),
        ({"outcome": "skipped", "wasxfail": "reason: known"}, Outcome.XFAILED),
        ({"outcome": "passed", "wasxfail": ""}, Outcome.XPASSED),
        ({"outcome": "failed", "wasxfail": "known"}, Outcome.FAILED),
        ({"outcome": "failed", "longrepr": "[XPASS(strict)] mended"}, Outcome.XPASSED_STRICT),
        ({"outcome": "failed", "longrepr": "text [XPASS(strict)]"}, Outcome.FAILED),
    ],
)
def test_outcomes(said: dict[str, Any], outcome: Outcome) -> None:
    phase = READER.phase(_report(**said))

    assert phase.outcome is outcome
    assert phase.when == said.get("when", "call").replace("???", "crash")
    assert phase.duration_us == 500_000


class Crashed(SimpleNamespace):
    def __str__(self) -> str:
        return "the whole traceback of wombat"


@pytest.mark.parametrize(
    ("said", "message", "text"),
    [
        ({}, "", ""),
        ({"wasxfail": "reason: not wombat"}, "not ***", ""),
        ({"wasxfail": "not yet"}, "not yet", ""),
        ({"longrepr": ("t.py", 3, "Skipped: no wombat")}, "no ***", ""),
        (
            {"longrepr": Crashed(reprcrash=SimpleNamespace(message="assert wombat\n + more"))},
            "assert ***",
            "the whole traceback of ***",
        ),
        ({"longrepr": Crashed(reprcrash=None)}, "the whole traceback of ***", "the whole traceback of ***"),
        ({"longrepr": "\nfirst\nE   the error\nE   more"}, "the error", "\nfirst\nE   the error\nE   more"),
        ({"longrepr": "Every\nEnd"}, "Every", "Every\nEnd"),
        ({"longrepr": "  "}, "", "  "),
        (
            {"longrepr": Odd()},
            "[this text cannot be made: RuntimeError]",
            "[this text cannot be made: RuntimeError]",
        ),
        ({"longrepr": "x" * 3000}, f"{'x' * 1000}\n[1000 characters left out]\n{'x' * 1000}", "x" * 3000),
    ],
)
def test_messages_and_texts(said: dict[str, Any], message: str, text: str) -> None:
    phase = READER.phase(_report(outcome="failed", **said))

    assert phase.message == message
    assert phase.text == text


def test_a_huge_text_is_capped() -> None:
    text = READER.phase(_report(outcome="failed", longrepr="head" + "x" * 10**6 + "tail")).text

    assert text.startswith("headx")
    assert text.endswith("xtail")
    assert f"[{10**6 + 8 - 256 * 1024} characters left out]" in text


@given(st.text(), st.integers(min_value=1, max_value=20))
def test_capping_keeps_head_and_tail(text: str, limit: int) -> None:
    short = capped(text, limit)

    if len(text) <= limit:
        assert short is text
    else:
        note = f"\n[{len(text) - limit} characters left out]\n"
        head, _, tail = short.partition(note)
        assert text.startswith(head)
        assert text.endswith(tail)
        assert len(head) + len(tail) == limit


@pytest.mark.parametrize(
    ("message", "values", "label"),
    [
        (None, {}, "(<subtest>)"),
        ("some", {}, "[some]"),
        ("", {}, "[]"),
        ("of wombat", {"i": 1}, "[of ***] (i=1)"),
        (None, {"i": "1"}, "(i=1)"),
        (None, {"i": "'1'"}, "(i=1)"),
        (None, {"i": "\"'1'\""}, "(i=1)"),
        (None, {"name": "'it\\'s'"}, "(name=it's)"),
        (None, {"path": "'a\\\\b'"}, "(path=a\\b)"),
        (None, {"quote": "'"}, "(quote=')"),
        (None, {"mixed": "'a\""}, "(mixed='a\")"),
        ("some", {"a": 1, "b": "'x'"}, "[some] (a=1, b=x)"),
    ],
)
def test_labels_of_subtests(message: str | None, values: dict[str, object], label: str) -> None:
    context = SimpleNamespace(msg=message, kwargs=values)
    report = SubtestReport(**vars(_report(outcome="failed", longrepr="boom")), context=context)

    subtest = READER.subtest(report)

    assert is_subtest(report)
    assert (subtest.label, subtest.outcome, subtest.message) == (label, Outcome.FAILED, "boom")
    assert subtest.duration_us == 500_000


def test_a_subtest_without_a_proper_context() -> None:
    report = SubtestReport(**vars(_report(outcome="failed")), context=None)

    assert READER.subtest(report).label == "[this text cannot be made: AttributeError]"
    assert READER.subtest(report).outcome is Outcome.FAILED


def test_a_context_alone_makes_no_subtest() -> None:
    assert not is_subtest(_report(context="mine"))
    assert not is_subtest(SubtestReport())


@pytest.mark.parametrize(("outcome", "read"), [("failed", Outcome.ERROR), ("skipped", Outcome.SKIPPED)])
def test_collectors(outcome: str, read: Outcome) -> None:
    problem = READER.collector(_report(when="collect", outcome=outcome, longrepr="why wombat"))

    assert (problem.nodeid, problem.outcome) == ("t.py::t", read)
    assert (problem.message, problem.text) == ("why ***", "why ***")


SECTIONS = [
    ("Captured stdout call", "out wombat"),
    ("Captured log call", "l" * 60),
    ("late", "x" * 60),
    ("last", "y"),
]


@pytest.mark.parametrize(
    ("output", "bad", "names"),
    [
        ("all", False, ["Captured stdout call", "Captured log call", "late"]),
        ("all", True, ["Captured stdout call", "Captured log call", "late"]),
        ("failed", False, []),
        ("failed", True, ["Captured stdout call", "Captured log call", "late"]),
        ("none", True, []),
    ],
)
def test_sections(output: str, bad: bool, names: list[str]) -> None:
    reader = ReportReader(_redact, output=output, limit=100)

    sections = reader.sections(_report(sections=SECTIONS), bad=bad)

    assert [section.name for section in sections] == names
    if names:
        assert [section.text for section in sections[:2]] == ["out ***", "l" * 60]
        assert sections[2].text == f"{'x' * 16}\n[27 characters left out]\n{'x' * 17}"


def test_what_a_report_need_not_have() -> None:
    bare = SimpleNamespace(nodeid="t.py::t", when="call", outcome="passed", longrepr=None)

    assert READER.phase(bare).duration_us == 0
    assert READER.sections(bare, bad=True) == ()
    assert READER.properties(bare) == ()
    assert READER.attachments(bare) == ((), ())


def test_properties_are_texts() -> None:
    report = _report(user_properties=[("colour", "wombat"), (1, None)])

    assert READER.properties(report) == (("colour", "***"), ("1", "None"))


def test_attachments_and_what_is_wrong_with_them() -> None:
    kept = {"name": "log", "path": "attachments/log", "sha256": "0" * 64, "size_bytes": 3}
    listed = json.dumps([kept, {"problem": "wombat is too large."}])

    assert READER.attachments(_report(**{ATTACHMENTS: listed})) == (
        (Attachment.from_dict(kept),),
        ("*** is too large.",),
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [(1.5, 1500), (0, 0), (None, 0), ("long", 0), (float("inf"), 0), (float("nan"), 0), (-0.5, -500)],
)
def test_numbers(value: object, expected: int) -> None:
    assert number(SimpleNamespace(start=value), "start", 1000) == expected
    assert number(SimpleNamespace(), "start", 1000) == 0
