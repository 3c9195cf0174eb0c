"""Every rule is asked, and what all of them say decides."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

import pytest

from judged import TAKEN, a_stage, an_evidence
from pytest_defend.errors import UsageError
from pytest_defend.gates import Applied, Rule, judge, kinds, ruling
from pytest_defend.model.decision import Override, Ruling, Severity

if TYPE_CHECKING:
    from pytest_defend.model.decision import Finding
    from pytest_defend.model.evidence import Evidence


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying(Rule):
    """Says what it is told."""

    NAME: ClassVar[str] = "saying"

    what: str

    def judge(self, evidence: Evidence) -> Finding:
        if self.what == "pass":
            return self.passes("p", ", ".join(sorted(evidence.excused)))
        if self.what == "fail":
            return self.fails("f", "f", next="do")
        if self.what == "unknown":
            return self.cannot_say("u", "u", next="do")
        raise RuntimeError(self.what)

    def excuses(self, evidence: Evidence) -> frozenset[str]:
        if self.what == "raise":
            raise RuntimeError(self.what)
        return frozenset(nodeid for run in evidence.stages for nodeid in run.bad)


def _applied(what: str, severity: Severity = Severity.ENFORCE) -> Applied:
    return Applied(key=f"saying:{what}", rule=Saying(what=what), severity=severity)


@pytest.mark.parametrize(
    ("said", "all_together"),
    [
        ("", Ruling.PASS),
        ("pass", Ruling.PASS),
        ("pass unknown", Ruling.UNKNOWN),
        ("unknown fail", Ruling.FAIL),
        ("raise", Ruling.UNKNOWN),
    ],
)
def test_unknown_refuses_and_a_fail_counts_most(said: str, all_together: Ruling) -> None:
    found = judge(an_evidence(), [_applied(what) for what in said.split()])
    assert ruling(found) is all_together
    assert [finding.rule for finding in found] == [f"saying:{what}" for what in said.split()]


def test_a_rule_that_raises_is_a_bug_of_it() -> None:
    [finding] = judge(an_evidence(), [_applied("raise")])
    assert finding.ruling is Ruling.UNKNOWN
    assert finding.actual == "the rule failed: RuntimeError: raise"
    assert finding.next == "Repair the rule; this is a bug of it."


def test_a_warning_is_shown_and_refuses_nothing() -> None:
    found = judge(an_evidence(), [_applied("fail", Severity.WARN), _applied("raise", Severity.OFF)])
    assert [finding.severity for finding in found] == [Severity.WARN]
    assert ruling(found) is Ruling.PASS


@pytest.mark.parametrize(("severity", "excused"), [(Severity.ENFORCE, "a"), (Severity.WARN, "")])
def test_what_an_enforced_rule_excuses_it_excuses_for_all(severity: Severity, excused: str) -> None:
    red = a_stage("unit", outcomes={"a": "failed"})
    found = judge(an_evidence(red), [_applied("pass", severity), _applied("raise")])
    assert found[0].actual == excused


@pytest.mark.parametrize(
    ("until", "all_together"),
    [(None, Ruling.PASS), (TAKEN, Ruling.PASS), (TAKEN - timedelta(seconds=1), Ruling.FAIL)],
)
def test_an_override_counts_while_it_is_in_force(until: object, all_together: Ruling) -> None:
    override = Override(rule="saying:fail", who="ann", reason="known", until=until)  # type: ignore[arg-type]
    found = judge(an_evidence(), [_applied("fail"), _applied("pass")], [override])
    assert ruling(found) is all_together
    assert [finding.ruling for finding in found] == [Ruling.FAIL, Ruling.PASS]
    assert [finding.override for finding in found] == [
        override if all_together is Ruling.PASS else None,
        None,
    ]


def test_an_override_of_a_rule_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="no rule 'saying' to override"):
        judge(an_evidence(), [_applied("fail")], [Override(rule="saying", who="ann", reason="x")])


@pytest.mark.parametrize("name", [name for name, kind in kinds().items() if kind.ASKS_STORE])
def test_what_only_the_store_can_tell_is_unknown_before_publication(name: str) -> None:
    rule = object.__new__(kinds()[name])  # its parameters do not matter
    [finding] = judge(an_evidence(local=True), [Applied(key=name, rule=rule)])
    assert (finding.ruling, finding.actual) == (Ruling.UNKNOWN, "not known before it is published")
