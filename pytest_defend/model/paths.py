"""What is a path of a file in a store."""

from __future__ import annotations

import re

from pytest_defend.errors import UsageError

__all__ = ["check_path"]

# Control characters, and lone surrogates: no text a server or a database could be told.
_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


def check_path(path: str) -> None:
    """Refuse what is no path of a file in a store.

    Args:
        path: `repository/folder/.../file`, at least `repository/file`.

    Raises:
        UsageError: No folder, an empty, `.` or `..` part, a control character or a lone surrogate.
    """
    parts = path.split("/")
    if len(parts) == 1 or not {"", ".", ".."}.isdisjoint(parts) or _UNSPEAKABLE.search(path):
        raise UsageError(f"{path!r} is no path in a store.", hint="Write REPOSITORY/FOLDER/.../FILE.")
