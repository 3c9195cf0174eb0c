"""Making what was written survive a power failure.

Rules:
- Who returns from a flush knows that one began after it had asked.
- Those who ask while one is under way share the next one.
"""

from __future__ import annotations

import os
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["SharedFlush", "flush_file", "flush_folder"]

_FOLDER_FLAG: int = getattr(os, "O_DIRECTORY", 0)  # Windows has none, and cannot flush a folder


def flush_folder(folder: Path) -> None:
    """Flush which names are in a folder."""
    if _FOLDER_FLAG:
        _flush(folder, os.O_RDONLY | _FOLDER_FLAG)


def flush_file(path: Path) -> None:
    """Flush the bytes of a file, whoever wrote them."""
    _flush(path, os.O_RDWR)


def _flush(path: Path, flags: int) -> None:
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class SharedFlush:
    """A flush that several threads ask for.

    Args:
        flush: Does it.
    """

    def __init__(self, flush: Callable[[], None]) -> None:
        self._flush = flush
        self._turn = threading.Lock()
        self._begun = 0
        self._done = 0

    def __call__(self) -> None:
        """Flush, or have it done by a flush of another thread that began later than this call."""
        wanted = self._begun + 1
        with self._turn:
            if self._done >= wanted:
                return
            self._begun += 1
            self._flush()
            self._done = self._begun
