"""Archive: a bundle's folder as one portable file, and back.

Rules:
- A zip, so that it is one file to hand from job to job; the same bundle gives the same bytes.
- It appears atomically under its name.
- Reading trusts nothing: every name is one plain file inside the folder, no name comes twice, nothing gets
  larger than declared, and nothing is written when the disk has no room for all that is declared.
"""

from __future__ import annotations

import errno
import shutil
import stat
import zipfile
import zlib
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pytest_defend.errors import InvalidDocument
from pytest_defend.model.bundle import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

__all__ = ["archive", "extract"]

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say; a bundle's own times are in its record
_OWNER_ONLY = 0o600 << 16
_WRITTEN = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def archive(folder: Path, target: Path) -> None:
    """Write a bundle's folder to one file.

    Args:
        folder: The bundle.
        target: The file; replaced if it is there. Its folder is made when missing.

    Raises:
        OSError: It cannot be written.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    draft = target.with_name(f".{target.name}.draft")
    try:
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED) as bundle:
            for path in _files(folder):
                member = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _FIRST_DAY)
                member.compress_type = zipfile.ZIP_DEFLATED
                member.external_attr = _OWNER_ONLY
                with path.open("rb") as source, bundle.open(member, "w", force_zip64=True) as out:
                    shutil.copyfileobj(source, out)
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)


def _files(folder: Path) -> Iterator[Path]:
    found = sorted(path for path in folder.rglob("*") if path.is_file())
    yield from (path for path in found if path.name != MANIFEST)
    yield from (path for path in found if path.name == MANIFEST)


def extract(source: Path, folder: Path) -> None:
    """Read a bundle from one file.

    Args:
        source: As written by `archive`.
        folder: Where its files go; exists and is empty.

    Raises:
        InvalidDocument: It is no such file, or names a place outside the folder.
        OSError: It cannot be read, or the folder not written.
    """
    try:
        with zipfile.ZipFile(source) as bundle:
            members = [member for member in bundle.infolist() if not member.is_dir()]
            names = _checked(members, shutil.disk_usage(folder).free)
            for name, member in zip(names, members, strict=True):
                target = folder / name
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with bundle.open(member) as content, target.open("xb") as out:
                    shutil.copyfileobj(content, out)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError) as error:
        if not _is_damage(error):
            raise
        hint = "Give a file written by --defend-record, a bundle's folder, or a journal.jsonl."
        raise InvalidDocument(str(source), [("", f"is no record ({error})")], hint=hint) from error


def _is_damage(error: Exception) -> bool:
    """Whether it is the archive that is wrong; of what the system refuses, a place before its beginning."""
    return not isinstance(error, OSError) or error.errno == errno.EINVAL


def _checked(members: Sequence[zipfile.ZipInfo], free_bytes: int) -> Sequence[PurePosixPath]:
    """Where each member goes.

    Raises:
        ValueError: One is no plain file inside the folder, two exclude each other, or all are too much.
    """
    names = [PurePosixPath(member.filename) for member in members]
    for member, name in zip(members, names, strict=True):
        outside = name.is_absolute() or ".." in name.parts or not name.parts
        if outside or any(character in member.filename for character in "\\:"):
            raise ValueError(f"{member.filename!r} names a place outside the bundle")
        if member.compress_type not in _WRITTEN or stat.S_ISLNK(member.external_attr >> 16):
            raise ValueError(f"{member.filename!r} is no plain file of a record")
    folders = {parent for name in names for parent in name.parents}
    if len(set(names)) != len(names) or folders & set(names):
        raise ValueError("a name comes twice")
    size_bytes = sum(member.file_size for member in members)
    if size_bytes > free_bytes:
        raise ValueError(f"it declares {size_bytes} bytes, and the disk has room for {free_bytes}")
    return names
