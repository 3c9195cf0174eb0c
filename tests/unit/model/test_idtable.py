"""Node ids by number."""

from __future__ import annotations

import json
from typing import Any

import pytest

from pytest_defend.model.idtable import IdTable
from pytest_defend.model.journal import ids_line


def test_ids_are_a_table_of_rows() -> None:
    table = IdTable()
    for told in (
        ids_line("gw0", 0, ["a", "é"], 2),
        ids_line("gw1", 0, None, 2),
        ids_line("gw0", 2, ["c"], 1),
    ):
        table.add(json.loads(told)["ids"])
    assert [table[row] for row in range(len(table))] == ["a", "é", "c"]
    assert table.collections == {"gw0": range(3), "gw1": range(2)}
    assert (table.key(2), table.name(2), table.key("x"), table.name("x")) == (2, "c", "x", "x")


@pytest.mark.parametrize(
    "told",
    [
        {"worker": "", "first": 0, "count": 1},
        {"worker": "", "first": -1, "count": 1, "ids": ["a"]},
        {"worker": "", "first": 0, "count": 10**18, "ids": ["a"]},
        {"worker": 1, "first": 0, "count": 1, "ids": ["a"]},
        {"worker": "", "first": 0, "count": 1, "ids": [1]},
        {"worker": "", "first": 0, "count": 1, "ids": 1},
        {"worker": "", "first": "0", "count": 1, "ids": ["a"]},
        {"first": 0, "count": 1, "ids": ["a"]},
    ],
    ids=str,
)
def test_a_table_refuses_rows_and_ids_that_make_no_sense(told: dict[str, Any]) -> None:
    with pytest.raises((LookupError, TypeError, ValueError)):
        IdTable().add(told)


@pytest.mark.parametrize("given", [-1, 1, True, 0.0, None, ["a"]])
def test_a_table_knows_its_rows_only(given: object) -> None:
    table = IdTable()
    table.add({"worker": "", "first": 0, "count": 1, "ids": ["a"]})
    with pytest.raises(ValueError, match="names no test"):
        table.key(given)
