"""Values of documents that say where packages come from, each with the place it stands at.

Rules:
- A value is only handed out as the type that was asked for; otherwise `Malformed` names its place in the
  document. What is absent, or null, is an empty text, zero or nothing.
- Texts hold no control character and no half of a surrogate pair, and have an end: all of them go into the
  record, and some through regular expressions.
- A digest is a sha256, 64 lower-case digits, or absent. A file name is a name, never a path.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from packaging.markers import InvalidMarker, Marker
from packaging.utils import InvalidName, canonicalize_name

from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = [
    "Malformed",
    "Value",
    "any_of",
    "digest",
    "file_name",
    "file_of_url",
    "marker",
    "named",
    "package_name",
    "shown",
]

_TEXT_LIMIT = 32 * 1024
_URL_LIMIT = 4096
_SHOWN_LIMIT = 60
_SIZE_LIMIT_BYTES = 1 << 53  # numbers in JSON are exact up to here
_UNWANTED = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_BARE_KEY = re.compile(r"[\w-]{1,60}", re.ASCII)
_SHA256 = re.compile(r"[0-9a-f]{64}")
_ALGORITHM = re.compile(r"[A-Za-z0-9_-]+")


class Malformed(Exception):
    """A document, or a value in it, is not what it should be.

    Attributes:
        place: Where in the document; empty for all of it.
        problem: What is wrong there, as the rest of a sentence.
    """

    def __init__(self, place: str, problem: str) -> None:
        super().__init__(f"{place} {problem}" if place else problem)
        self.place = place
        self.problem = problem


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """What stands at one place of a document; every method raises `Malformed` when it is something else."""

    place: str
    """`package[3].wheels[0].hash`; empty for the whole document."""
    raw: object

    def at(self, key: str) -> Value:
        """What this table holds under `key`."""
        return Value(place=self._below(key), raw=self.table().get(key))

    def table(self) -> Mapping[str, object]:
        """This table."""
        if self.raw is None:
            return {}
        if not isinstance(self.raw, Mapping):
            raise Malformed(self.place, "is no table")
        return self.raw

    def entries(self) -> tuple[tuple[str, Value], ...]:
        """All this table holds."""
        if any(_UNWANTED.search(key) for key in self.table()):
            raise Malformed(self.place, "holds a key with a control character")
        return tuple((key, Value(place=self._below(key), raw=raw)) for key, raw in self.table().items())

    def items(self) -> tuple[Value, ...]:
        """All this list holds."""
        return tuple(self.each())

    def each(self) -> Iterator[Value]:
        """One after the other of what this list holds: there may be millions."""
        if self.raw is None:
            return
        if not isinstance(self.raw, list):
            raise Malformed(self.place, "is no list")
        for at, raw in enumerate(self.raw):
            yield Value(place=f"{self.place}[{at}]", raw=raw)

    def text(self, *, limit: int = _TEXT_LIMIT) -> str:
        """This text."""
        if self.raw is None:
            return ""
        if not isinstance(self.raw, str):
            raise Malformed(self.place, "is no text")
        if len(self.raw) > limit:
            raise Malformed(self.place, f"has {len(self.raw)} characters, more than {limit}")
        if _UNWANTED.search(self.raw):
            raise Malformed(self.place, "holds a control character")
        return self.raw

    def needed(self) -> str:
        """This text, which must be there."""
        text = self.text()
        if not text:
            raise Malformed(self.place, "is missing")
        return text

    def locator(self) -> str:
        """This URL or path, with the credentials that are in it."""
        return self.text(limit=_URL_LIMIT)

    def size(self) -> int:
        """This number of bytes."""
        if self.raw is None:
            return 0
        if isinstance(self.raw, bool) or not isinstance(self.raw, int):
            raise Malformed(self.place, "is no whole number")
        if not 0 <= self.raw <= _SIZE_LIMIT_BYTES:
            raise Malformed(self.place, "is no size of a file")
        return self.raw

    def digest(self) -> str:
        """The digits of this `algorithm:digits`, if it is a sha256."""
        return "" if self.raw is None else digest(self.text(), self.place)

    def package(self) -> str:
        """This name of a package, in PEP 503 form."""
        return package_name(self.needed(), self.place)

    def marker(self) -> str:
        """This environment marker, as it is written."""
        return marker(self.text().strip(), self.place)

    def _below(self, key: str) -> str:
        if _BARE_KEY.fullmatch(key):
            return f"{self.place}.{key}" if self.place else key
        return f"{self.place}[{shown(key)!r}]"


def shown(text: str, *, limit: int = _SHOWN_LIMIT) -> str:
    """`text` as one line that ends, without credentials."""
    line = strip_user_information(" ".join(text[:_URL_LIMIT].split()))
    short = line if len(line) <= limit else f"{line[:limit]}..."
    return short if short.isprintable() else ascii(short)[1:-1]


def package_name(text: str, place: str) -> str:
    """A name of a package in PEP 503 form.

    Raises:
        Malformed: No package can have it.
    """
    try:
        return canonicalize_name(text, validate=True)
    except InvalidName as error:
        raise Malformed(place, f"is '{shown(text)}', which no package can be named") from error


def named(entry: Value) -> str:
    """The package that an entry of a document is about, by its key `name`.

    Raises:
        Malformed: It does not say.
    """
    return entry.at("name").package()


def marker(text: str, place: str) -> str:
    """An environment marker as it is written; empty for always.

    Raises:
        Malformed: It is none.
    """
    if text:
        try:
            Marker(text)
        except (InvalidMarker, RecursionError) as error:
            raise Malformed(place, f"is no environment marker: {shown(text)}") from error
    return text


def any_of(markers: Iterable[str]) -> str:
    """The marker that holds when one of these does; empty, always, when there is none or one is empty."""
    distinct = tuple(dict.fromkeys(markers))
    if not all(distinct):
        return ""
    return distinct[0] if len(distinct) == 1 else " or ".join(f"({each})" for each in distinct)


def digest(text: str, place: str) -> str:
    """The digits of `sha256:...`; empty for another algorithm.

    Raises:
        Malformed: It is no `algorithm:digits`, or these are no digits of a sha256.
    """
    algorithm, colon, digits = text.partition(":")
    if not colon or not _ALGORITHM.fullmatch(algorithm):
        raise Malformed(place, "is no digest")
    if algorithm.lower() != "sha256":
        return ""
    lowered = digits.lower()
    if not _SHA256.fullmatch(lowered):
        raise Malformed(place, "has no 64 digits of a sha256")
    return lowered


def file_name(text: str, place: str) -> str:
    """A name of a file that is nothing else.

    Raises:
        Malformed: It is empty, a path, or holds what is not printed.
    """
    if text in ("", ".", "..") or "/" in text or "\\" in text or not text.isprintable():
        raise Malformed(place, f"names the file '{shown(text)}', which is no file name")
    return text


def file_of_url(url: str, place: str) -> str:
    """The name of the file at a URL.

    Raises:
        Malformed: It names none.
    """
    try:
        last = urlsplit(url).path.rpartition("/")[2]
    except ValueError as error:
        raise Malformed(place, "is no URL") from error
    return file_name(unquote(last), place)
