"""The page about the ladder names every key there is, and its example is understood."""

from __future__ import annotations

import dataclasses
import re
import tomllib
from typing import Any

from pytest_defend.gates import kinds, read_policy
from pytest_defend.model.ladder import Group, Ladder, Level
from runs import ROOT

PAGE = (ROOT / "docs/reference/ladder.md").read_text("utf-8")


def _example() -> dict[str, Any]:
    (text,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    table: dict[str, Any] = tomllib.loads(text)["tool"]["pytest-defend"]["ladder"]
    return table


def _keys(document: type[Ladder | Level | Group]) -> set[str]:
    return {field.metadata.get("key", field.name) for field in dataclasses.fields(document)}


def test_the_example_uses_every_key() -> None:
    table = _example()
    assert set(table) == _keys(Ladder)
    assert {key for level in table["levels"] for key in level} == _keys(Level)
    assert {key for group in table["groups"].values() for key in group} == _keys(Group)


def test_the_example_means_what_the_page_says() -> None:
    ladder = Ladder.from_table(_example(), "the page")
    read_policy(ladder, source="the page", kinds=kinds())
    repositories = [place.repository for place in ladder.places()]
    assert (repositories[0], repositories[-1], len(repositories)) == ("shop-candidate", "billing-release", 6)
    assert ladder.members("shop-code") == (
        *("shop-release", "shop-tested", "shop-candidate"),
        *("billing-release", "billing-tested"),
    )
    assert ladder.deployment("shop-code") == "shop-candidate"
