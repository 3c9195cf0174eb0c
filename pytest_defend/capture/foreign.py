"""Which package of the system a distribution belongs to, when no Python installer put it there.

Rules:
- conda keeps a document per package beside its environment, Debian a list of files per package; both are
  read, no program is asked. Of others only the name of the installer is known.
- What cannot be found out is empty, never guessed: a package is named only when it lists the very folder.
"""

from __future__ import annotations

import glob
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.model.distributions import Distribution

__all__ = ["SYSTEMS", "system_package"]

SYSTEMS = frozenset({"apk", "apt", "conda", "debian", "dnf", "dpkg", "nix", "pacman", "portage", "rpm"})
"""What INSTALLER says, in lower case, of what a package manager of the system installed."""

_DPKG = Path("var/lib/dpkg")


def system_package(distribution: Distribution, root: Path = Path("/")) -> str:
    """The system's name for the package that a distribution belongs to.

    Args:
        distribution: As installed.
        root: Of the file system the package databases are in.

    Returns:
        `conda numpy 2.1.0 py312h1`, `debian python3-yaml 6.0-3+b2`, `rpm`, or empty.
    """
    return _conda(distribution) or _debian(distribution, root) or _installer(distribution)


def _installer(distribution: Distribution) -> str:
    name = distribution.installer.partition(" ")[0].lower()
    return name if name in SYSTEMS else ""


def _conda(distribution: Distribution) -> str:
    folders = [parent / "conda-meta" for parent in Path(distribution.location).parents]
    pattern = f"*-{glob.escape(distribution.version)}-*.json"
    for file in sorted(path for folder in folders for path in folder.glob(pattern)):
        try:
            told = json.loads(file.read_bytes())
            files = told.get("files", ())
        except (AttributeError, OSError, ValueError, RecursionError):
            continue
        if isinstance(files, list) and any(f"/{distribution.metadata}/" in str(path) for path in files):
            return f"conda {told.get('name')} {told.get('version')} {told.get('build')}"
    return ""


def _debian(distribution: Distribution, root: Path) -> str:
    metadata = f"{distribution.location}/{distribution.metadata}"
    for listed in _lists(root / _DPKG / "info", distribution.name):
        try:
            owned = listed.read_bytes()
        except OSError:
            continue
        if re.search(rb"^%s(/.*)?$" % re.escape(os.fsencode(metadata)), owned, flags=re.MULTILINE):
            package = listed.name.removesuffix(".list").partition(":")[0]
            return f"debian {package} {_version(root / _DPKG / 'status', package)}".rstrip()
    return ""


def _lists(folder: Path, name: str) -> Iterator[Path]:
    """The lists of files of every package, the likely ones first."""
    likely = [folder / f"{prefix}{name}.list" for prefix in ("python3-", "python-", "")]
    yield from (path for path in likely if path.is_file())
    yield from sorted(
        (path for path in folder.glob("*.list") if path not in likely),
        key=lambda path: ("python" not in path.name, path.name),
    )


def _version(status: Path, package: str) -> str:
    try:
        text = status.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    found = re.search(
        rf"^Package: {re.escape(package)}\n(?:(?!\n).*\n)*?Version: (\S+)", text, flags=re.MULTILINE
    )
    return found[1] if found else ""
