"""A bundle as one file and back; archives that were made to do harm."""

from __future__ import annotations

import stat
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from builders import a_bundle
from pytest_defend.actions.archive import archive, extract
from pytest_defend.errors import InvalidDocument
from pytest_defend.model.bundle import MANIFEST

if TYPE_CHECKING:
    from pathlib import Path


def contents(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    a_bundle(folder)
    (folder / "attachments" / "t1").mkdir(parents=True)
    (folder / "attachments" / "t1" / "ü.bin").write_bytes(bytes(range(256)) * 100)
    (folder / "empty").write_bytes(b"")
    return folder


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def test_a_bundle_comes_back_byte_for_byte(tmp_path: Path, bundle: Path, target: Path) -> None:
    file = tmp_path / "new" / "run.zip"
    archive(bundle, file)
    extract(file, target)
    assert contents(target) == contents(bundle)
    assert [path.name for path in file.parent.iterdir()] == ["run.zip"]


def test_the_same_bundle_gives_the_same_bytes_and_its_manifest_is_last(tmp_path: Path, bundle: Path) -> None:
    archive(bundle, tmp_path / "a.zip")
    (bundle / "empty").touch()
    archive(bundle, tmp_path / "b.zip")
    assert (tmp_path / "a.zip").read_bytes() == (tmp_path / "b.zip").read_bytes()
    with zipfile.ZipFile(tmp_path / "a.zip") as written:
        assert written.namelist()[-1] == MANIFEST
        assert {stat.S_IMODE(member.external_attr >> 16) for member in written.infolist()} == {0o600}


def test_a_file_that_cannot_be_written_leaves_nothing_behind(tmp_path: Path, bundle: Path) -> None:
    file = tmp_path / "out" / "run.zip"
    file.mkdir(parents=True)
    with pytest.raises(OSError, match="directory"):
        archive(bundle, file)
    assert [path.name for path in file.parent.iterdir()] == ["run.zip"]


def a_zip(file: Path, *names: str, **attributes: Any) -> Path:
    with zipfile.ZipFile(file, "w") as out:
        for name in names:
            member = zipfile.ZipInfo(name)
            for attribute, value in attributes.items():
                setattr(member, attribute, value)
            out.writestr(member, b"content")
    return file


def refused(file: Path, target: Path, problem: str) -> None:
    with pytest.raises(InvalidDocument, match=problem) as error:
        extract(file, target)
    assert error.value.what == str(file)
    assert contents(target) == {}
    assert "--defend-record" in error.value.hint


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "a\\b", "C:x", "..", ".", "./."], ids=repr)
def test_a_name_outside_the_folder_is_refused(tmp_path: Path, target: Path, name: str) -> None:
    refused(a_zip(tmp_path / "x.zip", "fine", name), target, "names a place outside the bundle")
    assert not (tmp_path / "x").exists()


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("names", [("a", "a"), ("a", "./a"), ("a", "a/b"), ("a/b", "a")], ids=str)
def test_a_name_that_comes_twice_is_refused(tmp_path: Path, target: Path, names: tuple[str, ...]) -> None:
    refused(a_zip(tmp_path / "x.zip", *names), target, "a name comes twice")


def test_a_link_is_refused(tmp_path: Path, target: Path) -> None:
    attributes = (stat.S_IFLNK | 0o777) << 16
    refused(a_zip(tmp_path / "x.zip", "a", external_attr=attributes), target, "is no plain file of a record")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_what_archive_never_writes_is_refused(tmp_path: Path, target: Path, method: int) -> None:
    refused(a_zip(tmp_path / "x.zip", "a", compress_type=method), target, "is no plain file of a record")


def test_folders_are_left_out(tmp_path: Path, target: Path) -> None:
    extract(a_zip(tmp_path / "x.zip", "a/", "a/b"), target)
    assert contents(target) == {"a/b": b"content"}


def test_more_than_the_disk_has_room_for_is_refused_before_anything_is_written(
    tmp_path: Path, target: Path
) -> None:
    file = tmp_path / "x.zip"
    with zipfile.ZipFile(file, "w") as out:
        out.writestr("a", b"small")
        out.writestr("b", b"content")
        out.infolist()[1].file_size = 1 << 60
    refused(file, target, r"it declares 1152921504606846981 bytes, and the disk has room for \d+")


def test_nothing_gets_larger_than_declared(tmp_path: Path, target: Path) -> None:
    file = tmp_path / "x.zip"
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("bomb", bytes(10_000_000))
        out.infolist()[0].file_size = 10
    with pytest.raises(InvalidDocument, match="is no record"):
        extract(file, target)
    assert (target / "bomb").stat().st_size <= 10


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b'{"journal":"pytest-defend"}\n', bytes(1000)])
def test_what_is_no_archive_is_no_record(tmp_path: Path, target: Path, content: bytes) -> None:
    file = tmp_path / "x.zip"
    file.write_bytes(content)
    refused(file, target, "is no record")


def test_a_file_that_is_not_there_is_an_error_of_the_system(tmp_path: Path, target: Path) -> None:
    with pytest.raises(FileNotFoundError):
        extract(tmp_path / "x.zip", target)


def test_a_file_that_is_said_to_lie_before_the_beginning_is_no_record(tmp_path: Path, target: Path) -> None:
    file = a_zip(tmp_path / "x.zip", "a")
    whole = bytearray(file.read_bytes())
    directory = whole.rindex(b"PK\x05\x06") + 16  # where the directory is said to be: too far back
    whole[directory : directory + 4] = (
        int.from_bytes(whole[directory : directory + 4], "little") + 8
    ).to_bytes(4, "little")
    file.write_bytes(whole)
    refused(file, target, "is no record")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(st.data())
def test_altered_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, bundle: Path, data: st.DataObject
) -> None:
    place = tmp_path_factory.mktemp("altered")
    archive(bundle, place / "run.zip")
    whole = bytearray((place / "run.zip").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    (place / "run.zip").write_bytes(whole)
    (place / "target").mkdir()
    with suppress(InvalidDocument):
        extract(place / "run.zip", place / "target")
    assert {path.name for path in place.iterdir()} == {"run.zip", "target"}
