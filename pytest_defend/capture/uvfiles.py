"""Which files the settings of uv stand in.

Rules:
- The project goes before the user, the user before the machine. `UV_CONFIG_FILE` replaces every file,
  `UV_NO_CONFIG` means none.
- The project is the nearest folder with a pyproject.toml, if that has `[project]`, or the workspace it is a
  member of. Its settings are the first `uv.toml`, or pyproject.toml with `[tool.uv]`, from there upwards.
- Of the machine's files only the first counts.
- A problem never quotes what a file holds.

Source: https://docs.astral.sh/uv/concepts/configuration-files/ and `uv-settings/src/lib.rs` of uv;
compared with what uv 0.13.9 asks.
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
    documents = {folder: _toml(folder / "pyproject.toml", problems) for folder in folders}
    start = _start([(folder, document) for folder, document in documents.items() if document is not None])
    for folder in folders[folders.index(start) if start else 0 :]:
        table = _toml(folder / "uv.toml", problems)
        if table is not None:
            yield table, folder / "uv.toml"
            return
        tool = (documents[folder] or {}).get("tool")
        if isinstance(tool, dict) and isinstance(tool.get("uv"), dict):
            yield tool["uv"], folder / "pyproject.toml"
            return


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


def _workspace(document: Any) -> dict[str, Any] | None:
    for key in ("tool", "uv", "workspace"):
        document = document.get(key) if isinstance(document, dict) else None
    return document if isinstance(document, dict) else None


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
