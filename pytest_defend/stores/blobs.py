"""The bytes of a directory store: one file per content, named by its sha256.

Rules:
- A content appears whole or not at all: it is written beside its place, flushed to the disk, compared with
  its checksums, and only then moved to its name.
- What `keep` has returned from survives a power failure. A process killed on the way leaves a file that
  nobody refers to; a content without an item is harmless and is used when it is offered again.
- Altered bytes are never handed out: they are hashed before.
- Folders are 0700, files 0600.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import deque
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from pytest_defend.errors import Corrupt
from pytest_defend.model.checksums import Checksums, Hasher
from pytest_defend.stores import rules
from pytest_defend.stores.flushing import SharedFlush, flush_folder

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_defend.protocols import Item, Upload

__all__ = ["Blobs"]


class Blobs:
    """Contents by sha256, below one folder.

    Args:
        folder: Where they are; made when the first is kept.
        locator: The store, as shown to people.
    """

    def __init__(self, folder: Path, *, locator: str) -> None:
        self._folder = folder
        self._locator = locator
        self._flushed: set[Path] = set()
        self._flush_names = SharedFlush(lambda: flush_folder(folder))

    def keep(self, uploads: Iterable[Upload]) -> None:
        """Make the bytes of every upload durable.

        Raises:
            Corrupt: Bytes are not what their checksums say; nothing is kept of them.
            StoreError: A source cannot be read, or the folder not written.
        """
        try:
            self._make_folder()
            for folder in sorted({self._keep(upload) for upload in uploads}):
                flush_folder(folder)
                self._flush_entry(folder)
        except OSError as error:
            raise rules.folder_failure(self._locator, error) from error

    def receive(self, chunks: Iterable[bytes]) -> Checksums:
        """Make bytes durable whose checksums nobody promised.

        Raises:
            StoreError: The folder cannot be written.
        """
        hasher = Hasher()
        try:
            self._make_folder()
            incoming = self._written(hasher.through(chunks))
            checksums = hasher.checksums()
            target = self._path(checksums.sha256)
            self._make(target.parent)
            incoming.replace(target)
            flush_folder(target.parent)
            self._flush_entry(target.parent)
        except OSError as error:
            raise rules.folder_failure(self._locator, error) from error
        return checksums

    def open(self, item: Item) -> BinaryIO:
        """The bytes of an item, as they were kept.

        Raises:
            Corrupt: They are gone or altered.
            StoreError: The folder cannot be read.
        """
        expected = item.checksums.sha256
        try:
            with ExitStack() as unless_whole:
                file = unless_whole.enter_context(self._path(expected).open("rb"))
                actual = hashlib.file_digest(file, "sha256").hexdigest()
                if actual != expected:
                    raise self._corrupt(item, actual)
                file.seek(0)
                unless_whole.pop_all()
                return file
        except FileNotFoundError:
            raise self._corrupt(item, "nothing") from None
        except OSError as error:
            raise rules.folder_failure(self._locator, error) from error

    def part(self, item: Item, start: int, size: int) -> bytes:
        """Some bytes of an item, as they are now.

        Raises:
            Corrupt: They are gone.
            StoreError: The folder cannot be read.
        """
        try:
            with self._path(item.checksums.sha256).open("rb") as file:
                file.seek(start)
                return file.read(size)
        except FileNotFoundError:
            raise self._corrupt(item, "nothing") from None
        except OSError as error:
            raise rules.folder_failure(self._locator, error) from error

    def _corrupt(self, item: Item, actual: str) -> Corrupt:
        hint = (
            f"Something changed {self._path(item.checksums.sha256)}; keeping the same bytes again repairs it."
        )
        return Corrupt(item.path, expected=item.checksums.sha256, actual=actual, hint=hint)

    def _path(self, sha256: str) -> Path:
        return self._folder / sha256[:2] / sha256

    def _keep(self, upload: Upload) -> Path:
        """Keep one content and return the folder whose entry for it is to be flushed."""
        hasher = Hasher()
        moving = hasher.through(rules.chunks(upload))
        target = self._path(upload.checksums.sha256)
        if _holds(target, upload.checksums.sha256):
            deque(moving, maxlen=0)
            rules.check_checksums(upload.path, promised=upload.checksums, actual=hasher.checksums())
            return target.parent
        incoming = self._written(moving)
        try:
            # the promised digest names no file before it is known to be one
            rules.check_checksums(upload.path, promised=upload.checksums, actual=hasher.checksums())
            self._make(target.parent)
            incoming.replace(target)
        except BaseException:
            incoming.unlink(missing_ok=True)
            raise
        return target.parent

    def _make_folder(self) -> None:
        self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)  # the mode is the last one's
        self._make(self._folder)

    def _make(self, folder: Path) -> None:
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            if not folder.is_dir():
                raise
        else:
            self._flushed.discard(folder)

    def _flush_entry(self, folder: Path) -> None:
        """Make it durable that a folder of ours is there, once: another process may have made it just now."""
        if folder in self._flushed:
            return
        if folder == self._folder:
            flush_folder(folder.parent)
        else:
            self._flush_names()
            self._flush_entry(self._folder)
        self._flushed.add(folder)

    def _written(self, chunks: Iterable[bytes]) -> Path:
        """A new file with these bytes, on the disk."""
        descriptor, incoming = tempfile.mkstemp(prefix="incoming-", dir=self._folder)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(chunks)
                file.flush()
                os.fsync(file.fileno())
        except BaseException:
            Path(incoming).unlink(missing_ok=True)
            raise
        return Path(incoming)


def _holds(path: Path, sha256: str) -> bool:
    if not path.is_file():  # also when the promised digest is no name of a file
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == sha256
