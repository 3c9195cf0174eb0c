"""From a locator to a store."""

from __future__ import annotations

from pathlib import Path

import pytest

from builders import an_upload
from places import a_place
from pytest_defend.assembly.store import open_store
from pytest_defend.errors import UsageError


@pytest.mark.parametrize("locator", [".defend", "a/b", "~/kept"])
def test_a_folder_is_found_from_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, locator: str
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    place = a_place(tmp_path / "project", store=locator)
    store = open_store(place.settings, place.root)
    folder = Path(locator.replace("~", str(tmp_path / "home")))
    assert store.locator == str(place.root / folder)
    assert not Path(store.locator).exists()
    assert store.put(an_upload()).created.tzinfo is not None


def test_a_server_is_for_a_later_version(tmp_path: Path) -> None:
    place = a_place(tmp_path / "project", store="https://art.example/artifactory")
    with pytest.raises(
        UsageError, match=r"https://art.example/artifactory \(.*\) is a server, .* Give a directory"
    ):
        open_store(place.settings, place.root)
