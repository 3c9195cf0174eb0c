"""Eligibility: may a build stand on its next level, as far as a run knows when it ends.

Rules:
- It is a claim for people and queries. A gate judges again, from the evidence.
- What only the store can tell is left open, and named.
"""

from __future__ import annotations

from dataclasses import dataclass

from pytest_defend.model.fields import Document
from pytest_defend.model.ruling import Ruling

__all__ = ["Eligibility", "eligible_property"]


def eligible_property(level: str) -> str:
    """Name of the property that says whether a build may stand on a level."""
    return f"defend.eligible.{level}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Eligibility(Document):
    """What the rules of one level said."""

    level: str
    """The level."""
    ruling: Ruling
    """`pass`, `fail` or `unknown`, of the rules that could be asked."""
    reasons: tuple[str, ...] = ()
    """Why it is no pass: what each rule that refuses has found, and what to do."""
    left_open: tuple[str, ...] = ()
    """Names of the rules that only the store can answer."""
    policy_sha256: str = ""
    """Of the policy that was asked."""

    @property
    def claim(self) -> str:
        """What the property says: `true` or `false`."""
        return "true" if self.ruling is Ruling.PASS else "false"
