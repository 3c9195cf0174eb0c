"""Servers of every profile."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from artifactories import Artifactory
from pytest_defend.server.profiles import PROFILES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def start(tmp_path: Path) -> Callable[..., Artifactory]:
    """Starts servers, on the same store."""

    def make(profile: str = "7-pro", **switches: Any) -> Artifactory:
        return Artifactory(tmp_path / "store", profile, **switches)

    return make


@pytest.fixture(params=PROFILES)
def each(request: pytest.FixtureRequest, start: Callable[..., Artifactory]) -> Artifactory:
    """A server of every profile."""
    return start(request.param)


@pytest.fixture
def server(start: Callable[..., Artifactory]) -> Artifactory:
    """A server as it is by default."""
    return start()
