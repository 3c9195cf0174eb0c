"""The files that lie beside what is installed are read as `importlib.metadata` reads them."""

from __future__ import annotations

import importlib.metadata
import zipfile
from typing import TYPE_CHECKING

import pytest

from pytest_defend.capture.metadata import read_file, text_of

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "METADATA": b"Name: demo\nVersion: 1\n\n\xc3\xa4",
    "WHEEL": b"Tag: py3-none-any\r\nBuild: 1\rRoot: \r\n\n",
    "INSTALLER": b"\xff",
    "REQUESTED": b"",
}
NAMES = (*FILES, "", "RECORD", "direct_url.json", "folder", "circle", "METADATA/RECORD")


def _answer(call: object, *arguments: object) -> object:
    try:
        return call(*arguments)  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001  # whichever it is
        return type(error), str(error)


@pytest.mark.parametrize("name", NAMES)
def test_a_folder_is_read_as_by_the_standard_library(tmp_path: Path, name: str) -> None:
    info = tmp_path / "demo-1.dist-info"
    (info / "folder").mkdir(parents=True)
    (info / "circle").symlink_to("circle")
    for file, content in FILES.items():
        (info / file).write_bytes(content)
    (found,) = importlib.metadata.distributions(path=[str(tmp_path)])
    assert _answer(read_file, found, name) == _answer(found.read_text, name)
    if name == "circle":
        assert text_of(found, name) is None


def test_a_file_that_is_the_metadata_itself_is_read(tmp_path: Path) -> None:
    (tmp_path / "demo-1.egg-info").write_bytes(FILES["METADATA"])
    (found,) = importlib.metadata.distributions(path=[str(tmp_path)])
    assert read_file(found, "") == found.read_text("") == "Name: demo\nVersion: 1\n\n\u00e4"
    assert read_file(found, "METADATA") is found.read_text("METADATA") is None


def test_an_archive_is_left_to_its_finder(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "demo.zip", "w") as archive:
        archive.writestr("demo-1.dist-info/METADATA", FILES["METADATA"])
    (found,) = importlib.metadata.distributions(path=[str(tmp_path / "demo.zip")])
    assert read_file(found, "METADATA") == "Name: demo\nVersion: 1\n\n\u00e4"
    assert read_file(found, "RECORD") is None
