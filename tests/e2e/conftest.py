"""For every end-to-end test: the built wheel, and environments to install it into."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from runs import ROOT
from venvs import Venv, pip

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of this checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    pip(sys.executable, "wheel", "--no-deps", "-w", str(folder), str(ROOT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="session")
def new_venv(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Venv]:
    """Makes environments."""

    def make(*requirements: str | Path) -> Venv:
        venv = Venv(folder=tmp_path_factory.mktemp("venv"))
        subprocess.run([sys.executable, "-m", "venv", venv.folder], check=True)
        venv.install(*requirements)
        return venv

    return make


@pytest.fixture(scope="session")
def bare_venv(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Venv]:
    """Makes environments that have no pip of their own, which would take long to unpack."""

    def make(*requirements: str | Path) -> Venv:
        venv = Venv(folder=tmp_path_factory.mktemp("venv"))
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv.folder], check=True)
        pip(sys.executable, "--python", str(venv.folder), "install", *map(str, requirements))
        return venv

    return make
