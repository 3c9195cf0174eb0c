"""What the user's pip and uv are configured to use, read without starting either.

Rules:
- The indexes of all installers are united: a package may have come from any of them.
- No default index is ever assumed. Where an installer has one that nobody named, what its named indexes offer
  is not all it chooses from, and `complete` says so.
- URLs are kept as configured, with their credentials: whoever asks an index needs them. No repr shows them.

See `capture/pipconfig.py` and `capture/uvconfig.py` for the rules of each.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.capture.pipconfig import read_pip
from pytest_defend.capture.userfolders import UserFolders
from pytest_defend.capture.uvconfig import read_uv

if TYPE_CHECKING:
    from collections.abc import Mapping

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
        find_links: Folders and files, and URLs of pages.
        pip_cache: Folder of pip's cache; may not exist.
        poetry_cache: Folder of poetry's cache; may not exist.
        cert: CA bundle of pip; empty when it names none.
    """

    indexes: tuple[str, ...] = field(repr=False)
    complete: bool
    complete_for: frozenset[str]
    find_links: tuple[Path | str, ...] = field(repr=False)
    pip_cache: Path
    poetry_cache: Path
    cert: str


def read_installers(  # a machine has many sides
    environ: Mapping[str, str],
    *,
    root: Path,
    prefix: Path,
    home: Path,
    top: Path = Path("/"),
    system: str = sys.platform,
) -> tuple[Installers, tuple[Gap, ...]]:
    """Read the configuration of pip and uv.

    Args:
        environ: Variables.
        root: Folder of the project.
        prefix: Of the environment that packages are installed into.
        home: Of the user.
        top: Of the file system.
        system: As `sys.platform` names it.

    Returns:
        What they use, and which of their files cannot be read.
    """
    root = root.absolute()
    folders = UserFolders(environ=environ, home=home, top=top, system=system)
    pip, pip_gaps = read_pip(folders, root=root, prefix=prefix)
    uv, uv_gaps = read_uv(folders, root=root)
    each: dict[str, PipConfig | UvConfig] = {"pip": pip, "uv": uv}
    poetry = environ.get("POETRY_CACHE_DIR", "").strip()
    installers = Installers(
        indexes=tuple(dict.fromkeys([*pip.indexes, *uv.indexes])),
        complete=any(config.configured for config in each.values())
        and all(config.complete for config in each.values() if config.configured)
        and not (pip_gaps or uv_gaps),
        complete_for=frozenset(name for name, config in each.items() if config.complete),
        find_links=tuple(dict.fromkeys([*pip.find_links, *uv.find_links])),
        pip_cache=pip.cache,
        poetry_cache=root / folders.expanded(poetry) if poetry else folders.cache("pypoetry"),
        cert=pip.cert,
    )
    return installers, (*pip_gaps, *uv_gaps)
