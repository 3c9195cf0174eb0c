"""The project a run belongs to, and what its files say about it.

Rules:
- The root is the nearest folder at or above the start that holds a `pyproject.toml`; the search does not
  leave the checkout, so that a file in a home folder never speaks for the projects below it.
- A `pyproject.toml` that cannot be read is an error: settings in it would be lost without a word.
- A `setup.cfg` that cannot be read is none: it only ever gives a name.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

__all__ = ["Project", "find_project"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What is tested.

    Attributes:
        root: The folder that holds its files.
        table: `[tool.pytest-defend]`; empty when there is none.
        name: As its files say; the name of the folder when they do not.
        version: As its files say; empty when it is computed by a build backend.
        build_requires: What building it requires, as `build-system.requires` says.
        group_requires: What its dependency groups require, all of them together.
    """

    root: Path
    table: Mapping[str, object]
    name: str
    version: str
    build_requires: tuple[str, ...] = ()
    group_requires: tuple[str, ...] = ()


def find_project(start: Path) -> Project:
    """The project of the folder `start`.

    Raises:
        UsageError: Its `pyproject.toml` cannot be read; names the file and the line.
    """
    start = start.absolute()
    for folder in (start, *start.parents):
        document = _read_toml(folder / "pyproject.toml")
        if document is not None:
            return _project(folder, document)
        if (folder / ".git").exists():
            break
    return _project(start, {})


def _project(root: Path, document: Mapping[str, Any]) -> Project:
    tables = (_table(document, "project"), _table(document, "tool", "poetry"), _setup_cfg(root / "setup.cfg"))
    settings = _table(document, "tool").get("pytest-defend", {})
    if not isinstance(settings, dict):
        raise UsageError(f"{root / 'pyproject.toml'}: tool.pytest-defend must be a table.")
    return Project(
        root=root,
        table=settings,
        name=next(_texts(tables, "name"), root.name or "unnamed"),
        version=next(_texts(tables, "version"), ""),
        build_requires=_requires(_table(document, "build-system").get("requires")),
        group_requires=_grouped(document),
    )


def _grouped(document: Mapping[str, Any]) -> tuple[str, ...]:
    """Of `[dependency-groups]` (PEP 735), and of what Poetry, PDM and uv had before it.

    All groups are read, so that an `include-group` adds nothing.
    """
    poetry = _table(document, "tool", "poetry")
    tables = [
        poetry.get("dev-dependencies"),
        *(_table(group, "dependencies") for group in _tables(poetry, "group")),
    ]
    named = [name for table in tables if isinstance(table, dict) for name in table]
    lists = [
        *_table(document, "dependency-groups").values(),
        *_table(document, "tool", "pdm", "dev-dependencies").values(),
        _table(document, "tool", "uv").get("dev-dependencies"),
        named,
    ]
    every = [each for found in lists if isinstance(found, list) for each in found if isinstance(each, str)]
    return tuple(each for each in every if not each.startswith("-"))  # PDM has options of pip there, too


def _tables(document: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    return [each for each in _table(document, key).values() if isinstance(each, dict)]


def _requires(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()


def _texts(tables: tuple[Mapping[str, object], ...], key: str) -> Iterator[str]:
    for table in tables:
        value = table.get(key)
        if isinstance(value, str) and value.strip():
            yield value.strip()


def _table(document: Mapping[str, Any], *path: str) -> Mapping[str, Any]:
    for key in path:
        inner = document.get(key)
        document = inner if isinstance(inner, dict) else {}
    return document


def _read_toml(file: Path) -> Mapping[str, Any] | None:
    import tomllib  # noqa: PLC0415  # only runs that use the plugin pay for it

    try:
        return tomllib.loads(file.read_bytes().decode())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        raise UsageError(f"{file} is not valid TOML: no UTF-8 at line {line}.") from error
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file} is not valid TOML: {error}.") from error


def _setup_cfg(file: Path) -> Mapping[str, str]:
    import configparser  # noqa: PLC0415  # only runs that use the plugin pay for it

    parser = configparser.RawConfigParser()
    try:
        parser.read_string(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError, configparser.Error):
        return {}
    if not parser.has_section("metadata"):
        return {}
    # `attr:` and `file:` say where the value is, not what it is.
    return {
        key: value for key, value in parser["metadata"].items() if not value.startswith(("attr:", "file:"))
    }
