"""What uv is configured to use, by its variables and files, read without starting it.

Rules:
- Variables go before files (`capture/uvfiles.py`): texts override, lists are joined.
- Of indexes with one name the first counts, and of default indexes the first is the default.
- `[pip]` is for `uv pip` alone. Nobody knows which face of uv installed what: both are united.
- An `explicit` index serves only some packages, yet what it serves came from it: it counts like any other. So
  does one that a project pins packages to, whatever the settings are.
- Credentials of a named index come from variables of its name, unless its URL has a password.
- uv stops at a broken file; here the others still count, and the answer is incomplete.

Source: https://docs.astral.sh/uv/concepts/configuration-files/ and https://docs.astral.sh/uv/concepts/indexes/;
compared with what uv 0.13.9 asks in `tests/e2e/test_configured_indexes.py`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from pytest_defend.capture.userfolders import placed
from pytest_defend.capture.uvfiles import pinning_tables, uv_tables
from pytest_defend.model.facts import Gap

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_defend.capture.userfolders import UserFolders

__all__ = ["UvConfig", "read_uv"]


@dataclass(frozen=True, slots=True, kw_only=True)
class UvConfig:
    """Where uv looks for packages.

    Attributes:
        indexes: URLs of its indexes as configured, the default last; empty for none.
        find_links: Folders and files, and URLs of pages with credentials.
        configured: Whether anything says where to look.
        complete: Whether that is everywhere it looks.
    """

    indexes: tuple[str, ...] = field(repr=False)
    find_links: tuple[Path | str, ...] = field(repr=False)
    configured: bool
    complete: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Index:
    place: Path | str
    name: str = ""
    default: bool = False
    flat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Layer:
    """What one source says, in its own order."""

    indexes: tuple[_Index, ...] = ()
    extra: tuple[_Index, ...] = ()
    main: tuple[_Index, ...] = ()
    find_links: tuple[Path | str, ...] = ()
    no_index: bool | None = None


def read_uv(folders: UserFolders, *, root: Path) -> tuple[UvConfig, tuple[Gap, ...]]:
    """Read the configuration of uv.

    Args:
        folders: Of the user who runs it.
        root: Folder of the project.
    """
    problems: dict[str, None] = {}
    variables = _variables(folders.environ, root, problems)
    tables = list(uv_tables(folders, root=root, problems=problems))
    pinned = _pinned(list(pinning_tables(folders, root=root, problems=problems)), problems)
    project = [variables, *(_layer(table, path, problems) for table, path in tables), pinned]
    pip = [variables]
    for table, path in tables:
        own = table.get("pip", {})
        pip += [_layer(own, path, problems), _layer(table, path, problems)]
    pip.append(pinned)
    faces = [_united(layers, folders.environ) for layers in (project, pip)]
    config = UvConfig(
        indexes=tuple(dict.fromkeys(index for face in faces for index in face.indexes)),
        find_links=tuple(dict.fromkeys(place for face in faces for place in face.find_links)),
        configured=any(face.configured for face in faces),
        complete=all(face.complete for face in faces) and not problems,
    )
    return config, tuple(
        Gap(topic="origins", problem=f"{problem}; what uv uses is not fully known, correct it.")
        for problem in problems
    )


def _united(layers: Sequence[_Layer], environ: Mapping[str, str]) -> UvConfig:
    no_index = next((layer.no_index for layer in layers if layer.no_index is not None), False)
    find_links = [place for layer in layers for place in layer.find_links]
    main = next((layer.main for layer in layers if layer.main), ())
    kept: dict[str, _Index] = {}
    named = [each for layer in layers for each in layer.indexes]
    extra = [each for layer in layers for each in layer.extra]
    for each in (*named, *extra, *main):
        kept.setdefault(each.name or f"={len(kept)}", each)
    default = next((each for each in kept.values() if each.default), None)
    used = [each for each in kept.values() if not each.default] + ([default] if default else [])
    if no_index:
        used = []
    find_links += [_with_credentials(each, environ) for each in used if each.flat]
    return UvConfig(
        indexes=tuple(_as_url(_with_credentials(each, environ)) for each in used if not each.flat),
        find_links=tuple(find_links),
        configured=bool(used or find_links or no_index),
        complete=no_index or default is not None,
    )


def _as_url(place: Path | str) -> str:
    return place.as_uri() if isinstance(place, Path) else place


def _with_credentials(index: _Index, environ: Mapping[str, str]) -> Path | str:
    """Its place, with the user and the password that variables of its name hold."""
    variable = "UV_INDEX_" + re.sub(r"[^A-Z0-9]", "_", index.name.upper())
    user, password = (environ.get(f"{variable}_{part}") for part in ("USERNAME", "PASSWORD"))
    if isinstance(index.place, Path) or not index.name or (user is None and password is None):
        return index.place
    try:
        parts = urlsplit(index.place)
    except ValueError:
        return index.place
    if parts.password or (parts.username and unquote(parts.username) != user):
        return index.place
    secret = f"{quote(user or '', safe='')}:{quote(password or '', safe='')}"
    return urlunsplit(parts._replace(netloc=f"{secret}@{parts.netloc.rpartition('@')[2]}"))


def _pinned(tables: Sequence[tuple[dict[str, Any], Path]], problems: dict[str, None]) -> _Layer:
    """The indexes that projects pin packages to."""
    names = {name for table, _ in tables for name in _pins(table.get("sources"))}
    listed = [each for table, path in tables for each in _layer(table, path, problems).indexes]
    return _Layer(indexes=tuple(replace(each, default=False) for each in listed if each.name in names))


def _pins(sources: Any) -> Iterable[str]:
    """The names of the indexes that sources of packages name."""
    for source in sources.values() if isinstance(sources, dict) else ():
        for each in source if isinstance(source, list) else [source]:
            name = each.get("index") if isinstance(each, dict) else None
            if isinstance(name, str):
                yield name


def _variables(environ: Mapping[str, str], root: Path, problems: dict[str, None]) -> _Layer:
    def many(name: str) -> list[str]:
        return environ.get(name, "").split()

    def one(name: str) -> list[str]:
        return [text for text in [environ.get(name, "").strip()] if text]

    links = [text.strip() for text in environ.get("UV_FIND_LINKS", "").split(",")]
    # All are of one list here, unlike in files: uv 0.13.9 lets `UV_INDEX_URL` win over a default index of any
    # file, but `index-url` of a file lose to a default index of another.
    table = {
        "find-links": [text for text in links if text],
        "index": [
            *(_from_text(text, default=True) for text in one("UV_DEFAULT_INDEX")),
            *(_from_text(text, default=False) for text in many("UV_INDEX")),
            *({"url": text} for text in many("UV_EXTRA_INDEX_URL")),
            *({"url": text, "default": True} for text in one("UV_INDEX_URL")),
        ],
    }
    return _layer(table, root / "the environment", problems)


def _from_text(text: str, *, default: bool) -> dict[str, Any]:
    """An index as variables write it: `url` or `name=url`."""
    name, equals, url = text.partition("=")
    named = {"name": name, "url": url} if equals and ":" not in name else {"url": text}
    return {**named, "default": default}


def _layer(table: Any, path: Path, problems: dict[str, None]) -> _Layer:
    """What a table says, as values; what has another shape is a problem of `path`."""
    base = path.parent

    def wrong(key: str) -> None:
        problems[f"{path} holds a setting {key!r} that is none"] = None

    def texts(key: str) -> list[str]:
        found = table.get(key, [])
        if not isinstance(found, list) or not all(isinstance(text, str) and text for text in found):
            wrong(key)
            return []
        return found

    if not isinstance(table, dict):
        problems[f"{path} holds a table that is none"] = None
        return _Layer()
    main, no_index, listed = table.get("index-url", ""), table.get("no-index"), table.get("index", [])
    if not isinstance(main, str) or ("index-url" in table and not main):
        wrong("index-url")
        main = ""
    if not isinstance(no_index, bool | None):
        wrong("no-index")
        no_index = None
    if not isinstance(listed, list) or not all(map(_is_index, listed)):
        wrong("index")
        listed = []
    return _Layer(
        indexes=tuple(_index(each, base) for each in listed),
        extra=tuple(_Index(place=placed(url, base)) for url in texts("extra-index-url")),
        main=(_Index(place=placed(main, base), default=True),) if main else (),
        find_links=tuple(placed(text, base) for text in texts("find-links")),
        no_index=no_index,
    )


def _is_index(entry: Any) -> bool:
    return (
        isinstance(entry, dict)
        and isinstance(entry.get("url"), str)
        and bool(entry["url"])
        and isinstance(entry.get("name", ""), str)
        and isinstance(entry.get("default", False), bool)
    )


def _index(entry: Mapping[str, Any], base: Path) -> _Index:
    return _Index(
        place=placed(entry["url"], base),
        name=entry.get("name", ""),
        default=entry.get("default", False),
        flat=entry.get("format") == "flat",
    )
