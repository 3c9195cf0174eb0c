"""What an auditor does with the locks of a run: follow their first lines, and compare what is there then.

Rules:
- A command is run as it stands in the file, in the folder of the file.
- pip and uv of an environment of tools fill environments that have no pip. They hear of no configuration, no
  cache and no index; who asks the network is answered by nobody.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from importlib.metadata import distributions
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from pytest_defend.model.fingerprint import fingerprint, read_record
from runs import environment
from venvs import Venv

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.metadata import Distribution
    from pathlib import Path

__all__ = ["commands", "contents", "empty_venv", "found", "in_sealed_shell", "said_in"]

_NOBODY = "http://127.0.0.1:9/simple/"
_COMMAND = re.compile(r"^#     (.*)$", re.MULTILINE)


def commands(lock: Path) -> list[str]:
    """Those in the first lines of a lock."""
    return _COMMAND.findall(lock.read_text(encoding="utf-8"))


def empty_venv(folder: Path) -> Venv:
    """An environment with nothing in it."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    return Venv(folder=folder)


def in_sealed_shell(
    command: str, folder: Path, tools: Venv, venv: Venv | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a command line, as somebody who has nothing but a folder of files.

    Args:
        command: As in a shell.
        folder: Where.
        tools: Has pip and uv.
        venv: Is filled by them; None when the command says which.
        variables: Those it has besides.
    """
    told = {
        "PATH": f"{tools.folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
        **({"VIRTUAL_ENV": str(venv.folder), "PIP_PYTHON": str(venv.folder)} if venv else {}),
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_INDEX_URL": _NOBODY,
        "PIP_NO_CACHE_DIR": "1",
        "PIP_COMPILE": "0",
        "PIP_RETRIES": "0",
        "UV_DEFAULT_INDEX": _NOBODY,
        "UV_NO_CACHE": "1",
        "UV_NO_CONFIG": "1",
        "UV_OFFLINE": "1",
        **variables,
    }
    env = environment(**told)
    env.pop("PYTHONPATH", None)
    return subprocess.run(
        command, shell=True, cwd=folder, env=env, capture_output=True, text=True, check=False
    )


def said_in(done: subprocess.CompletedProcess[str]) -> str:
    """Everything that it printed."""
    return f"{done.stdout}\n{done.stderr}"


def found(venv: Venv) -> Mapping[str, Distribution]:
    """What is installed, by name."""
    (site,) = venv.folder.glob("lib/python*/site-packages")
    return {canonicalize_name(each.name): each for each in distributions(path=[str(site)])}


def contents(venv: Venv) -> dict[str, str]:
    """Version and fingerprint of what is installed, by name."""
    return {
        name: f"{each.version} {fingerprint(read_record(each.read_text('RECORD') or ''))}"
        for name, each in found(venv).items()
    }
