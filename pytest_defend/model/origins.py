"""Which file an installed distribution came from, how certain that is, and how that is known.

Rules:
- Only bytes, an installer's own word, or exactly one published file that fits give a digest. What cannot be
  known is absent; a digest is never that of another file than `file`.
- Every source that speaks about a package gives a set of files it may have come from; what is left is what
  all of them allow. Sources that contradict each other leave a set, never a choice.
- A file is what its name says: name, version, build tag and tags of a wheel, compared as values.
- No URL holds a credential.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pytest_defend.model.fields import Document

__all__ = [
    "Candidate",
    "Certainty",
    "Evidence",
    "Held",
    "Inspected",
    "Kept",
    "Offer",
    "Origin",
    "Rejected",
    "Tree",
]


class Certainty(Enum):
    """How certain it is which file a distribution came from, the most certain first."""

    PROVEN = "proven"  # its bytes are at hand, and what they hold is what is installed
    RECORDED = "recorded"  # its installer wrote down the file and its digest
    MATCHED = "matched"  # exactly one published file has its name, version, build tag and tags
    NARROWED = "narrowed"  # several have, and the store keeps exactly one of them
    CONSTRAINED = "constrained"  # one of a known set of digests, nobody can say which
    BUILT = "built"  # built where it was installed, from a source distribution or a commit
    TREE = "tree"  # installed from a folder: a working tree, editable or not
    FOREIGN = "foreign"  # put there by no Python installer: a package of the system or of conda
    UNKNOWN = "unknown"  # no rung of the ladder: nothing says which file

    @property
    def exact(self) -> bool:
        """Whether it is known which file was installed."""
        return self in (Certainty.PROVEN, Certainty.RECORDED, Certainty.MATCHED, Certainty.NARROWED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate(Document):
    """A file of a package, as a source names it."""

    file: str
    """Name of the file; empty when the source gives a digest alone."""
    sha256: str = ""
    """64 digits; empty when the source does not say it."""
    sha1: str = ""
    """Of the same file, where its bytes or a store gave it."""
    md5: str = ""
    """Of the same file, where its bytes or a store gave it."""
    url: str = ""
    """Where it is, without credentials."""
    index: str = ""
    """The index that offers it, without credentials."""
    size_bytes: int = 0
    """How many bytes it has; 0 when the source does not say it."""
    metadata_sha256: str = ""
    """64 digits, of the METADATA in it (PEP 658); empty when the source does not say it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What one source says about one version of one package; stays inside the process.

    Attributes:
        source: Which source, as shown to people: `uv.lock`, `https://example.org/simple/`.
        name: Of the package, in PEP 503 form.
        version: As the source writes it; empty when it speaks of every version.
        marker: Environment marker under which the source means it; empty for always.
        files: The files it names.
        hashes: Sha256 digests it allows, of a source that names no files.
        pinned: Whether it is pip's report of what it chose: one file, not a choice of files.
        group: Sources of one group are alternatives, like the indexes an installer asks: what they offer is
            united. Empty for a source that speaks for itself.
        written_s: When the source was written, epoch seconds; 0 when that means nothing.
        environment: For a report, the marker variables of the interpreter it is about.
    """

    source: str
    name: str
    version: str = ""
    marker: str = ""
    files: tuple[Candidate, ...] = ()
    hashes: tuple[str, ...] = ()
    pinned: bool = False
    group: str = ""
    written_s: float = 0
    environment: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """What the file with some digest holds, as its RECORD says where it lies; stays inside the process.

    Attributes:
        where: Its URL, or its path in a store.
        file: Its name there.
        fingerprint: Of what it installs.
    """

    where: str
    file: str
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Inspected:
    """A wheel that fits by name, and that was looked into; stays inside the process.

    Attributes:
        where: Its path or URL, as shown to people.
        file: With the digests of its bytes; where only its RECORD was read, with what the sources say.
        holds: Whether its RECORD is that of what is installed.
        here: Whether its bytes are on this machine.
        younger: Whether nothing but a source can say that it is the very file: it came after the
            installation, or may have been built here.
        built_from: For a wheel that pip built and kept: what it built it from; a candidate without a name
            when that is not known.
    """

    where: str
    file: Candidate
    holds: bool
    here: bool = True
    younger: bool = False
    built_from: Candidate | None = None

    @property
    def says(self) -> str:
        """What speaks for it, in words."""
        held = "these bytes hold" if self.here else "its RECORD, read where it lies, is that of"
        return f"{held} what is installed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Document):
    """One thing that speaks for an origin."""

    source: str
    """Where it stands: `direct_url.json`, `uv.lock`, the URL of an index, ..."""
    says: str
    """What it says, in words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected(Document):
    """Files that a source names and that were not installed."""

    source: str
    """Which one."""
    why: str
    """What does not fit, in words."""
    files: tuple[str, ...]
    """Names of the files, or digests where the source gives no names, sorted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree(Document):
    """The source a distribution was installed from, when that was no file."""

    url: str = ""
    """Of the folder or the repository, without credentials."""
    commit: str = ""
    """Object name of what was checked out; empty when it is under no version control."""
    dirty: bool | None = None
    """Whether tracked files differed from the commit; null when nobody looked."""
    diff_sha256: str = ""
    """Of that difference; empty when there is none."""
    untracked_count: int = 0
    """How many files git neither tracked nor ignored."""
    subdirectory: str = ""
    """Where in it the package is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept(Document):
    """A place where a store keeps the file, byte for byte."""

    path: str
    """`repository/folder/.../file`"""
    build_name: str = ""
    """Of the build that made it."""
    build_number: str = ""
    """Number of that build."""
    level: str = ""
    """The promotion level its properties say it has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin(Document):
    """Where an installed distribution came from."""

    certainty: Certainty
    """The rung it stands on."""
    file: str = ""
    """Name of the file that was installed; empty when it is not known."""
    sha256: str = ""
    """Of that file, 64 digits; empty when it is not known."""
    sha1: str = ""
    """Of the same file."""
    md5: str = ""
    """Of the same file."""
    size_bytes: int = 0
    """How many bytes it has; 0 when that is not known."""
    url: str = ""
    """Where that file is, without credentials."""
    index: str = ""
    """The index that offers it, without credentials."""
    evidence: tuple[Evidence, ...] = ()
    """What speaks for it."""
    candidates: tuple[Candidate, ...] = ()
    """The files it may have come from, when it is not known which."""
    rejected: tuple[Rejected, ...] = ()
    """The files it did not come from."""
    built_from: Candidate | None = None
    """The source distribution it was built from, if one is known."""
    tree: Tree | None = None
    """The folder or commit it was installed from, if it was."""
    package: str = ""
    """Of a foreign one: the package of the system, `debian python3-yaml 6.0-3+b2`."""
    kept: tuple[Kept, ...] = ()
    """Where the store keeps the file, sorted by path."""
