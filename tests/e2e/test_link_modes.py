"""uv unpacks a wheel once and links its files into environments: which wheels at hand then prove a digest."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

import pytest

from installers import call, which_uv
from pytest_defend.capture.localfiles import LocalFiles
from pytest_defend.capture.memory import NoMemory
from pytest_defend.capture.origins import Sources, read_origins
from pytest_defend.capture.wheels import wheel_fingerprint
from pytest_defend.model.distributions import Distribution, Installed
from pytest_defend.model.origins import Tree
from wheels import a_wheel, sha256

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.slow


def _digest(site: Path, house: Path) -> str:
    """The digest we give what was installed from a folder."""
    (wheel,) = house.iterdir()
    distribution = Distribution(
        name="demo",
        version="1.0",
        tags=("py3-none-any",),
        location=str(site),
        metadata="demo-1.0.dist-info",
        installer="uv",
        fingerprint=wheel_fingerprint(wheel),
    )
    sources = Sources(
        offers={}, local=LocalFiles([house]), tree=lambda _: Tree(), environment={}, memory=NoMemory()
    )
    found, _ = read_origins(Installed(distributions=(distribution,)), sources)
    origin = found.distributions[0].origin
    assert origin is not None
    return origin.sha256


@pytest.mark.parametrize("mode", ["clone", "copy", "hardlink", "symlink"])
def test_a_wheel_that_took_the_place_of_the_installed_one_proves_nothing(mode: str, tmp_path: Path) -> None:
    uv, house = which_uv(tmp_path / "tools"), tmp_path / "house"

    def install(site: Path) -> None:
        call(
            *(uv, "-q", "pip", "install", "--python", sys.executable, "--target", site, "--no-config"),
            *("--cache-dir", tmp_path / "cache", "--link-mode", mode),
            *("--no-index", "--find-links", house, "demo"),
        )
        time.sleep(0.02)  # longer than the clock of a file system takes to move on

    wheel = a_wheel(house, "demo")
    first = sha256(wheel)
    install(tmp_path / "one")
    assert _digest(tmp_path / "one", house) == first
    install(tmp_path / "two")
    assert _digest(tmp_path / "two", house) == first
    a_wheel(house, "demo", dated=(2024, 1, 1))  # the same content
    install(tmp_path / "three")  # by its name: from the cache
    assert _digest(tmp_path / "one", house) == ""
    assert _digest(tmp_path / "two", house) == ""
    if mode != "copy":  # a copy has no time of its own: see the limits of origins
        assert _digest(tmp_path / "three", house) == ""
