"""How a frozen dataclass becomes a JSON document and comes back.

Rules:
- A class that inherits `Document` gets `from_dict` and `to_dict` from its own field list; there is no
  second list of names. `named("camelCase")` gives a field another name in the document.
- A field that holds its default is not written. Reading and writing is the identity.
- A field called `extra` keeps what the class does not know (foreign documents), and also keys that were
  written out although they hold the default (`"artifacts": []`), so that they come back as they were.
- In a foreign document `null` means that nothing was said: the field has its default, and `null` comes back.
- A class without `extra` is ours: an unknown key is a problem.
- Every problem is found in one reading, each with its path (`modules[2].dependencies[0].sha256`).
- Instants are written `YYYY-MM-DDTHH:MM:SS.mmm+0000`; see `started_text`.
"""

from __future__ import annotations

import dataclasses
import json
import math
import re
import types
import typing
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from functools import cache
from typing import Any, Self

from pytest_defend.errors import InvalidDocument

__all__ = [
    "Document",
    "canonical_bytes",
    "epoch_ms",
    "instant_from_ms",
    "named",
    "parse_instant",
    "started_text",
]

Problems = list[tuple[str, str]]

_EXTRA = "extra"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_INSTANT = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})T(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?"
    r"(Z|[+-]\d{2}(?::?[0-5]\d)?)",
    re.ASCII,
)


def named(key: str, **arguments: Any) -> Any:
    """A dataclass field whose name in the document is `key`."""
    return dataclasses.field(metadata={"key": key}, **arguments)


def canonical_bytes(document: object) -> bytes:
    """The one spelling of a JSON document: UTF-8, keys sorted, no white space, no NaN.

    Lone surrogates are written as JSON escapes, so that any text Python reads from files, streams or the
    environment survives the round trip.
    """
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace")


def started_text(instant: datetime) -> str:
    """`instant` as Artifactory and every JFrog client read it: milliseconds, numeric zone, no colon.

    Source: `BUILD_STARTED_DATE_FORMAT` of JFrog's build-info documents.
    """
    return f"{instant.astimezone(UTC).replace(tzinfo=None).isoformat(timespec='milliseconds')}+0000"


def epoch_ms(instant: datetime) -> int:
    """Whole milliseconds since 1970-01-01T00:00Z; what the property `build.timestamp` holds."""
    return (instant - _EPOCH) // timedelta(milliseconds=1)


def instant_from_ms(milliseconds: int) -> datetime:
    """The aware instant `milliseconds` after 1970-01-01T00:00Z."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def parse_instant(text: str) -> datetime:
    """The instant written in `text`: any form the server accepts, also without or with a finer fraction.

    Raises:
        ValueError: `text` is none of them, or no such day or hour exists.
    """
    match = _INSTANT.fullmatch(text)
    if match is None:
        problem = f"{text!r} is no instant like 2026-01-31T23:59:59.123+0000"
        raise ValueError(problem)
    *numbers, fraction, zone = match.groups()
    microsecond = int((fraction or "0").ljust(6, "0")[:6])
    return datetime(*map(int, numbers), microsecond, tzinfo=_zone(zone))  # type: ignore[arg-type, misc]


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    digits = text[1:].replace(":", "").ljust(4, "0")
    offset = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return timezone(-offset if text[0] == "-" else offset)


class Document:
    """A frozen dataclass that is also a JSON object."""

    __slots__ = ()

    @classmethod
    def from_dict(cls, document: object) -> Self:
        """Read a parsed JSON object.

        Raises:
            InvalidDocument: It has not the shape of this class; every problem is named.
        """
        problems: Problems = []
        value = _read_object(cls, document, "", problems)
        if problems:
            raise InvalidDocument(f"{cls.__name__} document", problems)
        return typing.cast("Self", value)

    @classmethod
    def from_bytes(cls, content: bytes) -> Self:
        """Read JSON text.

        Raises:
            InvalidDocument: It is no JSON, or has not the shape of this class.
        """
        try:
            document = json.loads(content, parse_float=_finite, parse_constant=_finite)
        except (ValueError, RecursionError) as error:
            raise InvalidDocument(f"{cls.__name__} document", [("", f"no JSON: {error}")]) from error
        return cls.from_dict(document)

    def to_dict(self) -> dict[str, Any]:
        """This value as a JSON object; fields that hold their default are left out."""
        return typing.cast("dict[str, Any]", _write(self))

    def to_bytes(self) -> bytes:
        """The canonical bytes of `to_dict`."""
        return canonical_bytes(self.to_dict())


def _finite(text: str) -> float:
    """A number of JSON; Python alone would read `NaN`, and `1e999` as infinite, and could not write them."""
    number = float(text)
    if not math.isfinite(number):
        problem = f"{text} is no number"
        raise ValueError(problem)
    return number


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    name: str
    key: str
    type: Any
    default: Any  # dataclasses.MISSING when required


@cache
def _fields(cls: Any) -> tuple[_Field, ...]:
    hints = typing.get_type_hints(cls)
    return tuple(
        _Field(f.name, f.metadata.get("key", f.name), hints[f.name], _default(f))
        for f in dataclasses.fields(cls)
    )


def _default(field: dataclasses.Field[Any]) -> Any:
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default


def _write(value: Any) -> Any:
    if isinstance(value, Document):
        return _write_object(value)
    if isinstance(value, Mapping):
        return {str(key): _write(item) for key, item in value.items()}
    if isinstance(value, (tuple, list)):
        return [_write(item) for item in value]
    if isinstance(value, datetime):
        return started_text(value)
    return value.value if isinstance(value, Enum) else value


def _write_object(value: Document) -> dict[str, Any]:
    written = dict(getattr(value, _EXTRA, {}))
    for field in _fields(typing.cast("Any", type(value))):
        if field.name == _EXTRA:
            continue
        held = getattr(value, field.name)
        if field.default is dataclasses.MISSING or held != field.default:
            written[field.key] = _write(held)
    return written


def _read_object(cls: type, document: object, where: str, problems: Problems) -> Any:
    if not isinstance(document, Mapping):
        problems.append((where, f"must be an object, not {_kind(document)}"))
        return None
    rest = dict(document)
    found: dict[str, Any] = {}
    fields = _fields(cls)
    keeps_rest = any(field.name == _EXTRA for field in fields)
    before = len(problems)
    for field in fields:
        if field.name == _EXTRA:
            continue
        path = f"{where}.{field.key}" if where else field.key
        if field.key not in document:
            if field.default is dataclasses.MISSING:
                problems.append((path, "is missing"))
            continue
        if document[field.key] is None and keeps_rest and field.default is not dataclasses.MISSING:
            continue
        value = _read(field.type, rest.pop(field.key), path, problems)
        if field.default is not dataclasses.MISSING and value == field.default and keeps_rest:
            rest[field.key] = document[field.key]
        found[field.name] = value
    if keeps_rest:
        found[_EXTRA] = rest
    else:
        problems += [(f"{where}.{key}" if where else str(key), "is not known") for key in rest]
    return cls(**found) if len(problems) == before else None


_KINDS = {str: "text", int: "a whole number", bool: "true or false"}


def _read(wanted: Any, value: Any, where: str, problems: Problems) -> Any:
    origin = typing.get_origin(wanted)
    if origin in (typing.Union, types.UnionType):
        inner = [option for option in typing.get_args(wanted) if option is not types.NoneType]
        return None if value is None else _read(inner[0], value, where, problems)
    if origin is tuple:
        return _read_tuple(typing.get_args(wanted), value, where, problems)
    if origin is Mapping:
        return _read_mapping(typing.get_args(wanted)[1], value, where, problems)
    if wanted in (Any, object):
        return value
    return _read_scalar(wanted, value, where, problems)


def _read_scalar(wanted: Any, value: Any, where: str, problems: Problems) -> Any:
    if issubclass(wanted, Document):
        return _read_object(wanted, value, where, problems)
    if wanted is datetime or issubclass(wanted, Enum):
        try:
            return parse_instant(value) if wanted is datetime else wanted(value)
        except (TypeError, ValueError) as error:
            problems.append((where, str(error)))
            return None
    if type(value) is not wanted:
        problems.append((where, f"must be {_KINDS[wanted]}, not {_kind(value)}"))
    return value


def _read_tuple(wanted: tuple[Any, ...], value: Any, where: str, problems: Problems) -> Any:
    if not isinstance(value, list):
        problems.append((where, f"must be a list, not {_kind(value)}"))
        return ()
    if len(wanted) == 2 and wanted[1] is Ellipsis:  # noqa: PLR2004
        kinds: list[Any] = [wanted[0]] * len(value)
    else:
        kinds = list(wanted)
    if len(kinds) != len(value):
        problems.append((where, f"must hold {len(kinds)} items, not {len(value)}"))
        return ()
    return tuple(
        _read(kind, item, f"{where}[{index}]", problems)
        for index, (kind, item) in enumerate(zip(kinds, value, strict=True))
    )


def _read_mapping(wanted: Any, value: Any, where: str, problems: Problems) -> Any:
    if not isinstance(value, Mapping):
        problems.append((where, f"must be an object, not {_kind(value)}"))
        return {}
    return {key: _read(wanted, item, f"{where}.{key}", problems) for key, item in value.items()}


def _kind(value: object) -> str:
    if value is None:
        return "null"
    names = {dict: "an object", list: "a list", float: "a number with a fraction"}
    return {**names, **_KINDS}.get(type(value), type(value).__name__)
