"""One suite for every store; a new store adds one factory."""

from __future__ import annotations

from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING

import pytest

from builders import a_clock
from pytest_defend.server.profiles import PROFILES
from pytest_defend.stores.directory import DirectoryStore
from pytest_defend.stores.memory import MemoryStore
from served import a_store_at, served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from pytest_defend.protocols import Store


@contextmanager
def _artifactory(profile: str, folder: Path) -> Iterator[Store]:
    """Over a real socket; what the server keeps is outside of the folder that a test looks into."""
    with served(folder.with_name(f"{folder.name}-served"), profile=profile) as url:
        yield a_store_at(url)


FACTORIES: dict[str, Callable[[Path], AbstractContextManager[Store]]] = {
    "memory": lambda _: nullcontext(MemoryStore(a_clock)),
    "directory": lambda folder: nullcontext(DirectoryStore(folder / "store", a_clock)),
    **{f"artifactory-{profile}": partial(_artifactory, profile) for profile in PROFILES},
}

CANNOT = (
    ("-oss", "test_repositories.py", "the open source edition makes no repositories over REST"),
    ("-oss", "test_store_promote.py", "the open source edition does not promote"),
    ("-oss", "test_appending_again_after_a_promotion", "the open source edition does not promote"),
    ("artifactory", "test_list_has_the_meaning_of_folders", "there no path is both a file and a folder"),
)


@pytest.fixture(params=FACTORIES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    for param, test, reason in CANNOT:
        if param in request.param and request.node.nodeid.find(test) > 0:
            pytest.skip(reason)
    with FACTORIES[request.param](tmp_path) as store:
        yield store
