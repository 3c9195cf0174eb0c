"""The ledger of a directory store: one SQLite file, and how it is opened.

Rules:
- A connection lives for one operation, unless the ledger is kept open: then it serves the next one, too.
- Writing happens in one transaction that takes its lock at the start; readers see all of it or nothing.
- Reading creates nothing; a folder that nobody can write is read as it is.
- Texts are bound with `bound`: SQLite holds Unicode only, and a text that is none equals nothing kept.
- The schema has a version; a newer one is refused, never guessed at. An older one is brought up to date by
  the first writing, in the same transaction, and read as it is until then.
- What was written survives a power failure, but for what its writer says may be lost.
- An error of SQLite becomes a `StoreError` that names the store.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from pytest_defend.errors import Corrupt, StoreError, Unavailable
from pytest_defend.stores import rules
from pytest_defend.stores.connections import Connections
from pytest_defend.stores.flushing import SharedFlush, flush_file, flush_folder
from pytest_defend.stores.tables import VERSION, VERSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Database", "bound"]

_CREATING = threading.Lock()
_ONE_TRY_S = 0.1
_PAUSE_S = 0.01


def bound(text: str) -> str | None:
    """`text` as SQLite takes it; None, which equals nothing, when it is no Unicode."""
    return text if rules.speakable(text) else None


class Database:
    """One SQLite file.

    Args:
        path: The file; made by the first writing.
        locator: The store, as shown to people.
        patience_s: How long to wait for other processes.
        keep_open: Whether connections stay open between operations, until `close`.
    """

    def __init__(self, path: Path, *, locator: str, patience_s: float, keep_open: bool = False) -> None:
        self._path = path
        self._locator = locator
        self._patience_s = patience_s
        self._turns: dict[int, threading.Lock] = {}
        self._readers = Connections(path, self._reader, keep=keep_open)
        self._writers = Connections(path, self._writer, keep=keep_open)
        self._keep_open = keep_open
        self._log = path.with_name(f"{path.name}-wal")
        self._may_be_new = True
        self._flush = SharedFlush(self._flush_log)

    def close(self) -> None:
        """Close what is kept open; what comes later has connections of its own."""
        self._readers.close()
        self._writers.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection | None]:
        """A connection with one view of everything, or None when nothing has been written yet.

        Raises:
            StoreError: It cannot be read.
        """
        with self._failures():
            try:
                self._path.stat()
            except FileNotFoundError:
                yield None
                return
            with self._readers.lent() as connection:
                connection.execute("BEGIN")
                yield connection if self._version(connection) else None

    @contextmanager
    def reading_newest(self) -> Iterator[sqlite3.Connection | None]:
        """As `reading`, but an older ledger is brought up to date before.

        Raises:
            StoreError: It cannot be read, or is older and cannot be written.
        """
        with self.reading() as connection:
            if connection is None or self._version(connection) == VERSION:
                yield connection
                return
        with self.writing():
            pass
        with self.reading() as connection:
            yield connection

    @contextmanager
    def writing(self, *, durable: bool = True) -> Iterator[sqlite3.Connection]:
        """A connection in a transaction; what was written counts when the block ends without an error.

        Args:
            durable: Whether it must survive a power failure.

        Raises:
            StoreError: It cannot be written, or others kept it locked too long.
        """
        with self._failures():
            self._create()
            with self._turn(), self._writers.lent() as connection:
                self._begin(connection, flushing=durable and not self._keep_open)
                for statements in VERSIONS[self._version(connection) :]:
                    for statement in statements:
                        connection.execute(statement)
                    connection.execute(f"PRAGMA user_version = {VERSION}")
                yield connection
                connection.execute("COMMIT")
            if durable and self._keep_open:
                self._flush()

    def _create(self) -> None:
        """Make an empty file with our permissions.

        Under a lock, because closing a file drops every lock this process has on it, those of SQLite in
        another thread included.

        Source: https://www.sqlite.org/howtocorrupt.html, section 2.2.
        """
        with _CREATING:
            if not self._path.exists():
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))

    def _connect(self, how: str, timeout_s: float) -> sqlite3.Connection:
        where = f"{self._path.as_uri()}?{how}"
        return sqlite3.connect(
            where,
            uri=True,
            timeout=timeout_s,
            isolation_level=None,
            check_same_thread=False,  # one at a time has it, and anyone closes it
        )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for other threads here: those who wait in SQLite look again after a while only."""
        turn = self._turns.setdefault(os.getpid(), threading.Lock())
        is_ours = turn.acquire(timeout=self._patience_s)
        try:
            yield  # SQLite refuses whose turn it is not
        finally:
            if is_ours:
                turn.release()

    def _flush_log(self) -> None:
        """Make what was committed durable, for all threads at once: SQLite flushes for each alone.

        Without a log, all of it is in the ledger, and was flushed there.

        Source: https://www.sqlite.org/pragma.html#pragma_synchronous.
        """
        with suppress(FileNotFoundError):
            flush_file(self._log)
            if self._may_be_new:
                flush_folder(self._log.parent)
                self._may_be_new = False

    def _writer(self) -> sqlite3.Connection:
        self._may_be_new = True  # no log is removed while one of these is open
        return self._connect("mode=rw", _ONE_TRY_S)

    def _reader(self) -> sqlite3.Connection:
        """A connection to read with.

        SQLite shares its log with other processes through files beside the ledger. Where these are absent and
        cannot be made, nobody writes, and the ledger is complete as it is.

        Source: https://www.sqlite.org/wal.html, "Read-Only Databases".
        """
        connection = self._connect("mode=rw", self._patience_s)
        try:
            connection.execute("PRAGMA user_version")
        except sqlite3.Error as error:
            connection.close()
            unwritable = _primary(error) in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY)
            if not unwritable or self._log.exists():
                raise
            return self._connect("mode=ro&immutable=1", self._patience_s)
        return connection

    def _begin(self, connection: sqlite3.Connection, *, flushing: bool) -> None:
        """Take the write lock.

        SQLite waits for others by itself, but not always: of two that make a new ledger at once, one may be
        told at once that it is locked.
        """
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
                connection.execute(f"PRAGMA synchronous = {'FULL' if flushing else 'NORMAL'}")
                connection.execute("PRAGMA foreign_keys = ON")
                connection.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError as error:
                if _primary(error) != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                    raise
                time.sleep(_PAUSE_S)
            else:
                return

    def _version(self, connection: sqlite3.Connection) -> int:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            message = f"The store {self._locator} has schema {version}; this version knows {VERSION}."
            raise Unavailable(self._locator, message, hint="Upgrade pytest-defend.")
        return int(version)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            raise self._failure(error) from error
        except OSError as error:
            raise rules.folder_failure(self._locator, error) from error

    def _failure(self, error: sqlite3.Error) -> StoreError:
        code = _primary(error)
        if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_ERROR):
            hint = f"Restore {self._locator} from a copy, or move it away and start anew."
            return Corrupt(str(self._path), expected="a ledger", actual=f"none ({error})", hint=hint)
        if code == sqlite3.SQLITE_CANTOPEN and not os.access(self._path.parent, os.W_OK):
            code = sqlite3.SQLITE_READONLY  # it was the log beside the ledger that could not be made
        message, hint = _SENTENCES.get(code, (f"cannot be used: {error}", "Check its folder and its disk."))
        retry_after_s = 1 if code == sqlite3.SQLITE_BUSY else None
        return Unavailable(
            self._locator, f"The store {self._locator} {message}.", hint=hint, retry_after_s=retry_after_s
        )


_SENTENCES = {
    sqlite3.SQLITE_BUSY: ("is locked by another process", "Try again when it has finished."),
    sqlite3.SQLITE_FULL: ("lies on a full disk", "Free space, or choose another folder."),
    sqlite3.SQLITE_READONLY: ("is read-only", "Choose a folder that can be written."),
    sqlite3.SQLITE_CANTOPEN: ("cannot be opened", "Check that you may read and write its files."),
}


def _primary(error: sqlite3.Error) -> int:
    """The result code without its extension; errors of Python's own layer have none."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & 0xFF
