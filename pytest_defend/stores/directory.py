"""A store in a folder: SQLite for what is known, content-addressed files for the bytes.

Rules:
- Bytes are durable before anything refers to them; everything that refers to them appears in one transaction.
- Several processes may read and write at once; one transaction decides who was first.
- Nothing is kept open between operations, and nothing is created by reading.
- The edges between builds and files are an index made from the documents; the documents are the truth.
"""

from __future__ import annotations

import hashlib
from itertools import groupby
from typing import TYPE_CHECKING, Any, BinaryIO

from pytest_defend.errors import Corrupt
from pytest_defend.model.buildinfo import BuildId, BuildInfo
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.fields import epoch_ms, instant_from_ms
from pytest_defend.protocols import Item, Run
from pytest_defend.stores import rules
from pytest_defend.stores.blobs import Blobs
from pytest_defend.stores.schema import Database, bound

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_defend.model.buildinfo import Artifact
    from pytest_defend.protocols import Clock, Upload

__all__ = ["DirectoryStore"]

_ITEMS = """
    SELECT items.path, sha256, sha1, md5, size_bytes, created_ms, properties.name, properties.value
    FROM items LEFT JOIN properties USING (path)
    WHERE {} ORDER BY items.path, properties.name, properties.value
"""
_RUNS = "SELECT name, number, started, started_ms FROM builds WHERE {} ORDER BY name, started_ms, number"
_NEW_BUILD = """
    INSERT INTO builds (name, number, started, started_ms, published_ms, document, sha256)
    VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_AT_ONCE = 500  # of the 999 variables every SQLite takes


class DirectoryStore:
    """Keeps everything below one folder.

    Args:
        root: The folder; made by the first writing.
        clock: Says when something was kept.
        patience_s: How long to wait for other processes that write.
    """

    def __init__(self, root: Path, clock: Clock, *, patience_s: float = 30.0) -> None:
        root = root.absolute()  # tests change the working directory
        self._clock = clock
        self._locator = str(root)
        self._database = Database(root / "ledger.sqlite3", locator=self._locator, patience_s=patience_s)
        self._blobs = Blobs(root / "blobs", locator=self._locator)

    @property
    def locator(self) -> str:
        """The folder."""
        return self._locator

    def put(self, upload: Upload) -> Item:
        """Keep one file; see `Store.put`."""
        rules.check_uploads([upload])
        with self._database.reading() as database:
            if database is not None:
                _check_items(database, [upload])
        self._blobs.keep([upload])
        with self._database.writing() as database:
            _check_items(database, [upload])
            self._write_items(database, [upload])
            return _items(database, "items.path = ?", upload.path)[0]

    def open(self, path: str) -> BinaryIO:
        """The bytes of a file; see `Store.open`."""
        return self._blobs.open(self.stat(path))

    def stat(self, path: str) -> Item:
        """What is known about a file; see `Store.stat`."""
        with self._database.reading() as database:
            found = _items(database, "items.path = ?", path)
        if not found:
            raise rules.not_found(path, self._locator)
        return found[0]

    def list(self, prefix: str) -> Sequence[Item]:
        """Every file below a folder; see `Store.list`."""
        folder = prefix.removesuffix("/")
        with self._database.reading() as database:
            if not folder:
                return _items(database, "TRUE")
            # "0" follows "/": everything that begins with the folder and a slash lies between the two
            where = "items.path = ? OR (items.path > ? AND items.path < ?)"
            return _items(database, where, prefix, f"{folder}/", f"{folder}0")

    def annotate(self, paths: Sequence[str], properties: Mapping[str, tuple[str, ...]]) -> None:
        """Set properties of files; see `Store.annotate`."""
        for path in paths:
            rules.check_properties(path, properties)
            self.stat(path)  # before a store is made for nothing
        with self._database.writing() as database:
            named = [(path, name) for path in paths for name in properties]
            database.executemany("DELETE FROM properties WHERE path = ? AND name = ?", named)
            for path in paths:
                _write_properties(database, path, properties)

    def publish_build(self, build: BuildInfo, uploads: Sequence[Upload] = ()) -> None:
        """Keep a build and its files, all or nothing; see `Store.publish_build`."""
        rules.check_build(build)
        rules.check_uploads(uploads)
        with self._database.reading() as database:
            if database is not None and self._kept(database, build, uploads):
                return
        self._blobs.keep(uploads)
        with self._database.writing() as database:
            if self._kept(database, build, uploads):  # another process was quicker
                return
            self._write_items(database, uploads)
            _write_build(database, build, epoch_ms(self._clock()))

    def build(self, build: BuildId) -> BuildInfo:
        """One build; see `Store.build`."""
        with self._database.reading() as database:
            run = rules.chosen(_runs(database, "name = ?", build.name), build)
            if database is None or run is None:
                raise rules.not_found(build, self._locator)
            return self._document(database, run.id.name, run.id.number)

    def builds(self, name: str = "") -> Sequence[Run]:
        """Every run of that name; see `Store.builds`."""
        with self._database.reading() as database:
            return _runs(database, "name = ?", name) if name else _runs(database, "TRUE")

    def find(self, sha256s: Iterable[str]) -> Mapping[str, Sequence[Item]]:
        """The files with these contents; see `Store.find`."""
        wanted = sorted(set(sha256s))
        found: dict[str, tuple[Item, ...]] = {}
        with self._database.reading() as database:
            for start in range(0, len(wanted), _AT_ONCE):
                some = wanted[start : start + _AT_ONCE]
                for item in _items(database, f"sha256 IN ({', '.join('?' * len(some))})", *some):
                    found[item.checksums.sha256] = (*found.get(item.checksums.sha256, ()), item)
        return found

    def _kept(self, database: sqlite3.Connection, build: BuildInfo, uploads: Sequence[Upload]) -> bool:
        """Whether this run is there with all its files; a contradiction is a `Conflict`."""
        query = "SELECT 1 FROM builds WHERE name = ? AND number = ?"
        if database.execute(query, (build.name, build.number)).fetchone() is None:
            _check_items(database, uploads)
            return False
        kept = self._document(database, build.name, build.number)
        rules.check_run(build, kept=kept, locator=self._locator)
        for upload in uploads:
            rules.check_part(build, upload, kept=_sha256(database, upload.path), locator=self._locator)
        return True

    def _document(self, database: sqlite3.Connection, name: str, number: str) -> BuildInfo:
        query = "SELECT document, sha256 FROM builds WHERE name = ? AND number = ?"
        document, expected = database.execute(query, (name, number)).fetchone()
        actual = hashlib.sha256(document).hexdigest()
        if actual != expected:
            hint = f"Restore {self._locator} from a copy."
            raise Corrupt(f"{name}/{number}", expected=expected, actual=actual, hint=hint)
        return BuildInfo.from_bytes(document)

    def _write_items(self, database: sqlite3.Connection, uploads: Sequence[Upload]) -> None:
        created_ms = epoch_ms(self._clock())
        repositories = {(upload.path.partition("/")[0], created_ms) for upload in uploads}
        database.executemany("INSERT OR IGNORE INTO repositories VALUES (?, ?)", sorted(repositories))
        rows = [_row(upload, created_ms) for upload in uploads]
        database.executemany("INSERT OR IGNORE INTO items VALUES (?, ?, ?, ?, ?, ?, ?)", rows)
        for upload in uploads:
            _write_properties(database, upload.path, upload.properties)


def _row(upload: Upload, created_ms: int) -> tuple[str | int, ...]:
    known = upload.checksums
    repository = upload.path.partition("/")[0]
    return upload.path, repository, known.sha256, known.sha1, known.md5, known.size_bytes, created_ms


def _sha256(database: sqlite3.Connection, path: str) -> str:
    row = database.execute("SELECT sha256 FROM items WHERE path = ?", (path,)).fetchone()
    return str(row[0]) if row else ""


def _check_items(database: sqlite3.Connection, uploads: Iterable[Upload]) -> None:
    for upload in uploads:
        if kept := _sha256(database, upload.path):
            rules.check_bytes(upload.path, kept=kept, offered=upload.checksums.sha256)


def _items(database: sqlite3.Connection | None, where: str, *texts: str) -> tuple[Item, ...]:
    """The items that match; `where` is ours, `texts` come from outside."""
    if database is None:
        return ()
    rows = database.execute(_ITEMS.format(where), [bound(text) for text in texts])
    return tuple(_item(key, group) for key, group in groupby(rows, key=lambda row: row[:6]))


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


def _write_properties(
    database: sqlite3.Connection, path: str, properties: Mapping[str, Sequence[str]]
) -> None:
    rows = [(path, name, value) for name, values in properties.items() for value in values]
    database.executemany("INSERT OR IGNORE INTO properties VALUES (?, ?, ?)", rows)


def _runs(database: sqlite3.Connection | None, where: str, *texts: str) -> tuple[Run, ...]:
    if database is None:
        return ()
    rows = database.execute(_RUNS.format(where), [bound(text) for text in texts])
    return tuple(
        Run(id=BuildId(name=name, number=number, started=started), started_at=instant_from_ms(started_ms))
        for name, number, started, started_ms in rows
    )


def _write_build(database: sqlite3.Connection, build: BuildInfo, published_ms: int) -> None:
    document = build.to_bytes()
    sha256 = hashlib.sha256(document).hexdigest()
    row = (build.name, build.number, build.started, int(build.timestamp), published_ms, document, sha256)
    key = database.execute(_NEW_BUILD, row).lastrowid
    artifacts = [
        (key, *_texts(module.id, _path(artifact), artifact.sha256, artifact.sha1))
        for module in build.modules
        for artifact in module.artifacts
    ]
    database.executemany("INSERT INTO build_artifacts VALUES (?, ?, ?, ?, ?)", artifacts)
    dependencies = [
        (key, *_texts(module.id, dependency.id, dependency.sha256, dependency.sha1))
        for module in build.modules
        for dependency in module.dependencies
    ]
    database.executemany("INSERT INTO build_dependencies VALUES (?, ?, ?, ?, ?)", dependencies)


def _path(artifact: Artifact) -> str:
    return f"{artifact.repository}/{artifact.path}" if artifact.repository and artifact.path else ""


def _texts(*texts: str) -> tuple[str | None, ...]:
    """As the index has them: NULL for what the document does not say."""
    return tuple(bound(text) or None for text in texts)
