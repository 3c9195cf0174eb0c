"""The interfaces between rooms; implementations are siblings that import only this.

Rules of every `Store`:
- Paths are `repository/folder/.../file`; see `model/paths.py`. An `Upload` with another path cannot be made;
  reading under another path finds nothing.
- Content is immutable: the same bytes again change nothing, other bytes under one path are a `Conflict`
  that names both digests. Properties are mutable: lists of texts by name, sorted, each text once.
- A build is name + number + instant of `started` in whole milliseconds: `Z` and `+0000` are the same run.
- Publishing a build is all or nothing: a reader sees the build and every file of it, or none of them.
- A run grows and rises, it is never replaced: modules are appended, statuses are added, files move up.
- Reading a store that does not exist yet finds nothing and creates nothing.
- Only `StoreError` and its children escape; what no store could keep (a build without a name) is a plain
  `StoreError`, found before anything is touched.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Protocol

from pytest_defend.model.paths import check_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from pytest_defend.model.buildinfo import BuildId, BuildInfo, Module
    from pytest_defend.model.checksums import Checksums
    from pytest_defend.model.repositories import Repository

__all__ = [
    "Clock",
    "Item",
    "Promoted",
    "Promotion",
    "Repositories",
    "Run",
    "Signer",
    "Store",
    "Upload",
    "Verifier",
]


class Clock(Protocol):
    """Says what time it is."""

    def __call__(self) -> datetime:
        """The present instant, aware."""


class Signer(Protocol):
    """A key that signs."""

    @property
    def keyid(self) -> str:
        """Which key it is: sha256 of its public half (DER, SubjectPublicKeyInfo), hexadecimal."""

    def sign(self, message: bytes) -> bytes:
        """The signature of a message."""


class Verifier(Protocol):
    """A key that is trusted."""

    @property
    def keyid(self) -> str:
        """Which key it is, as its `Signer` says."""

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key made the signature of this message."""


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

    def __post_init__(self) -> None:
        check_path(self.path)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Promotion:
    """What is to become of a build, as Artifactory understands it."""

    status: str
    """What the build has reached; empty to record nothing."""
    source: str = ""
    """Key of the repository the files must be in; empty for wherever they are."""
    target: str = ""
    """Key of the repository the files go to, with their paths; empty to leave them where they are."""
    copy: bool = False
    """Leave the files in their source, too."""
    properties: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Set on the promoted files; each name given is replaced."""
    dependencies: bool = False
    """Promote what the build used, too, as far as it is kept here."""
    scopes: tuple[str, ...] = ()
    """Of the dependencies; empty for all."""
    fail_fast: bool = True
    """Refuse before anything moves; otherwise say in a message what was left out."""
    dry_run: bool = False
    """Change nothing, and answer as if."""
    comment: str = ""
    """Kept with the status; lost without one."""
    user: str = ""
    """On whose behalf; the `ciUser` of the status."""
    timestamp: datetime | None = None
    """Of the status; now when it is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Promoted:
    """What a promotion did, or would do."""

    paths: tuple[str, ...]
    """Where the files of the build are now, sorted."""
    messages: tuple[str, ...]
    """What was left out, one sentence each."""


class Repositories(Protocol):
    """The repositories of a store; none is ever removed.

    Raises:
        Conflict: The key has another one: to create, of other properties; to update, of another kind.
        NotFound: A member is not there, or what is to be updated.
    """

    def find(self, keys: Iterable[str]) -> Mapping[str, Repository]:
        """Those of these that are there, by key."""

    def create(self, repository: Repository) -> None:
        """Make one; one that is like it, and there already, stays as it is."""

    def update(self, repository: Repository) -> None:
        """Give a virtual one these members and this default deployment; nothing else of it changes."""


class Store(Protocol):
    """Where files and builds are kept."""

    @property
    def locator(self) -> str:
        """Where it is, without credentials, as shown to people."""

    @property
    def repositories(self) -> Repositories:
        """What files are kept in."""

    def put(self, upload: Upload) -> Item:
        """Keep one file.

        The same bytes again add the property values the file does not have yet.

        Raises:
            Conflict: Other bytes are kept under this path.
            Corrupt: The bytes are not what `upload.checksums` says.
            Unavailable: The bytes cannot be read from their source.
        """

    def open(self, path: str) -> BinaryIO:
        """The bytes of a file, read-only.

        Raises:
            NotFound: No such file.
            Corrupt: The file is not what was kept; altered bytes are never handed out.
        """

    def part(self, path: str, start: int, size: int) -> bytes:
        """Some bytes of a file, fewer at its end: to look into an archive that is not fetched.

        They are compared with nothing; what counts is opened.

        Raises:
            NotFound: No such file.
            Unavailable: Where it is kept, files are only given as a whole.
        """

    def stat(self, path: str) -> Item:
        """What is known about a file.

        Raises:
            NotFound: No such file.
        """

    def list(self, prefix: str) -> Sequence[Item]:
        """Every file below a folder, and the one whose path is `prefix`, sorted by path.

        Args:
            prefix: `repository/folder`: finds `repository/folder/file`, not `repository/folder2/file`;
                empty for every file.
        """

    def annotate(self, paths: Sequence[str], properties: Mapping[str, tuple[str, ...]]) -> None:
        """Set properties of files, of all or of none.

        Each name given is replaced, an empty value removes it.

        Raises:
            NotFound: One of the files is not there.
        """

    def publish_build(self, build: BuildInfo, uploads: Sequence[Upload] = ()) -> None:
        """Keep a build and its files, all or nothing.

        The same run with the same document and files again changes nothing: neither the properties of its
        files nor the spelling of its `started`, nor what was appended or promoted since.

        Raises:
            Conflict: A run of this name and number with another `started`, this run with another document or
                without one of these files, or other bytes under one of the paths are kept already.
            Corrupt: The bytes of a file are not what its checksums say.
            Unavailable: The bytes of a file cannot be read from their source.
        """

    def append(self, build: BuildId, modules: Sequence[Module], uploads: Sequence[Upload] = ()) -> None:
        """Add modules and files to a run that is kept, all or nothing.

        The same modules again change nothing. Of many that append at once, nobody loses anything.

        Args:
            build: As `build` finds it.
            modules: Added behind those that are there.
            uploads: Files to keep with them.

        Raises:
            NotFound: No such build.
            Conflict: Another module has the id of one of these, other bytes are kept under one of the paths,
                or the modules are there and one of the files is not.
            Corrupt: The bytes of a file are not what its checksums say.
            Unavailable: The bytes of a file cannot be read from their source.
        """

    def promote(self, build: BuildId, promotion: Promotion) -> Promoted:
        """Move or copy the files of a build to another repository and record its new status.

        A file is one of the build when its path in the repository and its sha256 are those of the document.
        What is in the target already stays as it is, so that the same promotion again succeeds. Files are
        looked for when they are to move or to get properties.

        Raises:
            NotFound: No such build, or one of its files is not there (`fail_fast`).
            Conflict: Other bytes are in the target under the path of a file (`fail_fast`).
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
