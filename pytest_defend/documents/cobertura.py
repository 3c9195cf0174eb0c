"""Coverage in Cobertura's XML, as coverage.py and others write it.

Rules:
- Only the root is believed: how many lines and branches there are, and how many of them were covered; where
  it does not count, its rates. The rest is read to its end all the same: half a file is no report.
- A document type declaration is refused, and with it every entity that is not XML's own. coverage.py writes
  none, and a reader needs nothing of it.
- What is too large, too deep, malformed or contradicts itself is an error that names the place.
- Nothing to cover is no coverage: a share of nothing is not known.

Source: https://github.com/cobertura/web/blob/master/htdocs/xml/coverage-04.dtd
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from pytest_defend.errors import InvalidDocument

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["MAX_BYTES", "Coverage", "Share", "read_cobertura"]

MAX_BYTES = 64 * 1024 * 1024
"""Of a report; that of a million lines has half of it."""
_MAX_DEPTH = 64  # elements within elements; the format has eight
_PIECE = 64 * 1024  # bytes parsed at a time


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """How much of something was covered."""

    covered: int
    """How many; of a report that gives rates alone, millionths."""
    valid: int
    """Of how many; never 0."""
    counted: bool = True
    """Whether the report counts, or gives a rate alone."""

    @property
    def percent(self) -> float:
        """From 0 to 100."""
        return self.covered * 100 / self.valid

    def __str__(self) -> str:
        counts = f" ({self.covered} of {self.valid})" if self.counted else ""
        # Rounded down: 79.996 is not 80.
        return f"{int(self.percent * 100) / 100:g} %{counts}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What a report says, as a whole."""

    line: Share | None
    """Of lines; None when it says nothing, or there is no line."""
    branch: Share | None
    """Of branches; None when they were not measured."""


def read_cobertura(content: bytes, where: str) -> Coverage:
    """Read a report.

    Args:
        content: The file.
        where: What it is, for errors: its path.

    Raises:
        InvalidDocument: It is no such report.
    """
    if len(content) > MAX_BYTES:
        raise InvalidDocument(where, [("", f"has more than {MAX_BYTES} bytes")])
    target = _Root(where)
    parser = ET.XMLParser(target=target)  # noqa: S314  # declarations, which make entities, are refused
    try:
        for start in range(0, len(content), _PIECE):
            parser.feed(content[start : start + _PIECE])
        parser.close()
    except ET.ParseError as error:
        line, column = error.position
        raise InvalidDocument(where, [(f"line {line}, column {column}", "is no XML")]) from error
    except (LookupError, ValueError) as error:  # an encoding nobody knows
        raise InvalidDocument(where, [("", f"is no XML: {error}")]) from error
    return Coverage(
        line=_share(target.attributes, "line", where), branch=_share(target.attributes, "branch", where)
    )


class _Root:
    """Takes the attributes of the root; what is in it only has to be there."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.attributes: dict[str, str] = {}
        self._depth = 0
        self._seen = False

    def start(self, tag: str, attributes: Mapping[str, str]) -> None:
        """An element begins."""
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise InvalidDocument(
                self.where, [("", f"has more than {_MAX_DEPTH} elements within each other")]
            )
        if not self._seen:
            self._seen = True
            if tag != "coverage":
                raise InvalidDocument(self.where, [(tag, "is no coverage")])
            self.attributes = dict(attributes)

    def end(self, _tag: str) -> None:
        """An element ends."""
        self._depth -= 1

    def data(self, _text: str) -> None:
        """Text between elements means nothing."""

    def doctype(self, *_declared: object) -> None:
        """A declaration of the document type begins."""
        raise InvalidDocument(self.where, [("", "declares a document type, which is not read")])

    def close(self) -> None:
        """The document ends."""


def _share(attributes: Mapping[str, str], kind: str, where: str) -> Share | None:
    plural = {"line": "lines", "branch": "branches"}[kind]
    valid, covered = (_count(attributes, f"{plural}-{what}", where) for what in ("valid", "covered"))
    if valid is not None and covered is not None:
        if covered > valid:
            raise InvalidDocument(where, [(f"coverage.{plural}-covered", f"is more than {plural}-valid")])
        return Share(covered=covered, valid=valid) if valid else None
    rate = attributes.get(f"{kind}-rate")
    if rate is None:
        return None
    try:
        number = float(rate)
    except ValueError:
        number = -1
    if not 0 <= number <= 1:
        raise InvalidDocument(where, [(f"coverage.{kind}-rate", f"{rate!r} is no number from 0 to 1")])
    return Share(covered=int(number * 1_000_000), valid=1_000_000, counted=False)


def _count(attributes: Mapping[str, str], name: str, where: str) -> int | None:
    text = attributes.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 18):  # noqa: PLR2004  # no count has more digits
        raise InvalidDocument(where, [(f"coverage.{name}", f"{text!r} is no count")])
    return int(text)
