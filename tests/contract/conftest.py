"""One suite for every store; a new store adds one factory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import a_clock
from pytest_defend.stores.directory import DirectoryStore
from pytest_defend.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_defend.protocols import Store

FACTORIES: dict[str, Callable[[Path], Store]] = {
    "memory": lambda _: MemoryStore(a_clock),
    "directory": lambda folder: DirectoryStore(folder / "store", a_clock),
}


@pytest.fixture(params=FACTORIES)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    return FACTORIES[request.param](tmp_path)
