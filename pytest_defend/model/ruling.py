"""The three answers of a rule, and of a gate."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Ruling"]


class Ruling(StrEnum):
    """What a rule, or all of them, found."""

    PASS = "pass"  # noqa: S105  # no password
    FAIL = "fail"
    UNKNOWN = "unknown"  # evidence is missing: refused
