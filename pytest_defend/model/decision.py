"""Decisions: may this build stand on that level, and why.

Rules:
- Every rule finds `pass`, `fail` or `unknown`; evidence that is missing is unknown, and unknown refuses.
- A finding says what was expected, what was found, where that is to be seen, and what to do next.
- A decision holds the snapshot it was made from: judging the same snapshot again gives the same findings.
- An override is part of the decision: who, why, until when. Rules about integrity cannot be overridden.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from pytest_defend.model.fields import Document
from pytest_defend.model.ruling import Ruling
from pytest_defend.model.snapshot import Snapshot

__all__ = ["SCHEMA", "Decision", "Difference", "Finding", "Override", "Replay", "Ruling", "Severity"]

SCHEMA = "pytest-defend/decision/1"


class Severity(StrEnum):
    """What a finding that is no pass does."""

    ENFORCE = "enforce"  # refuses
    WARN = "warn"  # is shown
    OFF = "off"  # is not judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Override(Document):
    """A rule that somebody answers for."""

    rule: str
    """Its name in the policy."""
    who: str
    """Answers for it, as the environment says."""
    reason: str
    """Why that is right."""
    until: datetime | None = None
    """Not in force after this instant; null for this decision alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding(Document):
    """What one rule found."""

    rule: str
    """Its name; with several of one name followed by `:` and what it is about."""
    ruling: Ruling
    """What it found."""
    expected: str
    """What the rule wants, in words."""
    actual: str
    """What there is, in words."""
    evidence: tuple[str, ...] = ()
    """Where that is to be seen: paths in the store, ids of modules, names of properties."""
    next: str = ""
    """What to do about it; empty for a pass."""
    severity: Severity = Severity.ENFORCE
    """What it does when it is no pass: it refuses, is shown, or was not judged."""
    override: Override | None = None

    @property
    def refuses(self) -> bool:
        """Whether a decision with this finding is no yes."""
        passed = self.ruling is Ruling.PASS or self.override is not None
        return not passed and self.severity is Severity.ENFORCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision(Document):
    """One evaluation of a gate."""

    schema: str
    """Which document this is: `pytest-defend/decision/1`."""
    id: str
    """Unique: its instant in epoch milliseconds, and random digits."""
    build: str
    """`NAME/NUMBER@STARTED`."""
    level: str
    """The level it is about."""
    ruling: Ruling
    """`pass` when no finding refuses, `fail` when one that refuses is a fail, else `unknown`."""
    recorder: str
    """Version of pytest-defend."""
    findings: tuple[Finding, ...]
    """In the order of the policy; those about integrity first."""
    snapshot: Snapshot
    """Everything the rules looked at, or its digests."""

    @property
    def refusals(self) -> tuple[Finding, ...]:
        """The findings that refuse."""
        return tuple(finding for finding in self.findings if finding.refuses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference(Document):
    """A rule that finds something else than it found before."""

    rule: str
    then: Finding | None = None
    """As decided; null for a rule there was not."""
    now: Finding | None = None
    """As judged again; null for a rule there is no more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay(Document):
    """An old decision, judged again from its snapshot and the documents as they are now."""

    decision: str
    """Id of the decision."""
    build: str
    """`NAME/NUMBER@STARTED`."""
    level: str
    then: Ruling
    """As decided."""
    now: Ruling
    """As judged again."""
    findings: tuple[Finding, ...]
    """As judged again."""
    differs: tuple[Difference, ...] = ()
    """In the order of the decision; rules that are new come last."""
    policy_then: str = ""
    """Digest of the policy, as the decision says."""
    policy_computed: str = ""
    """Digest of the policy that is in the decision; it was altered when this is not
    `policy_then`."""
    policy_now: str = ""
    """Digest of the policy of today; empty when there is none."""
    recorder_then: str = ""
    """Version of pytest-defend that decided."""
    recorder: str = ""
    """Version of pytest-defend that judged again."""

    @property
    def same(self) -> bool:
        """Whether judging again finds what was decided, by the policy that was decided by."""
        return not self.differs and self.then is self.now and self.policy_then == self.policy_computed
