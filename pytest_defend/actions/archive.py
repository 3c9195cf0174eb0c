"""Archive: a bundle's folder as one portable file, and back.

Rules:
- A zip, so that it is one file to hand from job to job; the same bundle gives the same bytes.
- It appears atomically under its name.
- Reading trusts nothing: names stay inside the folder, sizes are those the archive declares.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from pytest_defend.errors import InvalidDocument
from pytest_defend.model.bundle import MANIFEST

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["archive", "extract"]

_FIRST_DAY = (1980, 1, 1, 0, 0, 0)  # the earliest a zip can say; a bundle's own times are in its record
_OWNER_ONLY = 0o600 << 16


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
            for member in bundle.infolist():
                if member.is_dir():
                    continue
                target = folder / _inside(member.filename, source)
                target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                with bundle.open(member) as content, target.open("xb") as out:
                    shutil.copyfileobj(content, out)
    except (zipfile.BadZipFile, EOFError, RuntimeError, ValueError) as error:
        hint = "Give a file written by --defend-record, a bundle's folder, or a journal.jsonl."
        raise InvalidDocument(str(source), [("", f"is no record ({error})")], hint=hint) from error


def _inside(name: str, source: Path) -> PurePosixPath:
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise InvalidDocument(str(source), [(name, "names a place outside the bundle")])
    return path
