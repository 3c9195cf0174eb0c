"""Virtual environments, made and filled as users do it.

Rules:
- pip is the user's: its configuration and its caches count, nothing is asked of any other place.
- A program of an environment runs as `runs` runs them, but loads plugins by their entry points.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from runs import Finished, Running, environment, secluded

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["Venv", "installing", "pip"]

_USERS = dict(os.environ)  # as they are before any test seals itself off
_INSTALLS = ("PIP_", "SSL_", "XDG_", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
_PROXIES = {"http_proxy", "https_proxy", "no_proxy", "all_proxy"}


def installing() -> dict[str, str]:
    """What pip needs to know of the user's configuration."""
    return {
        name: value
        for name, value in _USERS.items()
        if name.startswith(_INSTALLS) or name.lower() in _PROXIES
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Venv:
    """A virtual environment of its own, where the plugin is installed as users install it."""

    folder: Path

    def install(self, *requirements: str | Path) -> None:
        """Install with pip."""
        pip(self.folder / "bin/python", "install", *map(str, requirements))

    def run(self, folder: Path, program: str, *arguments: str, **variables: str) -> Finished:
        """Run one of its programs."""
        path = f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
        env = {**secluded(PATH=path), **variables}
        for name in ("PYTHONPATH", "PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
            env.pop(name, None)
        with Running(folder, [str(self.folder / "bin" / program), *arguments], env) as running:
            return running.finish()


def pip(python: str | Path, *arguments: str) -> None:
    """Run pip as the user has configured it."""
    made = subprocess.run(
        [python, "-m", "pip", "--disable-pip-version-check", "-q", *arguments],
        env={**environment(), **installing()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert made.returncode == 0, made.stderr
