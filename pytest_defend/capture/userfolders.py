"""Where a system keeps settings and caches of programs, as platformdirs and uv see it.

Rules:
- The environment, the home folder and the top of the file system come in; nothing is asked of the process.
- A variable that holds no absolute path is not set.

Source: https://specifications.freedesktop.org/basedir-spec/latest/ and https://platformdirs.readthedocs.io
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.model.urls import path_of_file_url

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["UserFolders", "is_yes", "placed"]

_YES = ("1", "on", "t", "true", "y", "yes")
_HAS_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")  # two characters: `C:` is a drive


@dataclass(frozen=True, slots=True, kw_only=True)
class UserFolders:
    """The folders of one user on one machine.

    Attributes:
        environ: Variables.
        home: Of the user.
        top: Of the file system.
        system: As `sys.platform` names it.
    """

    environ: Mapping[str, str]
    home: Path
    top: Path = Path("/")
    system: str = sys.platform

    @property
    def is_windows(self) -> bool:
        """Whether programs follow the customs of Windows."""
        return self.system == "win32"

    @property
    def is_mac(self) -> bool:
        """Whether programs follow the customs of macOS."""
        return self.system == "darwin"

    def settings(self) -> Path:
        """Of the user, one folder for each program in it."""
        if self.is_windows:
            return self._named("APPDATA") or self.home / "AppData" / "Roaming"
        return self._named("XDG_CONFIG_HOME") or self.home / ".config"

    def cache(self, program: str) -> Path:
        """Of a program."""
        if self.is_windows:
            local = self._named("LOCALAPPDATA") or self.home / "AppData" / "Local"
            return local / program / "Cache"
        customary = self.home / "Library" / "Caches" if self.is_mac else self.home / ".cache"
        return (self._named("XDG_CACHE_HOME") or customary) / program

    def machine_settings(self) -> tuple[Path, ...]:
        """Of every user, the most important first, one folder for each program in each."""
        if self.is_windows:
            return (self._named("ALLUSERSPROFILE") or self.top / "ProgramData",)
        named = [Path(text) for text in self.environ.get("XDG_CONFIG_DIRS", "").split(os.pathsep)]
        return tuple(path for path in named if path.is_absolute()) or (self.top / "etc" / "xdg",)

    def expanded(self, text: str) -> str:
        """A path with `~` replaced."""
        return str(self.home / text[2:]) if text == "~" or text.startswith(("~/", "~\\")) else text

    def _named(self, variable: str) -> Path | None:
        path = Path(self.environ.get(variable, "").strip())
        return path if path.is_absolute() else None


def is_yes(environ: Mapping[str, str], variable: str) -> bool:
    """Whether a variable says yes, as pip and uv understand it."""
    return environ.get(variable, "").lower() in _YES


def placed(text: str, base: Path) -> Path | str:
    """Where a setting that is a URL or a path points: a path on this disk, or a URL.

    Args:
        text: As it is written; not empty.
        base: Folder that relative paths start at.
    """
    path = path_of_file_url(text)
    if path:
        return Path(path)
    return text if _HAS_SCHEME.match(text) else base / text
