"""Which files the settings of uv stand in.

Rules:
- The project goes before the user, the user before the machine. `UV_CONFIG_FILE` replaces every file,
  `UV_NO_CONFIG` means none.
- The project's settings are the first `uv.toml`, or pyproject.toml with `[tool.uv]`, from its folder upwards;
  a member of a workspace begins at the workspace. Of the machine's files only the first counts.
- A problem never quotes what a file holds.

Source: https://docs.astral.sh/uv/concepts/configuration-files/ and `uv-settings/src/lib.rs` of uv
"""

from __future__ import annotations

import re
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_defend.capture.userfolders import UserFolders

__all__ = ["uv_tables"]

_YES = ("1", "on", "t", "true", "y", "yes")
_PLACE = re.compile(r"\(at [^()]*\)$")


def uv_tables(
    folders: UserFolders, *, root: Path, problems: dict[str, None]
) -> Iterator[tuple[dict[str, Any], Path]]:
    """Every table of settings and the file it stands in, the strongest first.

    Args:
        folders: Of the user who runs uv.
        root: Folder of the project.
        problems: Gets a sentence for each broken file.
    """
    named = folders.environ.get("UV_CONFIG_FILE", "").strip()
    if named:
        yield _toml(root / named, problems) or {}, root / named
        return
    if folders.environ.get("UV_NO_CONFIG", "").lower() in _YES:
        return
    yield from _of_project(root.absolute(), problems)
    user = folders.settings() / "uv" / "uv.toml"
    yield _toml(user, problems) or {}, user
    if folders.is_windows:
        machine = [Path(folders.environ.get("SYSTEMDRIVE", "C:") + "\\", "ProgramData")]
    else:
        machine = [*folders.machine_settings(), folders.top / "etc"]
    for path in (folder / "uv" / "uv.toml" for folder in machine):
        table = _toml(path, problems)
        if table is not None:
            yield table, path
            return


def _of_project(root: Path, problems: dict[str, None]) -> Iterator[tuple[dict[str, Any], Path]]:
    folders = (root, *root.parents)
    found = {folder: _tool_uv(_toml(folder / "pyproject.toml", problems)) for folder in folders}
    workspace = next((folder for folder, table in found.items() if "workspace" in (table or {})), root)
    start = workspace if _is_member(root, workspace, found[workspace]) else root
    for folder in folders[folders.index(start) :]:
        table = _toml(folder / "uv.toml", problems)
        if table is not None:
            yield table, folder / "uv.toml"
            return
        table = found[folder]
        if table is not None:
            yield table, folder / "pyproject.toml"
            return


def _tool_uv(document: dict[str, Any] | None) -> dict[str, Any] | None:
    tool = (document or {}).get("tool")
    table = tool.get("uv") if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else None


def _is_member(root: Path, workspace: Path, table: dict[str, Any] | None) -> bool:
    declared = (table or {}).get("workspace")
    if not isinstance(declared, dict):
        return False
    parts = root.relative_to(workspace).parts
    return _covered(declared.get("members"), parts) and not _covered(declared.get("exclude"), parts)


def _covered(patterns: Any, parts: Sequence[str]) -> bool:
    texts = [each for each in patterns if isinstance(each, str)] if isinstance(patterns, list) else []
    return any(_covers(PurePosixPath(text).parts, parts) for text in texts)


def _covers(pattern: Sequence[str], parts: Sequence[str]) -> bool:
    if not pattern or not parts:
        return not parts and all(each == "**" for each in pattern)
    if pattern[0] == "**":
        return _covers(pattern[1:], parts) or _covers(pattern, parts[1:])
    return fnmatchcase(parts[0], pattern[0]) and _covers(pattern[1:], parts[1:])


def _toml(path: Path, problems: dict[str, None]) -> dict[str, Any] | None:
    """A document; None where there is none, or a broken one: its problem never quotes what it holds."""
    try:
        return tomllib.loads(path.read_bytes().decode())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except tomllib.TOMLDecodeError as error:
        place = _PLACE.search(str(error))
        problems[f"{path} is no TOML {place[0] if place else ''}".rstrip()] = None
    except UnicodeDecodeError:
        problems[f"{path} is no UTF-8"] = None
    except (OSError, ValueError, RecursionError) as error:
        problems[f"{path} cannot be read ({type(error).__name__})"] = None
    return None
