"""Assembly works on a project."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from places import Place, a_place

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return a_place(tmp_path / "project")
