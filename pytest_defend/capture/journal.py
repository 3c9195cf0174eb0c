"""The journal file: lines that are on disk when the call returns.

Rules:
- Every line goes to the operating system at once, unbuffered: SIGKILL loses nothing that was written.
- A disk that is full or gone never reaches the test run: the journal moves to the temporary folder, with
  what it holds, and says so by a `Gap`. When that fails too, recording stops and says so.
- Files are readable by their owner only.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.model.bundle import JOURNAL
from pytest_defend.model.facts import Gap

if TYPE_CHECKING:
    from io import FileIO

__all__ = ["JournalFile"]


class JournalFile:
    """An append-only file in a folder of its own.

    Args:
        folder: Made for it.
        over: Whether the run is over: the folder and the journal are there, nothing is written.

    Attributes:
        folder: Where it is now; another place than asked for when that could not be written.
        gaps: What went wrong.
    """

    def __init__(self, folder: Path, *, over: bool = False) -> None:
        self.folder = folder
        self.gaps: list[Gap] = []
        self._file: FileIO | None = None
        if over:
            return
        try:
            folder.mkdir(mode=0o700, parents=True)
            self._file = self._open(folder)
        except OSError as error:
            self._move(error)

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / JOURNAL

    @property
    def works(self) -> bool:
        """Whether lines still reach a disk."""
        return self._file is not None

    def write(self, line: bytes) -> None:
        """Append a line."""
        if self._file is None:
            return
        try:
            written = self._file.write(line)
            if written != len(line):  # what a disk does that fills up in the middle of a line
                self._file.truncate(self._file.tell() - (written or 0))
                self._file.seek(0, os.SEEK_END)
                self._file.write(line)
        except OSError as error:
            self._move(error)
            self.write(line)

    def close(self) -> None:
        """Finish writing; later lines are dropped."""
        if self._file is not None:
            with suppress(OSError):
                os.fsync(self._file.fileno())
            self._file.close()
            self._file = None

    def _open(self, folder: Path) -> FileIO:
        descriptor = os.open(folder / JOURNAL, os.O_CREAT | os.O_APPEND | os.O_RDWR, 0o600)
        return os.fdopen(descriptor, "ab", buffering=0)

    def _move(self, reason: OSError) -> None:
        """Go on in the temporary folder; stop when that is where it failed, or it fails too."""
        before, self._file = self._file, None
        if before is not None:
            before.close()
        wanted = self.folder
        cause = reason.strerror or str(reason)
        if any(gap.topic == "journal" for gap in self.gaps):
            self.gaps.append(Gap(topic="journal", problem=f"Recording stopped: {wanted}: {cause}."))
            return
        try:
            self.folder = Path(tempfile.mkdtemp(prefix="pytest-defend-")) / wanted.name
            if before is not None:
                shutil.copytree(wanted, self.folder)
            else:
                self.folder.mkdir(mode=0o700)
            self._file = self._open(self.folder)
        except OSError as error:
            problem = (
                f"Recording stopped: neither {wanted} ({cause}) nor {self.folder} ({error}) can be written."
            )
            self.gaps.append(Gap(topic="journal", problem=f"{problem} Free some space and run again."))
            return
        problem = f"{wanted} cannot be written ({cause}); the record is kept in {self.folder} instead."
        self.gaps.append(Gap(topic="journal", problem=problem))
