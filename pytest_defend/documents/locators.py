"""URLs as installers read them.

Rules:
- Text that is no URL leads nowhere; it is no error.
- A URL that is given on has no fragment.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["OF_FILES", "OF_REPOSITORIES", "first_of", "last_part"]

OF_FILES = ("http", "https")
"""Schemes by which other machines can get a file."""
OF_REPOSITORIES = ("file", *OF_FILES, "git", "ssh", "svn")
"""Schemes of repositories."""

_HOST = re.compile(r"[\w.:-]+")


def first_of(urls: Iterable[str], schemes: tuple[str, ...]) -> str:
    """The first that an installer can read, without its fragment; empty when there is none."""
    whole = (url.partition("#")[0] for url in urls)
    return next((url for url in whole if _leads(url, schemes)), "")


def _leads(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:  # no host in these brackets, no number for a port
        return False
    there = parts.path if parts.scheme == "file" else _HOST.fullmatch(host)
    return bool(there) and parts.scheme in schemes and url.isprintable() and " " not in url


def last_part(url: str) -> str:
    """The name of the file that a URL ends in; empty when it ends in none."""
    try:
        return unquote(urlsplit(url).path).rpartition("/")[2]
    except ValueError:  # no host in these brackets
        return ""
