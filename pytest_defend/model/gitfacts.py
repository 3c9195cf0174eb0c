"""Which source was tested, as git knows it.

Rules:
- As `model/facts.py`: what could not be read is absent, no URL holds a credential, order means something.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_defend.model.fields import Document

__all__ = ["GitFacts", "Submodule", "VersionFacts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Submodule(Document):
    """A git submodule as it stood in the working tree."""

    path: str
    """In the superproject."""
    commit: str
    """What is checked out; what the superproject asks for when nothing is."""
    dirty: bool = False
    """Whether it has changes, untracked files, or another commit than the superproject asks for."""
    checked_out: bool = True
    """Whether its files are there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GitFacts(Document):
    """Which source was tested."""

    commit: str
    """Object name of what is checked out."""
    tree: str
    """Object name of its content: equal for commits with the same files."""
    url: str = ""
    """Of the remote `origin`, else of the first one by name; without user information."""
    branch: str = ""
    """Known on a detached checkout too, when the CI or a remote branch says it."""
    describe: str = ""
    """`git describe`: the nearest tag, the commits since, the commit."""
    dirty: bool = False
    """Whether tracked files or submodules differ from the commit."""
    diff_sha256: str = ""
    """Of the difference between commit and working tree; empty when there is none."""
    untracked: tuple[str, ...] = ()
    """Files git neither tracks nor ignores, sorted; the first 1000."""
    untracked_count: int = 0
    """How many there are, also beyond the first 1000."""
    submodules: tuple[Submodule, ...] = ()
    """As they stood in the working tree, by path."""
    shallow: bool = False
    """Whether history was cut off when it was fetched."""
    worktree: bool = False
    """Whether it is a linked worktree of another checkout."""
    authored_ms: int = 0
    """When the author wrote the commit, epoch milliseconds."""
    subject: str = ""
    """First line of the commit's message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionFacts(Document):
    """What a version number can be derived from."""

    commit: str
    """The first 12 digits."""
    tag: str = ""
    """The nearest tag with a digit in it, without a leading `v`; empty when there is none."""
    distance: int = 0
    """Commits since that tag; all commits when there is none."""
    dirty: bool = False
