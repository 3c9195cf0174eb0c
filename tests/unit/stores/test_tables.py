from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from builders import NOW, PATH, a_build_info, a_clock, an_upload
from pytest_defend.errors import Conflict
from pytest_defend.model.buildinfo import BuildId, Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.fields import epoch_ms
from pytest_defend.protocols import Promotion
from pytest_defend.stores.directory import DirectoryStore
from pytest_defend.stores.tables import VERSION, VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DEMO = BuildId(name="demo", number="1")


@pytest.fixture
def first(tmp_path: Path) -> DirectoryStore:
    """A store as version 1 left it: build `demo/1` and its file."""
    store = DirectoryStore(tmp_path / "store", a_clock)
    store.put(an_upload(PATH))
    ledger = tmp_path / "store" / "ledger.sqlite3"
    ledger.unlink()
    build, made = a_build_info(), Checksums.of(b"demo")
    document, now = build.to_bytes(), epoch_ms(NOW)
    sha256 = hashlib.sha256(document).hexdigest()
    with closing(sqlite3.connect(ledger)) as database:
        for statement in VERSIONS[0]:
            database.execute(statement)
        database.execute("INSERT INTO repositories VALUES ('libs-local', ?)", (now,))
        known = (PATH, "libs-local", made.sha256, made.sha1, made.md5, made.size_bytes, now)
        database.execute("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?)", known)
        database.execute("INSERT INTO properties VALUES (?, 'level', 'dev')", (PATH,))
        run = (7, "demo", "1", build.started, int(build.timestamp), now, document, sha256)
        database.execute("INSERT INTO builds VALUES (?, ?, ?, ?, ?, ?, ?, ?)", run)
        database.execute("INSERT INTO build_artifacts VALUES (7, 'demo:1.0', ?, 'aa', 'a1')", (PATH,))
        database.execute("INSERT INTO build_dependencies VALUES (7, 'demo:1.0', 'lib:2.0', 'bb', 'b1')")
        database.execute("PRAGMA user_version = 1")
        database.commit()
    return store


def _ask(store: DirectoryStore, query: str) -> list[Any]:
    with closing(sqlite3.connect(f"{store.locator}/ledger.sqlite3")) as database:
        return database.execute(query).fetchall()


def _read(store: DirectoryStore) -> tuple[object, ...]:
    return store.build(DEMO), store.builds(), store.list(""), store.find([Checksums.of(b"demo").sha256])


def test_an_older_ledger_is_read_as_it_is(first: DirectoryStore) -> None:
    assert first.build(DEMO) == a_build_info()
    assert [run.id for run in first.builds()] == [a_build_info().id]
    (item,) = first.list("")
    assert item.properties == {"level": ("dev",)}
    assert first.find([item.checksums.sha256]) == {item.checksums.sha256: (item,)}
    assert _ask(first, "PRAGMA user_version") == [(1,)]


WRITINGS: dict[str, Callable[[DirectoryStore], object]] = {
    "put": lambda store: store.put(an_upload()),
    "annotate": lambda store: store.annotate([PATH], {"level": ("dev",)}),
    "publish": lambda store: store.publish_build(a_build_info(), [an_upload()]),
    "append": lambda store: store.append(DEMO, a_build_info().modules),
    "promote": lambda store: store.promote(DEMO, Promotion(status="")),
}


@pytest.mark.parametrize("write", WRITINGS.values(), ids=WRITINGS)
def test_an_older_ledger_is_brought_up_to_date_by_writing(
    first: DirectoryStore, write: Callable[[DirectoryStore], object]
) -> None:
    before = _read(first)
    write(first)
    assert _ask(first, "PRAGMA user_version") == [(VERSION,)]
    assert _read(first) == before
    assert _ask(first, "SELECT * FROM build_artifacts") == [(7, "demo:1.0", PATH, "aa", "a1")]
    assert _ask(first, "SELECT * FROM build_dependencies") == [(7, "demo:1.0", "lib:2.0", "bb", "b1")]
    assert _ask(first, "PRAGMA foreign_key_check") == []
    write(first)
    assert _read(first) == before


def _layout(store: DirectoryStore) -> object:
    columns = "SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c ORDER BY 1, 2"
    return _ask(store, columns), _ask(store, "SELECT type, name, tbl_name FROM sqlite_schema ORDER BY 2")


def test_an_older_ledger_becomes_what_a_new_one_is(first: DirectoryStore, tmp_path: Path) -> None:
    new = DirectoryStore(tmp_path / "new", a_clock)
    for store in (first, new):
        store.put(an_upload())
    assert _layout(first) == _layout(new)


def test_a_run_of_an_older_ledger_grows_and_is_guarded(first: DirectoryStore) -> None:
    first.append(DEMO, [Module(id="late")])
    first.promote(DEMO, Promotion(status="rc"))
    first.publish_build(a_build_info(), [an_upload()])
    with pytest.raises(Conflict, match="another document"):
        first.publish_build(a_build_info(url="https://ci.example/2"))
    assert [module.id for module in first.build(DEMO).modules] == ["demo:1.0", "late"]


def test_edges_go_with_their_build(first: DirectoryStore) -> None:
    first.append(DEMO, [Module(id="late")])
    with closing(sqlite3.connect(f"{first.locator}/ledger.sqlite3")) as database:
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("DELETE FROM builds")
        database.commit()
    assert _ask(first, "SELECT * FROM build_artifacts") == []
    assert _ask(first, "SELECT * FROM build_dependencies") == []
