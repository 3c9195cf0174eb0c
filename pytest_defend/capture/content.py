"""What an installed distribution holds, by its own RECORD and by the bytes on disk.

Rules:
- The fingerprint is read from RECORD alone, which is cheap; whether the files are what RECORD says is asked
  with `drift`, which reads them all.
- A fingerprint is remembered by path, time of change and size of its RECORD.
- Rows without a digest (byte code, RECORD itself) claim nothing and are never drift. What is no regular file
  is not opened.

Source: https://packaging.python.org/en/latest/specifications/recording-installed-packages/ and
https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import base64
import hashlib
import os
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from packaging.tags import parse_tag

from pytest_defend.capture.memory import key_of_file
from pytest_defend.capture.metadata import read_file
from pytest_defend.model.fingerprint import fingerprint, read_record

if TYPE_CHECKING:
    import importlib.metadata
    from collections.abc import Mapping

    from pytest_defend.model.distributions import Installed
    from pytest_defend.model.fingerprint import Row

__all__ = ["Content", "Memory", "drift", "metadata_digests", "read_content", "record_rows", "verified"]


class Memory(Protocol):
    """Remembers what was computed from a file, until the file changes."""

    def get(self, key: str) -> Any | None:
        """What was remembered under `key`; None when nothing was."""

    def put(self, key: str, value: Any) -> None:
        """Remember a JSON value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """What the metadata of an installed copy says about its content.

    Attributes:
        tags: Of its wheel, each for itself, sorted.
        build_tag: Of its wheel.
        fingerprint: Of its RECORD; empty when it has none.
    """

    tags: tuple[str, ...] = ()
    build_tag: str = ""
    fingerprint: str = ""


def read_content(found: importlib.metadata.Distribution, folder: Path | None, memory: Memory) -> Content:
    """Read WHEEL and RECORD of an installed copy.

    Args:
        found: Reads its metadata files.
        folder: Where these are; None for a finder that has no folder.
        memory: Knows fingerprints of earlier readings.

    Raises:
        OSError: RECORD or WHEEL cannot be opened.
        ValueError: RECORD or WHEEL cannot be understood.
    """
    tags, build_tag = _wheel(read_file(found, "WHEEL") or "")
    key = _key(folder)
    known = memory.get(key) if key else None
    if isinstance(known, str):
        return Content(tags=tags, build_tag=build_tag, fingerprint=known)
    text = read_file(found, "RECORD")
    digest = "" if text is None else fingerprint(read_record(text))
    if key:
        memory.put(key, digest)
    return Content(tags=tags, build_tag=build_tag, fingerprint=digest)


def _key(folder: Path | None) -> str:
    if folder is None:
        return ""
    path = os.path.join(folder, "RECORD")  # noqa: PTH118  # a Path takes twice the time, for all there is
    try:
        told = os.stat(path)  # noqa: PTH116
    except OSError:
        return ""
    return key_of_file(path, told)


@lru_cache(maxsize=1024)  # most wheels have one of a few
def _wheel(text: str) -> tuple[tuple[str, ...], str]:
    tags: set[str] = set()
    build_tag = ""
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip().lower() == "tag":
            tags |= {str(tag) for tag in parse_tag(value.strip())}
        elif key.strip().lower() == "build":
            build_tag = value.strip()
    return tuple(sorted(tags)), build_tag


def record_rows(folder: Path) -> dict[str, Row]:
    """The rows of an installed copy's RECORD; none when it cannot be read.

    Args:
        folder: Its `.dist-info`.
    """
    try:
        return read_record((folder / "RECORD").read_text(encoding="utf-8", errors="surrogateescape"))
    except (OSError, ValueError):
        return {}


def metadata_digests(folder: Path) -> frozenset[str]:
    """The sha256 of METADATA, hexadecimal: as the file is, and as RECORD says it was; none without it.

    Args:
        folder: Its `.dist-info`.
    """
    try:
        found = {hashlib.sha256((folder / "METADATA").read_bytes()).hexdigest()}
        algorithm, _, claimed = record_rows(folder)[f"{folder.name}/METADATA"][0].partition("=")
        if algorithm == "sha256":
            found.add(base64.urlsafe_b64decode(f"{claimed}=").hex())
    except (OSError, KeyError, ValueError):
        return frozenset()
    return frozenset(found)


def verified(installed: Installed) -> Installed:
    """The same, with the files of each that are not what its RECORD says."""
    looked_at = (
        replace(each, drift=drift(Path(each.location), record_rows(Path(each.location, each.metadata))))
        for each in installed.distributions
    )
    return replace(installed, distributions=tuple(looked_at), verified=True)


def drift(location: Path, rows: Mapping[str, Row]) -> tuple[str, ...]:
    """The files that are not what RECORD says: `changed PATH` or `missing PATH`, sorted.

    Args:
        location: Folder the paths are relative to.
        rows: Of RECORD.
    """
    found = ((_state(location / path, *row), path) for path, row in rows.items() if row[0])
    return tuple(sorted(f"{state} {path}" for state, path in found if state))


def _state(path: Path, digest: str, size: str) -> str:
    name, _, expected = digest.partition("=")
    try:
        if not path.is_file():
            return "missing"
        if size.isdecimal() and path.stat().st_size != int(size):
            return "changed"
        with path.open("rb") as file:
            actual = hashlib.file_digest(file, name).digest()
    except (OSError, ValueError):  # not to be read, or a digest nobody knows
        return "unreadable"
    return "" if base64.urlsafe_b64encode(actual).decode().rstrip("=") == expected else "changed"
