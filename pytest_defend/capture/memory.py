"""What was computed from files that have not changed since.

Rules:
- One JSON file for each environment, in the cache folder of the user. What cannot be read or written is no
  failure, only time.
- Keys name a file with its size and both its times: another file, or another content, is another key. Tools
  that copy and unpack set the time of change of the content as they like, that of the entry they cannot.
- Only what was used since it was opened is written back, so that it never grows beyond what is there.
"""

from __future__ import annotations

import json
import os
import tempfile
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any

__all__ = ["DiskMemory", "NoMemory", "key_of_file"]


def key_of_file(path: str | Path, told: os.stat_result) -> str:
    """The key of a file as it is now.

    Args:
        path: Absolute.
        told: By the system, of the path.
    """
    return f"{path} {told.st_mtime_ns} {told.st_ctime_ns} {told.st_size}"


class DiskMemory:
    """Values by key, kept in a file.

    Args:
        path: The file; need not exist.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._used: dict[str, Any] = {}

    @cached_property
    def _kept(self) -> dict[str, Any]:
        try:
            kept = json.loads(self._path.read_bytes())
        except (OSError, ValueError, RecursionError):
            return {}
        return kept if isinstance(kept, dict) else {}

    def get(self, key: str) -> Any | None:
        """What was remembered under `key`; None when nothing was."""
        value = self._used.get(key, self._kept.get(key))
        if value is not None:
            self._used[key] = value
        return value

    def put(self, key: str, value: Any) -> None:
        """Remember a JSON value."""
        self._used[key] = value

    def save(self) -> None:
        """Write what was used, if that is anything new."""
        if self._used == self._kept:
            return
        with suppress(OSError):
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor, draft = tempfile.mkstemp(prefix="draft-", dir=self._path.parent)
            try:
                with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                    file.write(json.dumps(self._used))  # `json.dump` leaves its part in C out
                Path(draft).replace(self._path)
            except BaseException:
                Path(draft).unlink(missing_ok=True)
                raise


class NoMemory:
    """Remembers nothing."""

    def get(self, _key: str) -> None:
        """Nothing."""

    def put(self, _key: str, _value: object) -> None:
        """Forget it."""
