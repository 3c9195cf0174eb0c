"""Git checkouts made for a test.

Rules:
- Git reads no settings but those of `SETTINGS`: neither the user's nor the machine's.
"""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SETTINGS", "commit", "git", "make"]

SETTINGS: dict[str, Any] = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "A",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_AUTHOR_DATE": "1700000000 +0200",
    "GIT_COMMITTER_NAME": "C",
    "GIT_COMMITTER_EMAIL": "c@example.org",
    "GIT_COMMITTER_DATE": "1700000001 +0000",
    "GIT_CONFIG_COUNT": "2",
    "GIT_CONFIG_KEY_0": "init.defaultBranch",
    "GIT_CONFIG_VALUE_0": "main",
    "GIT_CONFIG_KEY_1": "protocol.file.allow",  # a submodule from a folder
    "GIT_CONFIG_VALUE_1": "always",
}
"""Variables for git, and for what calls git."""


def git(folder: Path, *arguments: str) -> str:
    """What git prints."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        env=others | SETTINGS,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commit(folder: Path, message: str = "First") -> str:
    """Make a commit that changes no file; its name."""
    git(folder, "commit", "-q", "--allow-empty", "--allow-empty-message", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def make(folder: Path) -> Path:
    """A checkout with one commit."""
    folder.mkdir(exist_ok=True)
    git(folder, "init", "-q")
    commit(folder)
    return folder
