"""Installers, each as its users run it, and what we then say about the environment they filled.

Rules:
- An installer that a test points at an index of its own hears of no other: the user's configuration is left
  out, and its caches are in a folder of the test.
- A tool that is to be tested is installed from the user's index, into an environment of its own; only when
  that is impossible the test is skipped, and says why.
- What is captured is read as the document it is: by `Installed`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import venv
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pytest_defend.model.distributions import Distribution, Installed
from runs import Running, environment
from venvs import Venv, installing, pip

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["Captured", "Place", "a_tool", "call", "our_house", "user_of_uv", "which_uv"]


def call(*command: str | Path, folder: Path | None = None, **variables: str) -> str:
    """Run a program that must succeed.

    Args:
        command: The program and its arguments.
        folder: Where it runs.
        variables: Those it has besides the usual.

    Returns:
        What it printed.
    """
    env = environment(**variables)
    env.pop("PYTHONPATH", None)
    done = subprocess.run(
        [str(part) for part in command], cwd=folder, env=env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def our_house(wheel: Path, folder: Path) -> Path:
    """A folder with our wheel and all that it requires, so that many environments get them at once."""
    pip(sys.executable, "download", "-d", str(folder), str(wheel))
    return folder


def user_of_uv() -> dict[str, str]:
    """The variables that send uv, which knows nothing of pip's configuration, where pip would go."""
    asked = subprocess.run(
        [sys.executable, "-m", "pip", "config", "get", "global.index-url"],
        env={**environment(), **installing()},
        capture_output=True,
        text=True,
        check=False,  # it fails when nothing is configured
    )
    index = installing().get("PIP_INDEX_URL") or asked.stdout.strip()
    return {**installing(), **({"UV_DEFAULT_INDEX": index} if index else {})}


def a_tool(folder: Path, program: str, *requirements: str) -> Path:
    """A program of other people: the one beside this Python, or a fresh one from the user's index.

    Args:
        folder: Where a fresh one is installed to.
        program: Its name.
        requirements: What pip is asked for to get it.
    """
    beside = Path(sys.executable).with_name(program)
    if beside.exists():
        return beside
    venv.create(folder, with_pip=False, symlinks=True)
    installed = subprocess.run(
        [sys.executable, "-m", "pip", "--python", folder, "install", "-q", "--no-compile", *requirements],
        env={**environment(), **installing()},
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode:
        reason = f"{program} cannot be had from the user's index: {installed.stderr.splitlines()[-1:]}"
        pytest.skip(reason)
    return folder / "bin" / program


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """What we say about an environment."""

    text: str
    """As printed."""
    document: Mapping[str, Any]
    """The same, parsed."""
    distributions: Mapping[str, Distribution]
    """What is installed, by name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """An environment, the project that is tested in it, and the caches of all who work on it."""

    folder: Path
    uv_program: Path
    """Which uv works here."""

    @classmethod
    def made(
        cls, folder: Path, uv_program: Path, house: Path | None = None, options: tuple[str, ...] = ()
    ) -> Place:
        """A new one.

        Args:
            folder: Where.
            uv_program: Which uv works here.
            house: What `our_house` made, to have pytest-defend there.
            options: Of `uv venv`.
        """
        place = cls(folder=folder, uv_program=uv_program)
        place.project.mkdir(parents=True)
        place.uv("venv", *(options or ("--python", sys.executable)), place.venv.folder)
        if house is not None:
            place.uv("pip", "install", "--no-index", "--find-links", house, "pytest-defend")
        return place

    @property
    def venv(self) -> Venv:
        """The environment."""
        return Venv(folder=self.folder / "venv")

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.venv.folder / "bin/python"

    @property
    def packages(self) -> Path:
        """Its site-packages."""
        (found,) = self.venv.folder.glob("lib/python*/site-packages")
        return found

    @property
    def project(self) -> Path:
        """The project that is tested."""
        return self.folder / "project"

    @property
    def variables(self) -> dict[str, str]:
        """Those that keep everybody's caches here and everybody's configuration out."""
        return {
            "XDG_CACHE_HOME": str(self.folder / "cache"),
            "PIP_CONFIG_FILE": os.devnull,
            "DEFEND_DEBUG": "1",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "UV_NO_SYSTEM_CONFIG": "1",
            "XDG_CONFIG_HOME": str(self.folder / "config"),
            "XDG_DATA_HOME": str(self.folder / "data"),
            "XDG_STATE_HOME": str(self.folder / "state"),
            "VIRTUAL_ENV": str(self.venv.folder),
        }

    def pip(self, *arguments: str | Path, **variables: str) -> None:
        """Run `pip install`, offline but for what the arguments name."""
        call(
            *(sys.executable, "-m", "pip", "--python", self.python, "install", "-q", "--no-compile"),
            *arguments,
            folder=self.project,
            **{**self.variables, **variables},
        )

    def uv(self, *arguments: str | Path, **variables: str) -> None:
        """Run uv, offline but for what the arguments name."""
        call(self.uv_program, "-q", *arguments, folder=self.folder, **{**self.variables, **variables})

    def capture(self, *options: str | Path, **variables: str) -> Captured:
        """Ask `pytest-defend environment`, in the project.

        Args:
            options: Of the command.
            variables: Those it has besides the usual.
        """
        command = [str(self.venv.folder / "bin/pytest-defend"), "environment", "--format", "json"]
        env = environment(**self.variables)
        env.pop("PYTHONPATH", None)
        env |= variables
        with Running(self.project, [*command, *map(str, options)], env) as running:
            finished = running.finish()
        assert finished.status == 0, finished
        document = json.loads(finished.out)
        installed = Installed.from_dict(document["installed"])
        named = {distribution.name: distribution for distribution in installed.distributions}
        return Captured(text=finished.out, document=document, distributions=named)


def which_uv(folder: Path) -> Path:
    """uv: beside this Python, on the path, or from the user's index."""
    beside = Path(sys.executable).parent
    found = shutil.which("uv", path=f"{beside}{os.pathsep}{os.environ['PATH']}")
    return Path(found) if found else a_tool(folder, "uv", "uv")
