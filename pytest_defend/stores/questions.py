"""Queries over files, properties and builds, as one SQL statement and one more for each thing included.

Rules:
- Names are looked up in `domains`; only values come from outside, and they are bound.
- Rows are ordered by what was asked for, then by the key of their domain.
- What is included from another domain is a list in each row that has some.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import UsageError
from pytest_defend.model.fields import instant_from_ms
from pytest_defend.stores.conditions import Comparison, Group, as_sql, known
from pytest_defend.stores.domains import DOMAINS, ITEMS_AND_FOLDERS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_defend.stores.schema import Database

__all__ = ["Include", "Question", "Questions"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Include:
    """What a result tells of the domain that `path` leads to: a field, `*`, or nothing for the usual ones."""

    path: tuple[str, ...] = ()
    field: str = ""
    key: str = ""
    """Of properties: only those of this name."""


_ALL_ROWS = Group(parts=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked."""

    domain: str
    where: Group = _ALL_ROWS
    include: tuple[Include, ...] = ()
    sort: tuple[str, ...] = ()
    descending: bool = False
    offset: int = 0
    limit: int | None = None


class Questions:
    """Answers questions about one store.

    Args:
        database: The ledger.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def ask(self, question: Question) -> list[dict[str, Any]]:
        """The rows that match; what is included from other domains is in lists of rows.

        Raises:
            UsageError: There is no such domain or field, or a value is none of its kind.
        """
        domain = DOMAINS[question.domain]
        where, values = as_sql(question.where, question.domain)
        order = [
            f"{known(domain, name)} {'DESC' if question.descending else 'ASC'}" for name in question.sort
        ]
        statement = (
            f"SELECT * FROM ({_source(question)}) AS row WHERE {where}"  # noqa: S608
            f" ORDER BY {', '.join([*order, domain.key])} LIMIT ? OFFSET ?"
        )
        limit = -1 if question.limit is None else question.limit  # none at all
        for include in question.include:
            _check_include(include, question.domain)
        with self._database.reading_newest() as database:
            if database is None:
                return []
            rows = _rows(database, statement, [*values, limit, question.offset])
            return _told(database, question.domain, rows, question.include)


def _source(question: Question) -> str:
    if question.domain == "item" and _asks_for_type(question.where):
        return ITEMS_AND_FOLDERS
    return DOMAINS[question.domain].source


def _asks_for_type(where: Comparison | Group) -> bool:
    """Items are files unless their type is asked for."""
    if isinstance(where, Group):
        return any(map(_asks_for_type, where.parts))
    return where.field == "type" and not where.path


def _rows(database: sqlite3.Connection, statement: str, values: Iterable[Any]) -> list[dict[str, Any]]:
    cursor = database.execute(statement, list(values))
    names = [column[0] for column in cursor.description]
    return [dict(zip(names, row, strict=True)) for row in cursor]


def _check_include(include: Include, name: str) -> None:
    for step in include.path:
        edge = DOMAINS[name].edges.get(step)
        if edge is None:
            raise UsageError(f"{name} has no {step}.")
        name = edge.to
    if include.field not in ("", "*"):
        known(DOMAINS[name], include.field)


def _told(
    database: sqlite3.Connection, name: str, rows: Sequence[Mapping[str, Any]], include: Sequence[Include]
) -> list[dict[str, Any]]:
    """The rows as they are told, with what is included from other domains."""
    domain = DOMAINS[name]
    own = {part.field for part in include if not part.path and part.field}
    fields = tuple(domain.fields) if "*" in own else tuple(name for name in domain.fields if name in own)
    told = [
        {
            domain.prefix + field: _shown(row[field], domain.fields[field])
            for field in fields or domain.defaults
            if row[field] is not None
        }
        for row in rows
    ]
    for step in dict.fromkeys(part.path[0] for part in include if part.path):
        inner = [replace(part, path=part.path[1:]) for part in include if part.path and part.path[0] == step]
        found = _included(database, name, step, rows, inner)
        edge = domain.edges[step]
        for row, shown in zip(rows, told, strict=True):
            if row[edge.here] in found:
                shown[edge.label] = found[row[edge.here]]
    return told


def _included(
    database: sqlite3.Connection,
    name: str,
    step: str,
    rows: Sequence[Mapping[str, Any]],
    include: Sequence[Include],
) -> dict[Any, list[dict[str, Any]]]:
    """The rows of another domain, by what joins them to these."""
    edge = DOMAINS[name].edges[step]
    domain = DOMAINS[edge.to]
    keys = json.dumps(sorted({row[edge.here] for row in rows if row[edge.here] is not None}))
    statement = (
        f"SELECT * FROM ({domain.source}) WHERE {edge.there} IN (SELECT value FROM json_each(?))"  # noqa: S608
        f" ORDER BY {domain.key}"
    )
    found = _rows(database, statement, [keys])
    wanted = {part.key for part in include if part.key}
    if wanted:
        found = [row for row in found if row["key"] in wanted]
    grouped: dict[Any, list[dict[str, Any]]] = {}
    for row, told in zip(found, _told(database, edge.to, found, include), strict=True):
        if step in ("property", "stat"):
            told = {field.removeprefix(domain.prefix): value for field, value in told.items()}  # noqa: PLW2901
        grouped.setdefault(row[edge.there], []).append(told)
    return grouped


def _shown(value: Any, kind: str) -> Any:
    if kind != "date":
        return value
    return instant_from_ms(value).isoformat(timespec="milliseconds").replace("+00:00", "Z")
