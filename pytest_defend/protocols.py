"""The interfaces between rooms; implementations are siblings that import only this.

Rules of every `Store`:
- Paths are `repository/folder/.../file`, no leading slash, no empty, `.` or `..` part.
- Content is immutable: the same bytes again change nothing, other bytes under one path are a `Conflict`
  that names both digests. Properties are mutable: lists of texts by name.
- Publishing a build is all or nothing: a reader sees the build and every file of it, or none of them.
- Only children of `StoreError` escape.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from pytest_defend.model.buildinfo import BuildId, BuildInfo
    from pytest_defend.model.checksums import Checksums

__all__ = ["Clock", "Item", "Run", "Store", "Upload"]


class Clock(Protocol):
    """Says what time it is."""

    def __call__(self) -> datetime:
        """The present instant, aware."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    """A file to keep.

    Attributes:
        path: `repository/folder/.../file`.
        checksums: Of its bytes, computed before; a store compares while the bytes move.
        open: Opens the bytes for reading from their start; may be called again.
        properties: Values to add to those the file has.
    """

    path: str
    checksums: Checksums
    open: Callable[[], BinaryIO]
    properties: Mapping[str, tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """A file that is kept."""

    path: str
    checksums: Checksums
    properties: Mapping[str, tuple[str, ...]]
    created: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One published run of a build: its identity, and the `started` of it as an instant."""

    id: BuildId
    started_at: datetime


class Store(Protocol):
    """Where files and builds are kept."""

    @property
    def locator(self) -> str:
        """Where it is, without credentials, as shown to people."""

    def put(self, upload: Upload) -> Item:
        """Keep one file.

        Raises:
            Conflict: Other bytes are kept under this path.
            Corrupt: The bytes are not what `upload.checksums` says.
        """

    def open(self, path: str) -> BinaryIO:
        """The bytes of a file, read-only.

        Raises:
            NotFound: No such file.
        """

    def stat(self, path: str) -> Item:
        """What is known about a file.

        Raises:
            NotFound: No such file.
        """

    def list(self, prefix: str) -> Sequence[Item]:
        """Every file below a folder, or the one whose path is `prefix`, sorted by path."""

    def annotate(self, path: str, properties: Mapping[str, tuple[str, ...]]) -> None:
        """Set properties of a file; each name given is replaced, an empty value removes it.

        Raises:
            NotFound: No such file.
        """

    def publish_build(self, build: BuildInfo, uploads: Sequence[Upload] = ()) -> None:
        """Keep a build and its files, all or nothing.

        The same build (name, number, started) with the same content again changes nothing.

        Raises:
            Conflict: A run of this name and number with another `started`, this run with other content,
                or other bytes under one of the paths are kept already.
        """

    def build(self, build: BuildId) -> BuildInfo:
        """One build.

        The latest `started` of its number when `build.started` is empty; the latest run of that name when the
        number is `latest`.

        Raises:
            NotFound: No such build.
        """

    def builds(self, name: str = "") -> Sequence[Run]:
        """Every run of that name (of every name when empty), sorted by name, then `started`."""

    def find(self, sha256s: Iterable[str]) -> Mapping[str, Sequence[Item]]:
        """The files with these contents, by sha256; digests nobody keeps are absent."""
