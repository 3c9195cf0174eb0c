"""What an installed distribution says it is: its METADATA, or else the name of its folder.

Rules:
- A copy that the installers would list is never left out because its METADATA is gone, cut off or in another
  encoding: pip and uv then go by the name of the folder, and so do we. That is a gap each time.
- Bytes that are no UTF-8 are replaced: a name, a version and a requirement have none.
- What has no usable name and version in either place is `Unusable`.

Source: https://packaging.python.org/en/latest/specifications/recording-installed-packages/
"""

from __future__ import annotations

import os
import re
from dataclasses import replace
from importlib.metadata import PathDistribution
from pathlib import Path
from typing import TYPE_CHECKING

from packaging.utils import InvalidName, canonicalize_name

from pytest_defend.model.distributions import CoreMetadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import Distribution

__all__ = ["Unusable", "read_file", "read_metadata", "text_of"]

_FILES = ("METADATA", "PKG-INFO", "")  # an .egg-info may itself be the file
# `demo-1.0.dist-info`, `demo-1.0-py3.11.egg-info`
_FOLDER = re.compile(r"(?P<name>[^-]+)-(?P<version>[^-]+)(?:-py.*)?\.(?:dist|egg)-info")


class Unusable(Exception):
    """This copy cannot be part of the record; the sentence says why."""


def read_metadata(found: Distribution, folder: str, tell: Callable[[str], None]) -> tuple[CoreMetadata, str]:
    """What a copy is; its name can be one of a package, and its version is not empty.

    Args:
        found: Reads its files.
        folder: Name of its `.dist-info` or `.egg-info`; empty for a finder that has none.
        tell: Hears what is wrong with it, as the rest of a sentence about the folder.

    Returns:
        Name, version and requirements; and the name as its METADATA writes it, empty when that of the folder
        counts.

    Raises:
        Unusable: There is no name or no version.
    """
    text = _text(found, tell)
    told = CoreMetadata.parse(text)
    problem = _problem(told) if text else "has no METADATA"
    if not problem:
        return told, told.name
    named = _FOLDER.fullmatch(folder)
    instead = replace(told, name=named["name"], version=named["version"]) if named else told
    if _problem(instead):
        raise Unusable(f"{problem}; remove it, or install its package again.")
    tell(f"{problem}; what the folder is called counts, install its package again.")
    return instead, ""


def _problem(told: CoreMetadata) -> str:
    if not told.name:
        return "names no package"
    try:
        canonicalize_name(told.name, validate=True)
    except InvalidName:
        return f"is named {told.name!r}, which no package can be"
    return "" if told.version else f"holds {told.name} without a version"


def _text(found: Distribution, tell: Callable[[str], None]) -> str:
    for name in _FILES:
        try:
            text = text_of(found, name)
        except UnicodeDecodeError as error:
            tell(f"has a {name or 'content'} that is not UTF-8; install its package again.")
            text = error.object.decode("utf-8", "replace")  # files are decoded whole
        if text:
            return text
    return ""


def text_of(found: Distribution, name: str) -> str | None:
    """One of its files; None when it is not there or not to be opened.

    Raises:
        UnicodeDecodeError: It is no UTF-8.
    """
    try:
        return read_file(found, name)
    except OSError:  # links that lead in a circle; the usual ones are answered with None
        return None


def read_file(found: Distribution, name: str) -> str | None:
    """One of its files, as `found.read_text` gives it; None when it is not there.

    In a folder it is opened by its path, without the help of pathlib: several files of everything that is
    installed are read, and this takes half the time.

    Raises:
        OSError: It is there and cannot be opened.
        UnicodeDecodeError: It is no UTF-8.
    """
    folder = getattr(found, "_path", None)
    if type(found) is not PathDistribution or not isinstance(folder, Path):
        return found.read_text(name)  # of other finders, or in an archive
    path = os.path.join(folder, name) if name else folder  # noqa: PTH118  # as above
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123
            text = file.readall().decode("utf-8")
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError, PermissionError):
        return None
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
