"""A policy says which rules hold for which level; what makes no sense is refused, all of it at once."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from judged import LADDER
from pytest_defend.errors import InvalidDocument, UsageError
from pytest_defend.gates import Policy, kinds, read_policy
from pytest_defend.model.decision import Severity
from pytest_defend.model.ladder import Ladder, Level


def _policy(text: str) -> Policy:
    ladder = Ladder.from_table(tomllib.loads(text), "policy.toml")
    return read_policy(ladder, source="policy.toml", kinds=kinds())


TEXT = """
[rules]
min-tests = 10
fresh = "7d"
flaky = { at-most = 3, severity = "warn", reason = "we are at it" }

[[levels]]
name = "integration"
stages = ["unit"]

[[levels]]
name = "release"
stages = ["unit", "smoke"]
properties = { smoketestA = "true" }

[levels.rules]
min-tests = { at-least = 20, effective-on = 2026-03-01, expires-on = 2026-03-31 }
fresh = false
source-clean = true
"external:opa" = "opa eval"
"external:licences" = ["check", "licences"]
"""
ALWAYS = ["one-build", "intact", "subject-match", "dependency-level"]


def test_a_level_has_the_rules_of_the_ladder_and_its_own() -> None:
    policy = _policy(TEXT)
    assert [each.key for each in policy.rules("integration")] == [
        *ALWAYS,
        "min-tests",
        "fresh",
        "flaky",
        "required-stages",
    ]
    assert [each.key for each in policy.rules("release")] == [
        *ALWAYS,
        "min-tests",
        "flaky",
        "source-clean",
        "external:opa",
        "external:licences",
        "required-stages",
        "property",
    ]


def test_its_own_rule_counts() -> None:
    rules = {each.key: each for each in _policy(TEXT).rules("release")}
    assert rules["min-tests"].rule.to_dict() == {"at_least": 20}
    assert rules["external:licences"].rule.needs().commands == ("check licences",)
    assert rules["flaky"].reason == "we are at it"
    with pytest.raises(UsageError, match="no level 'moon'"):
        _policy(TEXT).rules("moon")


@pytest.mark.parametrize(
    ("day", "severity"),
    [
        (date(2026, 2, 28), Severity.WARN),
        (date(2026, 3, 1), Severity.ENFORCE),
        (date(2026, 3, 31), Severity.ENFORCE),
        (date(2026, 4, 1), Severity.OFF),
    ],
)
def test_a_rule_may_begin_and_end(day: date, severity: Severity) -> None:
    [rule] = [each for each in _policy(TEXT).rules("release") if each.key == "min-tests"]
    assert rule.severity_at(datetime.combine(day, datetime.min.time(), UTC)) is severity


def test_the_digest_is_that_of_the_ladder() -> None:
    fact = _policy(TEXT).fact
    assert fact == replace(_policy(f"\n{TEXT}").fact)
    assert fact.sha256 != _policy(TEXT.replace("7d", "8d")).fact.sha256
    assert fact.source == "policy.toml"


def test_every_problem_is_named_with_its_place() -> None:
    rules: dict[str, Any] = {
        "moon-phase": "full",
        "source-clean": {"severity": "loud"},
        "min-tests": {"at-least": 1, "effective-on": "soon", "reason": 3},
        "one-build": 7,
        "max-failed": {},
        "fresh": {"max-age": "7d", "min-age": "1d"},
    }
    level = Level(name="a", stages=("unit",), rules={"required-stages": ["unit"]})
    with pytest.raises(InvalidDocument) as caught:
        read_policy(Ladder(levels=(level,), rules=rules), source="policy.toml", kinds=kinds())
    problems = dict(caught.value.problems)
    assert problems["rules.moon-phase"].startswith("is no rule; there are approvals, coverage,")
    assert problems["rules.source-clean.severity"] == "must be one of enforce, warn, off"
    assert problems["rules.min-tests.effective-on"] == "must be a day like 2026-12-31"
    assert problems["rules.min-tests.reason"] == "must be text"
    assert problems["rules.one-build"] == "must be a table with parameters of one-build"
    assert problems["rules.max-failed.at-most"] == "is missing"
    assert problems["rules.fresh.min-age"] == "is not known"
    assert problems["levels[0].stages"] == "says the same as the rule required-stages; write one of them"


def test_a_rule_that_is_off_needs_no_parameters() -> None:
    ladder = replace(LADDER, rules={"min-tests": False, "max-failed": {"severity": "off"}})
    policy = read_policy(ladder, source="policy.toml", kinds=kinds())
    assert [each.key for each in policy.rules("candidates")] == ALWAYS


def test_a_rule_that_every_level_has_is_configured_in_one_place() -> None:
    ladder = replace(LADDER, rules={"dependency-level": {"internal": ["shop-*"]}})
    policy = read_policy(ladder, source="policy.toml", kinds=kinds())
    [rule] = [each.rule for each in policy.rules("candidates") if each.key == "dependency-level"]
    assert rule.to_dict() == {"internal": ["shop-*"]}
    beside = replace(LADDER, rules={"dependency-level:shop": {"internal": ["shop-*"]}})
    rules = read_policy(beside, source="policy.toml", kinds=kinds()).rules("candidates")
    assert [each.key for each in rules] == [*ALWAYS, "dependency-level:shop"]
