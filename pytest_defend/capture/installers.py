"""What the user's pip and uv are configured to use, read without starting either.

Rules:
- The indexes of all installers are united: a package may have come from any of them. So are those that
  requirements files of the project name: pip and uv go there as well.
- Poetry, PDM and Pipenv are not asked where they look: their locks say which files there are.
- No default index is ever assumed. Where an installer has one that nobody named, what its named indexes offer
  is not all it chooses from, and `complete` says so.
- URLs are kept as configured, with their credentials: whoever asks an index needs them. No repr shows them.
  Where only one index of a server has some, all of them have, as in pip and uv.

See `capture/pipconfig.py` and `capture/uvconfig.py` for the rules of each.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from pytest_defend.capture.indexlines import read_lines
from pytest_defend.capture.pipconfig import read_pip
from pytest_defend.capture.userfolders import UserFolders
from pytest_defend.capture.uvconfig import read_uv

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_defend.capture.pipconfig import PipConfig
    from pytest_defend.capture.uvconfig import UvConfig
    from pytest_defend.model.facts import Gap

__all__ = ["Installers", "read_installers"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Installers:
    """Where installers look for packages, and what they keep.

    Attributes:
        indexes: URLs of package indexes, with credentials; `file:` for folders.
        complete: Whether every installer that is configured at all looks nowhere else.
        complete_for: The installers, `pip` and `uv`, that look nowhere else.
        pages: URLs, with credentials, of pages that link to files of many packages; `file:` for one on disk.
        find_links: Folders and files.
        pip_cache: Folder of pip's cache; may not exist.
        poetry_cache: Folder of poetry's cache; may not exist.
        cert: CA bundle of pip; empty when it names none.
    """

    indexes: tuple[str, ...] = field(repr=False)
    complete: bool
    complete_for: frozenset[str]
    pages: tuple[str, ...] = field(repr=False)
    find_links: tuple[Path, ...]
    pip_cache: Path
    poetry_cache: Path
    cert: str


def read_installers(  # a machine has many sides
    environ: Mapping[str, str],
    *,
    root: Path,
    prefix: Path,
    home: Path,
    requirements: Iterable[Path] = (),
    top: Path = Path("/"),
    system: str = sys.platform,
) -> tuple[Installers, tuple[Gap, ...]]:
    """Read the configuration of pip and uv.

    Args:
        environ: Variables.
        root: Folder of the project.
        prefix: Of the environment that packages are installed into.
        home: Of the user.
        requirements: Requirements files of the project.
        top: Of the file system.
        system: As `sys.platform` names it.

    Returns:
        What they use, and which of their files cannot be read.
    """
    root = root.absolute()
    folders = UserFolders(environ=environ, home=home, top=top, system=system)
    pip, pip_gaps = read_pip(folders, root=root, prefix=prefix)
    uv, uv_gaps = read_uv(folders, root=root)
    lines = read_lines((*pip.requirements, *requirements), environ)
    find_links = dict.fromkeys([*pip.find_links, *uv.find_links, *lines.find_links])
    indexes = (*pip.indexes, *uv.indexes, *lines.indexes)
    pages = [_as_page(place) for place in find_links if _is_page(place)]
    each: dict[str, PipConfig | UvConfig] = {"pip": pip, "uv": uv}
    poetry = environ.get("POETRY_CACHE_DIR", "").strip()
    installers = Installers(
        indexes=_told(indexes, (*indexes, *pages)),
        complete=any(config.configured for config in each.values())
        and all(config.complete for config in each.values() if config.configured)
        and not (pip_gaps or uv_gaps),
        complete_for=frozenset(name for name, config in each.items() if config.complete),
        pages=_told(pages, (*indexes, *pages)),
        find_links=tuple(place for place in find_links if isinstance(place, Path) and not _is_page(place)),
        pip_cache=pip.cache,
        poetry_cache=root / folders.expanded(poetry) if poetry else folders.cache("pypoetry"),
        cert=pip.cert,
    )
    return installers, (*pip_gaps, *uv_gaps)


def _is_page(place: Path | str) -> bool:
    return isinstance(place, str) or place.suffix.lower() in (".html", ".htm")


def _as_page(place: Path | str) -> str:
    return place.as_uri() if isinstance(place, Path) else place


def _told(urls: Iterable[str], among: Iterable[str]) -> tuple[str, ...]:
    """URLs, each once, with the credentials of the first `among` URLs of the same server that has some."""
    known: dict[tuple[str, str], str] = {}
    for server, secret in map(_server, among):
        if secret:
            known.setdefault(server, secret)
    told: dict[str, None] = {}
    for url in urls:
        server, secret = _server(url)
        if not secret and server in known:
            url = urlunsplit(urlsplit(url)._replace(netloc=f"{known[server]}@{server[1]}"))  # noqa: PLW2901
        told[url] = None
    return tuple(told)


def _server(url: str) -> tuple[tuple[str, str], str]:
    """The server of a URL, by scheme and address, and the credentials it is told."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ("", ""), ""
    secret, _, address = parts.netloc.rpartition("@")
    return (parts.scheme, address), secret
