"""Connections to a ledger: one for each operation, or kept open for the next one.

Rules:
- A connection serves one operation at a time; threads may share the rest.
- One that failed, or whose file is no longer the one in its place, is not used again.
- No process inherits a connection, which SQLite forbids: what is kept is closed before this one forks.
- What is kept is closed by `close`, or else when nobody holds its keeper any longer.

Source: https://www.sqlite.org/howtocorrupt.html, section 2.6.
"""

from __future__ import annotations

import os
import threading
import weakref
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Iterator
    from pathlib import Path

__all__ = ["Connections"]

_File: TypeAlias = tuple[int, int]
"""Device and number."""
_KEEPERS: weakref.WeakSet[Connections] = weakref.WeakSet()
_LOCK = threading.Lock()  # of what is kept: one for all, so that a fork has to take only this one


class Connections:
    """Opens connections, and may keep them.

    Args:
        path: The file.
        connect: Opens it; what is kept is closed by any thread.
        keep: Whether they stay open between operations.
    """

    def __init__(self, path: Path, connect: Callable[[], sqlite3.Connection], *, keep: bool) -> None:
        self._path = path
        self._connect = connect
        self._keep = keep
        self._idle: list[tuple[_File, sqlite3.Connection]] = []
        self._closing = weakref.finalize(self, _close_all, self._idle)
        if keep:
            with _LOCK:
                _KEEPERS.add(self)

    @contextmanager
    def lent(self) -> Iterator[sqlite3.Connection]:
        """A connection for one operation; what it has not committed is undone."""
        known = self._path.stat()
        file = (known.st_dev, known.st_ino)
        connection = self._taken(file) or self._connect()
        try:
            yield connection
            if self._keep and connection.in_transaction:
                connection.rollback()
        except BaseException:
            connection.close()
            raise
        self._give(file, connection)

    def close(self) -> None:
        """Close what is kept, and keep nothing any more."""
        with _LOCK:
            self._closing()

    def _taken(self, file: _File) -> sqlite3.Connection | None:
        with _LOCK:
            while self._idle:
                found, connection = self._idle.pop()
                if found == file:
                    return connection
                connection.close()
        return None

    def _give(self, file: _File, connection: sqlite3.Connection) -> None:
        with _LOCK:
            if self._keep and self._closing.alive:
                self._idle.append((file, connection))
                return
        connection.close()

    def drain(self) -> None:
        """Close what is kept, while the lock is held."""
        _close_all(self._idle)


def _close_all(idle: list[tuple[_File, sqlite3.Connection]]) -> None:
    while idle:
        _, connection = idle.pop()
        connection.close()


def _close_before_fork() -> None:
    """Close what anyone keeps; nothing is kept until the fork is over."""
    _LOCK.acquire()
    for keeper in _KEEPERS:
        keeper.drain()


if hasattr(os, "register_at_fork"):  # Windows does not fork
    os.register_at_fork(
        before=_close_before_fork,
        after_in_parent=_LOCK.release,
        after_in_child=_LOCK.release,
    )
