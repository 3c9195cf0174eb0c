"""Digests of bytes.

Rules:
- All three that Artifactory keys by are computed in one reading; sha256 is the identity, sha1 and md5 are
  what the server joins by.
- Bytes are hashed while they move, never read a second time for it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_defend.model.fields import Document

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from typing import BinaryIO

__all__ = ["Checksums", "Hasher"]

_CHUNK = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Checksums(Document):
    """The digests of one run of bytes, lower-case hexadecimal, and their number."""

    sha256: str
    """64 digits."""
    sha1: str
    """40 digits; what Artifactory searches by."""
    md5: str
    """32 digits."""
    size_bytes: int
    """How many bytes."""

    @classmethod
    def of(cls, content: bytes) -> Checksums:
        """The checksums of bytes in memory."""
        hasher = Hasher()
        hasher.update(content)
        return hasher.checksums()

    @classmethod
    def of_stream(cls, stream: BinaryIO) -> Checksums:
        """The checksums of what is left to read in a stream; reads it to its end, 64 KiB at a time."""
        hasher = Hasher()
        while chunk := stream.read(_CHUNK):
            hasher.update(chunk)
        return hasher.checksums()


class Hasher:
    """Computes `Checksums` of bytes as they pass by."""

    def __init__(self) -> None:
        self._sha256 = hashlib.sha256()
        self._sha1 = hashlib.sha1(usedforsecurity=False)
        self._md5 = hashlib.md5(usedforsecurity=False)
        self._size = 0

    def update(self, chunk: bytes) -> None:
        """Take in the next bytes."""
        self._sha256.update(chunk)
        self._sha1.update(chunk)
        self._md5.update(chunk)
        self._size += len(chunk)

    def through(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Pass chunks on unchanged, taking each in."""
        for chunk in chunks:
            self.update(chunk)
            yield chunk

    def checksums(self) -> Checksums:
        """The checksums of everything taken in so far."""
        return Checksums(
            sha256=self._sha256.hexdigest(),
            sha1=self._sha1.hexdigest(),
            md5=self._md5.hexdigest(),
            size_bytes=self._size,
        )
