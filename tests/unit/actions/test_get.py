"""One file of a build, byte for byte or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from builders import (
    PATH,
    a_build_info,
    a_clock,
    a_published,
    an_upload,
)
from pytest_defend.actions.files import files
from pytest_defend.actions.get import get
from pytest_defend.errors import Corrupt, NotFound, UsageError
from pytest_defend.model.buildinfo import Artifact, BuildId, Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.stores.directory import DirectoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.protocols import Store

DEMO = BuildId(name="demo", number="1")


SUMS = Checksums.of(b"demo")


@pytest.mark.parametrize(
    ("digests", "kept"),
    [
        ({"sha256": SUMS.sha256, "sha1": "stale"}, True),
        ({"sha1": SUMS.sha1}, True),
        ({"md5": SUMS.md5}, True),
        ({"sha1": "0" * 40, "md5": SUMS.md5}, False),
        ({}, False),
    ],
)
def test_documents_of_other_tools_need_not_have_every_digest(
    tmp_path: Path, store: Store, digests: dict[str, Any], kept: bool
) -> None:
    file = Artifact(name="x", repository="libs-local", path="demo/1.0/demo-1.0.tar.gz", **digests)
    store.publish_build(a_build_info(modules=(Module(id="a", artifacts=(file,)),)), [an_upload()])
    (view,) = files(DEMO, store).files
    assert view.kept is kept
    target = tmp_path / "got"
    if kept:
        assert get(DEMO, "demo-1.0.tar.gz", target, store).kept
        assert target.read_bytes() == b"demo"
    else:
        with pytest.raises(Corrupt):
            get(DEMO, "demo-1.0.tar.gz", target, store)


@pytest.mark.parametrize("wanted", [PATH, "demo-1.0.tar.gz", "1.0/demo-1.0.tar.gz"])
def test_a_file_is_written_as_it_was_recorded(tmp_path: Path, store: Store, wanted: str) -> None:
    a_published(tmp_path, store)
    target = tmp_path / "out" / "file"
    target.parent.mkdir()
    target.write_bytes(b"before")
    view = get(DEMO, wanted, target, store)
    assert view.path == PATH
    assert target.read_bytes() == b"demo"
    assert [path.name for path in target.parent.iterdir()] == ["file"]


def test_a_name_has_to_be_whole_and_there(tmp_path: Path, store: Store) -> None:
    a_published(tmp_path, store)
    for wanted in ("emo-1.0.tar.gz", "", "/"):
        with pytest.raises(NotFound, match=r"See pytest-defend files demo/1@"):
            get(DEMO, wanted, tmp_path / "x", store)
    assert not (tmp_path / "x").exists()


def test_an_end_that_several_files_have_is_refused_but_a_whole_path_is_not(
    tmp_path: Path, store: Store
) -> None:
    paths = ["r/a/b", "r/x/r/a/b"]
    modules = [
        Module(
            id=name,
            artifacts=tuple(
                Artifact(name="b", repository="r", path=path.removeprefix("r/"), sha256=SUMS.sha256)
                for path in paths
            ),
        )
        for name in ("one", "two")  # the same files in two modules are the same files
    ]
    store.publish_build(a_build_info(modules=tuple(modules)), [an_upload(path) for path in paths])
    with pytest.raises(UsageError, match=r"b names several files of demo/1@.*: r/a/b, r/x/r/a/b. Give more"):
        get(DEMO, "b", tmp_path / "got", store)
    assert get(DEMO, "r/a/b", tmp_path / "got", store).path == "r/a/b"
    assert get(DEMO, "x/r/a/b", tmp_path / "got", store).path == "r/x/r/a/b"


def test_bytes_that_were_altered_on_disk_are_never_handed_out(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store", a_clock)
    a_published(tmp_path, store)
    blob = tmp_path / "store" / "blobs" / SUMS.sha256[:2] / SUMS.sha256
    blob.chmod(0o600)
    blob.write_bytes(b"evil")
    target = tmp_path / "got"
    target.write_bytes(b"before")
    with pytest.raises(Corrupt) as refused:
        get(DEMO, PATH, target, store)
    assert SUMS.sha256 in str(refused.value)
    assert Checksums.of(b"evil").sha256 in str(refused.value)
    assert target.read_bytes() == b"before"
    assert not list(tmp_path.glob(".got*"))


def test_other_bytes_than_the_build_recorded_are_never_handed_out(tmp_path: Path, store: Store) -> None:
    store.publish_build(a_build_info())
    store.put(an_upload(PATH, b"other bytes"))
    with pytest.raises(Corrupt, match=f"holds sha256 .* where sha256 {SUMS.sha256} was recorded"):
        get(DEMO, PATH, tmp_path / "got", store)
    assert not (tmp_path / "got").exists()


def test_a_target_that_cannot_be_written_is_an_error_of_the_system(tmp_path: Path, store: Store) -> None:
    a_published(tmp_path, store)
    with pytest.raises(FileNotFoundError):
        get(DEMO, PATH, tmp_path / "nowhere" / "file", store)
    with pytest.raises(OSError, match="directory"):
        get(DEMO, PATH, tmp_path / "dist", store)
    assert not (tmp_path / ".dist.draft").exists()
