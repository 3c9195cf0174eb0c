"""What pip is configured to use, by its variables and files, read without starting it.

Rules:
- Files of the machine, then of the user, then of the environment, then the one `PIP_CONFIG_FILE` names; a
  later one overrides. Where that last one exists, those of the user are not read; the null device means none.
- `[install]` goes before `[global]`, whichever files they stand in, and a variable before both. What is set
  to nothing is not set, but a variable of blanks is: it takes away what a file lists.
- `pypi-url` is an older name of `index-url`; of both in one place the second counts.
- pip stops at a broken file; here the others still count, and the answer is incomplete.
- What a command line adds is not known here; for requirements files see `capture/indexlines.py`.

Source: `pip/_internal/configuration.py` and `pip/_internal/cli/parser.py` of pip 26.3;
https://pip.pypa.io/en/stable/topics/configuration/; compared with what pip asks in
`tests/e2e/test_configured_indexes.py`
"""

from __future__ import annotations

import configparser
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.capture.userfolders import placed
from pytest_defend.model.facts import Gap

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from pytest_defend.capture.userfolders import UserFolders

__all__ = ["PipConfig", "read_pip"]

_SECTIONS = ("global", "install")
_PREFIX = "PIP_"
_ALIASES = {"pypi-url": "index-url"}
_YES = ("1", "on", "t", "true", "y", "yes")
_NO = ("0", "f", "false", "n", "no", "off")


@dataclass(frozen=True, slots=True, kw_only=True)
class PipConfig:
    """Where pip looks for packages.

    Attributes:
        indexes: URLs of its indexes as configured, the default first; empty for none.
        find_links: Folders, files and pages.
        configured: Whether anything says where to look.
        complete: Whether that is everywhere it looks.
        cache: Folder of its cache.
        cert: CA bundle; empty when none is named.
        requirements: Requirements and constraints that every installation is given.
    """

    indexes: tuple[str, ...] = field(repr=False)
    find_links: tuple[Path | str, ...] = field(repr=False)
    configured: bool
    complete: bool
    cache: Path
    cert: str
    requirements: tuple[Path, ...]


def read_pip(folders: UserFolders, *, root: Path, prefix: Path) -> tuple[PipConfig, tuple[Gap, ...]]:
    """Read the configuration of pip.

    Args:
        folders: Of the user who runs it.
        root: Folder it is run in.
        prefix: Of the environment it installs into.
    """
    values, gaps = _values(folders, root, prefix)
    no_index = values.get("no-index", "").lower()
    if no_index not in ("", *_YES, *_NO):
        gaps.append(_gap("pip is configured with a no-index that is neither yes nor no; correct it."))
    urls = [values.get("index-url", ""), *values.get("extra-index-url", "").split()]
    indexes = [] if no_index in _YES else [_index(url, root) for url in urls if url]
    find_links = tuple(placed(folders.expanded(text), root) for text in values.get("find-links", "").split())
    named = f"{values.get('requirement', '')} {values.get('constraint', '')}".split()
    requirements = [place for text in named if isinstance(place := placed(text, root), Path)]
    cache = values.get("cache-dir", "")
    config = PipConfig(
        indexes=tuple(dict.fromkeys(indexes)),
        find_links=tuple(dict.fromkeys(find_links)),
        configured=bool(indexes or find_links or no_index in _YES),
        complete=(bool(urls[0]) or no_index in _YES) and not gaps,
        cache=root / folders.expanded(cache) if cache else folders.cache("pip"),
        cert=folders.expanded(values.get("cert", "")),
        requirements=tuple(requirements),
    )
    return config, tuple(gaps)


def _gap(problem: str) -> Gap:
    return Gap(topic="origins", problem=problem)


def _index(url: str, root: Path) -> str:
    place = placed(url, root)
    return place.as_uri() if isinstance(place, Path) else place


def _values(folders: UserFolders, root: Path, prefix: Path) -> tuple[dict[str, str], list[Gap]]:
    """Every setting of `pip install` by its long name."""
    sections: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    gaps: list[Gap] = []
    for path in _files(folders, root, prefix):
        parser, problem = _parsed(path)
        if problem:
            gaps.append(_gap(f"{path} {problem}; what pip uses is not fully known, correct the file."))
        for section in _SECTIONS:
            if parser.has_section(section):
                sections[section] |= dict(parser.items(section))
    variables = (
        (_normal(name.removeprefix(_PREFIX)), value)
        for name, value in folders.environ.items()
        if name.startswith(_PREFIX)
    )
    values: dict[str, str] = {}
    for layer in (*(each.items() for each in sections.values()), variables):
        values |= _named(layer)
    return {name: value.strip() for name, value in values.items()}, gaps


def _files(folders: UserFolders, root: Path, prefix: Path) -> Iterator[Path]:
    """Where its files may be, the weakest first."""
    named = folders.environ.get("PIP_CONFIG_FILE")
    if named == os.devnull:
        return
    name = "pip.ini" if folders.is_windows else "pip.conf"
    if folders.is_mac:
        yield folders.top / "Library" / "Application Support" / "pip" / name
    else:
        yield from (folder / "pip" / name for folder in folders.machine_settings())
        if not folders.is_windows:
            yield folders.top / "etc" / name
    if not named or not _exists(root / named):
        yield folders.home / ("pip" if folders.is_windows else ".pip") / name
        yield _user_settings(folders) / name
    yield prefix / name
    if named:
        yield root / named


def _user_settings(folders: UserFolders) -> Path:
    if folders.is_mac:
        customary = folders.home / "Library" / "Application Support" / "pip"
        return customary if _exists(customary) else folders.home / ".config" / "pip"
    return folders.settings() / "pip"


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def _normal(name: str) -> str:
    return name.lower().replace("_", "-").removeprefix("--")


def _named(items: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Settings by their present name; of two for one the second counts."""
    return {_ALIASES.get(name, name): value for name, value in items if value}


class _Parser(configparser.RawConfigParser):
    def optionxform(self, optionstr: str) -> str:
        return _normal(optionstr)


def _parsed(path: Path) -> tuple[_Parser, str]:
    """What a file says, and what is wrong with it: never in the words of the parser, which quote the line."""
    parser = _Parser()
    try:
        if path.exists():
            parser.read_string(path.read_text(encoding="utf-8"))
    except configparser.Error as error:
        lines = [number for number, _ in getattr(error, "errors", ())] or [getattr(error, "lineno", "?")]
        problem = f"cannot be parsed (line {', '.join(map(str, lines))})"
    except UnicodeDecodeError:
        problem = "is no UTF-8"
    except (OSError, ValueError, AttributeError) as error:  # a continued line without a first one
        problem = f"cannot be read ({type(error).__name__})"
    else:
        return parser, ""
    return _Parser(), problem  # what was read of a broken file is no text yet
