from __future__ import annotations

import hashlib
import io
from dataclasses import replace
from typing import TYPE_CHECKING, BinaryIO

import pytest

from builders import NOW, PATH, an_upload
from pytest_defend.errors import Conflict, Corrupt, NotFound, StoreError, Unavailable, UsageError
from pytest_defend.model.checksums import Checksums, Hasher
from pytest_defend.protocols import Item, Store, Upload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def _paths(items: Sequence[Item]) -> list[str]:
    return [item.path for item in items]


def _read(store: Store, path: str) -> bytes:
    with store.open(path) as file:
        return file.read()


def test_a_file_comes_back_as_it_was_kept(store: Store) -> None:
    item = store.put(an_upload(properties={"b": ("2", "1", "2"), "a": ("x",), "none": ()}))
    assert item == Item(
        path=PATH,
        checksums=Checksums.of(b"demo"),
        properties={"a": ("x",), "b": ("1", "2")},
        created=NOW,
    )
    assert store.stat(PATH) == item
    assert _read(store, PATH) == b"demo"


def test_an_empty_file_is_a_file(store: Store) -> None:
    assert store.put(an_upload(content=b"")).checksums.size_bytes == 0
    assert _read(store, PATH) == b""


def test_a_file_can_be_sought_in(store: Store) -> None:
    store.put(an_upload(content=b"0123456789"))
    with store.open(PATH) as file:
        file.seek(7)
        assert file.read() == b"789"


@pytest.mark.parametrize(
    ("start", "size", "expected"),
    [(0, 4, b"0123"), (7, 2, b"78"), (7, 9, b"789"), (9, 1, b"9"), (10, 5, b"")],
)
def test_a_part_of_a_file_comes_back(store: Store, start: int, size: int, expected: bytes) -> None:
    store.put(an_upload(content=b"0123456789"))
    assert store.part(PATH, start, size) == expected


def test_no_file_has_no_parts(store: Store) -> None:
    with pytest.raises(NotFound):
        store.part(PATH, 0, 1)


def test_the_same_bytes_again_unite_the_properties(store: Store) -> None:
    store.put(an_upload(properties={"build": ("1",), "kept": ("k",)}))
    item = store.put(an_upload(properties={"build": ("2", "1"), "new": ("n",)}))
    assert item.properties == {"build": ("1", "2"), "kept": ("k",), "new": ("n",)}
    assert store.list("") == (item,)


def test_other_bytes_under_a_path_are_refused_with_both_digests(store: Store) -> None:
    kept = store.put(an_upload(content=b"first"))
    with pytest.raises(Conflict) as caught:
        store.put(an_upload(content=b"second", properties={"a": ("1",)}))
    assert hashlib.sha256(b"first").hexdigest() in str(caught.value)
    assert hashlib.sha256(b"second").hexdigest() in str(caught.value)
    assert "never replaced; build a new version" in str(caught.value)
    assert caught.value.key == PATH
    assert store.stat(PATH) == kept
    assert _read(store, PATH) == b"first"


TRUTH = Checksums.of(b"demo")
OTHER = Checksums.of(b"other")


@pytest.mark.parametrize(
    ("field", "lie"),
    [
        ("sha256", replace(TRUTH, sha256=OTHER.sha256)),
        ("sha1", replace(TRUTH, sha1=OTHER.sha1)),
        ("md5", replace(TRUTH, md5=OTHER.md5)),
        ("size_bytes", replace(TRUTH, size_bytes=OTHER.size_bytes)),
    ],
)
def test_bytes_that_are_not_what_was_promised_are_refused(store: Store, field: str, lie: Checksums) -> None:
    with pytest.raises(Corrupt) as caught:
        store.put(an_upload(checksums=lie))
    assert str(getattr(lie, field)) in caught.value.expected
    assert str(getattr(TRUTH, field)) in caught.value.actual
    assert store.list("") == ()
    assert store.find([TRUTH.sha256, lie.sha256]) == {}


def test_a_lie_about_bytes_that_are_kept_is_found_too(store: Store) -> None:
    store.put(an_upload())
    lie = replace(Checksums.of(b"demo"), sha1="0" * 40)
    with pytest.raises(Corrupt):
        store.put(an_upload("libs-local/other", checksums=lie))
    assert _paths(store.list("")) == [PATH]


@pytest.mark.parametrize("digest", ["", "../../escaped", "/", "x" * 64, "\0", "\ud800"])
def test_a_promised_digest_that_is_none_leads_nowhere(store: Store, tmp_path: Path, digest: str) -> None:
    with pytest.raises(Corrupt):
        store.put(an_upload(checksums=replace(Checksums.of(b"demo"), sha256=digest)))
    assert {path.name for path in tmp_path.iterdir()} <= {"store"}


def test_a_source_that_cannot_be_read_is_an_error_of_ours(store: Store, tmp_path: Path) -> None:
    missing = replace(an_upload(), open=lambda: (tmp_path / "gone").open("rb"))
    with pytest.raises(Unavailable, match=r"demo-1\.0\.tar\.gz cannot be read: No such file"):
        store.put(missing)
    assert store.list("") == ()


class _Breaking(io.BytesIO):
    def read(self, _size: int | None = -1) -> bytes:
        raise OSError(5, "Input/output error")


def test_a_source_that_breaks_off_is_an_error_of_ours(store: Store) -> None:
    with pytest.raises(Unavailable, match="Input/output error"):
        store.put(replace(an_upload(), open=_Breaking))
    assert store.list("") == ()


@pytest.mark.parametrize(
    "path",
    ["", "file", "/a/b", "a/b/", "a//b", "a/./b", "a/../b", "../a", "a/b\x00c", "a/\n", "a/\x7f", "a/\udc80"],
)
def test_a_path_that_is_none_makes_no_upload_and_finds_nothing(store: Store, path: str) -> None:
    with pytest.raises(UsageError, match="is no path in a store"):
        an_upload(path)
    for ask in (store.stat, store.open):
        with pytest.raises(NotFound):
            ask(path)
    with pytest.raises(NotFound):
        store.annotate([path], {"a": ("1",)})


STRANGE = (
    "libs-local/with space/and+plus",
    "libs-local/50%/a%2Fb",
    "libs-local/ünï/日本語/🎉",
    "libs-local/a;b=c/d&e#f",
    "libs-local/it's/a_b%c",
    "libs-local/@scope/pkg",
    "libs-local/.hidden/..x",
)


@pytest.mark.parametrize("path", STRANGE)
def test_strange_names_are_names(store: Store, path: str) -> None:
    content = path.encode()
    item = store.put(an_upload(path, content, properties={"ключ ;=": ("a,b", "c\\d", "", "é\n")}))
    assert item.properties == {"ключ ;=": ("", "a,b", "c\\d", "é\n")}
    assert store.stat(path) == item
    assert _read(store, path) == content
    assert store.list(path.rpartition("/")[0]) == (item,)
    assert store.find([item.checksums.sha256]) == {item.checksums.sha256: (item,)}


@pytest.mark.parametrize("properties", [{"": ("1",)}, {"a\udc80": ("1",)}, {"a": ("1", "\ud800")}])
def test_properties_nobody_can_keep_are_refused(store: Store, properties: dict[str, tuple[str, ...]]) -> None:
    with pytest.raises(StoreError, match="cannot have the property"):
        store.put(an_upload(properties=properties))
    assert store.list("") == ()
    store.put(an_upload())
    with pytest.raises(StoreError, match="cannot have the property"):
        store.annotate([PATH], properties)
    assert store.stat(PATH).properties == {}


def test_annotate_replaces_the_properties_it_names(store: Store) -> None:
    store.put(an_upload(properties={"level": ("dev",), "build": ("1",), "gone": ("x",)}))
    store.annotate([PATH], {"level": ("rc", "qa", "rc"), "gone": (), "new": ("n",), "never": ()})
    assert store.stat(PATH).properties == {"build": ("1",), "level": ("qa", "rc"), "new": ("n",)}
    store.annotate([PATH], {})
    assert store.stat(PATH).properties == {"build": ("1",), "level": ("qa", "rc"), "new": ("n",)}


def test_annotate_marks_all_files_or_none(store: Store) -> None:
    store.put(an_upload())
    store.put(an_upload(path="dev/other/file"))
    store.annotate([PATH, "dev/other/file"], {"level": ("qa",)})
    assert [item.properties for item in store.list("")] == [{"level": ("qa",)}] * 2
    with pytest.raises(NotFound, match="dev/nothing"):
        store.annotate([PATH, "dev/nothing", "dev/other/file"], {"level": ("rc",)})
    assert [item.properties for item in store.list("")] == [{"level": ("qa",)}] * 2


def test_list_has_the_meaning_of_folders(store: Store) -> None:
    paths = ["a/b", "a/b/c", "a/b/d/e", "a/b-c", "a/b.d", "a/b0", "a/bc", "a/B/x", "b/b"]
    for path in reversed(paths):
        store.put(an_upload(path))
    assert _paths(store.list("a/b")) == ["a/b", "a/b/c", "a/b/d/e"]
    assert _paths(store.list("a/b/")) == ["a/b/c", "a/b/d/e"]
    assert _paths(store.list("a/bc")) == ["a/bc"]
    assert _paths(store.list("b")) == ["b/b"]
    assert _paths(store.list("")) == sorted(paths)
    assert store.list("c") == ()
    assert store.list("a/\udc80") == ()


def test_find_says_where_contents_are(store: Store) -> None:
    for path, content in (("r/2", b"one"), ("r/1", b"one"), ("r/3", b"two")):
        store.put(an_upload(path, content))
    one, two, absent = (hashlib.sha256(content).hexdigest() for content in (b"one", b"two", b"absent"))
    found = store.find([one, absent, two, one])
    assert {sha256: _paths(items) for sha256, items in found.items()} == {one: ["r/1", "r/2"], two: ["r/3"]}
    assert store.find([]) == {}
    assert store.find(["", "\udc80"]) == {}


def test_find_takes_more_digests_than_a_statement(store: Store) -> None:
    store.put(an_upload())
    digests = [hashlib.sha256(str(number).encode()).hexdigest() for number in range(2500)]
    assert list(store.find([*digests, Checksums.of(b"demo").sha256])) == [Checksums.of(b"demo").sha256]


def test_a_big_file_is_streamed(store: Store, tmp_path: Path) -> None:
    source = tmp_path / "big"
    hasher = Hasher()
    with source.open("wb") as file:
        for number in range(5):
            chunk = bytes([number]) * (1 << 20)
            hasher.update(chunk)
            file.write(chunk)
    asked: list[int | None] = []

    class Source(io.FileIO):
        def read(self, size: int | None = -1) -> bytes:
            asked.append(size)
            return super().read(size) or b""

    def opened() -> BinaryIO:
        return Source(source, "rb")

    store.put(Upload(path=PATH, checksums=hasher.checksums(), open=opened))
    assert all(size is not None and 0 < size <= 1 << 20 for size in asked)
    with store.open(PATH) as kept:
        assert Checksums.of(kept.read()) == hasher.checksums()


def test_equal_files_under_two_paths_are_two_files(store: Store) -> None:
    store.put(an_upload("r/1", properties={"a": ("1",)}))
    store.put(an_upload("r/2", properties={"a": ("2",)}))
    assert [item.properties["a"] for item in store.list("r")] == [("1",), ("2",)]


def test_an_empty_store_is_empty(store: Store, tmp_path: Path) -> None:
    assert store.list("") == ()
    assert store.find(["0" * 64]) == {}
    assert store.builds() == ()
    for missing in (store.stat, store.open):
        with pytest.raises(NotFound, match="Looked in") as caught:
            missing(PATH)
        assert store.locator in str(caught.value)
    assert list(tmp_path.iterdir()) == [], "reading creates nothing"


def test_the_source_is_closed(store: Store) -> None:
    sources: list[io.BytesIO] = []

    def opened() -> BinaryIO:
        sources.append(io.BytesIO(b"demo"))
        return sources[-1]

    store.put(replace(an_upload(), open=opened))
    assert sources
    assert all(source.closed for source in sources)
