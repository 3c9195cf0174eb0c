"""A decision as an in-toto statement: SLSA's verification summary (VSA).

Rules:
- It names every statement the decision rests on, by the digest of its file and by that of the statement: so
  it keeps the ends of the chain, too.
- The levels of a ladder are values of our own, `DEFEND_LEVEL_<level>`; nothing claims a level of SLSA.
- No `dependencyLevels` claims nothing about dependencies; an empty one says there are none.
- It has no fields of our own: a verifier that knows the specification knows all of it.

Source: https://slsa.dev/spec/v1.1/verification_summary
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pytest_defend.documents.chain import STATED
from pytest_defend.documents.statements import STATEMENT, Descriptor, Statement, timestamp
from pytest_defend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

__all__ = ["VERIFICATION_SUMMARY", "Decided", "input_of", "level_value", "summary_statement"]

VERIFICATION_SUMMARY = "https://slsa.dev/verification_summary/v1"
_SLSA = "1.1"
_FAILED = "FAILED"


def level_value(level: str) -> str:
    """What a level of a ladder is called in `verifiedLevels` and `dependencyLevels`."""
    return f"DEFEND_LEVEL_{level}"


def input_of(statement_sha256: str, *, uri: str, file_sha256: str) -> Descriptor:
    """One statement that a decision rests on.

    Args:
        statement_sha256: What the chain calls it (`chain.digest_of`).
        uri: Where its file is.
        file_sha256: Of the file.
    """
    return Descriptor(uri=uri, digest={"sha256": file_sha256}, annotations={STATED: statement_sha256})


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """A decision about files.

    Attributes:
        subjects: The files it is about, each with a digest.
        verifier: Who decided: a URI that those who trust it know.
        versions: Of the parts of the verifier, by name.
        at: When.
        resource: Where the files are (or will be) fetched from by those who rely on the decision: a URI.
        policy: The rules: with a uri, and the digest of their text.
        inputs: Every statement it rests on; see `input_of`.
        passed: Whether the answer is yes.
        level: The level of the ladder the files reach with it.
        dependencies: How many dependencies there are at each level, each counted once at its highest; None to
            claim nothing.
    """

    subjects: tuple[Descriptor, ...]
    verifier: str
    versions: Mapping[str, str] = field(default_factory=dict)
    at: datetime
    resource: str
    policy: Descriptor
    inputs: tuple[Descriptor, ...]
    passed: bool
    level: str
    dependencies: Mapping[str, int] | None = None


def summary_statement(decided: Decided) -> Statement:
    """A decision as a statement.

    Args:
        decided: The decision.

    Raises:
        UsageError: It is about nothing, nobody made it, or it rests on something that has no digest.
    """
    missing = [
        what
        for what, said in {
            "what it is about": decided.subjects and all(each.digest for each in decided.subjects),
            "who decided": decided.verifier,
            "where the files are": decided.resource,
            "its policy": decided.policy.uri,
            "the digests of what it rests on": all(each.digest for each in decided.inputs),
        }.items()
        if not said
    ]
    if missing:
        raise UsageError(f"A decision has to say {', '.join(missing)}.")
    verifier: dict[str, Any] = {"id": decided.verifier}
    if decided.versions:
        verifier["version"] = dict(decided.versions)
    predicate: dict[str, Any] = {
        "verifier": verifier,
        "timeVerified": timestamp(decided.at),
        "resourceUri": decided.resource,
        "policy": decided.policy.to_dict(),
        "inputAttestations": [each.to_dict() for each in decided.inputs],
        "verificationResult": "PASSED" if decided.passed else _FAILED,
        "verifiedLevels": [level_value(decided.level) if decided.passed else _FAILED],
        "slsaVersion": _SLSA,
    }
    if decided.dependencies is not None:
        predicate["dependencyLevels"] = {
            level_value(level): count for level, count in decided.dependencies.items()
        }
    return Statement(
        type=STATEMENT, subject=decided.subjects, predicate_type=VERIFICATION_SUMMARY, predicate=predicate
    )
