from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
from typing import TYPE_CHECKING

import pytest

from pytest_defend.errors import Unavailable
from pytest_defend.stores.schema import Database

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path

INSERT = "INSERT INTO repositories (name, created_ms) VALUES (?, 0)"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.sqlite3"


@pytest.fixture
def database(path: Path) -> Iterator[Database]:
    """One that is kept open, and has one repository."""
    database = _opened(path)
    _write(database, "r")
    yield database
    database.close()


def _opened(path: Path) -> Database:
    return Database(path, locator="the store", patience_s=5, keep_open=True)


def _write(database: Database, name: str) -> sqlite3.Connection:
    with database.writing() as connection:
        connection.execute(INSERT, (name,))
    return connection


def _names(database: Database) -> list[str]:
    with database.reading() as connection:
        assert connection is not None
        return [name for (name,) in connection.execute("SELECT name FROM repositories ORDER BY name")]


def _beside(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir() if file != path)


def test_a_connection_serves_the_next_operation(database: Database) -> None:
    assert _write(database, "s") is _write(database, "t")
    assert _names(database) == ["r", "s", "t"]


def test_each_operation_sees_what_others_wrote_before_it(database: Database, path: Path) -> None:
    assert _names(database) == ["r"]
    _write(Database(path, locator="another process", patience_s=5), "s")
    assert _names(database) == ["r", "s"]


def test_operations_at_the_same_time_have_a_connection_each(database: Database) -> None:
    with database.reading() as first, database.reading() as second:
        assert first is not second


def test_one_that_failed_is_not_used_again(database: Database) -> None:
    before = _write(database, "s")
    rows = [("lost",), ("r",)]
    with pytest.raises(Unavailable), database.writing() as connection:
        connection.executemany(INSERT, rows)
    assert connection is before
    assert _write(database, "t") is not before
    assert _names(database) == ["r", "s", "t"]


def test_what_is_kept_is_closed_at_the_end(database: Database, path: Path) -> None:
    assert _names(database) == ["r"]
    assert _beside(path) == ["ledger.sqlite3-shm", "ledger.sqlite3-wal"]
    database.close()
    assert not _beside(path)
    _write(database, "late")
    assert _names(database) == ["late", "r"]
    assert not _beside(path), "what comes later is closed at once"


def test_one_that_is_in_use_at_the_end_is_closed_after_it(database: Database, path: Path) -> None:
    with database.reading() as connection:
        assert connection is not None
        database.close()
        assert connection.execute("SELECT name FROM repositories").fetchall() == [("r",)]
    assert not _beside(path)


def test_what_nobody_holds_is_closed(path: Path) -> None:
    database = _opened(path)
    _write(database, "r")
    assert _beside(path)
    del database
    gc.collect()
    assert not _beside(path)


def test_another_file_in_its_place_is_opened_anew(database: Database, path: Path, tmp_path: Path) -> None:
    assert _names(database) == ["r"]
    other = tmp_path / "other"
    _write(Database(other, locator="other", patience_s=5), "other")
    path.rename(tmp_path / "away")
    with database.reading() as connection:
        assert connection is None
    for name in _beside(path):
        if name.startswith(path.name):
            (tmp_path / name).unlink()
    other.rename(path)
    assert _names(database) == ["other"]


@pytest.mark.skipif(sys.platform == "win32", reason="nothing forks")
def test_nothing_is_open_in_a_forked_process(tmp_path: Path) -> None:
    """In a process of its own: this one may have threads."""
    script = f"""
        import os
        from pathlib import Path
        from pytest_defend.stores.schema import Database

        def names():
            with database.reading() as connection:
                return [name for (name,) in connection.execute("SELECT name FROM repositories ORDER BY name")]

        def write(name):
            with database.writing() as connection:
                connection.execute("{INSERT}", (name,))
                return connection

        database = Database(Path("ledger.sqlite3").absolute(), locator="", patience_s=5, keep_open=True)
        write("parent")
        assert names() == ["parent"]
        assert len(os.listdir()) == 3
        child = os.fork()
        if not child:
            assert os.listdir() == ["ledger.sqlite3"]
            assert write("child") is write("and again")
            assert names() == ["and again", "child", "parent"]
            database.close()
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert names() == ["and again", "child", "parent"]
        assert write("after it") is write("at last")
        database.close()
        assert os.listdir() == ["ledger.sqlite3"]
    """
    subprocess.run([sys.executable, "-W", "error", "-c", textwrap.dedent(script)], cwd=tmp_path, check=True)


def test_what_is_written_is_flushed_unless_it_may_be_lost(
    database: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushed: list[int] = []
    flush = os.fsync

    def counted(descriptor: int) -> None:
        flushed.append(os.fstat(descriptor).st_ino)
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", counted)
    _write(database, "s")
    log = path.with_name(f"{path.name}-wal").stat().st_ino
    assert flushed == [log]
    with database.writing(durable=False) as connection:
        connection.execute(INSERT, ("t",))
    assert flushed == [log]
    database.close()
    _write(database, "u")
    assert flushed == [log], "SQLite flushed it, and no log is left"
