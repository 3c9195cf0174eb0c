from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_defend.capture.sources import read_sources

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_defend.model.origins import Offer

LINUX = {"python_full_version": "3.11.7", "python_version": "3.11", "sys_platform": "linux"}


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str, str], tuple[list[Offer], list[str]]]:
    """Writes one file, reads it, and returns what it offers and the sentences of the gaps."""

    def write_and_read(name: str, text: str) -> tuple[list[Offer], list[str]]:
        (tmp_path / name).write_text(text, encoding="utf-8")
        offers, gaps = read_sources(tmp_path, [name], asked=True, environment=LINUX)
        assert all(offer.source == name for offer in offers)
        assert all(gap.topic == "origins" for gap in gaps)
        return list(offers), [gap.problem for gap in gaps]

    return write_and_read
