"""An installed copy of a wheel, compared with the file, byte for byte.

Rules:
- What the archive holds is compared with what lies on disk. RECORD is a claim, and held against the archive:
  a wheel whose RECORD is not true of it is defective, and so is one that cannot be read.
- What an installer writes or decides is no part of a wheel; a script may begin with another interpreter.
  Byte code in `__pycache__` is not compared, byte code that is shipped alone is.
- A file written to since the tests began is named, though it may hold the same again.
- No more is unpacked than has the size of what is installed.

Source: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

import base64
import hashlib
import lzma
import os
import stat
import sys
import zipfile
import zlib
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pytest_defend.capture.additions import added
from pytest_defend.capture.content import drift, record_rows
from pytest_defend.model.fingerprint import is_of_installer

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import IO

    from pytest_defend.model.fingerprint import Row

__all__ = ["Comparison", "compare_copy", "was_written"]

_DAMAGED = (EOFError, RuntimeError, ValueError, lzma.LZMAError, zipfile.BadZipFile, zlib.error)
_CHUNK_BYTES = 1 << 18
_FIRST_LINE_BYTES = 2048
_SCRIPT = b"#!python"  # what an installer puts its interpreter in for
_SCRIPT_FOLDERS = {"bin", "scripts"}
_DIGESTS = {"sha256", "sha384", "sha512"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What is not the same.

    Attributes:
        defects: Of the wheel itself: `false PATH` (RECORD is not true of it), `unlisted PATH` (RECORD leaves
            it out), `absent PATH` (in RECORD alone), `twice PATH`, `outside PATH`, `damaged PATH`.
        differs: As seen from the wheel: `changed PATH`, `missing PATH`, `added PATH`, `unreadable PATH`.
        written: Files of the copy that were written to since.
        paths: What the wheel puts where packages are.
    """

    defects: tuple[str, ...] = ()
    differs: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()


def compare_copy(
    wheel: Path, listed: Mapping[str, Row], location: Path, metadata: str, since_ns: int
) -> Comparison:
    """Compare an installed copy with a wheel.

    Args:
        wheel: The file.
        listed: The rows of its RECORD.
        location: Folder the copy is installed in.
        metadata: Name of its `.dist-info` in that folder.
        since_ns: When the tests began, since 1970.
    """
    rows = record_rows(location / metadata)
    looking = _Looking(places=_Places(location, rows), listed=listed, since_ns=since_ns)
    try:
        with zipfile.ZipFile(wheel) as archive:
            names = {info.filename for info in archive.infolist()}
            members = _members(archive, looking)
            for member in members:
                looking.at(archive, member)
    except (*_DAMAGED, OSError):
        return Comparison(defects=(f"damaged {wheel.name}",))
    looking.defects += [f"absent {path}" for path, row in listed.items() if row[0] and path not in names]
    if not listed:
        looking.defects.append("absent RECORD")
    looking.note(f"{metadata}/RECORD", location / metadata / "RECORD")
    paths = {member.path for member in members if not member.scheme}
    own = {path: row for path, row in rows.items() if path not in looking.used and not _is_free(path)}
    # like scripts of entry points, which `pip --target` moves without a word in RECORD
    made = (line for line in drift(location, own) if not line.startswith("missing "))
    differs = {*looking.differs, *made, *(f"added {path}" for path in added(location, metadata, paths, own))}
    return Comparison(
        defects=tuple(sorted(looking.defects)),
        differs=tuple(sorted(differs)),
        written=tuple(sorted(looking.written)),
        paths=tuple(sorted(paths)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Member:
    info: zipfile.ZipInfo
    scheme: str
    """Empty for what lies where packages are; else `scripts`, `headers` or `data`."""
    path: str
    """Below the folder of the scheme."""


def _members(archive: zipfile.ZipFile, looking: _Looking) -> list[_Member]:
    """Every file that is to be compared."""
    found: dict[str, _Member] = {}
    for info in archive.infolist():
        if info.is_dir():
            continue
        member = _member(info)
        if info.filename in found:
            looking.defects.append(f"twice {info.filename}")
        elif PurePosixPath(member.path).is_absolute() or ".." in member.path.split("/"):
            looking.defects.append(f"outside {info.filename}")
        elif not _is_free(member.path):
            found[info.filename] = member
    return list(found.values())


def _is_free(path: str) -> bool:
    """Whether a file may be another one in an installed copy."""
    return is_of_installer(path) or "__pycache__" in path.split("/")


def _member(info: zipfile.ZipInfo) -> _Member:
    top, _, rest = info.filename.partition("/")
    if not top.endswith(".data") or not rest:
        return _Member(info=info, scheme="", path=info.filename)
    scheme, _, path = rest.partition("/")
    return _Member(info=info, scheme="" if scheme in ("purelib", "platlib") else scheme, path=path)


class _Places:
    """Where on disk the files of a wheel are.

    What lies outside the packages is found by the rows of RECORD: only the installer knows where it put it.
    """

    def __init__(self, location: Path, rows: Mapping[str, Row]) -> None:
        self._location = location
        self._rows: dict[str, list[str]] = defaultdict(list)
        for row in rows:
            self._rows[row.rpartition("/")[2]].append(row)

    def of(self, member: _Member) -> Iterator[tuple[str, Path]]:
        """Each place that may be meant, with the row that says so."""
        if not member.scheme:
            yield member.path, self._location / member.path
        for row in self._rows.get(member.path.rpartition("/")[2], ()):
            if self._names(row, member):
                yield row, self._location / row
                if row.startswith("../"):  # of `pip --target`, which moves files and leaves RECORD as it was
                    yield row, self._location / row.replace("../", "")

    def _names(self, row: str, member: _Member) -> bool:
        if member.scheme == "scripts":
            return PurePosixPath(row).parent.name.lower() in _SCRIPT_FOLDERS
        whole = os.path.normpath(self._location / row).replace(os.sep, "/")
        return whole.endswith(f"/{member.path}")


@dataclass(slots=True, kw_only=True)
class _Looking:
    """One comparison under way."""

    places: _Places
    listed: Mapping[str, Row]
    since_ns: int
    defects: list[str] = field(default_factory=list)
    differs: list[str] = field(default_factory=list)
    written: list[str] = field(default_factory=list)
    used: set[str] = field(default_factory=set)

    def at(self, archive: zipfile.ZipFile, member: _Member) -> None:
        """Compare one file."""
        name, row = member.info.filename, self.listed.get(member.info.filename, ("", ""))
        if not row[0]:
            self.defects.append(f"unlisted {name}")
        state = "missing"
        for place, path in self.places.of(member):
            self.used.add(place)
            try:
                digest = _same(archive, member, path, row[0].partition("=")[0])
            except FileNotFoundError:
                continue
            except OSError:
                state = "unreadable"
                continue
            except _DAMAGED:
                self.defects.append(f"damaged {name}")
                return
            self.note(place, path)
            if digest is not None:
                if row[0] and not _is_true(row, digest, member.info.file_size):
                    self.defects.append(f"false {name}")
                return
            state = "changed"
        self.differs.append(f"{state} {member.path if not member.scheme else name}")

    def note(self, place: str, path: Path) -> None:
        """Note a file that was written to since the tests began."""
        if was_written(path, self.since_ns):
            self.written.append(place)


def was_written(path: Path, since_ns: int) -> bool:
    """Whether a file was written to.

    The time of change alone may come from an archive, that of the inode from a new link to it.

    Args:
        path: Of the file.
        since_ns: Since when, since 1970.
    """
    try:
        told = path.stat()
    except OSError:
        return False
    ns = told.st_mtime_ns if sys.platform == "win32" else min(told.st_mtime_ns, told.st_ctime_ns)
    return ns >= since_ns


def _is_true(row: Row, digest: str, size_bytes: int) -> bool:
    algorithm, _, expected = row[0].partition("=")
    return algorithm in _DIGESTS and expected == digest and row[1] in ("", str(size_bytes))


def _same(archive: zipfile.ZipFile, member: _Member, path: Path, algorithm: str) -> str | None:
    """The digest of a file, as RECORD writes it, when the same is on disk; empty for a strange algorithm.

    Raises:
        OSError: What is on disk cannot be read.
    """
    told = path.stat()
    if not stat.S_ISREG(told.st_mode):
        return None
    hasher = hashlib.new(algorithm) if algorithm in _DIGESTS else None
    with path.open("rb") as there, archive.open(member.info) as inside:
        first = inside.readline(_FIRST_LINE_BYTES) if member.scheme == "scripts" else b""
        if hasher:
            hasher.update(first)
        left = member.info.file_size - len(first)
        if not _begins_like(there, first, told.st_size - left) or not _goes_on_like(there, inside, hasher):
            return None
    return base64.urlsafe_b64encode(hasher.digest()).decode().rstrip("=") if hasher else ""


def _begins_like(there: IO[bytes], first: bytes, size_bytes: int) -> bool:
    """Whether the first bytes of a file are those of a wheel's, but for the interpreter of a script."""
    if not first.startswith(_SCRIPT):
        return size_bytes == len(first) and there.read(size_bytes) == first
    return 0 < size_bytes <= _FIRST_LINE_BYTES and there.read(size_bytes).startswith(b"#!")


def _goes_on_like(there: IO[bytes], inside: IO[bytes], hasher: hashlib._Hash | None) -> bool:
    while chunk := inside.read(_CHUNK_BYTES):
        if there.read(len(chunk)) != chunk:
            return False
        if hasher:
            hasher.update(chunk)
    return True
