"""What signing and verifying answer.

Rules:
- Made of what a store says; nothing here is stored.
- `to_dict` of these is the documented JSON of the commands and stays stable.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pytest_defend.model.answer import Answer
from pytest_defend.model.fields import Document

__all__ = ["ApprovalView", "EvidenceView", "KeyView", "SignedRow", "Signing", "SigningView", "StatementView"]


class Signing(StrEnum):
    """What became of one statement."""

    SIGNED = "signed"
    ALREADY = "already signed"
    NOT = "not signed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRow(Document):
    """One statement about one run of a stage, and one key."""

    stage: str
    run: str
    predicate: str
    """Its type."""
    state: Signing
    keyid: str = ""
    """Of the key that signs."""
    result: str = ""
    """`passed`, `warned`, `failed` or `incomplete`; empty for one that is not signed."""
    reason: str = ""
    """Why it is not signed."""
    unknown: bool = False
    """Whether it is not signed because nobody knows enough yet, rather than because something is wrong."""
    statement: str = ""
    """Digest the chain knows it by."""
    path: str = ""
    """Of the file it is in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningView(Document):
    """What was signed of a build."""

    build: str
    store: str
    rows: tuple[SignedRow, ...] = ()
    warnings: tuple[str, ...] = ()
    """What else could not be done; nothing depends on it."""

    @property
    def answer(self) -> Answer:
        """Whether everything that was asked for is signed."""
        left = [row for row in self.rows if row.state is Signing.NOT]
        if any(not row.unknown for row in left):
            return Answer.NO
        return Answer.UNKNOWN if left else Answer.YES


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementView(Document):
    """One line of a file of envelopes."""

    path: str
    line: int = 0
    """From 1; 0 for a file that cannot be read."""
    statement: str = ""
    """Digest the chain knows it by."""
    predicate: str = ""
    """Its type; empty for a statement that is not believed."""
    says: str = ""
    """What it says, in words; empty for one that is not believed."""
    keys: tuple[str, ...] = ()
    """Ids of the trusted keys that signed it."""
    problems: tuple[str, ...] = ()
    """Why it counts for nothing, one sentence each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceView(Document):
    """The signed evidence of a build, looked at."""

    build: str
    store: str
    trusted: tuple[str, ...]
    """Ids of the keys that were given."""
    statements: tuple[StatementView, ...] = ()
    chain: tuple[str, ...] = ()
    """What is wrong with the chain, one sentence each."""
    files: tuple[str, ...] = ()
    """What is wrong with the files the statements are about, one sentence each."""
    unsigned: tuple[str, ...] = ()
    """Runs of stages without a statement that counts: `STAGE (RUN)`."""

    @property
    def answer(self) -> Answer:
        """Whether all of it holds; unknown when there is too little to say so."""
        if self.chain or self.files or any(each.problems for each in self.statements):
            return Answer.NO
        return Answer.UNKNOWN if self.unsigned or not self.statements else Answer.YES


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalView(Document):
    """An approval of a build for a level."""

    build: str
    store: str
    level: str
    recorded: bool
    """Whether a status was written; it stands there already otherwise."""
    status: str
    user: str = ""
    """Who approves, as far as we can say; the server knows whose account it was."""
    reason: str = ""
    signed: SignedRow | None = None
    """The signed approval; null without a key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyView(Document):
    """A new key."""

    keyid: str
    kind: str
    private: str
    """File of the private half."""
    public: str
    """File of the public half."""
    encrypted: bool
