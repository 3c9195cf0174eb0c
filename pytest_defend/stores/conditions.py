"""Conditions on the rows of a domain, and the SQL they become.

Rules:
- Field and domain names are looked up in `domains`; only values come from outside, and they are bound.
- Conditions that stand together and lead through the same domain are about the same row of it; properties
  are not: each condition may be about another one.
- A negative condition on a property holds where there is no such property.
- Repository, folder and name of items become their whole path where all three must be equal: it is indexed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import UsageError
from pytest_defend.model.fields import epoch_ms, parse_instant
from pytest_defend.stores.domains import DOMAINS
from pytest_defend.stores.schema import bound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_defend.stores.domains import Domain

__all__ = ["Comparison", "Group", "as_sql", "known"]

_OPERATORS = {
    "$eq": "{} = ?",
    "$ne": "({0} IS NULL OR {0} <> ?)",
    "$gt": "{} > ?",
    "$gte": "{} >= ?",
    "$lt": "{} < ?",
    "$lte": "{} <= ?",
    "$match": "{} GLOB ?",
    "$nmatch": "({0} IS NULL OR {0} NOT GLOB ?)",
    "$eqic": "lower({}) = lower(?)",
    "$matchic": "lower({}) GLOB lower(?)",
}
_NEGATIVE = {"$ne": "$eq", "$nmatch": "$match"}
_PLACE = ("repo", "path", "name")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One condition: a field of the domain that `path` leads to; `@NAME` is a property of it."""

    path: tuple[str, ...] = ()
    field: str
    operator: str
    value: str | int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Conditions that all hold, or of which `any` holds."""

    parts: tuple[Comparison | Group, ...]
    any: bool = False


def as_sql(where: Comparison | Group, name: str) -> tuple[str, list[Any]]:
    """SQL over the columns of a domain, and the values it takes.

    Raises:
        UsageError: There is no such domain, field or comparison, or a value is none of its kind.
    """
    plain = _plain(where)
    if plain is not None:
        return _joined(_own(plain, name), " AND ")
    parts = where.parts if isinstance(where, Group) else (where,)
    either = isinstance(where, Group) and where.any
    together: dict[str, list[Comparison]] = {}
    conditions: list[tuple[str, list[Any]]] = []
    for part in parts:
        if isinstance(part, Group):
            conditions.append(as_sql(part, name))
        elif part.field.startswith("@") and not part.path:
            conditions.append(_property(part, name))
        elif part.path and not either:
            together.setdefault(part.path[0], []).append(part)
        elif part.path:
            conditions.append(_through(part.path[0], [part], name))
        else:
            conditions.append(_comparison(part, DOMAINS[name]))
    conditions += [_through(step, some, name) for step, some in together.items()]
    return _joined(conditions, " OR " if either else " AND ")


def _joined(conditions: Sequence[tuple[str, list[Any]]], word: str) -> tuple[str, list[Any]]:
    if not conditions:
        return "TRUE", []
    sql = word.join(sql for sql, _ in conditions)
    return f"({sql})", [value for _, values in conditions for value in values]


def _plain(where: Comparison | Group) -> list[Comparison] | None:
    """Comparisons of fields of the domain itself that must all hold; None when there is anything else."""
    if isinstance(where, Comparison):
        return None if where.path or where.field.startswith("@") else [where]
    if where.any and len(where.parts) > 1:
        return None
    found: list[Comparison] = []
    for part in where.parts:
        inner = _plain(part)
        if inner is None:
            return None
        found += inner
    return found


def _own(comparisons: Sequence[Comparison], name: str) -> list[tuple[str, list[Any]]]:
    """What all must hold of a row."""
    conditions: list[tuple[str, list[Any]]] = []
    if name == "item":
        equal = [
            part for part in comparisons if part.field in _PLACE and part.operator == "$eq" and part.value
        ]
        place = {part.field: str(part.value) for part in equal}
        repository, folder, file = map(place.get, _PLACE)
        if repository and folder and folder != ".":
            inside = f"{repository}/{folder}"
            conditions.append(("full > ? AND full < ?", [bound(f"{inside}/"), bound(f"{inside}0")]))
            if file and "/" not in repository + file and len(equal) == len(_PLACE):
                conditions = [("full = ?", [bound(f"{inside}/{file}")])]
                comparisons = [part for part in comparisons if part not in equal]
    return conditions + [_comparison(part, DOMAINS[name]) for part in comparisons]


def _through(step: str, parts: Sequence[Comparison], name: str) -> tuple[str, list[Any]]:
    """That there is a row of another domain for which these hold."""
    edge = DOMAINS[name].edges.get(step)
    if edge is None:
        raise UsageError(f"{name} has no {step}.")
    inner = Group(parts=tuple(replace(part, path=part.path[1:]) for part in parts))
    sql, values = as_sql(inner, edge.to)
    source = DOMAINS[edge.to].source
    return f"{edge.here} IN (SELECT {edge.there} FROM ({source}) WHERE {sql})", values  # noqa: S608


def _property(part: Comparison, name: str) -> tuple[str, list[Any]]:
    edge = DOMAINS[name].edges.get("property")
    if edge is None:
        raise UsageError(f"{name} has no properties.")
    domain = DOMAINS[edge.to]
    key = part.field[1:]
    operator = _NEGATIVE.get(part.operator, part.operator)
    conditions: list[tuple[str, list[Any]]] = []
    if key != "*":
        pattern = "$match" if "*" in key or "?" in key else "$eq"
        conditions.append(_comparison(Comparison(field="key", operator=pattern, value=key), domain))
    if part.value != "*":
        conditions.append(_comparison(replace(part, field="value", operator=operator), domain))
    where = " AND ".join(sql for sql, _ in conditions) or "TRUE"
    found = f"(SELECT {edge.there} FROM ({domain.source}) WHERE {where})"  # noqa: S608
    how = "NOT IN" if part.operator in _NEGATIVE else "IN"
    return f"{edge.here} {how} {found}", [value for _, values in conditions for value in values]


def _comparison(part: Comparison, domain: Domain) -> tuple[str, list[Any]]:
    column = known(domain, part.field)
    if part.field == "type" and part.value == "any":
        return "TRUE", []
    if part.operator not in _OPERATORS:
        raise UsageError(f"{part.operator} is no comparison.")
    if part.value is None:
        nothing = f"({column} IS NULL OR {column} = '')"
        return (f"NOT {nothing}" if part.operator in _NEGATIVE else nothing), []
    matches = part.operator in ("$match", "$nmatch", "$matchic")
    value = _pattern(str(part.value)) if matches else _value(part, domain.fields[part.field])
    return _OPERATORS[part.operator].format(column), [value]


def known(domain: Domain, field: str) -> str:
    """The column of a field.

    Raises:
        UsageError: The domain has no such field.
    """
    if field not in domain.fields:
        raise UsageError(f"{(domain.prefix or 'item.') + field} is no field.")
    return field


def _pattern(text: str) -> str | None:
    return bound(text.replace("[", "[[]"))


def _value(part: Comparison, kind: str) -> str | int | None:
    text = str(part.value)
    try:
        if kind == "number":
            return _bounded(int(text))
        if kind == "date":
            return _milliseconds(text)
    except (ValueError, OverflowError) as error:
        raise UsageError(f"{text!r} is no {kind} for {part.field}.") from error
    return bound(text)


def _milliseconds(text: str) -> int:
    if text.lstrip("-").isdecimal():
        return _bounded(int(text))
    return epoch_ms(parse_instant(f"{text}T00:00:00.000Z" if _DAY.fullmatch(text) else text))


def _bounded(number: int) -> int:
    """A number as SQLite takes it."""
    return max(min(number, 2**63 - 1), -(2**63))
