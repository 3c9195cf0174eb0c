"""Which run of which CI system this is.

Rules:
- `build_name` and `build_number` together name one try of one run: the next try has another number.
- What the system does not say is empty, never guessed. No URL holds user information.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_defend.model.fields import Document

__all__ = ["CiFacts"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CiFacts(Document):
    """What a CI system says about the run it started us in."""

    system: str
    """`GitHub Actions`, `Jenkins`, ..."""
    build_name: str = ""
    """Unique path of the workflow, pipeline or project, parts joined with `/`."""
    build_number: str = ""
    """Number of the run, then a dot and `attempt` when that is known; without `/`."""
    url: str = ""
    """Of the run."""
    branch: str = ""
    """The source branch for a change under review; empty for a tag."""
    commit: str = ""
    """What the system asked to be checked out; git itself says what was."""
    job: str = ""
    """The part of the run we are in."""
    attempt: int = 0
    """1 for the first try; 0 when the system does not say."""
    change: str = ""
    """Number of the pull or merge request."""
    summary_file: str = ""
    """A file of Markdown the system shows with the run."""
