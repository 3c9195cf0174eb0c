"""The ladder in words, and how many packages stand where."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ladders import a_ladder, a_package, a_policy, climb, provisioned
from pytest_defend.actions.ladder import show
from pytest_defend.gates import Policy

if TYPE_CHECKING:
    from pytest_defend.protocols import Store


def test_levels_and_groups_are_those_of_the_ladder() -> None:
    view = show(a_policy(source="here"))
    assert [level.name for level in view.levels] == ["1", "2", "3"]
    assert [[rung.repository for rung in level.rungs] for level in view.levels] == [
        ["A1", "B1", "C1"],
        ["A2", "B2", "C2"],
        ["A3", "B3", "C3"],
    ]
    assert [(group.key, group.members[:2], group.deploys) for group in view.groups] == [
        ("X", ("A3", "A2"), "A"),
        ("Y", ("B3", "B2"), "B"),
        ("Z", ("C3", "C2"), "C"),
    ]
    assert view.source == "here"
    assert "dependency-level" in view.always
    assert view.store == ""
    assert {rung.packages for level in view.levels for rung in level.rungs} == {None}


def test_rules_are_said_in_words() -> None:
    rules = {
        "min-tests": 10,
        "soak": {"hours": 24, "severity": "warn", "reason": "new"},
        "signature": True,
        "flaky": False,
        "approvals": {"severity": "off"},
        "source-clean": {"allow": ["docs/*", "*.md"], "strict": True},
    }
    own = {"min-tests": {"at-least": 20}}
    levels = [
        {"name": "1"},
        {"name": "2", "stages": ["unit", "smoke"], "properties": {"ok": "yes"}, "rules": own},
    ]
    ladder = a_ladder(rules=rules, levels=levels, groups={})
    common = (
        "soak: hours 24 (only warns)",
        "signature",
        "flaky: off",
        "approvals (off)",
        "source-clean: allow docs/*, *.md, strict true",
    )
    first, second = show(Policy(ladder=ladder, source="", levels={})).levels
    assert first.rules == ("min-tests: 10", *common)
    assert second.rules == (
        "min-tests: at-least 20",
        *common,
        "required-stages: unit, smoke",
        "property: ok yes",
    )


def test_packages_are_counted_where_they_are_and_where_they_stand(store: Store) -> None:
    ladder = provisioned(store)
    apple, banana = a_package(store, "apple", "A1"), a_package(store, "banana", "B1")
    a_package(store, "avocado", "A1")
    climb(store, apple, "A2", "A3")
    climb(store, banana, "B2")
    view = show(a_policy(ladder), store)
    counted = {
        rung.repository: (rung.packages, rung.highest) for level in view.levels for rung in level.rungs
    }
    assert counted == {
        **dict.fromkeys(("C1", "C2", "B3", "C3"), (0, 0)),
        "A1": (2, 1),
        "A2": (1, 0),
        "A3": (1, 1),
        "B1": (1, 0),
        "B2": (1, 1),
    }
    assert view.store == store.locator


def test_what_is_not_there_is_not_counted(store: Store) -> None:
    view = show(a_policy(source=""), store)
    assert {rung.packages for level in view.levels for rung in level.rungs} == {None}


def test_what_holds_anyway_is_named_once_unless_it_is_written() -> None:
    ladder = a_ladder(rules={"dependency-level": {"internal": ["shop-*"]}})
    view = show(a_policy(ladder))
    assert "dependency-level" not in view.always
    assert {level.rules[0] for level in view.levels} == {"dependency-level: internal shop-*"}
    off = {"severity": "off", "reason": "new"}
    ladder = a_ladder(levels=[{"name": "1"}, {"name": "2", "rules": {"dependency-level": off}}], groups={})
    view = show(a_policy(ladder))
    assert "dependency-level" in view.always
    assert [level.rules for level in view.levels] == [(), ("dependency-level (off)",)]
