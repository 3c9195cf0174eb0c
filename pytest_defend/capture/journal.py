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
        done = 0
        try:
            while done < len(line):  # a disk that fills up takes a part of it before it says so
                done += self._file.write(line[done:])
        except OSError as error:
            if done:
                with suppress(OSError):
                    self._file.truncate(self._file.tell() - done)
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
        if any(gap.topic == "journal" for gap in self.gaps):
            self._stopped(f"{wanted} cannot be written ({_cause(reason)})")
            return
        try:
            self.folder = self._moved(wanted, copy=before is not None)
        except OSError as error:
            two = f"neither {wanted} ({_cause(reason)}) nor the temporary folder ({_cause(error)})"
            self._stopped(f"{two} can be written")
            return
        problem = (
            f"{wanted} cannot be written ({_cause(reason)}); the record is kept in {self.folder} instead."
        )
        self.gaps.append(Gap(topic="journal", problem=problem))

    def _moved(self, wanted: Path, *, copy: bool) -> Path:
        temporary = Path(tempfile.mkdtemp(prefix="pytest-defend-"))
        folder = temporary / wanted.name
        try:
            if copy:
                shutil.copytree(wanted, folder)
            else:
                folder.mkdir(mode=0o700)
            self._file = self._open(folder)
        except OSError:
            shutil.rmtree(temporary, ignore_errors=True)
            raise
        if copy:  # nobody is to publish half of a run
            shutil.rmtree(wanted, ignore_errors=True)
        return folder

    def _stopped(self, why: str) -> None:
        problem = f"Recording stopped: {why}. Free some space and run again."
        self.gaps.append(Gap(topic="journal", problem=problem))


def _cause(error: OSError) -> str:
    if isinstance(error, shutil.Error):  # of a whole folder: (source, target, reason) of each file
        return str(error.args[0][0][-1])
    return error.strerror or str(error)
