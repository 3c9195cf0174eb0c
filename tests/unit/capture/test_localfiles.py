"""Files in wheelhouses and in the caches of pip and poetry, as these tools lay them out."""

from __future__ import annotations

import hashlib
import json
import os
import time
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_defend.capture.localfiles import LocalFiles
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.origins import Candidate

if TYPE_CHECKING:
    from pathlib import Path

WHEEL = "demo-1.0-py3-none-any.whl"
SDIST = "demo-1.0.tar.gz"


def _write(path: Path, content: bytes = b"content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def _built_by_pip(cache: Path, name: str = WHEEL, *, origin: Any = None, key: str = "0123456789") -> Path:
    path = cache / "wheels" / key[:2] / key[2:4] / key[4:6] / key[6:] / name
    if origin is not None:
        _write(
            path.with_name("origin.json"),
            origin if isinstance(origin, bytes) else json.dumps(origin).encode(),
        )
    return _write(path, b"built")


def _downloaded(cache: Path, url: str, content: bytes = b"downloaded") -> Path:
    key = hashlib.sha224(url.encode()).hexdigest()
    entry = cache / "http-v2" / "/".join(key[:5]) / key
    _write(entry, b"cc=4,")
    return _write(entry.with_name(f"{key}.body"), content)


class Notes:
    """A memory that counts."""

    def __init__(self, **notes: Any) -> None:
        self.notes: dict[str, Any] = dict(notes)
        self.puts = 0

    def get(self, key: str) -> Any:
        return self.notes.get(key)

    def put(self, key: str, value: Any) -> None:
        self.puts += 1
        self.notes[key] = json.loads(json.dumps(value))


def test_every_place_is_looked_at(tmp_path: Path) -> None:
    house, pip, poetry = tmp_path / "house", tmp_path / "pip", tmp_path / "poetry"
    here = _write(house / WHEEL)
    alone = _write(tmp_path / "alone" / WHEEL)
    kept = _write(poetry / "artifacts" / "aa" / "bb" / "cc" / "ddee" / WHEEL)
    built = _built_by_pip(pip)
    _write(house / "deeper" / WHEEL)  # a wheelhouse is flat
    _write(pip / "selfcheck" / WHEEL)
    (house / "folder-1.0-py3-none-any.whl").mkdir()
    files = LocalFiles([house, alone, tmp_path / "absent", house], pip_cache=pip, poetry_cache=poetry)
    assert set(files.named(WHEEL)) == {here, alone, kept, built}
    assert list(files.named(WHEEL)) == sorted(files.named(WHEEL))
    assert files.named("folder-1.0-py3-none-any.whl") == ()
    assert files.named("absent.whl") == ()
    assert files.named("../house/" + WHEEL) == ()


def test_folders_are_listed_once(tmp_path: Path) -> None:
    files = LocalFiles([tmp_path])
    _write(tmp_path / WHEEL)
    assert len(files.named(WHEEL)) == 1
    _write(tmp_path / SDIST)
    assert files.named(SDIST) == ()


def test_wheels_are_found_by_package(tmp_path: Path) -> None:
    one = _write(tmp_path / "My_Demo-1.0-py3-none-any.whl")
    two = _write(tmp_path / "my_demo-2.0-1-py3-none-any.whl")
    _write(tmp_path / "my_demo-2.0.tar.gz")
    _write(tmp_path / "my_demo_more-2.0-py3-none-any.whl")
    _write(tmp_path / "notes.txt")
    files = LocalFiles([tmp_path])
    assert files.of("my-demo") == (one, two)
    assert files.of("absent") == ()


def test_nothing_is_looked_at_without_folders() -> None:
    files = LocalFiles([])
    assert files.named(WHEEL) == files.of("demo") == ()
    assert files.by_url("https://example.org/" + WHEEL) is None


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org/files/demo.whl",
        "HTTPS://EXAMPLE.org/files/demo.whl",
        "https://example.org/files/demo.whl#sha256=00",
    ],
)
def test_what_pip_downloaded_is_found_by_its_url(tmp_path: Path, url: str) -> None:
    body = _downloaded(tmp_path, "https://example.org/files/demo.whl")
    assert LocalFiles([], pip_cache=tmp_path).by_url(url) == body


@pytest.mark.parametrize(
    ("url", "key"),
    [
        ("https://example.org", "https://example.org/"),
        ("https://example.org?", "https://example.org/"),
        ("https://example.org/a?b=C#d", "https://example.org/a?b=C"),
        ("https://Example.org:8443/A%20b", "https://example.org:8443/A%20b"),
    ],
)
def test_keys_are_made_as_pip_makes_them(tmp_path: Path, url: str, key: str) -> None:
    assert LocalFiles([], pip_cache=tmp_path).by_url(url) is None
    body = _downloaded(tmp_path, key)
    assert LocalFiles([], pip_cache=tmp_path).by_url(url) == body


def test_half_an_entry_is_none(tmp_path: Path) -> None:
    url = "https://example.org/demo.whl"
    body = _downloaded(tmp_path, url)
    files = LocalFiles([], pip_cache=tmp_path)
    body.with_suffix("").unlink()
    assert files.by_url(url) is None
    _downloaded(tmp_path, url).unlink()
    assert files.by_url(url) is None


def test_a_file_url_is_its_path(tmp_path: Path) -> None:
    path = _write(tmp_path / "with space" / WHEEL)
    files = LocalFiles([])
    assert files.by_url(path.as_uri()) == path
    assert files.by_url(path.as_uri().replace("file:///", "FILE://localhost/") + "#sha256=00") == path
    assert files.by_url(path.as_uri().replace("file:///", "file://example.org/")) is None
    assert files.by_url(path.parent.as_uri()) is None
    assert files.by_url("file:///nul%00") is None
    assert files.by_url("file://[::1") is None
    assert files.by_url("file:///" + "x" * 5000) is None


@given(st.text(st.characters(exclude_categories=[]), max_size=30), st.sampled_from(["", "file:", "http://"]))
def test_no_text_makes_it_raise(text: str, start: str) -> None:
    files = LocalFiles([], pip_cache=None)
    files.by_url(start + text)
    files.named(text)
    files.of(text)


@given(st.text(st.characters(exclude_categories=[]), max_size=30), st.sampled_from(["", "file:", "http://a"]))
def test_no_url_makes_a_cache_raise(text: str, start: str) -> None:
    from pathlib import Path  # noqa: PLC0415

    assert LocalFiles([], pip_cache=Path("absent")).by_url(start + text) in (None, Path("/"))


ORIGIN = {"url": f"https://u:s3cret@example.org/p/{SDIST}", "archive_info": {"hashes": {"sha256": "a" * 64}}}


def test_pip_says_what_it_built_a_wheel_from(tmp_path: Path) -> None:
    files = LocalFiles([], pip_cache=tmp_path)
    source = files.built(_built_by_pip(tmp_path, origin=ORIGIN))
    assert source is not None
    assert (source.file, source.sha256) == (SDIST, "a" * 64)
    assert source.url == f"https://example.org/p/{SDIST}"


def test_a_digest_pip_does_not_know_is_absent(tmp_path: Path) -> None:
    origin = {"url": f"file:///house/{SDIST}", "archive_info": {}}
    source = LocalFiles([], pip_cache=tmp_path).built(_built_by_pip(tmp_path, origin=origin))
    assert source is not None
    assert (source.file, source.sha256) == (SDIST, "")


@pytest.mark.parametrize(
    "origin",
    [
        None,
        b"",
        b"{}",
        b"[]",
        b"\xff",
        b"[" * 100_000,
        {"url": 7, "archive_info": {}},
        {"url": "https://example.org/", "archive_info": {}},
        {"url": "https://[::1/x.zip", "archive_info": {}},
        {"url": "https://example.org/r.git", "vcs_info": {"vcs": "git", "commit_id": "ab"}},
        {"url": "file:///tree", "dir_info": {}},
    ],
)
def test_what_pip_built_is_no_download_though_it_may_not_say_what_from(tmp_path: Path, origin: Any) -> None:
    source = LocalFiles([], pip_cache=tmp_path).built(_built_by_pip(tmp_path, origin=origin))
    assert source == Candidate(file="")


def test_only_wheels_in_a_cache_were_built(tmp_path: Path) -> None:
    cache = tmp_path / "pip"
    path = _built_by_pip(cache, origin=ORIGIN)
    beside = _write(tmp_path / "house" / WHEEL)
    _write(beside.with_name("origin.json"), json.dumps(ORIGIN).encode())
    files = LocalFiles([tmp_path / "house"], pip_cache=cache, poetry_cache=tmp_path / "poetry")
    assert files.built(beside) is None
    assert files.built(path.with_name("origin.json")) is None
    assert LocalFiles([]).built(path) is None


def test_poetry_builds_beside_what_it_downloaded(tmp_path: Path) -> None:
    folder = tmp_path / "artifacts" / "aa" / "bb" / "cc" / "ddee"
    wheel = _write(folder / WHEEL)
    files = LocalFiles([], poetry_cache=tmp_path)
    assert files.built(wheel) is None
    _write(folder / SDIST, b"source")
    source = files.built(wheel)
    assert source is not None
    expected = Checksums.of(b"source")
    assert source.file == SDIST
    assert (source.sha256, source.sha1, source.md5) == (expected.sha256, expected.sha1, expected.md5)
    assert source.size_bytes == 6
    _write(folder / "demo-1.0.zip")
    assert files.built(wheel) is None


def test_a_file_is_hashed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _write(tmp_path / WHEEL, b"one")
    files = LocalFiles([])
    assert files.checksums(path) == Checksums.of(b"one")
    monkeypatch.setattr(Checksums, "of_stream", None)
    assert files.checksums(path) == Checksums.of(b"one")


def test_a_file_that_changed_is_hashed_again(tmp_path: Path) -> None:
    path = _write(tmp_path / WHEEL, b"one")
    files = LocalFiles([], memory=Notes())
    os.utime(path, ns=(1, 1))
    assert files.checksums(path) == Checksums.of(b"one")
    path.write_bytes(b"two")
    os.utime(path, ns=(1, 2))
    assert files.checksums(path) == Checksums.of(b"two")
    path.write_bytes(b"three")
    os.utime(path, ns=(1, 2))
    assert files.checksums(path) == Checksums.of(b"three")


def test_a_file_that_was_unpacked_again_with_its_old_time_is_hashed_again(tmp_path: Path) -> None:
    notes = Notes()
    for content in (b"one", b"two"):
        path = _write(tmp_path / WHEEL, content)
        os.utime(path, ns=(1, 1))
        assert LocalFiles([], memory=notes).checksums(path) == Checksums.of(content)
        time.sleep(0.02)  # longer than the clock of a file system takes to move on


def test_a_memory_lasts_from_run_to_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _write(tmp_path / WHEEL, b"one")
    notes = Notes()
    LocalFiles([], memory=notes).checksums(path)
    assert notes.puts == 1
    monkeypatch.setattr(Checksums, "of_stream", None)
    assert LocalFiles([], memory=notes).checksums(path) == Checksums.of(b"one")
    assert notes.puts == 1


@pytest.mark.parametrize("note", [{}, [], "x", {"sha256": 1}, Checksums.of(b"longer").to_dict()])
def test_a_memory_that_is_wrong_is_not_believed(tmp_path: Path, note: Any) -> None:
    path = _write(tmp_path / WHEEL, b"one")
    notes = Notes()
    files = LocalFiles([], memory=notes)
    files.checksums(path)
    (key,) = notes.notes
    assert LocalFiles([], memory=Notes(**{key: note})).checksums(path) == Checksums.of(b"one")


def test_what_cannot_be_read_has_no_checksums(tmp_path: Path) -> None:
    files = LocalFiles([])
    assert files.checksums(tmp_path / "absent") is None
    assert files.checksums(tmp_path) is None
    assert files.checksums(tmp_path / "nul\0") is None
    assert files.checksums(tmp_path / ("x" * 5000)) is None
    os.mkfifo(tmp_path / "pipe")
    assert files.checksums(tmp_path / "pipe") is None


def test_what_may_not_be_opened_has_no_checksums(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    path = _write(tmp_path / WHEEL)
    monkeypatch.setattr("pathlib.Path.open", refuse)
    assert LocalFiles([]).checksums(path) is None


def test_a_file_that_changes_while_it_is_read_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _write(tmp_path / WHEEL, b"one")
    read = Checksums.of_stream

    def grows(stream: Any) -> Checksums:
        found = read(stream)
        path.write_bytes(b"one more")
        os.utime(path, ns=(1, 1))
        return found

    monkeypatch.setattr(Checksums, "of_stream", grows)
    notes = Notes()
    assert LocalFiles([], memory=notes).checksums(path) is None
    assert notes.puts == 0


@pytest.mark.parametrize("info", [{"vcs_info": {"vcs": "git", "commit_id": "ab"}}, {"dir_info": {}}])
def test_what_pip_built_from_a_commit_is_nobody_elses(tmp_path: Path, info: Any) -> None:
    kept = _built_by_pip(tmp_path, origin=ORIGIN)
    _built_by_pip(tmp_path, origin={"url": "file:///r", **info}, key="9876543210")
    assert LocalFiles([], pip_cache=tmp_path).of("demo") == (kept,)
