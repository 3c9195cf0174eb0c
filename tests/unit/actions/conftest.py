"""Every action of a store, against both stores there are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import a_clock
from pytest_defend.stores.directory import DirectoryStore
from pytest_defend.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.protocols import Store


@pytest.fixture(params=["memory", "directory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "memory":
        return MemoryStore(a_clock)
    return DirectoryStore(tmp_path / "store", a_clock)
