"""The rule about signed evidence.

Rules:
- A signature counts when it is of a key this rule trusts; keys that other rules trust are nobody here. A key
  counts once for a statement.
- The result of a stage counts when its statement is about the very record that is judged, says that it is
  green, is of this build, and is about nothing but its packages or its commit.
- An envelope that does not hold is refused unless the policy lets strangers be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_defend.documents.chain import BUILD
from pytest_defend.documents.stageresult import TEST_RESULT
from pytest_defend.gates.material import (
    build_said,
    counting,
    digest_of,
    listed,
    packages,
    plural,
    runs_of,
    shown_run,
)
from pytest_defend.gates.rule import Needs, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.model.decision import Finding
    from pytest_defend.model.evidence import EnvelopeEvidence, Evidence, StageEvidence

__all__ = ["RULES", "SignatureRule"]

_GREEN = ("PASSED", "WARNED")
_STRANGERS = ("refuse", "ignore")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureRule(Rule):
    """The evidence is signed by those who are trusted."""

    NAME: ClassVar[str] = "signature"
    MAIN: ClassVar[str] = "keys"
    ASKS_STORE: ClassVar[bool] = True

    keys: tuple[str, ...]
    """Public keys that are trusted, as PEM, files, or `store:REPOSITORY/PATH`."""
    at_least: int = 1
    """How many different keys must have signed each statement."""
    stages: tuple[str, ...] = ()
    """Whose results must be signed; those the level requires, or every stage, when none is named."""
    predicates: tuple[str, ...] = ()
    """Types of further statements there must be about every package: `https://slsa.dev/provenance/v1`."""
    strangers: str = "refuse"
    """What becomes of envelopes that do not hold, because of an unknown key, say: `refuse` or `ignore`."""

    def needs(self) -> Needs:
        """The keys."""
        return Needs(keys=self.keys)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Parameters that make no sense."""
        if not self.keys:
            yield "keys", "names no key"
        if self.at_least < 1:
            yield "at-least", "must be 1 or more"
        if self.strangers not in _STRANGERS:
            yield "strangers", f"must be one of {', '.join(_STRANGERS)}"

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        names = counting(evidence, self.stages)
        expected = f"{listed(names) or 'every stage'} signed by {plural(self.at_least, 'trusted key')}"
        unread = [text for text in self.keys if not evidence.keys.get(text)]
        if unread:
            shown = ["a key in the policy" if "-----BEGIN" in text else text for text in unread]
            step = "Put the public keys where the policy says, and install pytest-defend[sign]."
            return self.cannot_say(expected, f"no key can be read from {listed(shown)}", next=step)
        trusted = frozenset().union(*(evidence.keys[text] for text in self.keys))
        broken = [f"{_place(each)}: {each.problem}" for each in evidence.envelopes if each.problem]
        missing = [*self._unsigned_stages(evidence, names, trusted), *self._unsigned(evidence, trusted)]
        seen = list(dict.fromkeys(each.path for each in evidence.envelopes))
        if missing or (broken and self.strangers == "refuse"):
            step = "Sign the results with a trusted key: pytest-defend sign."
            return self.fails(expected, listed([*missing, *broken], "; "), seen, next=step)
        if not names and not self.predicates:
            return self.cannot_say(expected, "no stage has run", next="Run the stages of the level.")
        count = sum(each.statement is not None and bool(each.keys & trusted) for each in evidence.envelopes)
        return self.passes(expected, f"{plural(count, 'statement')} signed by trusted keys", seen)

    def _unsigned_stages(
        self, evidence: Evidence, names: tuple[str, ...], trusted: frozenset[str]
    ) -> Iterator[str]:
        runs = runs_of(evidence, names) if names else ()
        for name in names:
            if name not in {run.fact.stage for run in runs}:
                yield f"stage {name!r} has not run"
        for run in runs:
            keys: set[str] = set()
            reasons = []
            for envelope in evidence.envelopes:
                if envelope.statement is not None and _is_about(envelope.statement, evidence, run):
                    problem = _result_problem(envelope.statement, evidence, run)
                    reasons += [f"{_place(envelope)} {problem}"] if problem else []
                    keys |= set() if problem else envelope.keys & trusted
            if len(keys) < self.at_least:
                signed = (
                    f"{plural(len(keys), 'trusted key')} signed its result"
                    if keys
                    else "no trusted key signed its result"
                )
                yield listed([f"{shown_run(run)}: {signed}", *reasons], ", ")

    def _unsigned(self, evidence: Evidence, trusted: frozenset[str]) -> Iterator[str]:
        """Packages about which a further statement is missing."""
        for predicate in self.predicates:
            for file in packages(evidence):
                keys: set[str] = set()
                for envelope in evidence.envelopes:
                    statement = envelope.statement or {}
                    fits = statement.get("predicateType") == predicate and file.sha256 in _subjects(statement)
                    keys |= envelope.keys & trusted if fits and not envelope.problem else set()
                if len(keys) < self.at_least:
                    yield f"{file.path}: {plural(len(keys), 'trusted key')} signed a statement {predicate}"


def _place(envelope: EnvelopeEvidence) -> str:
    return f"{envelope.path}, line {envelope.line}" if envelope.line else envelope.path


def _subjects(statement: Mapping[str, Any], algorithm: str = "sha256") -> frozenset[str]:
    """Digests of what a statement is about."""
    subjects = statement.get("subject")
    digests = [each.get("digest") for each in subjects or () if isinstance(each, Mapping)]
    return frozenset(
        str(each[algorithm]) for each in digests if isinstance(each, Mapping) and each.get(algorithm)
    )


def _is_about(statement: Mapping[str, Any], evidence: Evidence, run: StageEvidence) -> bool:
    """Whether a statement is the result of this very run, by the digest of its record."""
    predicate = statement.get("predicate")
    if statement.get("predicateType") != TEST_RESULT or not isinstance(predicate, Mapping):
        return False
    configuration = predicate.get("configuration")
    first = configuration[0] if isinstance(configuration, (list, tuple)) and configuration else None
    digest = first.get("digest") if isinstance(first, Mapping) else None
    record = digest_of(evidence, run.fact.record)
    return bool(record) and isinstance(digest, Mapping) and digest.get("sha256") == record


def _result_problem(statement: Mapping[str, Any], evidence: Evidence, run: StageEvidence) -> str:
    """Why a result of a stage is none for this build; empty when it is."""
    predicate = statement["predicate"]
    excused = evidence.is_green(run) and not run.green  # a statement knows of no quarantine
    if predicate.get("result") not in _GREEN and not excused:
        return f"says {predicate.get('result') or 'nothing'}"
    if predicate.get(BUILD) != build_said(evidence):
        return "is of another build"
    files, commits = _subjects(statement), _subjects(statement, "gitCommit")
    strange = files - {file.sha256 for file in packages(evidence)}
    if strange:
        return f"is about files that are not to be promoted: {listed(each[:12] for each in sorted(strange))}"
    revisions = {vcs.revision for vcs in evidence.snapshot.build.vcs}
    if not files and not commits & revisions:
        return "is about neither a package nor the commit of this build"
    return ""


RULES: tuple[type[Rule], ...] = (SignatureRule,)
