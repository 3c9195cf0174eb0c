"""The process that pytest ran in, and the variables it was given.

Rules:
- As `model/facts.py`: what could not be read is absent, nothing holds a credential, order means something.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_defend.model.fields import Document

__all__ = ["Environment", "Process"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Process(Document):
    """The process pytest ran in."""

    pid: int
    """Its number on that machine."""
    argv: tuple[str, ...]
    """The whole command, interpreter first, redacted."""
    cwd: str = ""
    """Folder it was started in."""
    root: bool | None = None
    """Whether it ran with the rights of the superuser; null where there is none."""
    umask: str = ""
    """Four octal digits."""
    timezone: str = ""
    """As the system abbreviates it: `CET`."""
    utc_offset_minutes: int = 0
    """Local time minus UTC, minutes."""
    locale: str = ""
    """Of the process, all categories: `C.UTF-8`."""
    filesystem_encoding: str = ""
    """How names of files become bytes: `utf-8`."""
    flags: Mapping[str, int] = field(default_factory=dict)
    """`sys.flags` that are not zero."""
    hash_seed: str = ""
    """PYTHONHASHSEED as given."""
    source_date_epoch: str = ""
    """SOURCE_DATE_EPOCH as given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment(Document):
    """Environment variables: the values that may be kept, and the names of the others."""

    variables: Mapping[str, str] = field(default_factory=dict)
    """Values by name, redacted."""
    dropped: tuple[str, ...] = ()
    """Names only, sorted."""
