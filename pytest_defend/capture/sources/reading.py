"""Files that say where packages come from, as bytes, as text and as documents.

Rules:
- What cannot be used is a gap that names the file, the place in it and what next; the rest is used.
- The set of files that a document names for a package is complete or not offered at all: one file less could
  leave exactly one, and that would be taken for the one that was installed.
- What is not worth reading to its end is given up: a document may have millions of entries.
"""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, TypeVar

from pytest_defend.capture.sources.values import Malformed, Value, shown
from pytest_defend.model.facts import Gap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from pytest_defend.model.origins import Offer

__all__ = ["SIZE_LIMIT", "SourceFile", "file_url", "gap_of", "offers"]

SIZE_LIMIT = 64 * 1024 * 1024
"""Bytes of the largest file that is read."""

_CAUSE_LIMIT = 160
# tomllib takes time and memory with the square of the parts of a key: 1 MB of keys with 5000 parts took 50 s
# and 10 GB (3.11)
_DOTS_IN_A_LINE = 32
_TOML_TEXTS = re.compile(
    r'''"""(?:\\.|[^\\])*?(?:"""|\Z)|"(?:\\.|[^"\\\n])*+"?'''
    r"""|'''.*?(?:'''|\Z)|'[^'\n]*'?|\#[^\n]*""",
    re.DOTALL,
)
_MALFORMED_ENTRIES = 1000

_Entry = TypeVar("_Entry")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFile:
    """A file that says where packages come from."""

    name: str
    """As shown to people."""
    path: Path
    """Where it is, absolute."""
    content: bytes
    written_s: float
    """When it was written, epoch seconds."""

    @classmethod
    def read(cls, path: Path, name: str) -> SourceFile:
        """Read a file.

        Raises:
            Malformed: It cannot be read, or is larger than `SIZE_LIMIT`.
        """
        try:
            if not S_ISREG(path.stat().st_mode):  # reading from a pipe would wait for ever
                raise Malformed("", "is no file")
            with path.open("rb") as file:
                content = file.read(SIZE_LIMIT + 1)
                written_s = os.fstat(file.fileno()).st_mtime
        except (OSError, ValueError) as error:  # a ValueError for a name that no file system takes
            cause = (error.strerror if isinstance(error, OSError) else None) or str(error)
            raise Malformed("", f"cannot be read ({shown(cause, limit=_CAUSE_LIMIT)})") from error
        if len(content) > SIZE_LIMIT:
            raise Malformed("", f"has more than the {SIZE_LIMIT} bytes that are read")
        return cls(name=name, path=path.absolute(), content=content, written_s=written_s)

    def text(self) -> str:
        """All of it.

        Raises:
            Malformed: It is not UTF-8.
        """
        try:
            return self.content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            raise Malformed("", f"is not UTF-8 (byte {error.start})") from error

    def toml(self) -> Value:
        """The table it holds.

        Raises:
            Malformed: It is no TOML.
        """
        text = self.text()
        if _has_many_dots(text) and _has_many_dots(_TOML_TEXTS.sub("", text)):
            raise Malformed("", f"holds more than {_DOTS_IN_A_LINE} dots in one line, outside of texts")
        return self._parsed("TOML", tomllib.loads)

    def json(self) -> Value:
        """The object it holds.

        Raises:
            Malformed: It is no JSON, or another kind of value.
        """
        return self._parsed("JSON", json.loads)

    def _parsed(self, language: str, parse: Callable[[str], object]) -> Value:
        text = self.text()
        try:
            raw = parse(text)
        except RecursionError as error:
            raise Malformed("", f"is {language} nested too deeply to be read") from error
        except ValueError as error:  # also for a number with thousands of digits
            cause = shown(str(error), limit=_CAUSE_LIMIT)
            raise Malformed("", f"is no {language} that can be read ({cause})") from error
        if not isinstance(raw, Mapping):
            raise Malformed("", f"is {language} and no table")
        return Value(place="", raw=raw)


def _has_many_dots(text: str) -> bool:
    return any(line.count(".") > _DOTS_IN_A_LINE for line in text.split("\n"))


def file_url(folder: Path, path: str) -> str:
    """The URL of a file that a document in `folder` names by its path."""
    return Path(os.path.normpath(folder / path)).as_uri()


def offers(
    file: SourceFile,
    entries: Iterable[_Entry],
    name: Callable[[_Entry], str],
    read: Callable[[_Entry], Offer | None],
) -> Iterator[Offer | Gap]:
    """What a document offers.

    Args:
        file: The document.
        entries: What it holds.
        name: The package that an entry is about, in PEP 503 form; raises `Malformed` when it does not say.
        read: What an entry offers; raises `Malformed` when that cannot be understood. Then no other entry
            about this package counts either.

    Raises:
        Malformed: Too many entries are.
    """
    found: list[Offer] = []
    gaps: list[Gap] = []
    incomplete: set[str] = set()
    for entry in entries:
        try:
            offer = read(entry)
        except Malformed as malformed:
            gaps.append(gap_of(file.name, malformed))
            if len(gaps) > _MALFORMED_ENTRIES:
                problem = f"holds more than {_MALFORMED_ENTRIES} entries that cannot be used: {malformed}"
                raise Malformed("", problem) from malformed
            with suppress(Malformed):
                incomplete.add(name(entry))
        else:
            if offer is not None:
                found.append(offer)
    yield from (offer for offer in found if offer.name not in incomplete)
    yield from gaps


def gap_of(source: str, malformed: Malformed) -> Gap:
    """The gap that something malformed in `source` leaves."""
    if malformed.place:
        problem = f"{source}: {malformed}; what it belongs to was left out, write the file again."
    else:
        problem = f"{source} {malformed}; it was left out, write it again."
    return Gap(topic="origins", problem=problem)
