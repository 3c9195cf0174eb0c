"""Where this user's programs keep what they can compute again.

Rules:
- One file for each kind and environment. Every file may be deleted at any time.
- Imports little: it is among the first things a command loads.
"""

from __future__ import annotations

import hashlib
import os
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["cache_file", "cache_folder"]


def cache_folder(environ: Mapping[str, str], home: str) -> str:
    """The folder of ours.

    Args:
        environ: Variables of the process.
        home: Folder of the user.
    """
    if os.name == "nt":
        theirs = environ.get("LOCALAPPDATA") or os.path.join(home, "AppData", "Local")
    elif sys.platform == "darwin":
        theirs = environ.get("XDG_CACHE_HOME") or os.path.join(home, "Library", "Caches")
    else:
        theirs = environ.get("XDG_CACHE_HOME") or os.path.join(home, ".cache")
    return os.path.join(theirs, "pytest-defend")


def cache_file(kind: str) -> str:
    """The file of a kind for the environment of this interpreter."""
    which = hashlib.sha256(sys.prefix.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    return os.path.join(cache_folder(os.environ, os.path.expanduser("~")), f"{kind}-{which}.json")
