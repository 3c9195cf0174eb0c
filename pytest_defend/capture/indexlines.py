"""Where requirements files tell an installer to look for packages, beside what it is configured to use.

Rules:
- `--index-url`, `--extra-index-url` and `--find-links`, on lines of their own; other lines are passed over.
- Files that `-r` and `-c` name are read too, each once; a URL is not fetched.
- `${NAME}` is filled in as pip does, with a variable that is set.
- Who reads a file as a lock says what is wrong with it: here, what cannot be read says nothing.

Source: https://pip.pypa.io/en/stable/reference/requirements-file-format/
"""

from __future__ import annotations

import os
import re
import shlex
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.capture.userfolders import placed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

__all__ = ["Lines", "read_lines"]

_LARGEST = 16 << 20
_OPTION = re.compile(
    r"(?P<short>-[ifrc])\s*(?P<value>\S.*)|--(?P<long>[a-z-]+)(?:\s*=\s*|\s+)(?P<given>\S.*)"
)
_MEANINGS = {
    **dict.fromkeys(("-i", "index-url", "pypi-url", "extra-index-url"), "index"),
    **dict.fromkeys(("-f", "find-links"), "links"),
    **dict.fromkeys(("-r", "-c", "requirement", "constraint"), "file"),
}
_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_COMMENT = re.compile(r"(?:^|\s+)#.*$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """What requirements files say.

    Attributes:
        indexes: URLs with credentials.
        find_links: Folders and files, and URLs of pages with credentials.
    """

    indexes: tuple[str, ...] = field(repr=False)
    find_links: tuple[Path | str, ...] = field(repr=False)


def read_lines(files: Iterable[Path], environ: Mapping[str, str]) -> Lines:
    """Read requirements files.

    Args:
        files: Their paths.
        environ: Variables.
    """
    waiting = deque(files)
    seen: set[str] = set()
    indexes: dict[str, None] = {}
    find_links: dict[Path | str, None] = {}
    while waiting:
        path = waiting.popleft()
        try:
            known = os.path.realpath(path)
        except ValueError:  # can be no path
            continue
        if known in seen:
            continue
        seen.add(known)
        for meaning, text in _options(path, environ):
            place = placed(text, path.parent)
            if meaning == "index":
                indexes[place.as_uri() if isinstance(place, Path) else place] = None
            elif meaning == "links":
                find_links[place] = None
            elif isinstance(place, Path):
                waiting.append(place)
    return Lines(indexes=tuple(indexes), find_links=tuple(find_links))


def _options(path: Path, environ: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What the options of a file mean, and their values."""
    for line in _lines(path):
        option = _OPTION.fullmatch(line) if line.startswith("-") else None
        if option is None:
            continue
        meaning = _MEANINGS.get(option["short"] or option["long"])
        try:
            words = shlex.split(option["value"] or option["given"])
        except ValueError:  # half a quote
            continue
        if meaning and words and words[0]:
            yield meaning, _VARIABLE.sub(lambda found: environ.get(found[1]) or found[0], words[0])


def _lines(path: Path) -> Iterator[str]:
    """The lines of a file as pip sees them: continued ones as one, comments gone."""
    try:
        if not path.is_file() or path.stat().st_size > _LARGEST:
            return
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, ValueError):
        return
    parts: list[str] = []
    for line in text.splitlines():
        if line.endswith("\\") and not line.lstrip().startswith("#"):
            parts.append(line.strip("\\"))
            continue
        yield _COMMENT.sub("", "".join((*parts, line))).strip()
        parts.clear()
    yield _COMMENT.sub("", "".join(parts)).strip()
