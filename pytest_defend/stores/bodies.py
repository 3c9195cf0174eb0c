"""Bytes on their way to a server.

Rules:
- Every sending reads the source from its start, piece by piece; nothing holds a whole file.
- Bytes are hashed while they move. The last piece leaves only when all are what was promised: of other bytes
  no server ever has the whole file.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Protocol

from pytest_defend.model.checksums import Hasher
from pytest_defend.stores import rules

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.protocols import Upload

__all__ = ["Body", "Progress", "check_source"]


class Progress(Protocol):
    """Is told how far a file is; by several threads at once."""

    def __call__(self, path: str, sent_bytes: int, total_bytes: int) -> None:
        """So many bytes of the file under `path` have left; fewer than before when it is sent again."""


class Body:
    """The bytes of one upload; may be sent several times.

    Args:
        upload: The file.
        progress: Is told how far it is; None for nobody.
    """

    def __init__(self, upload: Upload, progress: Progress | None = None) -> None:
        self._upload = upload
        self._progress = progress

    def __len__(self) -> int:
        return self._upload.checksums.size_bytes

    def __iter__(self) -> Iterator[bytes]:
        promised = self._upload.checksums
        hasher = Hasher()
        held = b""
        left = promised.size_bytes
        pieces = hasher.through(rules.chunks(self._upload))
        for piece in pieces:
            if left < len(held) + len(piece):  # longer than promised
                deque(pieces, maxlen=0)
                break
            if held:
                yield held
                left -= len(held)
                self._tell(promised.size_bytes - left)
            held = piece
        rules.check_checksums(self._upload.path, promised=promised, actual=hasher.checksums())
        yield held
        self._tell(promised.size_bytes)

    def _tell(self, sent_bytes: int) -> None:
        if self._progress is not None:
            self._progress(self._upload.path, sent_bytes, len(self))


def check_source(upload: Upload) -> None:
    """Read a file that is not sent, and refuse it when it is not what it says.

    Raises:
        Corrupt: A digest or the size differs.
        Unavailable: The source cannot be read.
    """
    hasher = Hasher()
    deque(hasher.through(rules.chunks(upload)), maxlen=0)
    rules.check_checksums(upload.path, promised=upload.checksums, actual=hasher.checksums())
