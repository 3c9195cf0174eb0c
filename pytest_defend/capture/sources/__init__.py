"""Lock files, requirements files and reports of pip: which files each package may have come from.

Rules:
- One module reads one kind; this one finds the files, tells their kinds apart and gathers what they say.
- The name of a file decides its kind; where it does not, what it holds does.
- What reads a kind is loaded when there is a file of it: all of them take as long as a quick command.
- No file, and nothing in one, is worse than a gap. Of one file, the first few gaps are kept.
- Offers stand in the order of the patterns' files, sorted by path, and of the entries in each.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.capture.patterns import match
from pytest_defend.capture.sources.reading import SourceFile, gap_of
from pytest_defend.capture.sources.values import Malformed
from pytest_defend.model.facts import Gap
from pytest_defend.model.origins import Offer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

__all__ = ["read_sources"]


class _Kind(Enum):
    """A kind of file, by the module that reads it."""

    PDM = "pdm"
    PIPFILE = "pipfile"
    POETRY = "poetry"
    PYLOCK = "pylock"
    REPORT = "report"
    REQUIREMENTS = "requirements"
    UV = "uvlock"

    @property
    def read(self) -> Callable[..., Iterator[Offer | Gap]]:
        """What reads it: `read_pdm` of the module `pdm`."""
        found: Callable[..., Iterator[Offer | Gap]] = getattr(
            import_module(f"{__name__}.{self.value}"), f"read_{self.value}"
        )
        return found


_NAMES = {
    "uv.lock": _Kind.UV,
    "poetry.lock": _Kind.POETRY,
    "pdm.lock": _Kind.PDM,
    "Pipfile.lock": _Kind.PIPFILE,
    "pylock.toml": _Kind.PYLOCK,
}
_PYLOCK = re.compile(r"pylock\.[^.]+\.toml")
_SUFFIXES = {".txt": _Kind.REQUIREMENTS, ".in": _Kind.REQUIREMENTS, ".json": _Kind.REPORT}
_OF_ENVIRONMENTS = (_Kind.PYLOCK, _Kind.UV)
_GAPS_OF_ONE_FILE = 20
_TABLE_HEADER = re.compile(r"^\s*\[", re.MULTILINE)


def read_sources(
    root: Path, patterns: Sequence[str], *, asked: bool, environment: Mapping[str, str]
) -> tuple[tuple[Offer, ...], tuple[Gap, ...]]:
    """Read every source that `patterns` name below `root`.

    Args:
        root: Folder that relative patterns start at.
        patterns: Globs, as `capture.patterns.match` reads them.
        asked: Whether the user gave them: one that matches nothing is then a gap.
        environment: The marker variables (PEP 508) of this interpreter. A lock that is for other
            environments as a whole offers nothing; the markers of single packages are passed on.

    Returns:
        What the sources offer, and what could not be read.
    """
    found = {pattern: match(root, [pattern]) for pattern in patterns}
    offers: list[Offer] = []
    gaps = [
        Gap(
            topic="origins",
            problem=f"No file matches {pattern!r}; write the lock file, or correct the pattern.",
        )
        for pattern, paths in found.items()
        if asked and not paths
    ]
    for path in match(root, [pattern for pattern, paths in found.items() if paths]):
        name = _name(path, root)
        said = list(_said(path, name, root, environment))
        offers += [each for each in said if isinstance(each, Offer)]
        gaps += _first_few([each for each in said if isinstance(each, Gap)], name)
    # a requirements file may be matched and included
    return tuple(dict.fromkeys(offers)), tuple(dict.fromkeys(gaps))


def _name(path: Path, root: Path) -> str:
    """A file as it is shown: from the root if it is below it."""
    for start in (root, Path(os.path.normpath(root.absolute()))):
        if path.is_relative_to(start):
            return path.relative_to(start).as_posix()
    return str(path)


def _first_few(gaps: list[Gap], name: str) -> list[Gap]:
    more = len(gaps) - _GAPS_OF_ONE_FILE
    if more <= 0:
        return gaps
    rest = f"{name}: {more} more entries were left out for the like reasons; write the file again."
    return [*gaps[:_GAPS_OF_ONE_FILE], Gap(topic="origins", problem=rest)]


def _said(path: Path, name: str, root: Path, environment: Mapping[str, str]) -> Iterator[Offer | Gap]:
    """What one file says; a gap when it says nothing that can be understood."""
    try:
        file = SourceFile.read(path, name)
        kind = _kind(file)
        if kind is _Kind.REQUIREMENTS:
            yield from kind.read(file, lambda included: _name(included, root))
        elif kind in _OF_ENVIRONMENTS:
            yield from kind.read(file, environment)
        else:
            yield from kind.read(file)
    except Malformed as malformed:
        yield gap_of(name, malformed)


def _kind(file: SourceFile) -> _Kind:
    """Which kind of source a file is.

    Raises:
        Malformed: Of none that is read.
    """
    if file.path.name in _NAMES:
        return _NAMES[file.path.name]
    if _PYLOCK.fullmatch(file.path.name):
        return _Kind.PYLOCK
    suffix = file.path.suffix
    if suffix in _SUFFIXES:
        return _SUFFIXES[suffix]
    if suffix != ".lock":
        raise Malformed("", "has a name that no lock file, requirements file or report has")
    return _kind_by_content(file)


def _kind_by_content(file: SourceFile) -> _Kind:
    text = file.text()
    if text.lstrip().startswith("{"):
        return _Kind.PIPFILE
    try:
        document = file.toml().table()
    except Malformed:
        if _TABLE_HEADER.search(text):  # no requirement begins like this
            raise
        return _Kind.REQUIREMENTS
    metadata = document.get("metadata")
    if "lock-version" in document:
        return _Kind.PYLOCK
    if isinstance(metadata, Mapping):
        return _Kind.PDM if "lock_version" in metadata else _Kind.POETRY
    if "version" in document:
        return _Kind.UV
    if document:
        raise Malformed("", "is no lock file of a kind that is read")
    return _Kind.REQUIREMENTS
