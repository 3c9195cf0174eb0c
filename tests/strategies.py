"""Hypothesis strategies for the model; documents are drawn from their own field lists."""

from __future__ import annotations

import dataclasses
import sys
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import strategies as st

from pytest_defend.model.fields import Document

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["documents", "every_document", "instants", "json_values", "started_texts", "texts"]

_Kind = TypeVar("_Kind", bound=Document)

# What Python reads from files and the environment: low surrogates stand for bytes that are no UTF-8.
texts = st.text(
    st.one_of(
        st.characters(exclude_categories=["Cs"]), st.characters(categories=["Cs"], min_codepoint=0xDC80)
    ),
    max_size=8,
)

_numbers = st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
json_values = st.recursive(
    st.none() | st.booleans() | _numbers | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)

_OFFSETS_MIN = st.integers(-14 * 60, 14 * 60)


@st.composite
def instants(draw: st.DrawFn) -> datetime:
    """Aware instants with whole milliseconds."""
    first, last = datetime(1, 1, 2), datetime(9999, 12, 30)  # noqa: DTZ001 - aware below
    drawn = draw(st.datetimes(first, last, timezones=st.just(UTC)))
    return drawn.replace(microsecond=drawn.microsecond // 1000 * 1000)


@st.composite
def started_texts(draw: st.DrawFn) -> str:
    """Spellings of `started` that every server accepts, in many zones."""
    minutes = draw(_OFFSETS_MIN)
    local = draw(instants()).replace(tzinfo=None) + timedelta(minutes=minutes)
    sign = "-" if minutes < 0 else "+"
    hours, rest = divmod(abs(minutes), 60)
    colon = draw(st.sampled_from(["", ":"]))
    zones = [f"{sign}{hours:02d}{colon}{rest:02d}"] + (["Z"] if not minutes else [])
    return f"{local.isoformat(timespec='milliseconds')}{draw(st.sampled_from(zones))}"


def every_document(*modules: types.ModuleType) -> Sequence[type[Document]]:
    """The document classes that live in these modules."""
    return [
        value
        for module in modules
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Document) and value.__module__ == module.__name__
    ]


def documents(kind: type[_Kind]) -> st.SearchStrategy[_Kind]:
    """Any value of a document class."""
    hints = typing.get_type_hints(kind, vars(sys.modules[kind.__module__]))
    # the names of the class: only what it does not know belongs into `extra`
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    known = {str(field.metadata.get("key", name)) for name, field in fields.items()} - {"extra"}
    drawn = {name: _values(hints[name]) for name in fields if name != "extra"}
    if "extra" in fields:
        unknown = texts.filter(lambda key: key not in known)
        drawn["extra"] = st.dictionaries(unknown, json_values, max_size=2)
    return st.builds(kind, **drawn)


def _values(wanted: Any) -> st.SearchStrategy[Any]:
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        return st.one_of([st.none() if one is types.NoneType else _values(one) for one in inner])
    if origin is tuple:
        if inner[-1] is Ellipsis:
            return st.lists(_values(inner[0]), max_size=2).map(tuple)
        return st.tuples(*map(_values, inner))
    if origin is Mapping:
        return st.dictionaries(texts, _values(inner[1]), max_size=2)
    if wanted is Any:
        return json_values
    return _scalars(wanted)


def _scalars(wanted: Any) -> st.SearchStrategy[Any]:
    if issubclass(wanted, Document):
        return documents(wanted)
    if issubclass(wanted, Enum):
        return st.sampled_from(wanted)
    kinds = {str: texts, int: _whole, bool: st.booleans(), datetime: instants()}
    return kinds[wanted]


_whole: st.SearchStrategy[Any] = st.integers(-(2**63), 2**63)
