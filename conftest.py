"""For every test: its turn, pytester, no network but loopback, and no settings of the run that tests us."""

from __future__ import annotations

import os
import re
import socket
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["pytester"]

# A law is true or not; how long an example takes says how busy the machine is.
settings.register_profile(
    "unhurried", parent=settings(), deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("unhurried")

_LONGEST = ("e2e", "faults", "plugin", "contract", "property")
"""Folders of the files that take long, in the order in which workers begin them."""

_LOOPBACK = ("127.", "::1", "localhost")
_OURS_OR_CI = re.compile(
    r"(DEFEND|JF|JFROG|PYTEST_XDIST|CI|GITHUB|GITLAB|JENKINS|TEAMCITY|BAMBOO|bamboo|BITBUCKET|BUILDKITE|CIRCLE|TRAVIS"
    r"|DRONE|APPVEYOR|CF|BUILD|SYSTEM|TF|WOODPECKER|ATC)(_.*)?|CIRCLECI|PYTEST_ADDOPTS|JOB_NAME"
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give workers the long files first: one that is begun last would run alone at the end."""
    if hasattr(config, "workerinput"):
        items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    folder = item.nodeid.removeprefix("tests/").partition("/")[0]
    return _LONGEST.index(folder) if folder in _LONGEST else len(_LONGEST)


@pytest.fixture(autouse=True)
def _loopback_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test that reaches for the network outside this machine fails at once."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        host = address[0] if isinstance(address, tuple) else "localhost"
        if not str(host).startswith(_LOOPBACK):
            pytest.fail(f"a test tried to reach {host}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs inside tests see neither the CI system nor the settings of the run around them."""
    for name in list(os.environ):
        if _OURS_OR_CI.fullmatch(name):
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _no_installers_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """What runs inside tests asks no index of the user, and looks into no cache of the user's installers."""
    from runs import SECLUDED  # noqa: PLC0415  # on the path once pytest is configured

    for name, value in SECLUDED.items():
        monkeypatch.setenv(name, value)
