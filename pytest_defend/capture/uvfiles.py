"""Which files the settings of uv stand in.

Rules:
- The project goes before the user, the user before the machine. `UV_CONFIG_FILE` replaces every file,
  `UV_NO_CONFIG` means none, `UV_NO_SYSTEM_CONFIG` none of the machine.
- `UV_WORKING_DIR` and `UV_PROJECT` say where the search begins.
- The project is the nearest folder with a pyproject.toml, if that has `[project]`, or the workspace it is a
  member of. Its settings are the first `uv.toml`, or pyproject.toml with `[tool.uv]`, from there upwards.
- Of the machine's files only the first counts.
- What a project pins to an index (`[tool.uv.sources]`) is not a setting: pyproject.toml says it whatever the
  settings are, that of a member of a workspace as well as that of the workspace.
- A problem never quotes what a file holds.

Source: https://docs.astral.sh/uv/concepts/configuration-files/ and `uv-settings/src/lib.rs` of uv;
compared with what uv 0.13.9 asks.
"""

from __future__ import annotations

import os
import re
import tomllib
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from pytest_defend.capture.userfolders import is_yes

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_defend.capture.userfolders import UserFolders

__all__ = ["pinning_tables", "uv_tables"]

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
    if is_yes(folders.environ, "UV_NO_CONFIG"):
        return
    yield from _of_project(_begin(folders, root), problems)
    user = folders.settings() / "uv" / "uv.toml"
    yield _toml(user, problems) or {}, user
    if is_yes(folders.environ, "UV_NO_SYSTEM_CONFIG"):
        return
    if folders.is_windows:
        machine = [Path(folders.environ.get("SYSTEMDRIVE", "C:") + "\\", "ProgramData")]
    else:
        machine = [*folders.machine_settings(), folders.top / "etc"]
    for path in (folder / "uv" / "uv.toml" for folder in machine):
        table = _toml(path, problems)
        if table is not None:
            yield table, path
            return


def pinning_tables(
    folders: UserFolders, *, root: Path, problems: dict[str, None]
) -> Iterator[tuple[dict[str, Any], Path]]:
    """Every `[tool.uv]` that may pin a package to an index, and the file it stands in.

    Args:
        folders: Of the user who runs uv.
        root: Folder of the project.
        problems: Gets a sentence for each broken file.
    """
    projects = _projects(_begin(folders, root), problems)
    start = _start(projects)
    for folder, document in projects[:2]:
        table = _uv(document)
        if table is not None and folder in (start, projects[0][0]):
            yield table, folder / "pyproject.toml"


def _begin(folders: UserFolders, root: Path) -> Path:
    """The folder whose project uv works on."""
    named = (folders.environ.get(name, "") for name in ("UV_WORKING_DIR", "UV_PROJECT"))
    return Path(os.path.normpath(root.absolute().joinpath(*named)))


def _projects(root: Path, problems: dict[str, None]) -> list[tuple[Path, dict[str, Any]]]:
    """Every folder upwards that has a pyproject.toml, and what that says."""
    documents = ((folder, _toml(folder / "pyproject.toml", problems)) for folder in (root, *root.parents))
    return [(folder, document) for folder, document in documents if document is not None]


def _of_project(root: Path, problems: dict[str, None]) -> Iterator[tuple[dict[str, Any], Path]]:
    folders = (root, *root.parents)
    projects = _projects(root, problems)
    start = _start(projects)
    tables = {folder: _uv(document) for folder, document in projects}
    for folder in folders[folders.index(start) if start else 0 :]:
        table = _toml(folder / "uv.toml", problems)
        if table is not None:
            yield table, folder / "uv.toml"
            return
        table = tables.get(folder)
        if table is not None:
            yield table, folder / "pyproject.toml"
            return


def _uv(document: dict[str, Any]) -> dict[str, Any] | None:
    tool = document.get("tool")
    table = tool.get("uv") if isinstance(tool, dict) else None
    return table if isinstance(table, dict) else None


def _start(projects: Sequence[tuple[Path, dict[str, Any]]]) -> Path | None:
    """Where the search for settings begins: in the project, or in the workspace it is a member of."""
    if not projects:
        return None
    folder, document = projects[0]
    if _workspace(document) is not None:
        return folder
    if "project" not in document:
        return None
    parent, declared = projects[1] if len(projects) > 1 else (folder, {})
    workspace = _workspace(declared)
    if workspace is not None:
        parts = folder.relative_to(parent).parts
        if _covered(workspace.get("members"), parts) and not _covered(workspace.get("exclude"), parts):
            return parent
    return folder


def _workspace(document: dict[str, Any]) -> dict[str, Any] | None:
    declared = (_uv(document) or {}).get("workspace")
    return declared if isinstance(declared, dict) else None


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
