"""Files among the installed ones that a wheel does not hold, though Python would find them.

Rules:
- In a package of the wheel every file counts, whatever it is. Beside a single module only what would be
  imported in its place; in a namespace package with modules of the wheel, every module.
- What another installed package lists is that package's, and what begins with a dot or is byte code in
  `__pycache__` is nobody's.
"""

from __future__ import annotations

import os
from importlib.machinery import all_suffixes
from typing import TYPE_CHECKING

from pytest_defend.capture.content import record_rows
from pytest_defend.capture.imports import module_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from collections.abc import Set as AbstractSet
    from pathlib import Path

__all__ = ["added"]

_INITS = {f"__init__{suffix}" for suffix in (*all_suffixes(), ".pyi")}


def added(location: Path, metadata: str, paths: AbstractSet[str], own: Iterable[str]) -> list[str]:
    """The files a wheel does not hold, sorted.

    Args:
        location: Folder the wheel is installed in.
        metadata: Name of the `.dist-info` of the installed copy.
        paths: What the wheel puts there.
        own: What RECORD of the installed copy names besides.
    """
    found = {path for path in own if module_of(path) and (location / path).is_file()}
    code = {path for path in paths if not path.partition("/")[0].endswith(".dist-info")}
    found |= set(_beside(location, code))
    for folder in _packages(code):
        found |= set(_inside(location, folder))
    found -= paths
    return sorted(found - _of_others(location, metadata)) if found else []


def _packages(code: AbstractSet[str]) -> list[str]:
    """The outermost folders with an `__init__`."""
    every = {folder for path in code if (folder := _folder(path)) and path.rpartition("/")[2] in _INITS}
    return sorted(folder for folder in every if not any(outer in every for outer in _outer(folder)))


def _folder(path: str) -> str:
    return path.rpartition("/")[0]


def _outer(folder: str) -> Iterator[str]:
    while folder := _folder(folder):
        yield folder


def _inside(location: Path, package: str) -> Iterator[str]:
    for folder, folders, files in os.walk(location / package):
        folders[:] = [name for name in folders if not name.startswith(".") and name != "__pycache__"]
        within = os.path.relpath(folder, location).replace(os.sep, "/")
        yield from (f"{within}/{name}" for name in files if not name.startswith("."))


def _beside(location: Path, code: AbstractSet[str]) -> Iterator[str]:
    """The modules beside single ones, and those that would hide a namespace package."""
    packages = _packages(code)
    single = {path for path in code if not any(path.startswith(f"{folder}/") for folder in packages)}
    for folder in {_folder(path) for path in single}:
        known = {path for path in single if _folder(path) == folder}
        names = {path.rpartition("/")[2].partition(".")[0] for path in known} if not folder else None
        yield from _importable(location / folder, f"{folder}/" if folder else "", names)
    inside = {outer for path in code for outer in _outer(path)}
    for space in inside - {each for each in inside if any(f"{each}/".startswith(f"{p}/") for p in packages)}:
        outer, _, name = space.rpartition("/")
        yield from _importable(location / outer, f"{outer}/" if outer else "", {name})


def _importable(folder: Path, prefix: str, names: AbstractSet[str] | None) -> Iterator[str]:
    """The modules and packages of a folder; only those of these names, if any are given."""
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if names is not None and entry.name.partition(".")[0] not in names:
            continue
        if module_of(entry.name):
            yield f"{prefix}{entry.name}"
        elif entry.name.isidentifier():
            inits = (f"{entry.name}/{init}" for init in _INITS)
            yield from (f"{prefix}{init}" for init in inits if (folder / init).is_file())


def _of_others(location: Path, metadata: str) -> set[str]:
    """What the other packages of a folder list."""
    return {
        path
        for folder in location.glob("*.dist-info")
        if folder.name != metadata
        for path in record_rows(folder)
    }
