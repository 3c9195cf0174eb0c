"""What requirements files offer: digests that each package may have; they name no files.

Rules:
- A requirement offers something when it is exact, `==` and a version or `@` and a URL, and has a sha256 and
  no digest of another kind: the file may be the one that this allows.
- A URL with one digest, in its fragment or as `--hash`, names one file, whatever version that is of.
- Files that `-r` and `-c` name are read too, each once; a path is relative to the file it stands in and may
  lead anywhere, as in pip. A URL is not fetched, a variable in `${}` not filled in.
- Other options, and requirements that are a path or a URL without a name, are passed over.

Source: https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import os
import re
import shlex
from collections import deque
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.requirements import InvalidRequirement, Requirement

from pytest_defend.capture.sources.reading import SourceFile, gap_of, offers
from pytest_defend.capture.sources.values import (
    Malformed,
    Value,
    digest,
    file_of_url,
    package_name,
    shown,
)
from pytest_defend.model.origins import Candidate, Offer
from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_defend.model.facts import Gap

__all__ = ["read_requirements"]

_COMMENT = re.compile(r"(?:^|(?<=\s))#.*")
_HASH = re.compile(r"--hash[=\s](\S+)")
_INCLUDE = re.compile(r"(?:-[rc]\s*|--(?:requirement|constraint)[=\s]\s*)(\S.*)")
_NAME = re.compile(r"[^\w.-]", re.ASCII)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
_REPOSITORY = re.compile(r"(?:bzr|git|hg|svn)\+")
_NAMELESS = re.compile(r"[./\\]|[^@]*[/\\]|.*\.(?:whl|zip|tar\.\w+)$")


@dataclass(frozen=True, slots=True)
class _Line:
    """A line as pip sees it: continued lines as one, comments gone."""

    number: int
    text: str

    @property
    def place(self) -> str:
        return f"line {self.number}"


def read_requirements(file: SourceFile, name_of: Callable[[Path], str]) -> Iterator[Offer | Gap]:
    """Read a requirements file and every file it includes.

    Args:
        file: The first of them.
        name_of: How an included file is shown to people.

    Raises:
        Malformed: The first of them is no text.
    """
    seen = {os.path.realpath(file.path)}
    waiting = deque([(file, _lines(file.text()))])
    while waiting:
        current, lines = waiting.popleft()
        try:
            yield from offers(current, lines, _name, partial(_offer, current))
        except Malformed as malformed:
            yield gap_of(current.name, malformed)
        for line in lines:
            try:
                path = _included(current, line)
                if path is None or os.path.realpath(path) in seen:
                    continue
                seen.add(os.path.realpath(path))
                included = _opened(line, path, name_of(path))
            except Malformed as malformed:
                yield gap_of(current.name, malformed)
            else:
                waiting.append(included)


def _lines(text: str) -> tuple[_Line, ...]:
    """The lines of a file that are not empty."""
    lines: list[_Line] = []
    parts: list[str] = []
    first = 1
    for number, line in enumerate(text.splitlines(), start=1):
        first = first if parts else number
        commented = line.lstrip().startswith("#")
        if line.endswith("\\") and not commented:
            parts.append(line.strip("\\"))
            continue
        # a comment ends what it continues
        lines.append(_Line(first, "".join((*parts, " " if commented else "", line))))
        parts.clear()
    lines.append(_Line(first, "".join(parts)))
    bare = (_Line(line.number, " ".join(_COMMENT.sub("", line.text).split())) for line in lines)
    return tuple(line for line in bare if line.text)


def _included(file: SourceFile, line: _Line) -> Path | None:
    """The file this line includes.

    Raises:
        Malformed: It cannot be one.
    """
    include = (
        _INCLUDE.fullmatch(Value(place=line.place, raw=line.text).text()) if line.text[0] == "-" else None
    )
    if include is None:
        return None
    try:
        target = shlex.split(include[1])[0]
    except (IndexError, ValueError) as error:
        raise Malformed(
            line.place, "includes a file whose name has a quote without its other half"
        ) from error
    if _SCHEME.match(target):
        raise Malformed(line.place, f"includes a URL, which is not fetched: {shown(target)}")
    return Path(os.path.normpath(file.path.parent / target))


def _opened(line: _Line, path: Path, name: str) -> tuple[SourceFile, tuple[_Line, ...]]:
    try:
        file = SourceFile.read(path, name)
        return file, _lines(file.text())
    except Malformed as malformed:
        raise Malformed(
            line.place, f"includes a file that {malformed.problem}: {shown(line.text)}"
        ) from malformed


def _name(line: _Line) -> str:
    return package_name(_NAME.split(line.text, maxsplit=1)[0], line.place)


def _offer(file: SourceFile, line: _Line) -> Offer | None:
    tokens = line.text.split(" ")
    options = next((at for at, token in enumerate(tokens) if token.startswith("-")), len(tokens))
    head = " ".join(tokens[:options])
    given = [each.strip("\"'") for each in _HASH.findall(" ".join(tokens[options:]))]
    if not head or not (given or "@" in head):
        return None
    digests = {digest(each, line.place) for each in given}
    requirement = _requirement(head, line)
    if requirement is None or "" in digests or _REPOSITORY.match(requirement.url or ""):
        return None
    if requirement.url is not None:
        return _direct(file, line, requirement, digests)
    exact = {each.version for each in requirement.specifier if each.operator in ("==", "===")}
    version = exact.pop() if len(exact) == 1 else ""
    if not digests or not version or version.endswith(".*"):
        return None
    return Offer(
        source=file.name,
        name=package_name(requirement.name, line.place),
        version=version,
        marker=str(requirement.marker or ""),
        hashes=tuple(sorted(digests)),
    )


def _requirement(head: str, line: _Line) -> Requirement | None:
    """What a line requires; nothing for a path or URL without a name, and for what asks for no digest."""
    text = Value(place=line.place, raw=head).text()
    try:
        return Requirement(text)
    except (InvalidRequirement, RecursionError) as error:
        if _NAMELESS.match(text):
            return None
        raise Malformed(line.place, f"is no requirement: {shown(text)}") from error


def _direct(file: SourceFile, line: _Line, requirement: Requirement, digests: set[str]) -> Offer | None:
    """What a requirement that is a URL offers."""
    url, _, fragment = str(requirement.url).partition("#")
    parts = (part.partition("=") for part in fragment.split("&"))
    digests |= {digest(f"sha256:{digits}", line.place) for key, _, digits in parts if key == "sha256"}
    if not digests:
        return None
    candidates = tuple(
        Candidate(file=file_of_url(url, line.place), sha256=each, url=strip_user_information(url))
        for each in digests
    )
    return Offer(
        source=file.name,
        name=package_name(requirement.name, line.place),
        marker=str(requirement.marker or ""),
        files=candidates if len(candidates) == 1 else (),
        hashes=() if len(candidates) == 1 else tuple(sorted(digests)),
    )
