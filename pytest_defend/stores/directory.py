"""A store in a folder: SQLite for what is known, content-addressed files for the bytes.

Rules:
- Bytes are durable before anything refers to them; everything that refers to them appears in one transaction.
- Several processes may read and write at once; one transaction decides who was first.
- Nothing is kept open between operations, and nothing is created by reading.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, BinaryIO

from pytest_defend.model.fields import epoch_ms
from pytest_defend.protocols import Promoted
from pytest_defend.stores import items, promotions, rules, runs
from pytest_defend.stores.blobs import Blobs
from pytest_defend.stores.repositories import LedgerRepositories
from pytest_defend.stores.schema import Database

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_defend.model.buildinfo import BuildId, BuildInfo, Module
    from pytest_defend.protocols import Clock, Item, Promotion, Run, Upload

__all__ = ["DirectoryStore"]


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

    @property
    def repositories(self) -> LedgerRepositories:
        """Those that a server over this folder has, too."""
        return LedgerRepositories(self._database, self._clock, locator=self._locator)

    def put(self, upload: Upload) -> Item:
        """Keep one file; see `Store.put`."""
        rules.check_uploads([upload])
        with self._database.reading() as database:
            if database is not None:
                items.check_items(database, [upload])
        self._blobs.keep([upload])
        with self._database.writing() as database:
            items.check_items(database, [upload])
            items.write_items(database, [upload], self._now_ms())
            return items.read_items(database, "items.path = ?", upload.path)[0]

    def open(self, path: str) -> BinaryIO:
        """The bytes of a file; see `Store.open`."""
        return self._blobs.open(self.stat(path))

    def part(self, path: str, start: int, size: int) -> bytes:
        """Some bytes of a file; see `Store.part`."""
        return self._blobs.part(self.stat(path), start, size)

    def stat(self, path: str) -> Item:
        """What is known about a file; see `Store.stat`."""
        with self._database.reading() as database:
            found = items.read_items(database, "items.path = ?", path)
        if not found:
            raise rules.not_found(path, self._locator)
        return found[0]

    def list(self, prefix: str) -> Sequence[Item]:
        """Every file below a folder; see `Store.list`."""
        folder = prefix.removesuffix("/")
        with self._database.reading() as database:
            if not folder:
                return items.read_items(database, "TRUE")
            inside, texts = items.below(folder)
            return items.read_items(database, f"items.path = ? OR {inside}", prefix, *texts)

    def annotate(self, paths: Sequence[str], properties: Mapping[str, tuple[str, ...]]) -> None:
        """Set properties of files; see `Store.annotate`."""
        for path in paths:
            rules.check_properties(path, properties)
            self.stat(path)  # before a store is made for nothing
        with self._database.writing() as database:
            items.set_properties(database, paths, properties)

    def publish_build(self, build: BuildInfo, uploads: Sequence[Upload] = ()) -> None:
        """Keep a build and its files, all or nothing; see `Store.publish_build`."""
        rules.check_build(build)
        rules.check_uploads(uploads)
        with self._database.reading_newest() as database:
            if database is not None and self._published(database, build, uploads):
                return
        self._blobs.keep(uploads)
        with self._database.writing() as database:
            if self._published(database, build, uploads):  # another process was quicker
                return
            items.write_items(database, uploads, self._now_ms())
            runs.new_run(database, build, published_ms=self._now_ms())

    def append(self, build: BuildId, modules: Sequence[Module], uploads: Sequence[Upload] = ()) -> None:
        """Add modules and files to a run that is kept, all or nothing; see `Store.append`."""
        rules.check_uploads(uploads)
        with self._database.reading_newest() as database:
            if self._appended(database, build, modules, uploads) is None:
                return
        self._blobs.keep(uploads)
        with self._database.writing() as database:
            grown = self._appended(database, build, modules, uploads)
            if grown is not None:
                items.write_items(database, uploads, self._now_ms())
                runs.rewrite_run(*self._run(database, build), grown)

    def promote(self, build: BuildId, promotion: Promotion) -> Promoted:
        """Move or copy the files of a build and record its status; see `Store.promote`."""
        rules.check_properties(str(build), promotion.properties)
        with self._database.reading_newest() as database:
            plan = self._plan(database, build, promotion)  # before a store is made for nothing
        if promotion.dry_run:
            return Promoted(paths=plan.paths, messages=plan.messages)
        with self._database.writing() as database:
            plan = self._plan(database, build, promotion)
            items.move_items(database, plan.moves, copy=promotion.copy, now_ms=self._now_ms())
            items.set_properties(database, plan.paths, promotion.properties)
            _, run = self._run(database, build)
            kept = runs.read_document(database, run, locator=self._locator)
            risen = promotions.with_status(kept, promotion, self._clock())
            if risen is not kept:
                runs.rewrite_run(database, run, risen)
        return Promoted(paths=plan.paths, messages=plan.messages)

    def build(self, build: BuildId) -> BuildInfo:
        """One build; see `Store.build`."""
        with self._database.reading() as database:
            return runs.read_document(*self._run(database, build), locator=self._locator)

    def builds(self, name: str = "") -> Sequence[Run]:
        """Every run of that name; see `Store.builds`."""
        with self._database.reading() as database:
            return runs.read_runs(database, "name = ?", name) if name else runs.read_runs(database, "TRUE")

    def find(self, sha256s: Iterable[str]) -> Mapping[str, Sequence[Item]]:
        """The files with these contents; see `Store.find`."""
        found: dict[str, tuple[Item, ...]] = {}
        with self._database.reading() as database:
            for item in items.read_contents(database, sha256s):
                found[item.checksums.sha256] = (*found.get(item.checksums.sha256, ()), item)
        return found

    def _now_ms(self) -> int:
        return epoch_ms(self._clock())

    def _run(self, database: sqlite3.Connection | None, build: BuildId) -> tuple[sqlite3.Connection, Run]:
        """The run that is meant, and the connection it was found in."""
        run = rules.chosen(runs.read_runs(database, "name = ?", build.name), build)
        if database is None or run is None:
            raise rules.not_found(build, self._locator)
        return database, run

    def _published(self, database: sqlite3.Connection, build: BuildInfo, uploads: Sequence[Upload]) -> bool:
        """Whether this run is there with all its files; a contradiction is a `Conflict`."""
        numbered = runs.read_runs(database, "name = ? AND number = ?", build.name, build.number)
        if not numbered:
            items.check_items(database, uploads)
            return False
        run = rules.chosen(numbered, build.id) or numbered[-1]
        original = runs.read_original(database, run, locator=self._locator)
        rules.check_run(build, kept=original, locator=self._locator)
        self._check_parts(database, run, uploads)
        return True

    def _check_parts(self, database: sqlite3.Connection, run: Run, uploads: Sequence[Upload]) -> None:
        if uploads:
            kept = runs.read_document(database, run, locator=self._locator)
            for upload in uploads:
                there = promotions.digest_now(kept, upload, lambda path: items.digest(database, path))
                rules.check_part(kept, upload, kept=there, locator=self._locator)

    def _appended(
        self,
        database: sqlite3.Connection | None,
        build: BuildId,
        modules: Sequence[Module],
        uploads: Sequence[Upload],
    ) -> BuildInfo | None:
        """The document with these modules; None when it has them, and the store the files."""
        there, run = self._run(database, build)
        kept = runs.read_document(there, run, locator=self._locator)
        grown = promotions.appended(kept, modules)
        if grown is kept and modules:
            self._check_parts(there, run, uploads)
            return None
        items.check_items(there, uploads)
        return grown

    def _plan(
        self, database: sqlite3.Connection | None, build: BuildId, promotion: Promotion
    ) -> promotions.Plan:
        there, run = self._run(database, build)
        shelves = promotions.Shelves(
            find=lambda sha256: tuple(items.read_contents(there, [sha256])),
            digest=lambda path: items.digest(there, path),
            locator=self._locator,
        )
        return promotions.plan(runs.read_document(there, run, locator=self._locator), promotion, shelves)
