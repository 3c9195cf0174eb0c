"""Judging: every rule on the same evidence, and what follows from all of them.

Rules:
- A rule that is off is not asked; that one which every level has is off stays visible, with the reason. One
  that raises is a bug of that rule: unknown, and refused.
- What an enforced rule excuses, it excuses for all rules.
- What only the store can tell is unknown before anything is published.
- An override makes a finding count as passed while it is in force; it stays visible, with who and why.
- Yes when no finding refuses; no when one that refuses is a fail; else it cannot be said.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_defend.errors import UsageError
from pytest_defend.model.decision import Finding, Ruling, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from pytest_defend.gates.policy import Applied
    from pytest_defend.model.decision import Override
    from pytest_defend.model.evidence import Evidence

__all__ = ["judge", "ruling"]


def judge(
    evidence: Evidence, rules: Sequence[Applied], overrides: Sequence[Override] = ()
) -> tuple[Finding, ...]:
    """What every rule finds.

    Args:
        evidence: The same for all.
        rules: Of the level.
        overrides: By name of a rule.

    Raises:
        UsageError: An override names a rule the level has not, or one that cannot be overridden.
    """
    _check(rules, overrides)
    now = evidence.snapshot.taken
    evidence = _with_excuses(evidence, rules)
    by_rule = {override.rule: override for override in overrides if _in_force(override, now)}
    findings = []
    for applied in rules:
        severity = applied.severity_at(now)
        if severity is Severity.OFF:
            findings += [_turned_off(applied)] if applied.rule.DEFAULT else []
            continue
        found = replace(_found(applied, evidence), rule=applied.key, severity=severity)
        if found.ruling is not Ruling.PASS and applied.key in by_rule:
            found = replace(found, override=by_rule[applied.key])
        findings.append(found)
    return tuple(findings)


def ruling(findings: Sequence[Finding]) -> Ruling:
    """What all findings together say."""
    refused = {finding.ruling for finding in findings if finding.refuses}
    if Ruling.FAIL in refused:
        return Ruling.FAIL
    return Ruling.UNKNOWN if refused else Ruling.PASS


def _with_excuses(evidence: Evidence, rules: Sequence[Applied]) -> Evidence:
    """The same evidence with the failures that do not count."""
    now = evidence.snapshot.taken
    excused: frozenset[str] = frozenset()
    for applied in rules:
        if applied.severity_at(now) is Severity.ENFORCE:
            with suppress(Exception):  # it excuses nothing, and says what is wrong when it judges
                excused |= applied.rule.excuses(evidence)
    return replace(evidence, excused=excused)


def _turned_off(applied: Applied) -> Finding:
    """A rule that every level has and this one has not."""
    actual = f"the policy turned it off: {applied.reason}"
    finding = applied.rule.cannot_say("not judged", actual, next="Take it back in when the reason is gone.")
    return replace(finding, rule=applied.key, severity=Severity.OFF)


def _found(applied: Applied, evidence: Evidence) -> Finding:
    rule = applied.rule
    if rule.ASKS_STORE and evidence.snapshot.local:
        step = "Publish the build, and ask the gate."
        return rule.cannot_say("the word of the store", "not known before it is published", next=step)
    try:
        return rule.judge(evidence)
    except Exception as error:  # noqa: BLE001  # whatever a rule does, a gate refuses and says why
        what = f"the rule failed: {type(error).__name__}: {error}"
        return rule.cannot_say("a finding", what, next="Repair the rule; this is a bug of it.")


def _check(rules: Sequence[Applied], overrides: Sequence[Override]) -> None:
    known = {applied.key: applied.rule for applied in rules}
    for override in overrides:
        if override.rule not in known:
            hint = f"It has {', '.join(known)}."
            raise UsageError(f"The level has no rule {override.rule!r} to override.", hint=hint)
        if known[override.rule].ALWAYS:
            message = f"The rule {override.rule!r} is about integrity and cannot be overridden."
            raise UsageError(message, hint="Publish the build again, from evidence that is intact.")


def _in_force(override: Override, now: datetime) -> bool:
    return override.until is None or now <= override.until
