"""The document of a decision: its schema, its round trip, and what refuses."""

from __future__ import annotations

import json
from dataclasses import replace
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

from builders import NOW, a_published
from pytest_defend.actions.gate import gate
from pytest_defend.documents.schema import decision_schema
from pytest_defend.gates import kinds, read_policy
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.decision import SCHEMA, Decision, Difference, Finding, Override, Replay, Severity
from pytest_defend.model.ladder import Ladder
from pytest_defend.model.ruling import Ruling
from pytest_defend.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

SHIPPED = (files("pytest_defend") / "model" / "decision.schema.json").read_bytes()
_DOCUMENT: dict[str, Any] = json.loads(SHIPPED)
_VALIDATOR = jsonschema.Draft202012Validator(_DOCUMENT)
_RENEW = (
    'python -c "import sys; from pytest_defend.documents.schema import decision_schema as made; '
    'sys.stdout.buffer.write(made())" > pytest_defend/model/decision.schema.json'
)
OVERRIDE = Override(rule="min-tests", who="ann", reason="a small package", until=NOW)


@pytest.fixture
def decision(tmp_path: Path) -> Decision:
    """A decision about a build that a run published."""
    store = MemoryStore(lambda: NOW)
    a_published(tmp_path, store)
    table = {"levels": [{"name": "libs-local"}, {"name": "rc", "stages": ["x"], "rules": {"min-tests": 9}}]}
    policy = read_policy(Ladder.from_table(table, "test"), source="test", kinds=kinds())
    build = BuildId(name="demo", number="1")
    asked: Any = {"level": "rc", "policy": policy, "store": store, "now": NOW, "overrides": [OVERRIDE]}
    return gate(build, decision_id="1", **asked)


def test_the_shipped_schema_is_the_one_of_the_classes() -> None:
    assert decision_schema() == SHIPPED, f"write it anew: {_RENEW}"
    jsonschema.Draft202012Validator.check_schema(_DOCUMENT)
    assert _DOCUMENT["$id"] == "urn:pytest-defend:decision:1"
    assert _DOCUMENT["properties"]["schema"]["const"] == SCHEMA
    assert _DOCUMENT["$defs"]["BuildInfo"].keys() == {"description", "type"}


def test_a_decision_is_valid_and_comes_back_as_it_was(decision: Decision) -> None:
    _VALIDATOR.validate(json.loads(decision.to_bytes()))
    assert Decision.from_bytes(decision.to_bytes()) == decision


@pytest.mark.parametrize(
    ("key", "value"),
    [("ruling", "maybe"), ("findings", {}), ("more", 1), ("snapshot", None), ("schema", "x")],
)
def test_what_is_no_decision_is_not_valid(key: str, value: object, decision: Decision) -> None:
    assert not _VALIDATOR.is_valid({**json.loads(decision.to_bytes()), key: value})


@pytest.mark.parametrize(
    ("changes", "refuses"),
    [
        ({}, True),
        ({"ruling": Ruling.UNKNOWN}, True),
        ({"ruling": Ruling.PASS}, False),
        ({"severity": Severity.WARN}, False),
        ({"severity": Severity.OFF}, False),
        ({"override": OVERRIDE}, False),
    ],
)
def test_what_refuses(changes: dict[str, Any], refuses: bool) -> None:
    finding = Finding(rule="min-tests", ruling=Ruling.FAIL, expected="9", actual="2", next="Write tests.")
    assert replace(finding, **changes).refuses is refuses


def test_refusals_are_the_findings_that_refuse(decision: Decision) -> None:
    assert [finding.rule for finding in decision.refusals] == ["dependency-level", "required-stages"]


def test_judging_again_is_the_same_when_nothing_differs_and_the_policy_is_whole() -> None:
    same = Replay(decision="1", build="demo/1", level="rc", then=Ruling.FAIL, now=Ruling.FAIL, findings=())
    assert same.same
    for change in (
        {"now": Ruling.PASS},
        {"differs": (Difference(rule="min-tests"),)},
        {"policy_then": "0" * 64},
    ):
        assert not replace(same, **change).same
