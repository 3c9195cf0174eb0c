"""An auditor installs what a run recorded, from files alone, and finds the very same content."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from installers import Place, our_house, which_uv
from pytest_defend.model.distributions import Installed
from pytest_defend.model.fingerprint import fingerprint, read_record
from runs import a_project
from venvs import Venv
from wheels import a_wheel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tools(new_venv: Callable[..., Venv]) -> Venv:
    """A pip that reads locks."""
    return new_venv("--upgrade", "pip>=26.1")


@pytest.fixture(scope="module")
def recorded(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Installed]:
    """The lock that a run archived, and what it recorded as installed."""
    folder = tmp_path_factory.mktemp("recorded")
    house = our_house(wheel, folder / "house")
    place = Place.made(folder / "place", which_uv(folder / "tools"), house)
    a_project(place.project, {"test_demo.py": "def test_it(): import demo\n"})
    a_wheel(place.project / "dist", "demo", requires=("lib",))
    a_wheel(house, "lib", sboms={"lib.spdx.json": "{}"})
    place.pip("--no-index", "--find-links", house, "--find-links", place.project / "dist", "demo")
    told = ("--defend-publish", f"--defend-wheelhouse={house}", "--defend-build", "demo/7")
    ran = place.venv.run(place.project, "pytest", *told, **place.variables)
    assert ran.status == 0, ran
    assert "tested what demo-1.0-py3-none-any.whl holds, byte for byte" in ran.lines
    for name in ("pylock.demo-7.toml", "requirements.demo-7.txt", "tests/record.json"):
        got = place.venv.run(place.project, "pytest-defend", "get", "demo/7", name.rpartition("/")[2])
        assert got.status == 0, got
    facts = json.loads((place.project / "record.json").read_text())["facts"]
    return place.project, Installed.from_dict(facts["installed"])


@pytest.mark.parametrize("installer", ["pip", "uv", "pip, requirements", "uv, requirements"])
def test_the_same_content_is_installed_again(
    installer: str, recorded: tuple[Path, Installed], tools: Venv, tmp_path: Path
) -> None:
    project, installed = recorded
    venv = Venv(folder=tmp_path / "venv")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv.folder], check=True)
    program, _, requirements = installer.partition(", ")
    file = project / ("requirements.demo-7.txt" if requirements else "pylock.demo-7.toml")
    house = ("--find-links", str(project.parents[1] / "house")) if requirements else ()
    if program == "pip":
        isolated = ("--isolated", "--disable-pip-version-check", "--no-cache-dir")
        told = (
            "--python",
            str(venv.folder),
            *isolated,
            "install",
            "--no-index",
            "--no-deps",
            "--no-compile",
            *house,
            "-r",
            str(file),
        )
        done = tools.run(tmp_path, "pip", *told)
    else:
        place = Venv(folder=which_uv(tmp_path / "tools").parents[1])
        asked = ("--python", str(venv.folder), "--offline", "--no-index", "--no-cache", "--no-config")
        done = place.run(tmp_path, "uv", "pip", "install", *asked, "--no-deps", *house, "-r", str(file))
    assert done.status == 0, done
    (site,) = venv.folder.glob("lib/python*/site-packages")
    found = {
        info.name: fingerprint(read_record((info / "RECORD").read_text("utf-8")))
        for info in site.glob("*.dist-info")
    }
    wanted = {each.metadata: each.fingerprint for each in installed.distributions if each.name != "demo"}
    assert found == wanted
    assert len(found) > 10
