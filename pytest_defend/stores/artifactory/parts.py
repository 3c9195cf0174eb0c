"""Parts of files: to look into an archive without fetching it.

Rules:
- A server that begins to send the whole file is not listened to: it is as large as it likes.
- A part that was packed on its way would be another one.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NoReturn

from pytest_defend.errors import Unavailable
from pytest_defend.stores import rules
from pytest_defend.stores.artifactory.catalogue import exists

if TYPE_CHECKING:
    from pytest_defend.stores.artifactory.site import Site

__all__ = ["read_part"]

_PART = 206  # the status of a part; the whole is a 200
_NO_SUCH_PART = 416


class _WholeFile(Exception):
    """The server begins to send all of a file."""


class _NoWhole(io.BytesIO):
    """Takes the body of a 200, which no part is."""

    def write(self, _: object, /) -> NoReturn:
        raise _WholeFile


def read_part(site: Site, path: str, start: int, size: int) -> bytes:
    """Some bytes of a file, fewer at its end.

    Args:
        site: The server.
        path: Of the file.
        start: Of the first byte.
        size: How many.

    Raises:
        NotFound: No such file.
        Unavailable: The server, or what stands before it, gives files only as a whole.
    """
    if not exists(path):
        raise rules.not_found(path, site.locator)
    asked = {"Range": f"bytes={start}-{start + size - 1}", "Accept-Encoding": "identity"}
    try:
        answer = site.file("GET", path, headers=asked, into=_NoWhole(), also=(_NO_SUCH_PART,))
    except _WholeFile:
        message = f"{path}: {site.locator} gives files only as a whole."
        raise Unavailable(path, message, hint="Fetch the file to look into it.") from None
    return answer.body if answer.status == _PART else b""
