"""An auditor installs what a run recorded, from files alone, and finds the very same content."""

from __future__ import annotations

import json
import os
import re
import tomllib
from typing import TYPE_CHECKING

import pytest

from auditing import contents, in_sealed_shell, said_in
from installers import Place, our_house, which_uv
from pytest_defend.model.distributions import Installed
from runs import ROOT, a_project
from venvs import Venv
from wheels import a_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

pytestmark = pytest.mark.slow

GUIDE = ROOT / "docs/how-to/install-again.md"
LOCKS = ("pylock.demo-7.toml", "requirements.demo-7.txt")


@pytest.fixture(scope="module")
def tools(new_venv: Callable[..., Venv]) -> Venv:
    """A pip that reads locks, and uv."""
    return new_venv("--upgrade", "pip>=26.2", "uv")


@pytest.fixture(scope="module")
def place(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Where a run was published; what is installed there came from a wheelhouse beside it."""
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
    return place


def _got(place: Place, file: str) -> str:
    """The text of a file of the build."""
    done = place.venv.run(place.project, "pytest-defend", "get", "demo/7", file)
    assert done.status == 0, done
    return (place.project / file).read_text("utf-8")


@pytest.fixture(scope="module")
def recorded(place: Place) -> Mapping[str, str]:
    """Version and fingerprint of everything that was not under test, by name."""
    installed = Installed.from_dict(json.loads(_got(place, "record.json"))["facts"]["installed"])
    every = {each.name: f"{each.version} {each.fingerprint}" for each in installed.distributions}
    return {name: said for name, said in every.items() if name != "demo"}


def test_what_the_guide_tells_installs_the_same_again(
    place: Place, recorded: Mapping[str, str], tools: Venv
) -> None:
    told = re.findall(r"^```bash\n(.*?)^```$", GUIDE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    programs = (str(tools.folder / "bin"), str(place.venv.folder / "bin"), os.environ["PATH"])
    house = str(place.folder.with_name("house"))
    done = in_sealed_shell(
        "".join(["set -e\n", *told]),
        place.project,
        tools,
        PATH=os.pathsep.join(programs),
        PIP_FIND_LINKS=house,
    )
    assert done.returncode == 0, said_in(done)
    again = place.project / "again"
    for name in ("with-pip", "with-uv", "with-older-pip"):
        assert contents(Venv(folder=again / name)) == recorded
    assert len(recorded) > 10
    lock = tomllib.loads((again / LOCKS[0]).read_text("utf-8"))
    said = {each["name"]: each["tool"]["pytest-defend"]["fingerprint"] for each in lock["packages"]}
    installed = json.loads((again / "environment.json").read_text("utf-8"))["installed"]
    assert said == {each["name"]: each["fingerprint"] for each in installed["distributions"]}


@pytest.mark.parametrize("file", LOCKS)
def test_no_place_of_the_machine_is_told(file: str, place: Place) -> None:
    text = _got(place, file)
    assert str(place.folder.parent) not in text
    assert "file:" not in text
