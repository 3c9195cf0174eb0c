"""What an installed copy holds, by RECORD, by WHEEL and by its bytes; and what wheel files hold."""

from __future__ import annotations

import hashlib
import importlib.metadata
import os
import time
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pytest_defend.capture.caching import cache_file, cache_folder
from pytest_defend.capture.content import (
    drift,
    metadata_digests,
    read_content,
    record_rows,
    verified,
)
from pytest_defend.capture.distributions import read_distributions
from pytest_defend.capture.memory import DiskMemory, NoMemory
from pytest_defend.capture.wheels import wheel_fingerprint, wheel_rows
from wheels import a_wheel


def _unpacked(wheel: Path, site: Path) -> Path:
    """What an installer that does nothing but unpack leaves; the folder of its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    (info,) = site.glob("*.dist-info")
    return info


class _Counting:
    """Remembers, and counts what it was told."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}
        self.told = 0

    def get(self, key: str) -> Any | None:
        return self.kept.get(key)

    def put(self, key: str, value: Any) -> None:
        self.told += 1
        self.kept[key] = value


def _content(info: Path, memory: Any = None) -> Any:
    found = importlib.metadata.Distribution.at(info)
    return read_content(found, info, memory or NoMemory())


def test_tags_build_tag_and_fingerprint(tmp_path: Path) -> None:
    wheel = a_wheel(tmp_path, "demo", tags="py2.py3-none-any", build="2b")
    content = _content(_unpacked(wheel, tmp_path / "site"))
    assert content.tags == ("py2-none-any", "py3-none-any")
    assert content.build_tag == "2b"
    assert content.fingerprint == wheel_fingerprint(wheel) != ""


def test_metadata_is_what_it_is_and_what_record_says_it_was(tmp_path: Path) -> None:
    info = _unpacked(a_wheel(tmp_path, "demo"), tmp_path / "site")
    written = hashlib.sha256((info / "METADATA").read_bytes()).hexdigest()
    assert metadata_digests(info) == {written}
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n", encoding="utf-8")
    now = hashlib.sha256((info / "METADATA").read_bytes()).hexdigest()
    assert metadata_digests(info) == {written, now}


@pytest.mark.parametrize("spoil", ["METADATA", "RECORD"])
def test_without_metadata_or_record_no_metadata_is_compared(tmp_path: Path, spoil: str) -> None:
    info = _unpacked(a_wheel(tmp_path, "demo"), tmp_path / "site")
    (info / spoil).unlink()
    assert metadata_digests(info) == frozenset()


def test_metadata_that_record_does_not_list_is_not_compared(tmp_path: Path) -> None:
    info = _unpacked(a_wheel(tmp_path, "demo"), tmp_path / "site")
    (info / "RECORD").write_text("demo.py,sha256=x,1\n", encoding="utf-8")
    assert metadata_digests(info) == frozenset()


def test_without_record_there_is_no_fingerprint(tmp_path: Path) -> None:
    info = _unpacked(a_wheel(tmp_path, "demo"), tmp_path / "site")
    (info / "RECORD").unlink()
    assert _content(info).fingerprint == ""


def test_a_fingerprint_is_remembered_until_record_changes(tmp_path: Path) -> None:
    info = _unpacked(a_wheel(tmp_path, "demo"), tmp_path / "site")
    memory = _Counting()
    first = _content(info, memory)
    assert _content(info, memory) == first
    assert memory.told == 1
    with (info / "RECORD").open("a") as record:
        record.write("more.py,sha256=x,1\n")
    assert _content(info, memory).fingerprint != first.fingerprint
    assert memory.told == 2


@pytest.mark.parametrize("file", ["RECORD", "WHEEL"])
def test_what_is_broken_is_a_gap_that_names_it(tmp_path: Path, file: str) -> None:
    site = tmp_path / "site"
    info = _unpacked(a_wheel(tmp_path, "demo"), site)
    (info / file).write_text({"RECORD": "only a path\n", "WHEEL": "Tag: nonsense\n"}[file])
    installed, gaps = read_distributions(paths=[str(site)])
    assert [each.fingerprint for each in installed.distributions] == [""]
    assert [gap.problem for gap in gaps if "demo 1.0 is broken" in gap.problem]


def test_drift_names_what_is_changed_missing_or_not_to_be_read(tmp_path: Path) -> None:
    site = tmp_path / "site"
    files = {"demo/a.py": "a", "demo/b.py": "b", "demo/c.py": "c", "demo/d.py": "d", "demo/e.py": "e"}
    info = _unpacked(a_wheel(tmp_path, "demo", files=files), site)
    assert drift(site, record_rows(info)) == ()
    (site / "demo/a.py").write_text("A")
    (site / "demo/b.py").write_text("longer")
    (site / "demo/c.py").unlink()
    (site / "demo/d.py").unlink()
    os.mkfifo(site / "demo/d.py")  # never opened: it would wait for ever
    (site / "demo/new.py").write_text("nobody recorded it")
    rows = record_rows(info)
    rows["demo/e.py"] = ("sha1024=x", "1")
    assert drift(site, rows) == (
        "changed demo/a.py",
        "changed demo/b.py",
        "missing demo/c.py",
        "missing demo/d.py",
        "unreadable demo/e.py",
    )


def test_a_whole_environment_is_verified(tmp_path: Path) -> None:
    site = tmp_path / "site"
    _unpacked(a_wheel(tmp_path, "demo"), site)
    installed, _ = read_distributions(paths=[str(site)])
    assert not installed.verified
    (site / "demo.py").write_text("patched")
    found = verified(installed)
    assert found.verified
    assert [each.drift for each in found.distributions] == [("changed demo.py",)]


def test_replaced_content_of_one_version_is_a_change(tmp_path: Path) -> None:
    from pytest_defend.model.distributions import diff  # noqa: PLC0415  # beside what it is compared with

    site = tmp_path / "site"
    _unpacked(a_wheel(tmp_path / "one", "demo"), site)
    before, _ = read_distributions(paths=[str(site)])
    _unpacked(a_wheel(tmp_path / "two", "demo", files={"demo.py": "other"}), site)
    after, _ = read_distributions(paths=[str(site)])
    (change,) = diff(before, after)
    assert change.startswith("changed demo==1.0 holding ")
    assert before.fingerprint != after.fingerprint


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 no archive", b"text"])
def test_what_is_no_wheel_holds_nothing(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    path.write_bytes(content)
    assert wheel_rows(path) == {}
    assert wheel_fingerprint(path) == ""


def test_a_wheel_with_two_records_is_none(tmp_path: Path) -> None:
    path = tmp_path / "demo-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("demo-1.0.dist-info/RECORD", "a,sha256=b,1\n")
        archive.writestr("other-1.0.dist-info/RECORD", "a,sha256=b,1\n")
    assert wheel_rows(path) == {}


def test_a_damaged_wheel_is_none(tmp_path: Path) -> None:
    wheel = a_wheel(tmp_path, "demo", files={"demo.py": "x" * 5000})
    content = bytearray(wheel.read_bytes())
    position = content.index(b"demo.py,sha256=")
    content[position] ^= 0xFF
    wheel.write_bytes(content)
    assert wheel_rows(wheel) == {}


def test_an_environment_that_was_unpacked_again_with_its_old_times_is_read_again(tmp_path: Path) -> None:
    memory = _Counting()
    found = []
    for letter in "ab":
        wheel = a_wheel(tmp_path / letter, "demo", files={"demo.py": letter})
        info = _unpacked(wheel, tmp_path / "site")
        os.utime(info / "RECORD", ns=(1, 1))
        found.append(_content(info, memory).fingerprint)
        assert found[-1] == wheel_fingerprint(wheel)
        time.sleep(0.02)  # longer than the clock of a file system takes to move on
    assert found[0] != found[1]


def test_memory_survives_and_keeps_only_what_is_used(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "memory.json"
    first = DiskMemory(path)
    first.put("a", "1")
    first.put("b", {"sha1": "2"})
    first.save()
    second = DiskMemory(path)
    assert (second.get("a"), second.get("c")) == ("1", None)
    second.put("c", "3")
    second.save()
    third = DiskMemory(path)
    assert [third.get(key) for key in "abc"] == ["1", None, "3"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_damaged_memory_is_an_empty_one(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "memory.json"
    path.write_bytes(content)
    memory = DiskMemory(path)
    assert memory.get("a") is None
    memory.put("a", 1)
    memory.save()
    assert DiskMemory(path).get("a") == 1


def test_a_memory_that_cannot_be_written_is_no_failure(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    memory = DiskMemory(tmp_path / "file" / "memory.json")
    memory.put("a", 1)
    memory.save()
    assert memory.get("a") == 1


def test_nothing_is_written_when_nothing_is_new(tmp_path: Path) -> None:
    path = tmp_path / "memory.json"
    DiskMemory(path).save()
    assert not path.exists()


def test_where_caches_are(tmp_path: Path) -> None:
    home = str(tmp_path / "home")
    assert cache_folder({"XDG_CACHE_HOME": str(tmp_path)}, home) == str(tmp_path / "pytest-defend")
    assert cache_folder({}, home).startswith(home)
    assert Path(cache_file("packages")).name.startswith("packages-")
