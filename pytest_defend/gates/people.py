"""Rules about time and people: how long a build has stood on the level below, and who agreed.

Rules:
- A build stands on a level since the status that says so, or since its files are there, whichever is later.
  On the lowest level it stands since it was published. A level above, or coming down, begins it anew.
- Whoever published the build does not approve it. An approval is of one run of a build, for one level.
- Who set a status is what the server says; what a client says about its user counts only where that is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_defend.documents.chain import BUILD
from pytest_defend.gates.material import age, build_said, duration, instant, listed, packages, plural
from pytest_defend.gates.rule import Needs, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from pytest_defend.model.decision import Finding
    from pytest_defend.model.evidence import EnvelopeEvidence, Evidence

__all__ = ["APPROVAL", "APPROVED", "RULES", "Approvals", "Soak"]

APPROVED = "approved:"
"""How the status of an approval begins; the name of the level follows."""
APPROVAL = "pytest-defend:approval/1"
"""Predicate of a signed approval of the packages, for the `level` it names."""
_DOWN = ("demoted", "revoked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Soak(Rule):
    """The build has stood on the level below for a while."""

    NAME: ClassVar[str] = "soak"
    MAIN: ClassVar[str] = "at-least"
    ASKS_STORE: ClassVar[bool] = True

    at_least: Any
    """How long: `90m`, `24h`, `7d`, `2w`; a bare number counts hours."""

    @property
    def length(self) -> timedelta | None:
        """The same as a length of time; None when it is none."""
        whole = isinstance(self.at_least, int) and not isinstance(self.at_least, bool)
        return duration(f"{self.at_least}h" if whole else str(self.at_least))

    def problems(self) -> Iterator[tuple[str, str]]:
        """Parameters that make no sense."""
        if not self.length:
            yield "at-least", "must be a length of time like 90m, 24h, 7d or 2w"

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        snapshot = evidence.snapshot
        ladder, wanted = snapshot.policy.ladder, self.length or timedelta()
        below = ladder.below(snapshot.level)
        level = below.name if below else ""
        on = f"on {level}" if level else "published"
        expected = f"{on} for at least {age(wanted)}"
        names = [each.name for each in ladder.levels]
        if level and (snapshot.standing not in names or ladder.rank(snapshot.standing) < ladder.rank(level)):
            stands = f"it stands on {snapshot.standing or 'no level'}"
            return self.fails(expected, stands, next=f"Promote it to {level} first, and let it stand there.")
        since = _since(evidence, level)
        if since is None:
            actual = f"nothing says since when it is {on}"
            step = f"Promote it to {level}, so that the build says when." if level else "Publish its files."
            return self.cannot_say(expected, actual, next=step)
        stood = snapshot.taken - since
        actual = f"{on} for {age(max(stood, timedelta()))}, since {since:%Y-%m-%d %H:%M} UTC"
        if stood >= wanted:
            return self.passes(expected, actual)
        return self.fails(expected, actual, next=f"Ask again in {age(wanted - stood)}.")


def _since(evidence: Evidence, level: str) -> datetime | None:
    """Since when all packages have been on a level; empty for being published at all."""
    snapshot = evidence.snapshot
    ladder = snapshot.policy.ladder
    firsts = []
    for file in packages(evidence):
        there = [
            kept.created
            for kept in file.intact
            if not level or ((place := ladder.highest([kept.path])) is not None and place.level == level)
        ]
        firsts.append(min(there, default=None))
    created = [first for first in firsts if first is not None]
    if len(created) < max(len(firsts), 1):
        return None
    if not level or ladder.rank(level) == 0:
        return max(created)
    said = _said(evidence, level)
    return None if said is None else max(said, *created)


def _said(evidence: Evidence, level: str) -> datetime | None:
    """Since when the statuses of the build say that it is on a level; None when they do not."""
    ladder = evidence.snapshot.policy.ladder
    above = {each.name for each in ladder.levels[ladder.rank(level) + 1 :]}
    told = [(instant(each.timestamp), each.status) for each in evidence.snapshot.build.statuses]
    since = None
    for moment, status in sorted((moment, status) for moment, status in told if moment is not None):
        if status in above:
            since = None
        elif status.startswith(_DOWN) or (status == level and since is None):
            since = moment
    return since


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals(Rule):
    """People who are not the author agreed."""

    NAME: ClassVar[str] = "approvals"
    MAIN: ClassVar[str] = "at-least"
    ASKS_STORE: ClassVar[bool] = True

    at_least: int = 1
    """How many different people."""
    authors: tuple[str, ...] = ()
    """Accounts that never count, like that of the pipeline; besides the principals the build-info names."""
    claimed: bool = False
    """Whether the user that a client of the server names (`ciUser`) counts like the one the server saw."""
    keys: tuple[str, ...] = ()
    """Public keys of those who may approve, as PEM, files, or `store:REPOSITORY/PATH`. With keys only signed
    approvals count."""

    def needs(self) -> Needs:
        """The keys."""
        return Needs(keys=self.keys)

    def problems(self) -> Iterator[tuple[str, str]]:
        """Parameters that make no sense."""
        if self.at_least < 1:
            yield "at-least", "must be 1 or more"
        if self.claimed and self.keys:
            yield "claimed", "means nothing with keys: a signature says who it is"

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        level = evidence.snapshot.level
        people = "1 person" if self.at_least == 1 else f"{self.at_least} people"
        expected = f"{people} approved it for {level}, not counting its author"
        if self.keys:
            return self._signed(evidence, expected)
        build = evidence.snapshot.build
        named = (*self.authors, build.principal, build.artifactory_principal)
        authors = {name.casefold() for name in named if name}
        given = [each for each in build.statuses if each.status == f"{APPROVED}{level}"]
        approved = {
            name.casefold(): name
            for each in given
            for name in ((each.user or each.ci_user) if self.claimed else each.user,)
            if name
        }
        counted = {name: shown for name, shown in approved.items() if name not in authors}
        told = f"approved by {listed(sorted(counted.values()))}" if counted else "approved by nobody"
        if own := sorted(shown for name, shown in approved.items() if name in authors):
            told += f"; {listed(own)} does not count"
        if len(counted) >= self.at_least and authors:
            return self.passes(expected, told)
        if len(counted) >= self.at_least:
            step = "Name the accounts that publish in `authors` of this rule."
            return self.cannot_say(expected, f"{told}; nothing says who published it", next=step)
        missing = self.at_least - len(counted)
        who = "one more person" if missing == 1 else f"{missing} more people"
        step = f"Let {who} approve it: pytest-defend approve {build.name}/{build.number} --level {level}"
        return self.fails(expected, told, next=step)

    def _signed(self, evidence: Evidence, expected: str) -> Finding:
        unread = [name for name in self.keys if not evidence.keys.get(name)]
        if unread:
            step = "Put the public keys where the policy says, and install pytest-defend[sign]."
            actual = f"no key can be read from {listed(map(_shown_key, unread))}"
            return self.cannot_say(expected, actual, next=step)
        trusted = frozenset().union(*(evidence.keys[name] for name in self.keys))
        signers: dict[str, str] = {}
        for envelope in evidence.envelopes:
            if _approves(envelope, evidence):
                signers |= dict.fromkeys(envelope.keys & trusted, envelope.path)
        shown = f" ({listed(key[:12] for key in sorted(signers))})" if signers else ""
        told = f"signed by {plural(len(signers), 'key')}{shown}"
        if len(signers) >= self.at_least:
            return self.passes(expected, told, sorted(set(signers.values())))
        step = f"Sign an approval of the packages for {evidence.snapshot.level} with one of these keys."
        return self.fails(expected, told, sorted(set(signers.values())), next=step)


def _shown_key(text: str) -> str:
    return "a key in the policy" if "-----BEGIN" in text else text


def _approves(envelope: EnvelopeEvidence, evidence: Evidence) -> bool:
    """Whether a statement approves all packages of this very build for the level."""
    statement = envelope.statement
    if statement is None or envelope.problem or statement.get("predicateType") != APPROVAL:
        return False
    predicate = statement.get("predicate", {})
    if not isinstance(predicate, Mapping) or predicate.get("level") != evidence.snapshot.level:
        return False
    if predicate.get(BUILD) != build_said(evidence):
        return False
    subjects = statement.get("subject", ())
    digests = {
        each["digest"].get("sha256")
        for each in (subjects if isinstance(subjects, (list, tuple)) else ())
        if isinstance(each, Mapping) and isinstance(each.get("digest"), Mapping)
    }
    wanted = {file.sha256 for file in packages(evidence)}
    return bool(wanted) and "" not in wanted and wanted <= digests


RULES: tuple[type[Rule], ...] = (Soak, Approvals)
