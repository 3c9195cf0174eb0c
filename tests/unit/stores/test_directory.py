from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from builders import NOW, PATH, a_build_info, a_clock, an_upload
from pytest_defend.errors import Conflict, Corrupt, NotFound
from pytest_defend.model.buildinfo import Artifact, Dependency, Module
from pytest_defend.stores.directory import DirectoryStore


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    return DirectoryStore(tmp_path / "deep" / "store", a_clock)


def _ask(store: DirectoryStore, query: str, *arguments: object) -> list[Any]:
    with closing(sqlite3.connect(f"{store.locator}/ledger.sqlite3")) as database:
        return database.execute(query, arguments).fetchall()


def test_another_object_sees_what_was_kept(store: DirectoryStore) -> None:
    store.publish_build(a_build_info(), [an_upload(properties={"a": ("1",)})])
    again = DirectoryStore(_root(store), a_clock)
    assert again.builds() == store.builds()
    assert again.build(a_build_info().id) == a_build_info()
    assert again.stat(PATH).properties == {"a": ("1",)}
    assert again.stat(PATH).created == NOW


def _root(store: DirectoryStore) -> Path:
    return Path(store.locator)


def test_the_folder_is_ours_alone(store: DirectoryStore) -> None:
    store.put(an_upload())
    root = _root(store)
    assert stat.S_IMODE(root.stat().st_mode) == 0o700
    modes = {path.is_dir(): stat.S_IMODE(path.stat().st_mode) for path in root.rglob("*")}
    assert modes == {True: 0o700, False: 0o600}


def test_another_working_directory_is_the_same_store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    store = DirectoryStore(Path("store"), a_clock)
    store.put(an_upload())
    monkeypatch.chdir("/")
    assert store.locator == str(tmp_path / "store")
    assert store.stat(PATH).path == PATH


def test_a_folder_with_odd_characters_is_a_folder(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "a b?c#d%41;é", a_clock)
    store.put(an_upload())
    assert [item.path for item in store.list("")] == [PATH]
    assert [path.name for path in tmp_path.iterdir()] == ["a b?c#d%41;é"]


def test_annotating_nothing_makes_no_store(store: DirectoryStore, tmp_path: Path) -> None:
    with pytest.raises(NotFound):
        store.annotate([PATH], {"a": ("1",)})
    assert list(tmp_path.iterdir()) == []


def test_who_consumes_a_file_is_one_indexed_query(store: DirectoryStore) -> None:
    made = Artifact(name="lib.whl", repository="libs", path="lib/lib.whl", sha256="aa", sha1="a1")
    used = Dependency(id="lib:1", sha256="aa", sha1="a1")
    old = Dependency(id="old:1\udc80", sha1="a1")
    modules = {
        "lib": Module(id="lib:1", artifacts=(made,)),
        "app": Module(id="app:1", dependencies=(used,)),
        "old": Module(dependencies=(old,), artifacts=(Artifact(name="x"),)),
    }
    for name, module in modules.items():
        store.publish_build(a_build_info(name=name, modules=(module,)))
    consumers = (
        "SELECT name, module FROM build_dependencies e JOIN builds ON builds.id = e.build WHERE e.{} = ?"
    )
    assert _ask(store, consumers.format("sha256"), "aa") == [("app", "app:1")]
    assert _ask(store, consumers.format("sha1"), "a1") == [("app", "app:1"), ("old", None)]
    makers = "SELECT name, e.sha256 FROM build_artifacts e JOIN builds ON builds.id = e.build WHERE path = ?"
    assert _ask(store, makers, "libs/lib/lib.whl") == [("lib", "aa")]
    assert _ask(store, "SELECT path FROM build_artifacts WHERE sha256 IS NULL") == [(None,)]
    for query in (consumers.format("sha256"), consumers.format("sha1"), makers):
        plan = str(_ask(store, f"EXPLAIN QUERY PLAN {query}", "aa"))
        assert "USING INDEX" in plan
        assert "SCAN" not in plan


def test_repositories_are_known(store: DirectoryStore) -> None:
    for path in ("b/1", "a/1", "b/2"):
        store.put(an_upload(path))
    assert _ask(store, "SELECT name FROM repositories ORDER BY name") == [("a",), ("b",)]


def test_an_altered_document_is_found(store: DirectoryStore) -> None:
    store.publish_build(a_build_info())
    with closing(sqlite3.connect(f"{store.locator}/ledger.sqlite3")) as database:
        database.execute("UPDATE builds SET document = CAST(replace(document, 'demo', 'evil') AS BLOB)")
        database.commit()
    for ask in (lambda: store.build(a_build_info().id), lambda: store.publish_build(a_build_info())):
        with pytest.raises(Corrupt, match="Restore") as caught:
            ask()
        assert caught.value.key == "demo/1"


def test_files_of_a_conflict_are_not_moved(store: DirectoryStore) -> None:
    store.put(an_upload(content=b"first"))
    before = sorted(_root(store).rglob("*"))
    with pytest.raises(Conflict, match="never replaced"):
        store.put(an_upload(content=b"second"))
    assert sorted(_root(store).rglob("*")) == before


def test_who_is_second_finds_the_run_of_the_first(store: DirectoryStore) -> None:
    """While the bytes of the second move, another process publishes."""
    first = DirectoryStore(_root(store), a_clock)

    def opened() -> BinaryIO:
        first.publish_build(a_build_info(), [an_upload()])
        return an_upload().open()

    second = replace(an_upload(properties={"a": ("1",)}), open=opened)
    store.publish_build(a_build_info(), [second])
    assert store.stat(PATH).properties == {}, "the same run again changes nothing"
    with pytest.raises(Conflict, match="Run again under another number"):
        store.publish_build(a_build_info(started="2026-01-31T11:59:01.000Z"), [second])


def test_who_puts_second_finds_the_file_of_the_first(store: DirectoryStore) -> None:
    first = DirectoryStore(_root(store), a_clock)

    def opened() -> BinaryIO:
        first.put(an_upload(content=b"first"))
        return an_upload().open()

    with pytest.raises(Conflict, match="never replaced"):
        store.put(replace(an_upload(), open=opened))
    with store.open(PATH) as file:
        assert file.read() == b"first"
