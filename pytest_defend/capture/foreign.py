"""Which package of the system a distribution belongs to, when no Python installer put it there.

Rules:
- conda keeps a document per package beside its environment, Debian a list of files per package; both are
  read, no program is asked. Of others only the name of the installer is known.
- What cannot be found out is empty, never guessed: a package is named only when it lists the very folder.
- conda's name and version of a package may be others than Python's.
"""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.model.distributions import Distribution

__all__ = ["SYSTEMS", "installed_by_system", "system_package"]

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


def installed_by_system(distribution: Distribution) -> bool:
    """Whether INSTALLER names a package manager of the system."""
    return bool(_installer(distribution))


def _installer(distribution: Distribution) -> str:
    name = distribution.installer.partition(" ")[0].lower()
    return name if name in SYSTEMS else ""


def _conda(distribution: Distribution) -> str:
    location = Path(distribution.location)
    for prefix in location.parents:
        listed = f"{location.relative_to(prefix).as_posix()}/{distribution.metadata}"
        for file in _documents(prefix / "conda-meta", distribution):
            told = _lists_path(file, listed)
            if told:
                return f"conda {told.get('name')} {told.get('version')} {told.get('build')}"
    return ""


def _documents(folder: Path, distribution: Distribution) -> list[Path]:
    """What conda wrote of every package, the likely ones first: its names and versions may be others."""
    version = f"-{distribution.version}-"
    return sorted(
        folder.glob("*.json"),
        key=lambda file: (version not in file.name, not file.name.startswith(distribution.name), file.name),
    )


def _lists_path(file: Path, path: str) -> dict[str, Any]:
    """The document of a package that has `path`, or something below it; else nothing."""
    try:
        raw = file.read_bytes()
        if json.dumps(path)[1:-1].encode() not in raw:  # reading all of them as JSON would take seconds
            return {}
        told = json.loads(raw)
    except (OSError, ValueError, RecursionError):
        return {}
    files = told.get("files") if isinstance(told, dict) else None
    listed = files if isinstance(files, list) else ()
    return told if any(each == path or str(each).startswith(f"{path}/") for each in listed) else {}


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
