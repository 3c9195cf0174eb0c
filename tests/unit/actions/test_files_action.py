"""Which files a build made, and whether the store still has them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import (
    PATH,
    STARTED,
    a_build_info,
    a_published,
    an_upload,
)
from pytest_defend.actions.files import files
from pytest_defend.actions.stages import stage_property
from pytest_defend.errors import NotFound
from pytest_defend.model.buildinfo import Artifact, BuildId, Module

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.protocols import Store

DEMO = BuildId(name="demo", number="1")


def test_files_are_those_of_the_document(tmp_path: Path, store: Store) -> None:
    manifest = a_published(tmp_path, store)
    view = files(DEMO, store)
    assert view.build == f"demo/1@{STARTED}"
    assert {file.path: (file.sha256, file.size_bytes, file.kept) for file in view.files} == {
        file.path: (file.checksums.sha256, file.checksums.size_bytes, True) for file in manifest.files
    }
    package = view.files[0]
    assert (package.module, package.type) == ("demo:1.0", "tar.gz")
    assert package.properties[stage_property("tests")] == ("passed",)


def test_a_file_that_is_gone_or_another_one_is_not_kept(store: Store) -> None:
    store.publish_build(a_build_info())
    (gone,) = files(DEMO, store).files
    assert (gone.path, gone.kept, gone.size_bytes, gone.properties) == (PATH, False, None, {})
    store.put(an_upload(PATH, b"other bytes"))
    (changed,) = files(DEMO, store).files
    assert (changed.kept, changed.size_bytes) == (False, 11)


def test_a_file_without_a_path_is_called_by_its_name(store: Store) -> None:
    store.publish_build(a_build_info(modules=(Module(artifacts=(Artifact(name="app.jar", sha1="0"),)),)))
    (view,) = files(DEMO, store).files
    assert (view.path, view.kept) == ("app.jar", False)


def test_a_build_that_is_not_there(store: Store) -> None:
    with pytest.raises(NotFound, match=r"nobody/9 is not in the store. Looked in"):
        files(BuildId(name="nobody", number="9"), store)
