"""The three answers to whether something is there, or is what it should be."""

from __future__ import annotations

from enum import Enum

__all__ = ["Answer"]


class Answer(Enum):
    """Whether something that is needed is there."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"  # the store does not tell
