"""A file and a folder as a server tells of them, and the rows they are read from.

Rules:
- Every function works on a connection that is given: the transaction is its caller's.
- A folder is there when it was made, or when something lies in it.
- Nothing lies in a file, and no file is where a folder is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import UsageError
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.fields import instant_from_ms
from pytest_defend.stores import items
from pytest_defend.stores.schema import bound

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["Deposit", "Entry", "Folder", "check_place", "made_folders", "read_entries", "step"]

_ENTRIES = """
    SELECT path, sha256, sha1, md5, size_bytes, created_ms, created_by,
        COALESCE(modified_ms, created_ms), modified_by, claimed, downloads, downloaded_ms
    FROM items WHERE {} ORDER BY path
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deposit:
    """A file that was received.

    Attributes:
        path: `repository/folder/.../file`.
        checksums: Of its bytes, which are kept already.
        user: Who sent it.
        claimed: Which checksums the sender named: `sha1`, `sha256`, `md5`.
        properties: The set it is to have; None when the sender named none.
    """

    path: str
    checksums: Checksums
    user: str
    claimed: tuple[str, ...] = ()
    properties: Mapping[str, tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file, with what a server tells of it."""

    path: str
    checksums: Checksums
    created: datetime
    created_by: str
    modified: datetime
    modified_by: str
    claimed: tuple[str, ...]
    downloads: int
    downloaded_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """A folder; `files` and `folders` are the paths right in it."""

    path: str
    created: datetime
    modified: datetime
    created_by: str = ""
    files: tuple[str, ...] = ()
    folders: tuple[str, ...] = ()


def read_entries(database: sqlite3.Connection, where: str, *texts: str) -> tuple[Entry, ...]:
    """The files that match, sorted by path; `where` is ours, `texts` come from outside."""
    rows = database.execute(_ENTRIES.format(where), [bound(text) for text in texts])
    return tuple(map(_entry, rows))


def _entry(row: tuple[Any, ...]) -> Entry:
    path, sha256, sha1, md5, size, created, created_by, modified, modified_by, claimed, count, last = row
    return Entry(
        path=path,
        checksums=Checksums(sha256=sha256, sha1=sha1, md5=md5, size_bytes=size),
        created=instant_from_ms(created),
        created_by=created_by,
        modified=instant_from_ms(modified),
        modified_by=modified_by,
        claimed=tuple(filter(None, claimed.split(","))),
        downloads=count,
        downloaded_ms=last,
    )


def made_folders(database: sqlite3.Connection | None, path: str) -> dict[str, tuple[int, str]]:
    """The folders somebody made at a path and below: when and who."""
    if database is None:
        return {}
    where, texts = items.below(path, "path")
    query = f"SELECT path, created_ms, created_by FROM folders WHERE path = ? OR {where}"  # noqa: S608
    rows = database.execute(query, [bound(text) for text in (path, *texts)])
    return {found: (created_ms, by) for found, created_ms, by in rows}


def step(folder: str, path: str) -> str:
    """The path of what is right in `folder` and leads to `path`."""
    return f"{folder}/{path[len(folder) + 1 :].partition('/')[0]}"


def check_place(database: sqlite3.Connection, path: str) -> None:
    """Refuse a path no file can have.

    Raises:
        UsageError: It goes through a file, or is a folder.
    """
    parts = path.split("/")
    for count in range(2, len(parts)):
        above = "/".join(parts[:count])
        if items.digest(database, above):
            raise UsageError(f"Expected a folder but found a file, at: {above.replace('/', ':', 1)}")
    if made_folders(database, path) or read_entries(database, *_inside(path)):
        raise UsageError(f"Expected a file but found a folder, at: {path.replace('/', ':', 1)}")


def _inside(path: str) -> tuple[str, str, str]:
    where, texts = items.below(path, "path")
    return (where, *texts)
