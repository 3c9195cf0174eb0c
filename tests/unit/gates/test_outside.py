"""Somebody else is asked, and an answer that is none is no yes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from judged import LADDER, an_evidence, judged
from pytest_defend.errors import InvalidDocument
from pytest_defend.gates import kinds, read_policy
from pytest_defend.model.decision import Ruling
from pytest_defend.model.snapshot import ExternalAnswer

COMMAND = ["opa", "eval", "a b"]
TEXT = "opa eval 'a b'"


@pytest.mark.parametrize("command", [COMMAND, TEXT], ids=["list", "text"])
@pytest.mark.parametrize(
    ("answer", "ruling", "actual", "step"),
    [
        (ExternalAnswer(ruling="pass"), Ruling.PASS, "it says pass", ""),
        (ExternalAnswer(ruling="pass", actual="no findings"), Ruling.PASS, "no findings", ""),
        (
            ExternalAnswer(ruling="fail", actual="2 findings", next="Ask ann."),
            Ruling.FAIL,
            "2 findings",
            "Ask ann.",
        ),
        (ExternalAnswer(ruling="fail"), Ruling.FAIL, "it says fail", "Run the command by hand"),
        (
            ExternalAnswer(ruling="unknown", actual="no such program"),
            Ruling.UNKNOWN,
            "no such program",
            "by hand",
        ),
        (ExternalAnswer(ruling="yes"), Ruling.UNKNOWN, "it says yes", "by hand"),
        (None, Ruling.UNKNOWN, "it was not asked", "where the command can run"),
    ],
)
def test_the_answer_decides(
    command: Any, answer: ExternalAnswer | None, ruling: Ruling, actual: str, step: str
) -> None:
    finding = judged(an_evidence(external={TEXT: answer} if answer else {}), "external", command)
    assert finding.ruling is ruling
    assert finding.actual == actual
    assert step in finding.next
    assert finding.expected == f"`{TEXT}` says yes"


def test_the_command_is_asked_for_as_one_text() -> None:
    assert kinds()["external"].read({"command": COMMAND}).needs().commands == (TEXT,)


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ([], "is empty"),
        ("", "is empty"),
        (" ", "is empty"),
        ([1], "must be a text, or a list of texts"),
        ({"command": 3}, "must be a text, or a list of texts"),
        ("opa 'eval", "cannot be split into arguments"),
        (True, "is missing"),
    ],
)
def test_a_command_that_is_none_is_refused(command: Any, problem: str) -> None:
    with pytest.raises(InvalidDocument, match=problem):
        read_policy(replace(LADDER, rules={"external": command}), source="policy.toml", kinds=kinds())
