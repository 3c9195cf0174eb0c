"""A project of its own for every test of the pytest face."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugin.recorded import Demo

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def demo(tmp_path: Path, pytester: pytest.Pytester) -> Demo:
    """An empty project named `demo`."""
    folder = tmp_path / "demo"
    folder.mkdir()
    return Demo(folder=folder, pytester=pytester)
