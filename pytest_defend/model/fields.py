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
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone
from enum import Enum
from functools import cache, partial
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
        value = _read_object(cls, document, (), problems)
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


_Reader = Callable[[Any, Any, Problems], Any]  # of a value, its place (see `_named`), the problems so far


@dataclasses.dataclass(frozen=True, slots=True)
class _Field:
    name: str
    key: str
    read: _Reader
    default: Any  # dataclasses.MISSING when required


@cache
def _fields(cls: Any) -> tuple[tuple[_Field, ...], bool]:
    """The fields of a class but `extra`, and whether it has that."""
    hints = typing.get_type_hints(cls)
    fields = tuple(
        _Field(
            name=f.name,
            key=f.metadata.get("key", f.name),
            read=_reader(hints[f.name]),
            default=f.default if f.default_factory is dataclasses.MISSING else f.default_factory(),
        )
        for f in dataclasses.fields(cls)
        if f.name != _EXTRA
    )
    return fields, len(fields) < len(dataclasses.fields(cls))


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
    for field in _fields(typing.cast("Any", type(value)))[0]:
        held = getattr(value, field.name)
        if field.default is dataclasses.MISSING or held != field.default:
            written[field.key] = _write(held)
    return written


def _named(where: Any) -> str:
    """A place (the one around it, and the step from there) as a path: `modules[2].dependencies[0].sha256`."""
    around, step = (_named(where[0]), str(where[1])) if where else ("", "")
    return f"{around}.{step}" if around and not step.startswith("[") else f"{around}{step}"


def _read_object(cls: type, document: object, where: Any, problems: Problems) -> Any:
    if not isinstance(document, Mapping):
        problems.append((_named(where), f"must be an object, not {_kind(document)}"))
        return None
    found: dict[str, Any] = {}
    rest, before = dict(document), len(problems)
    fields, keeps_rest = _fields(cls)
    for field in fields:
        key, default = field.key, field.default
        if key not in document:
            if default is dataclasses.MISSING:
                problems.append((_named((where, key)), "is missing"))
            continue
        if document[key] is None and keeps_rest and default is not dataclasses.MISSING:
            continue
        value = field.read(rest.pop(key), (where, key), problems)
        if keeps_rest and default is not dataclasses.MISSING and value == default:
            rest[key] = document[key]
        found[field.name] = value
    if keeps_rest:
        found[_EXTRA] = rest
    else:
        problems += [(_named((where, str(key))), "is not known") for key in rest]
    return cls(**found) if len(problems) == before else None


_KINDS = {str: "text", int: "a whole number", bool: "true or false"}


@cache
def _reader(wanted: Any) -> _Reader:  # noqa: PLR0911  # one for each kind of type
    """What reads values of a type; made once, for documents have many."""
    origin, inner = typing.get_origin(wanted), typing.get_args(wanted)
    if origin in (typing.Union, types.UnionType):
        read = _reader(next(option for option in inner if option is not types.NoneType))
        return lambda value, where, problems: None if value is None else read(value, where, problems)
    if origin is tuple:
        more = len(inner) == 2 and inner[1] is Ellipsis  # noqa: PLR2004
        return partial(_read_tuple, [_reader(kind) for kind in inner if kind is not Ellipsis], more)
    if origin is Mapping:
        return partial(_read_mapping, _reader(inner[1]))
    if wanted in (Any, object):
        return lambda value, *_: value
    if issubclass(wanted, Document):
        return partial(_read_object, wanted)
    if wanted is datetime or issubclass(wanted, Enum):
        return partial(_read_spelled, parse_instant if wanted is datetime else wanted)
    return partial(_read_plain, wanted)


def _read_plain(wanted: Any, value: Any, where: Any, problems: Problems) -> Any:
    if type(value) is not wanted:
        problems.append((_named(where), f"must be {_KINDS[wanted]}, not {_kind(value)}"))
    return value


def _read_spelled(parse: Any, value: Any, where: Any, problems: Problems) -> Any:
    try:
        return parse(value)
    except (TypeError, ValueError) as error:
        problems.append((_named(where), str(error)))
        return None


def _read_tuple(readers: list[_Reader], more: bool, value: Any, where: Any, problems: Problems) -> Any:
    if not isinstance(value, list):
        problems.append((_named(where), f"must be a list, not {_kind(value)}"))
        return ()
    reads = readers * len(value) if more else readers
    if len(reads) != len(value):
        problems.append((_named(where), f"must hold {len(reads)} items, not {len(value)}"))
        return ()
    pairs = enumerate(zip(reads, value, strict=True))
    return tuple(read(item, (where, f"[{index}]"), problems) for index, (read, item) in pairs)


def _read_mapping(read: _Reader, value: Any, where: Any, problems: Problems) -> Any:
    if not isinstance(value, Mapping):
        problems.append((_named(where), f"must be an object, not {_kind(value)}"))
        return {}
    return {key: read(item, (where, key), problems) for key, item in value.items()}


def _kind(value: object) -> str:
    if value is None:
        return "null"
    names = {dict: "an object", list: "a list", float: "a number with a fraction"}
    return {**names, **_KINDS}.get(type(value), type(value).__name__)
