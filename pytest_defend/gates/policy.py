"""A policy: which rules hold for which level, read from the ladder's document.

Rules:
- A level has the rules of the ladder and its own; its own of the same name counts. Rules about integrity
  hold for every level and stay as they are. Some others hold for every level that says nothing about them;
  they are weakened or turned off only with a reason, which decisions show.
- `NAME` or `NAME:WHAT` names a rule, so that one kind can be there several times. A bare value stands for the
  main parameter, `true` for no parameters, `false` for off.
- Besides its own parameters every rule has `severity` (`enforce`, `warn`, `off`), `effective-on` (a day;
  before it the rule warns), `expires-on` (a day; after it the rule is off) and `reason`.
- The digest of a policy is that of the canonical bytes of its ladder: the same wherever it was read from.
- Every problem is found in one reading.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import InvalidDocument
from pytest_defend.model.decision import Severity
from pytest_defend.model.snapshot import PolicyFact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.gates.rule import Rule
    from pytest_defend.model.ladder import Ladder, Level

__all__ = ["Applied", "Policy", "read_policy"]

_DATES = {"effective_on", "expires_on"}
_COMMON = ("severity", "effective-on", "expires-on", "reason")
Problems = list[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """A rule as a policy wants it.

    Attributes:
        key: `NAME` or `NAME:WHAT`.
        rule: With its parameters.
        severity: Once it is in force.
        effective_on: Before this day it warns; None for always.
        expires_on: After this day it is off; None for never.
        reason: Why it is as it is.
    """

    key: str
    rule: Rule
    severity: Severity = Severity.ENFORCE
    effective_on: date | None = None
    expires_on: date | None = None
    reason: str = ""

    def severity_at(self, now: datetime) -> Severity:
        """What a finding of it does at that instant."""
        if self.expires_on and now >= _midnight(self.expires_on) + timedelta(days=1):
            return Severity.OFF
        if self.effective_on and now < _midnight(self.effective_on) and self.severity is Severity.ENFORCE:
            return Severity.WARN
        return self.severity


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The ladder and the rules of each level.

    Attributes:
        ladder: As read.
        source: Where it was read.
        levels: Rules by level, those about integrity first.
    """

    ladder: Ladder
    source: str
    levels: Mapping[str, tuple[Applied, ...]]

    @property
    def fact(self) -> PolicyFact:
        """What a snapshot keeps of it."""
        sha256 = hashlib.sha256(self.ladder.to_bytes()).hexdigest()
        return PolicyFact(source=self.source, sha256=sha256, ladder=self.ladder)

    def rules(self, level: str) -> tuple[Applied, ...]:
        """The rules of a level.

        Raises:
            UsageError: There is no such level.
        """
        return self.levels[self.ladder.level(level).name]


def read_policy(ladder: Ladder, *, source: str, kinds: Mapping[str, type[Rule]]) -> Policy:
    """Read the rules of a ladder.

    Args:
        ladder: Checked.
        source: Where it was read, for errors and decisions.
        kinds: Every rule there is, by name.

    Raises:
        InvalidDocument: A rule is unknown, or its parameters make no sense; every problem is named.
    """
    problems: Problems = []
    common = _read_all(ladder.rules, "rules", kinds, problems)
    levels = {}
    for index, level in enumerate(ladder.levels):
        where = f"levels[{index}]"
        own = _read_all(_spelled_out(level, where, problems), f"{where}.rules", kinds, problems)
        always = {
            name: Applied(key=name, rule=kind.read({}))
            for name, kind in sorted(kinds.items(), key=lambda item: not item[1].ALWAYS)
            if kind.ALWAYS or kind.DEFAULT
        }
        levels[level.name] = tuple(filter(None, {**always, **common, **own}.values()))
    if problems:
        raise InvalidDocument(source, list(dict.fromkeys(problems)))
    return Policy(ladder=ladder, source=source, levels=levels)


def _spelled_out(level: Level, where: str, problems: Problems) -> dict[str, Any]:
    """The rules of a level, with those that have a short form."""
    rules = dict(level.rules)
    for name, key, short in (
        ("required-stages", "stages", list(level.stages)),
        ("property", "properties", dict(level.properties)),
    ):
        if not short:
            continue
        if name in rules:
            problems.append((f"{where}.{key}", f"says the same as the rule {name}; write one of them"))
        rules[name] = {key: short}
    return rules


def _read_all(
    rules: Mapping[str, Any], where: str, kinds: Mapping[str, type[Rule]], problems: Problems
) -> dict[str, Applied | None]:
    return {key: _read(key, raw, f"{where}.{key}", kinds, problems) for key, raw in rules.items()}


def _read(
    key: str, raw: Any, where: str, kinds: Mapping[str, type[Rule]], problems: Problems
) -> Applied | None:
    """A rule as it is wanted; None for one that is off, or with a problem."""
    kind = kinds.get(key.partition(":")[0])
    if kind is None:
        problems.append((where, f"is no rule; there are {', '.join(sorted(kinds))}"))
        return None
    parameters = _parameters(kind, raw)
    if parameters is None:
        problems.append((where, f"must be a table with parameters of {kind.NAME}"))
        return None
    before = len(problems)
    common = dict(_common(parameters, where, problems))
    own = {name: value for name, value in parameters.items() if name not in _COMMON}
    is_off = common.get("severity") is Severity.OFF
    rule = None if is_off and not own else _rule(kind, own, where, problems)  # off needs no parameters
    if rule is None and kind.DEFAULT:
        rule = kind.read({})
    weakened = common.get("severity", Severity.ENFORCE) is not Severity.ENFORCE or {*common} & _DATES
    if kind.ALWAYS and weakened:
        problems.append((where, "cannot be turned off: it is about the integrity of the evidence"))
    if kind.DEFAULT and weakened and not common.get("reason"):
        problems.append((where, "holds for every level; to weaken it or turn it off, write a reason"))
    if rule is None or len(problems) > before or (is_off and not kind.DEFAULT):
        return None
    return Applied(key=key, rule=rule, **common)


def _parameters(kind: type[Rule], raw: Any) -> Mapping[str, Any] | None:
    if isinstance(raw, Mapping):
        return raw
    if raw is True:
        return {}
    if raw is False:
        return {"severity": "off"}
    return {kind.MAIN: raw} if kind.MAIN else None


def _rule(kind: type[Rule], own: Mapping[str, Any], where: str, problems: Problems) -> Rule | None:
    try:
        rule = kind.read(own)
    except InvalidDocument as error:
        problems += [(f"{where}.{place}" if place else where, problem) for place, problem in error.problems]
        return None
    problems += [(f"{where}.{name}", problem) for name, problem in rule.problems()]
    return rule


def _common(parameters: Mapping[str, Any], where: str, problems: Problems) -> Iterator[tuple[str, Any]]:
    if "severity" in parameters:
        try:
            yield "severity", Severity(parameters["severity"])
        except ValueError:
            problems.append((f"{where}.severity", f"must be one of {', '.join(Severity)}"))
    for name in ("effective-on", "expires-on"):
        if name in parameters:
            try:
                yield name.replace("-", "_"), date.fromisoformat(parameters[name])
            except (TypeError, ValueError):
                problems.append((f"{where}.{name}", "must be a day like 2026-12-31"))
    if "reason" in parameters:
        if not isinstance(parameters["reason"], str):
            problems.append((f"{where}.reason", "must be text"))
        yield "reason", str(parameters["reason"])
