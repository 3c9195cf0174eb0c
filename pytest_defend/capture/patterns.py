"""Which files a pattern names.

Rules:
- A pattern is read from the root; `**` is any number of folders, `..` only leaves the root where the user
  wrote it. Only files match, hidden ones only if the pattern names the dot, and `**` follows no link.
- What may not be looked at matches nothing.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

__all__ = ["match"]


def match(root: Path, patterns: Sequence[str]) -> tuple[Path, ...]:
    """The files that at least one pattern names.

    Args:
        root: Folder that relative patterns start at.
        patterns: Globs; an absolute one starts at its own root.

    Returns:
        Each file once, sorted; a relative pattern gives paths that begin with `root`.
    """
    return _sorted(_named(root, pattern) for pattern in patterns)


def _sorted(named: Iterable[Mapping[Path, Path]]) -> tuple[Path, ...]:
    found: dict[Path, Path] = {}
    for files in named:
        for place, file in files.items():
            found[place] = min(file, found.get(place, file))
    return tuple(sorted(found.values()))


def _named(root: Path, pattern: str) -> Mapping[Path, Path]:
    """The files a pattern names, by where they really are: `a/../b` and `b` are one."""
    path = Path(pattern)
    start, parts = (Path(path.anchor), path.parts[1:]) if path.is_absolute() else (root, path.parts)
    return {file.parent.resolve() / file.name: file for file in _expand(start, parts)}


def _expand(folder: Path, parts: tuple[str, ...]) -> Iterator[Path]:
    if not parts:
        if _holds(folder.is_file):
            yield folder
        return
    part, rest = parts[0], parts[1:]
    if part == "**":
        rest = rest or ("*",)
        yield from _expand(folder, rest)
        for child in _children(folder):
            if not child.name.startswith(".") and _holds(child.is_dir) and not child.is_symlink():
                yield from _expand(child, parts)
    elif re.search(r"[*?\[]", part) is None:
        yield from _expand(folder / part, rest)
    else:
        for child in _children(folder):
            if fnmatchcase(child.name, part) and (part.startswith(".") or not child.name.startswith(".")):
                yield from _expand(child, rest)


def _holds(question: Callable[[], bool]) -> bool:
    try:
        return question()
    except OSError:  # what may not be looked at is no match
        return False


def _children(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError:  # no folder, or none of ours: nothing in it matches
        return []
