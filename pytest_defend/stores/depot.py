"""The files of a store as a server knows them: folders, owners, re-deployment, deletion.

Rules:
- What `Store` never does is possible here, because Artifactory does it: files are replaced and deleted.
- Other bytes under a path wipe its properties and statistics; the same bytes keep the properties, or take
  the new set when there is one.
- Bytes that no file names any more stay: another file may be given them without sending them.

Source: wire behaviour of Artifactory, `docs/reference/server.md`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from pytest_defend.model.fields import epoch_ms, instant_from_ms
from pytest_defend.model.paths import check_path
from pytest_defend.protocols import Item
from pytest_defend.stores import items, rules
from pytest_defend.stores.entries import Folder, check_place, made_folders, read_entries, step
from pytest_defend.stores.schema import bound

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_defend.model.checksums import Checksums
    from pytest_defend.protocols import Clock
    from pytest_defend.stores.blobs import Blobs
    from pytest_defend.stores.entries import Deposit, Entry
    from pytest_defend.stores.schema import Database

__all__ = ["Depot"]

_DEPOSIT = """
    INSERT INTO items (path, repository, sha256, sha1, md5, size_bytes, claimed,
        created_ms, created_by, modified_ms, modified_by)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (path) DO UPDATE SET sha256 = excluded.sha256, sha1 = excluded.sha1, md5 = excluded.md5,
        size_bytes = excluded.size_bytes, claimed = excluded.claimed,
        modified_ms = excluded.modified_ms, modified_by = excluded.modified_by
"""


class Depot:
    """The files of one store.

    Args:
        database: The ledger.
        blobs: The bytes.
        clock: Says when something happened.
        locator: The store, as shown to people.
    """

    def __init__(self, database: Database, blobs: Blobs, clock: Clock, *, locator: str) -> None:
        self._database = database
        self._blobs = blobs
        self._clock = clock
        self._locator = locator

    def receive(self, chunks: Iterable[bytes]) -> Checksums:
        """Keep bytes; no file has them yet."""
        return self._blobs.receive(chunks)

    def known(self, kind: str, digest: str) -> Checksums | None:
        """All checksums of the content that has this one, when it is kept.

        Args:
            kind: `sha256`, `sha1` or `md5`.
            digest: Hexadecimal.
        """
        found = self._entries(f"{kind} = ?", digest.lower())
        return found[0].checksums if found else None

    def deposit(self, deposit: Deposit) -> Entry:
        """Put a file under its path, also where another one is.

        Raises:
            UsageError: The path is none, or goes through a file, or is a folder.
        """
        return self.deposit_all([deposit])[0]

    def deposit_all(self, deposits: Sequence[Deposit]) -> tuple[Entry, ...]:
        """Put files under their paths, all or none.

        Returns:
            What is under each of them now.

        Raises:
            UsageError: A path is none, or goes through a file, or is a folder.
        """
        for deposit in deposits:
            check_path(deposit.path)
            rules.check_properties(deposit.path, deposit.properties or {})
        with self._database.writing() as database:
            for deposit in deposits:
                _deposit(database, deposit, epoch_ms(self._clock()))
            return tuple(read_entries(database, "path = ?", deposit.path)[0] for deposit in deposits)

    def make_folder(self, path: str, user: str) -> Folder:
        """Make a folder that may be empty.

        Raises:
            UsageError: The path is none, or goes through a file.
        """
        check_path(f"{path}/x")
        now = epoch_ms(self._clock())
        repository = path.partition("/")[0]
        with self._database.writing() as database:
            check_place(database, f"{path}/x")
            items.write_repositories(database, [repository], now)
            row = (path, repository, now, user)
            database.execute("INSERT OR IGNORE INTO folders VALUES (?, ?, ?, ?)", row)
        return self.folder(path)

    def entry(self, path: str) -> Entry:
        """One file.

        Raises:
            NotFound: No such file.
        """
        found = self._entries("path = ?", path)
        if not found:
            raise rules.not_found(path, self._locator)
        return found[0]

    def has(self, path: str) -> bool:
        """Whether there is such a file."""
        return bool(self._entries("path = ?", path))

    def folder(self, path: str) -> Folder:
        """One folder and what is right in it.

        Raises:
            NotFound: No such folder.
        """
        found = self.below(path)
        with self._database.reading_newest() as database:
            made = made_folders(database, path)
            known = (
                database is not None
                and database.execute(
                    "SELECT created_ms FROM repositories WHERE name = ?", (bound(path),)
                ).fetchone()
            )
        if not found and not made and not known:
            raise rules.not_found(path, self._locator)
        steps = {step(path, entry.path): entry.path for entry in found}
        files = {step for step, inside in steps.items() if step == inside}
        folders = {step(path, inside) for inside in made if inside != path}
        folders |= {step(path, entry.path) for entry in found} - files
        own_ms, by = made.get(path, (known[0] if known else None, ""))
        created = [entry.created for entry in found] if own_ms is None else [instant_from_ms(own_ms)]
        return Folder(
            path=path,
            created=min(created),
            modified=max([entry.modified for entry in found] or created),
            created_by=by or (found[0].created_by if found else ""),
            files=tuple(sorted(files)),
            folders=tuple(sorted(folders)),
        )

    def below(self, path: str) -> tuple[Entry, ...]:
        """Every file in a folder and in its folders, sorted by path."""
        where, texts = items.below(path, "path")
        return self._entries(where, *texts)

    def folders_below(self, path: str) -> tuple[str, ...]:
        """The paths of all folders in a folder, sorted."""
        inside = [entry.path.rpartition("/")[0] for entry in self.below(path)]
        with self._database.reading_newest() as database:
            inside += made_folders(database, path)
        found = set()
        for folder in inside:
            while len(folder) > len(path):
                found.add(folder)
                folder = folder.rpartition("/")[0]  # noqa: PLW2901
        return tuple(sorted(found))

    def open(self, entry: Entry) -> BinaryIO:
        """The bytes of a file.

        Raises:
            Corrupt: They are gone or altered.
        """
        item = Item(path=entry.path, checksums=entry.checksums, properties={}, created=entry.created)
        return self._blobs.open(item)

    def counted(self, path: str) -> None:
        """Note that a file was downloaded; a power failure may lose the last of these notes."""
        with self._database.writing(durable=False) as database:
            counted = "UPDATE items SET downloads = downloads + 1, downloaded_ms = ? WHERE path = ?"
            database.execute(counted, (epoch_ms(self._clock()), path))

    def remove(self, paths: Sequence[str]) -> None:
        """Delete files and folders, all with what is in them."""
        with self._database.writing() as database:
            for path in paths:
                inside, texts = items.below(path, "path")
                for table in ("items", "folders", "folder_properties"):
                    statement = f"DELETE FROM {table} WHERE path = ? OR {inside}"  # noqa: S608
                    database.execute(statement, (path, *texts))

    def relocate(self, moves: Sequence[tuple[str, str]], *, copy: bool) -> None:
        """Move or copy files to other paths, with their properties; what is there is replaced."""
        with self._database.writing() as database:
            for source, target in moves:
                check_place(database, target)
                if items.digest(database, target) not in ("", items.digest(database, source)):
                    database.execute("DELETE FROM items WHERE path = ?", (target,))
            items.move_items(database, moves, copy=copy, now_ms=epoch_ms(self._clock()))

    def properties(self, path: str) -> dict[str, tuple[str, ...]]:
        """The properties of a file or folder, by name."""
        query = "SELECT name, value FROM {} WHERE path = ? ORDER BY name, value"
        found: dict[str, tuple[str, ...]] = {}
        with self._database.reading_newest() as database:
            for table in ("properties", "folder_properties") if database is not None else ():
                for name, value in database.execute(query.format(table), (bound(path),)):  # type: ignore[union-attr]
                    found[name] = (*found.get(name, ()), value)
        return found

    def annotate(
        self, files: Sequence[str], folders: Sequence[str], properties: Mapping[str, Sequence[str]]
    ) -> None:
        """Set properties of files and folders: each name given is replaced, an empty value removes it."""
        rules.check_properties("", properties)
        with self._database.writing() as database:
            items.set_properties(database, files, properties)
            for folder in folders:
                for name, values in properties.items():
                    gone = "DELETE FROM folder_properties WHERE path = ? AND name = ?"
                    database.execute(gone, (folder, name))
                    rows = {(folder, name, value) for value in values}
                    database.executemany("INSERT INTO folder_properties VALUES (?, ?, ?)", sorted(rows))

    def _entries(self, where: str, *texts: str) -> tuple[Entry, ...]:
        with self._database.reading_newest() as database:
            return () if database is None else read_entries(database, where, *texts)


def _deposit(database: sqlite3.Connection, deposit: Deposit, now_ms: int) -> None:
    check_place(database, deposit.path)
    known, user = deposit.checksums, deposit.user
    before = items.digest(database, deposit.path)
    repository = deposit.path.partition("/")[0]
    items.write_repositories(database, [repository], now_ms)
    digests = (known.sha256, known.sha1, known.md5, known.size_bytes, ",".join(deposit.claimed))
    row = (deposit.path, repository, *digests, now_ms, user, now_ms, user)
    database.execute(_DEPOSIT, row)
    changed = before not in ("", known.sha256)
    if changed:
        database.execute("UPDATE items SET downloads = 0 WHERE path = ?", (deposit.path,))
    if changed or deposit.properties:
        database.execute("DELETE FROM properties WHERE path = ?", (deposit.path,))
    items.write_properties(database, deposit.path, deposit.properties or {})
