"""RECORD of a wheel that lies elsewhere, read from a few parts of the file.

Rules:
- The end comes first: there an archive has its table, and a wheel, by convention, its metadata. Of most
  wheels one request is enough, and of a small one it brings all there is.
- How often is asked, and how much is read, has an end: what goes beyond it cannot be read.
- A file that is another one from one request to the next cannot be read.

Source: https://packaging.python.org/en/latest/specifications/binary-distribution-format/, "Recommended
archiver features"; https://www.rfc-editor.org/rfc/rfc9110#name-range-requests
"""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Protocol

from pytest_defend.capture.wheels import wheel_fingerprint

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import WriteableBuffer

__all__ = ["NoParts", "PartLike", "fingerprint_at", "fingerprint_of_parts"]

_END_BYTES = 64 << 10
_STEP_BYTES = 256 << 10
_PARTS = 12
_ALL_BYTES = 16 << 20
_PLACE = re.compile(r"bytes (\d{1,15})-(\d{1,15})/(\d{1,15})")


class NoParts(Exception):
    """The file cannot be looked into where it lies; the sentence says why."""


class PartLike(Protocol):
    """What a server gives when a part is asked for."""

    @property
    def content(self) -> bytes:
        """Of the part, or of the whole file."""

    @property
    def part(self) -> str:
        """Which part it is, as `Content-Range` has it; empty for the whole file."""


class _Parts(io.RawIOBase):
    """A file of which only what is asked for is read.

    Args:
        size_bytes: Of the file.
        give: The bytes from a place, as many as asked for, fewer at the end of the file.
    """

    def __init__(self, size_bytes: int, give: Callable[[int, int], bytes]) -> None:
        super().__init__()
        self._size_bytes = size_bytes
        self._give = give
        self._at = 0
        self._here: list[tuple[int, bytes]] = []
        self._read_bytes = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size_bytes}[whence]
        if start + offset < 0:
            raise ValueError(offset)  # as any file
        self._at = start + offset
        return self._at

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        room = memoryview(buffer)
        found = self._from(self._at, min(len(room), max(self._size_bytes - self._at, 0)))
        room[: len(found)] = found
        self._at += len(found)
        return len(found)

    def _from(self, start: int, size: int) -> bytes:
        for begin, content in self._here:
            if begin <= start and start + size <= begin + len(content):
                return content[start - begin : start - begin + size]
        wanted = min(max(size, _STEP_BYTES), self._size_bytes - start)
        if len(self._here) >= _PARTS or self._read_bytes + wanted > _ALL_BYTES:
            raise NoParts("too much of it would have to be read")
        content = self._give(start, wanted)
        if len(content) != wanted:
            raise NoParts("it is not as long as its server says")
        self.add(start, content)
        return content[:size]

    def add(self, start: int, content: bytes) -> None:
        """Keep bytes that are known already."""
        self._here.append((start, content))
        self._read_bytes += len(content)


def fingerprint_of_parts(size_bytes: int, give: Callable[[int, int], bytes]) -> str:
    """The fingerprint of what a wheel installs; empty when the file is no wheel.

    Args:
        size_bytes: Of the file.
        give: The bytes from a place, as many as asked for.

    Raises:
        NoParts: It cannot be looked into.
    """
    parts = _Parts(size_bytes, give)
    end = min(size_bytes, _END_BYTES)
    parts.add(size_bytes - end, give(size_bytes - end, end))
    return wheel_fingerprint(io.BufferedReader(parts))


def fingerprint_at(get: Callable[[Mapping[str, str], int], PartLike]) -> str:
    """The fingerprint of what the wheel at a URL installs; empty when there is no wheel.

    Args:
        get: Asks for the file with headers, for at most so many bytes.

    Raises:
        NoParts: It cannot be looked into.
    """
    size_bytes = 0

    def ask(span: str, limit_bytes: int) -> tuple[int, int, bytes]:
        nonlocal size_bytes
        # what is packed on its way has other places
        answer = get({"Range": f"bytes={span}", "Accept-Encoding": "identity"}, limit_bytes)
        if not answer.part:
            return 0, len(answer.content), answer.content
        place = _PLACE.fullmatch(answer.part)
        if place is None:
            raise NoParts("its server does not say which part it gives")
        first, last, total = map(int, place.groups())
        if last - first + 1 != len(answer.content) or (size_bytes and total != size_bytes):
            raise NoParts("it changes while it is read")
        return first, total, answer.content

    def give(start: int, size: int) -> bytes:
        first, _, content = ask(f"{start}-{start + size - 1}", size)
        if first > start:
            raise NoParts("its server gives another part than was asked for")
        return content[start - first : start - first + size]

    first, size_bytes, content = ask(f"-{_END_BYTES}", _STEP_BYTES)
    parts = _Parts(size_bytes, give)
    parts.add(first, content)
    return wheel_fingerprint(io.BufferedReader(parts))
