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


@pytest.mark.parametrize("locator", ["https://art.example/artifactory", "http://127.0.0.1:8081"])
def test_a_server_is_an_artifactory(tmp_path: Path, locator: str) -> None:
    place = a_place(tmp_path / "project", store=locator)
    assert open_store(place.settings, place.root).locator.startswith(locator)


def test_another_kind_of_url_names_no_store(tmp_path: Path) -> None:
    place = a_place(tmp_path / "project", store="s3://bucket")
    with pytest.raises(UsageError, match=r"s3://bucket \(command line --defend-store\) names no store\."):
        open_store(place.settings, place.root)
