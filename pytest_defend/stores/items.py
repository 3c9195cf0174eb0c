"""The rows of files and their properties in the ledger.

Rules:
- Every function works on a connection that is given: the transaction is its caller's.
- Reading uses columns of version 1 only.
"""

from __future__ import annotations

import json
from itertools import groupby
from typing import TYPE_CHECKING, Any

from pytest_defend.model.checksums import Checksums
from pytest_defend.model.fields import instant_from_ms
from pytest_defend.model.repositories import Repository
from pytest_defend.protocols import Item
from pytest_defend.stores import rules
from pytest_defend.stores.schema import bound

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from pytest_defend.protocols import Upload

__all__ = [
    "below",
    "check_items",
    "digest",
    "move_items",
    "read_contents",
    "read_items",
    "set_properties",
    "write_items",
    "write_properties",
    "write_repositories",
]

_ITEMS = """
    SELECT items.path, sha256, sha1, md5, size_bytes, created_ms, properties.name, properties.value
    FROM items LEFT JOIN properties USING (path)
    WHERE {} ORDER BY items.path, properties.name, properties.value
"""
_NEW_ITEM = """
    INSERT OR IGNORE INTO items (path, repository, sha256, sha1, md5, size_bytes, created_ms)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_COPY = """
    INSERT INTO items (path, repository, sha256, sha1, md5, size_bytes, created_ms, created_by,
        modified_ms, modified_by, claimed)
    SELECT ?, ?, sha256, sha1, md5, size_bytes, created_ms, created_by, modified_ms, modified_by, claimed
    FROM items WHERE path = ?
"""
_CONFIGURATION = "SELECT configuration FROM repositories WHERE name = ?"
_AT_ONCE = 500  # of the 999 variables every SQLite takes


def read_items(database: sqlite3.Connection | None, where: str, *texts: str) -> tuple[Item, ...]:
    """The files that match, sorted by path; `where` is ours, `texts` come from outside."""
    if database is None:
        return ()
    rows = database.execute(_ITEMS.format(where), [bound(text) for text in texts])
    return tuple(_item(key, group) for key, group in groupby(rows, key=lambda row: row[:6]))


def read_contents(database: sqlite3.Connection | None, sha256s: Iterable[str]) -> Iterator[Item]:
    """The files with one of these contents."""
    wanted = sorted(set(sha256s))
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        yield from read_items(database, f"sha256 IN ({', '.join('?' * len(some))})", *some)


def below(folder: str, column: str = "items.path") -> tuple[str, tuple[str, str]]:
    """The condition, and its texts, of everything in a folder."""
    # "0" follows "/": everything that begins with the folder and a slash lies between the two
    return f"({column} > ? AND {column} < ?)", (f"{folder}/", f"{folder}0")


def _item(known: tuple[Any, ...], rows: Iterable[tuple[Any, ...]]) -> Item:
    path, sha256, sha1, md5, size_bytes, created_ms = known
    properties: dict[str, tuple[str, ...]] = {}
    for *_, name, value in rows:
        if name is not None:
            properties[name] = (*properties.get(name, ()), value)
    return Item(
        path=path,
        checksums=Checksums(sha256=sha256, sha1=sha1, md5=md5, size_bytes=size_bytes),
        properties=properties,
        created=instant_from_ms(created_ms),
    )


def digest(database: sqlite3.Connection, path: str) -> str:
    """The sha256 of what is under a path; empty when nothing is."""
    row = database.execute("SELECT sha256 FROM items WHERE path = ?", (bound(path),)).fetchone()
    return str(row[0]) if row else ""


def check_items(database: sqlite3.Connection, uploads: Iterable[Upload]) -> None:
    """Refuse files whose path holds other bytes.

    Raises:
        Conflict: There is one.
    """
    for upload in uploads:
        if kept := digest(database, upload.path):
            rules.check_bytes(upload.path, kept=kept, offered=upload.checksums.sha256)


def write_items(database: sqlite3.Connection, uploads: Sequence[Upload], now_ms: int) -> None:
    """Add files, and properties to those that are there."""
    repositories = {upload.path.partition("/")[0] for upload in uploads}
    write_repositories(database, repositories, now_ms)
    database.executemany(_NEW_ITEM, [_row(upload, now_ms) for upload in uploads])
    for upload in uploads:
        write_properties(database, upload.path, upload.properties)


def write_repositories(database: sqlite3.Connection, names: Iterable[str], now_ms: int) -> None:
    """Make the repositories that are not there yet.

    Raises:
        StoreError: One is virtual, and keeps no files.
    """
    rows = [(name, now_ms) for name in sorted(names)]
    database.executemany("INSERT OR IGNORE INTO repositories (name, created_ms) VALUES (?, ?)", rows)
    for name, _ in rows:
        (configuration,) = database.execute(_CONFIGURATION, (name,)).fetchone()
        if configuration:
            rules.check_local(Repository.from_configuration(name, json.loads(configuration)))


def _row(upload: Upload, now_ms: int) -> tuple[str | int, ...]:
    known = upload.checksums
    repository = upload.path.partition("/")[0]
    return upload.path, repository, known.sha256, known.sha1, known.md5, known.size_bytes, now_ms


def write_properties(
    database: sqlite3.Connection, path: str, properties: Mapping[str, Sequence[str]]
) -> None:
    """Add values to those a file has."""
    rows = [(path, name, value) for name, values in properties.items() for value in values]
    database.executemany("INSERT OR IGNORE INTO properties VALUES (?, ?, ?)", rows)


def set_properties(
    database: sqlite3.Connection, paths: Sequence[str], properties: Mapping[str, Sequence[str]]
) -> None:
    """Replace each name given; an empty value removes it."""
    named = [(path, name) for path in paths for name in properties]
    database.executemany("DELETE FROM properties WHERE path = ? AND name = ?", named)
    for path in paths:
        write_properties(database, path, properties)


def move_items(
    database: sqlite3.Connection, moves: Iterable[tuple[str, str]], *, copy: bool, now_ms: int
) -> None:
    """Move or copy files with their properties; one whose target is there adds its properties to it."""
    moves = tuple(moves)
    write_repositories(database, {target.partition("/")[0] for _, target in moves}, now_ms)
    for source, target in moves:
        if not digest(database, target):
            database.execute(_COPY, (target, target.partition("/")[0], source))
        # properties is keyed by path, name and value: nothing doubles
        columns = "SELECT ?, name, value FROM properties WHERE path = ?"
        database.execute(f"INSERT OR IGNORE INTO properties {columns}", (target, source))
        if not copy:
            database.execute("DELETE FROM items WHERE path = ?", (source,))
