"""What a run ran on: interpreter, platform, process, source, CI, packages; and what could not be read.

Rules:
- A fact that could not be read is absent and named by a `Gap`, never guessed.
- Nothing here holds a credential: values come in redacted, URLs without user information.
- Sequences are sorted where their order means nothing, so that two readings are byte-identical.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from pytest_defend.model.fields import Document

__all__ = ["Gap"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Gap(Document):
    """Something that should be in the record and is not, or contradicts it."""

    topic: str
    """What is affected: `git`, `journal`, `junit`, `distributions`, `attachments`, ..."""
    problem: str
    """One sentence: what happened, where, what next."""
