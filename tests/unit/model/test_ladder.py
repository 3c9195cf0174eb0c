"""The ladder as a document: what it means, and what contradicts itself."""

from __future__ import annotations

from typing import Any

import pytest

from ladders import TABLE, a_ladder
from pytest_defend.errors import InvalidDocument, UsageError
from pytest_defend.model.ladder import Ladder, Place

PLAIN = {"levels": [{"name": "dev"}, {"name": "rc"}, {"name": "release", "repository": "shop-release"}]}


def _ladder(table: dict[str, Any]) -> Ladder:
    return Ladder.from_table(table, "pyproject.toml [tool.pytest-defend.ladder]")


def _problems(**changes: Any) -> list[tuple[str, str]]:
    with pytest.raises(InvalidDocument) as refused:
        a_ladder(**changes)
    return list(refused.value.problems)


def test_without_subsystems_a_level_is_a_repository() -> None:
    ladder = _ladder(PLAIN)
    assert [place.repository for place in ladder.places()] == ["dev", "rc", "shop-release"]
    assert ladder.repository("release") == "shop-release"
    assert ladder.place("rc") == Place(repository="rc", level="rc", rank=1)
    assert ladder.place("elsewhere") is None


def test_with_subsystems_each_has_one_at_every_level() -> None:
    ladder = a_ladder()
    assert [place.repository for place in ladder.places()] == [
        "A1",
        "B1",
        "C1",
        "A2",
        "B2",
        "C2",
        "A3",
        "B3",
        "C3",
    ]
    assert a_ladder(repositories="shop-{subsystem}-{level}").repository("2", "B") == "shop-B-2"


def test_levels_are_above_each_other() -> None:
    ladder = a_ladder()
    assert (ladder.rank("1"), ladder.rank("3")) == (0, 2)
    assert ladder.below("1") is None
    assert ladder.below("3") == ladder.level("2") == ladder.above(0)
    assert ladder.above(2) is None
    with pytest.raises(UsageError, match="no level '4'") as refused:
        ladder.level("4")
    assert refused.value.hint == "It has '1', '2', '3'."


def test_a_file_stands_on_the_highest_level_that_has_it() -> None:
    ladder = a_ladder()
    highest = ladder.highest(["A1/demo/1.0/x", "elsewhere/x", "A2/demo/1.0/x"])
    assert highest is not None
    assert (highest.level, highest.subsystem) == ("2", "A")
    assert ladder.highest(["elsewhere/x"]) is None


def test_a_group_looks_into_what_it_sees_the_highest_first() -> None:
    ladder = a_ladder()
    assert ladder.members("X") == ("A3", "A2", "A1", "B3", "B2", "C3")
    assert ladder.deployment("X") == "A1"
    watchers = a_ladder(groups={"all": {"sees": {"A": "3"}}})
    assert watchers.members("all") == ("A3",)
    assert watchers.deployment("all") == ""
    with pytest.raises(UsageError, match="no group 'W'"):
        ladder.members("W")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"levels": []}, ("levels", "names no level")),
        ({"levels": [{"name": "1"}, {"name": "1"}]}, ("levels", "'1' is there twice")),
        ({"levels": [{"name": ""}]}, ("levels[0].name", "is empty")),
        ({"subsystems": ["A", "A", "B", "C"]}, ("subsystems", "'A' is there twice")),
        (
            {"repositories": "{team}"},
            ("levels[0].repository", "'{team}' has other fields than {subsystem} and {level}"),
        ),
        (
            {"repositories": "a/{subsystem}{level}"},
            ("levels[0].repository", "'a/{subsystem}{level}' names no repository"),
        ),
        (
            {"repositories": "{level}"},
            (
                "levels[0].repository",
                "'{level}' is one repository for all subsystems; put {subsystem} into it",
            ),
        ),
        ({"groups": {"A1": {"sees": {"A": "1"}}}}, ("groups.A1", "is the key of a level's repository too")),
        ({"groups": {"X": {"sees": {}}}}, ("groups.X.sees", "names no level")),
        (
            {"groups": {"X": {"sees": {"D": "1"}}}},
            ("groups.X.sees.D", "is no subsystem; there are 'A', 'B', 'C'"),
        ),
        (
            {"groups": {"X": {"sees": {"A": "9"}}}},
            ("groups.X.sees.A", "'9' is no level; there are '1', '2', '3'"),
        ),
        (
            {"groups": {"X": {"sees": {"A": "1"}, "deploys": "D"}}},
            ("groups.X.deploys", "'D' is no subsystem; there are 'A', 'B', 'C'"),
        ),
        (
            {"groups": {"X": {"sees": {"A": "2"}, "deploys": "A"}}},
            ("groups.X.deploys", "'A' is not seen from its lowest level, '1'"),
        ),
        ({"rungs": 3}, ("rungs", "is not known")),
    ],
)
def test_what_contradicts_itself_is_named(changes: dict[str, Any], problem: tuple[str, str]) -> None:
    assert problem in _problems(**changes)


def test_every_problem_is_told_at_once_and_where() -> None:
    with pytest.raises(InvalidDocument, match=r"pyproject.toml \[tool.pytest-defend.ladder\] is not valid"):
        _ladder({"levels": "none", "groups": []})
    assert len(_problems(levels=[{"name": "1"}, {"name": ""}], subsystems=["A", "A"])) > 1


def test_a_ladder_is_written_as_it_was_read() -> None:
    assert _ladder(a_ladder().to_dict()) == a_ladder()
    assert a_ladder(**{"package-type": "generic"}).to_dict()["package-type"] == "generic"
    assert "X" in TABLE["groups"]
