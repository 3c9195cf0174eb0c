from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from pytest_defend.errors import Corrupt, StoreError, Unavailable
from pytest_defend.stores.schema import Database, bound

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def path(tmp_path: Path) -> Path:
    folder = tmp_path / "around"
    folder.mkdir()
    return folder / "store" / "ledger.sqlite3"


def _database(path: Path, patience_s: float = 0.0) -> Database:
    return Database(path, locator="the store", patience_s=patience_s)


def _read(path: Path) -> bool:
    with _database(path).reading() as connection:
        if connection is not None:
            connection.execute("SELECT * FROM repositories").fetchall()
        return connection is not None


def _write(path: Path) -> None:
    with _database(path).writing() as connection:
        connection.execute("INSERT INTO repositories (name, created_ms) VALUES ('r', 0)")


def _is_a_file(path: Path) -> None:
    path.parent.write_text("not a folder")


def _lies_in_a_file(path: Path) -> None:
    path.parents[1].rmdir()
    path.parents[1].write_text("not a folder")


def _is_a_loop(path: Path) -> None:
    path.parent.symlink_to(path.parent)


def _ledger_is_a_folder(path: Path) -> None:
    path.mkdir(parents=True)


def _ledger_is_text(path: Path) -> None:
    path.parent.mkdir()
    path.write_text("This is no database, and long enough to be taken for one. " * 30)


def _ledger_has_no_tables(path: Path) -> None:
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 1")


def _ledger_is_torn(path: Path) -> None:
    _write(path)
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 8000)


def _ledger_is_newer(path: Path) -> None:
    _write(path)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 3")


@pytest.mark.parametrize(
    ("breakage", "kind", "sentence"),
    [
        (_is_a_file, Unavailable, "the store is a file, or lies in one. Choose a folder."),
        (_lies_in_a_file, Unavailable, "the store is a file, or lies in one. Choose a folder."),
        (_is_a_loop, StoreError, "the store"),
        (_ledger_is_a_folder, Unavailable, "the store cannot be opened. Check that you may read"),
        (_ledger_is_text, Corrupt, "holds none (file is not a database) where a ledger was recorded."),
        (_ledger_has_no_tables, Corrupt, "holds none (no such table: repositories) where a ledger was"),
        (_ledger_is_torn, Corrupt, "holds none (database disk image is malformed) where a ledger"),
        (_ledger_is_newer, Unavailable, "has schema 3; this version knows 2. Upgrade pytest-defend."),
    ],
)
@pytest.mark.parametrize("act", [_read, _write])
def test_what_is_no_store_of_ours_is_named_and_left_alone(
    path: Path,
    breakage: Callable[[Path], None],
    kind: type[StoreError],
    sentence: str,
    act: Callable[[Path], object],
) -> None:
    breakage(path)
    with pytest.raises(kind) as caught:
        act(path)
    assert sentence in str(caught.value)


def test_what_was_never_written_reads_as_nothing(path: Path) -> None:
    assert not _read(path)
    assert not path.parent.exists()
    path.parent.mkdir()
    assert not _read(path)
    path.touch()  # a process was killed right after it made the file
    assert not _read(path)
    assert [file.name for file in path.parent.iterdir()] == [path.name]
    _write(path)
    assert _read(path)
    assert [file.name for file in path.parent.iterdir()] == [path.name], "nothing is left beside it"


def test_an_error_in_the_block_undoes_it(path: Path) -> None:
    _write(path)
    insert = "INSERT INTO repositories (name, created_ms) VALUES ('s', ?)"
    with pytest.raises(Unavailable), _database(path).writing() as connection:
        connection.executemany(insert, [("1",), (None,)])
    with _database(path).reading() as reader:
        assert reader is not None
        assert reader.execute("SELECT name FROM repositories").fetchall() == [("r",)]


def test_a_reader_keeps_its_view(path: Path) -> None:
    _write(path)
    with _database(path).reading() as reader, _database(path).writing() as writer:
        assert reader is not None
        writer.execute("INSERT INTO repositories (name, created_ms) VALUES ('s', 0)")
        assert reader.execute("SELECT name FROM repositories").fetchall() == [("r",)]


def test_a_reader_writes_nothing(path: Path) -> None:
    _write(path)
    before = path.read_bytes()
    with _database(path).reading() as reader:
        assert reader is not None
    assert path.read_bytes() == before


def test_a_lock_that_is_held_too_long_is_an_error_of_ours(path: Path) -> None:
    with _database(path).writing():
        with pytest.raises(Unavailable, match=r"locked by another process\. Try again") as caught:
            _write(path)
        assert caught.value.retry_after_s == 1
        assert caught.value.key == "the store"


def test_a_lock_that_is_released_is_waited_for(path: Path) -> None:
    _write(path)
    with closing(sqlite3.connect(path, check_same_thread=False, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("INSERT INTO repositories (name, created_ms) VALUES ('other', 0)")
        release = threading.Timer(0.3, other.commit)
        release.start()
        with _database(path, patience_s=60).writing() as connection:
            names = connection.execute("SELECT name FROM repositories ORDER BY rowid").fetchall()
        release.join()
    assert names == [("r",), ("other",)]


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("INSERT INTO repositories (name, created_ms) VALUES ('r', 0), ('r', 0)", "UNIQUE constraint failed"),
        ("SELECT ?", "Incorrect number of bindings"),
    ],
)
def test_an_error_of_any_other_kind_is_ours(path: Path, statement: str, problem: str) -> None:
    with (
        pytest.raises(Unavailable, match=f"the store cannot be used: {problem}"),
        _database(path).writing() as connection,
    ):
        connection.execute(statement)


def test_a_text_that_is_no_unicode_equals_nothing() -> None:
    assert bound("é\0") == "é\0"
    assert bound("\udc80") is None
