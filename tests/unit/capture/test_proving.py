"""What files hold that nobody fetches."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING

import pytest

from pytest_defend.capture.memory import DiskMemory, NoMemory
from pytest_defend.capture.proving import authorised, held_at_urls, held_in_store
from pytest_defend.capture.wheels import wheel_fingerprint
from pytest_defend.errors import AccessDenied, NotFound, Unavailable
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.origins import Candidate
from pytest_defend.stores.pages import Page

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "demo-1.0-py3-none-any.whl"


def a_wheel(text: str) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("demo-1.0.dist-info/RECORD"), f"{text}.py,sha256=x,1\n")
    return out.getvalue()


def a_file(text: str, server: str = "https://files.example", name: str = "") -> Candidate:
    sha256 = Checksums.of(a_wheel(text)).sha256
    return Candidate(file=name or f"{text}.whl", sha256=sha256, url=f"{server}/{text}.whl")


class Web:
    """Wheels by URL, and errors."""

    def __init__(self, **pages: bytes | Exception) -> None:
        self.pages = pages
        self.asked: list[str] = []

    def fetch(self, url: str, headers: Mapping[str, str], limit_bytes: int) -> Page:
        assert headers["Range"].startswith("bytes=-")
        self.asked.append(url)
        page = self.pages.get(url.rpartition("/")[2].removesuffix(".whl"), NotFound(url))
        if isinstance(page, Exception):
            raise page
        assert len(page) <= limit_bytes
        return Page(url=url, content_type="", content=page)


def test_what_files_hold_is_told_by_digest() -> None:
    one, two = a_file("one"), a_file("two")
    held, gaps = held_at_urls([one, two, one], Web(one=a_wheel("one"), two=a_wheel("two")).fetch, NoMemory())
    assert gaps == ()
    assert {digest: (each.where, each.file, each.fingerprint) for digest, each in held.items()} == {
        file.sha256: (file.url, file.file, wheel_fingerprint(io.BytesIO(a_wheel(text))))
        for text, file in (("one", one), ("two", two))
    }


def test_what_was_read_once_is_not_read_again(tmp_path: Path) -> None:
    web, memory = Web(one=a_wheel("one")), DiskMemory(tmp_path / "memory.json")
    first, _ = held_at_urls([a_file("one")], web.fetch, memory)
    memory.save()
    again, _ = held_at_urls([a_file("one")], web.fetch, DiskMemory(tmp_path / "memory.json"))
    assert again == first != {}
    assert len(web.asked) == 1


def test_what_one_server_gives_for_a_digest_is_not_believed_of_another(tmp_path: Path) -> None:
    memory, claimed = DiskMemory(tmp_path / "memory.json"), a_file("one")
    lying = Candidate(file=claimed.file, sha256=claimed.sha256, url="https://other.example/two.whl")
    web = Web(one=a_wheel("one"), two=a_wheel("two"))
    wrong, _ = held_at_urls([lying], web.fetch, memory)
    right, _ = held_at_urls([claimed], web.fetch, memory)
    assert wrong[claimed.sha256].fingerprint != right[claimed.sha256].fingerprint
    assert right[claimed.sha256].fingerprint == wheel_fingerprint(io.BytesIO(a_wheel("one")))


@pytest.mark.parametrize(
    "file",
    [
        Candidate(file=NAME, url="https://files.example/one.whl"),
        Candidate(file=NAME, sha256="0" * 64),
        Candidate(file=NAME, sha256="0" * 64, url="file:///one.whl"),
        Candidate(file=NAME, sha256="0" * 64, url="ftp://files.example/one.whl"),
    ],
)
def test_without_digest_or_server_nobody_is_asked(file: Candidate) -> None:
    web = Web(one=a_wheel("one"))
    assert held_at_urls([file], web.fetch, NoMemory()) == ({}, ())
    assert web.asked == []


def test_what_cannot_be_looked_into_is_one_gap_for_each_server(tmp_path: Path) -> None:
    refused = AccessDenied("x", "https://files.example/two.whl may not be read (HTTP 403).", hint="Log in.")
    web = Web(one=a_wheel("one"), two=refused, four=b"<html>Log in</html>")
    memory = DiskMemory(tmp_path / "memory.json")
    files = [a_file("one"), a_file("two"), a_file("three"), a_file("four", "https://other.example")]
    held, gaps = held_at_urls(files, web.fetch, memory)
    assert set(held) == {a_file("one").sha256}
    first, second = (gap.problem for gap in gaps)
    assert first.startswith("https://files.example: three.whl, two.whl cannot be looked into: https://files")
    assert second == "https://other.example: four.whl cannot be looked into: what lies there is no wheel."


def test_a_server_that_refuses_is_left_alone() -> None:
    files = [a_file(f"file{number:03d}") for number in range(100)]
    web = Web(**{file.file.removesuffix(".whl"): Unavailable("x", "No parts.", hint="") for file in files})
    held, (gap,) = held_at_urls(files, web.fetch, NoMemory())
    assert held == {}
    assert len(web.asked) < 20  # three in a row, and what was on its way
    assert gap.problem.startswith("https://files.example: file000.whl, file001.whl, file002.whl and 97 more")


def test_a_store_is_read_by_parts() -> None:
    content = a_wheel("one")
    sha256 = Checksums.of(content).sha256

    def part(path: str, start: int, size: int) -> bytes:
        assert path == f"pypi/demo/1.0/{NAME}"
        return content[start : start + size]

    held = held_in_store(f"pypi/demo/1.0/{NAME}", sha256, len(content), part, NoMemory())
    assert held is not None
    assert (held.where, held.file) == (f"pypi/demo/1.0/{NAME}", NAME)
    assert held.fingerprint == wheel_fingerprint(io.BytesIO(content))


@pytest.mark.parametrize("error", [NotFound("x"), Unavailable("x", "whole files only", hint="")])
def test_a_store_that_gives_no_parts_says_nothing(error: Exception) -> None:
    def part(_path: str, _start: int, _size: int) -> bytes:
        raise error

    assert held_in_store("pypi/a.whl", "0" * 64, 10, part, NoMemory()) is None


def test_a_file_of_a_store_that_is_no_wheel_says_nothing() -> None:
    assert held_in_store("pypi/a.whl", "0" * 64, 10, lambda *_: b"0123456789", NoMemory()) is None


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://i.example/files/a.whl", "https://me:secret@i.example/files/a.whl"),
        ("https://I.example/files/a.whl", "https://me:secret@I.example/files/a.whl"),
        ("http://i.example/files/a.whl", "http://i.example/files/a.whl"),
        ("https://i.example:8443/a.whl", "https://i.example:8443/a.whl"),
        ("https://files.example/a.whl", "https://files.example/a.whl"),
    ],
)
def test_only_the_server_of_an_index_is_told_its_credentials(url: str, expected: str) -> None:
    indexes = ("https://i.example/other/", "https://me:secret@i.example/simple/", "https://you:x@i.example/")
    assert authorised(url, indexes) == expected
