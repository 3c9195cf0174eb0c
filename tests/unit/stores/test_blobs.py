from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import NOW, PATH, an_upload
from pytest_defend.errors import Corrupt, StoreError
from pytest_defend.model.checksums import Checksums
from pytest_defend.protocols import Item
from pytest_defend.stores.blobs import Blobs

if TYPE_CHECKING:
    from pathlib import Path

DEMO = Checksums.of(b"demo")
ITEM = Item(path=PATH, checksums=DEMO, properties={}, created=NOW)


@pytest.fixture
def blobs(tmp_path: Path) -> Blobs:
    return Blobs(tmp_path / "store" / "blobs", locator="the store")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the content of `ITEM` belongs."""
    return tmp_path / "store" / "blobs" / DEMO.sha256[:2] / DEMO.sha256


def _files(tmp_path: Path) -> list[Path]:
    return [path for path in tmp_path.rglob("*") if path.is_file()]


def test_a_content_is_named_by_its_digest(blobs: Blobs, place: Path, tmp_path: Path) -> None:
    blobs.keep([an_upload("r/1"), an_upload("r/2")])
    assert _files(tmp_path) == [place]
    assert place.read_bytes() == b"demo"


def test_a_content_that_is_there_is_left_alone(blobs: Blobs, place: Path) -> None:
    blobs.keep([an_upload()])
    before = place.stat()
    blobs.keep([an_upload()])
    assert (place.stat().st_ino, place.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("altered", [b"Demo", b"dem", b""])
def test_an_altered_content_is_found_and_repaired(blobs: Blobs, place: Path, altered: bytes) -> None:
    blobs.keep([an_upload()])
    place.write_bytes(altered)
    with pytest.raises(Corrupt, match="repairs it") as caught:
        blobs.open(ITEM)
    assert caught.value.key == PATH
    assert caught.value.expected == DEMO.sha256
    assert caught.value.actual == Checksums.of(altered).sha256
    blobs.keep([an_upload()])
    with blobs.open(ITEM) as file:
        assert file.read() == b"demo"


def test_a_content_that_is_gone_is_found_and_repaired(blobs: Blobs, place: Path) -> None:
    blobs.keep([an_upload()])
    place.unlink()
    with pytest.raises(Corrupt, match="holds nothing where"):
        blobs.open(ITEM)
    blobs.keep([an_upload()])
    blobs.open(ITEM).close()


def test_a_refused_content_leaves_nothing(blobs: Blobs, tmp_path: Path) -> None:
    with pytest.raises(Corrupt):
        blobs.keep([an_upload(checksums=replace(DEMO, md5="0" * 32))])
    assert _files(tmp_path) == []


def test_a_place_that_is_no_file_is_an_error_of_ours(blobs: Blobs, place: Path) -> None:
    place.mkdir(parents=True)
    for ask in (lambda: blobs.keep([an_upload()]), lambda: blobs.open(ITEM)):
        with pytest.raises(StoreError, match="the store"):
            ask()
