"""Decisions: what was seen, by which rules, with which answer; and the same again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any, ClassVar

import pytest

from builders import NOW, STARTED, a_clock, a_published, an_upload
from pytest_defend import __version__
from pytest_defend.actions.gate import gate, needs_of, replay
from pytest_defend.actions.snapshot import Outside
from pytest_defend.errors import InvalidDocument, NotFound, UsageError
from pytest_defend.gates import Needs, Rule, kinds, read_policy
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.decision import Decision, Finding, Override, Replay, Ruling
from pytest_defend.model.ladder import Ladder
from pytest_defend.model.snapshot import ExternalAnswer
from pytest_defend.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.gates import Policy
    from pytest_defend.model.evidence import Evidence
    from pytest_defend.protocols import Store

BUILD = BuildId(name="demo", number="1")
JOURNAL = "libs-local/demo/1.0/evidence/tests/r1/journal.jsonl"
OFF: dict[str, Any] = {"dependency-level": {"severity": "off", "reason": "not what is tested here"}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Curious(Rule):
    """Wants to see a lot."""

    NAME: ClassVar[str] = "curious"

    report: str = "junit.xml"

    def needs(self) -> Needs:
        return Needs(reports=(self.report,), commands=("check",), keys=("key",))

    def judge(self, evidence: Evidence) -> Finding:
        said = evidence.snapshot.external.get("check")
        seen = (*evidence.reports, said.actual if said else "nobody was asked", *evidence.snapshot.keys)
        return self.passes("to see", ", ".join(seen))


def _policy(**rules: Any) -> Policy:
    table = {
        "levels": [{"name": "libs-local"}, {"name": "rc-local", "rules": {**OFF, **rules}}],
    }
    ladder = Ladder.from_table(table, "test")
    return read_policy(ladder, source="test", kinds={**kinds(), "curious": Curious})


def _gate(store: Store, policy: Policy, **arguments: Any) -> Decision:
    known = {"level": "rc-local", "now": NOW, "decision_id": "7", **arguments}
    return gate(BUILD, policy=policy, store=store, **known)


def _replay(decision: Decision, store: Store, **arguments: Any) -> Replay:
    return replay(decision, store, kinds={**kinds(), "curious": Curious}, **arguments)


@pytest.mark.parametrize(
    ("rules", "ruling"),
    [
        ({"required-stages": ["tests"]}, Ruling.PASS),
        ({"required-stages": ["tests", "smoke"]}, Ruling.FAIL),
        ({"min-tests": 1000}, Ruling.FAIL),
        ({"external": "check"}, Ruling.UNKNOWN),
        ({"external": "check", "min-tests": 1000}, Ruling.FAIL),
        ({"min-tests": {"at-least": 1000, "severity": "warn"}}, Ruling.PASS),
    ],
)
def test_the_answer_follows_from_all_rules(
    rules: dict[str, Any], ruling: Ruling, store: Store, tmp_path: Path
) -> None:
    a_published(tmp_path, store)
    decision = _gate(store, _policy(**rules))
    assert decision.ruling is ruling
    assert (decision.build, decision.level, decision.id) == (f"demo/1@{STARTED}", "rc-local", "7")
    assert decision.recorder == __version__
    assert decision.snapshot.taken == NOW
    assert {finding.rule for finding in decision.findings} >= {"one-build", "intact", "subject-match", *rules}
    assert all(finding.next for finding in decision.refusals)
    assert Decision.from_bytes(decision.to_bytes()) == decision


def test_rules_see_what_they_need(store: Store, tmp_path: Path) -> None:
    a_published(tmp_path, store)
    policy = _policy(curious=True)
    assert needs_of(policy.rules("rc-local")) == Needs(
        reports=("junit.xml",), commands=("check",), keys=("key",)
    )
    outside = Outside(
        ask=lambda command, snapshot: ExternalAnswer(
            ruling="pass", actual=f"{command} of {snapshot.build.name}"
        ),
        key=lambda text: f"PEM of {text}",
    )
    decision = _gate(store, policy, outside=outside)
    (seen,) = (finding.actual for finding in decision.findings if finding.rule == "curious")
    assert seen == f"{JOURNAL.replace('journal.jsonl', 'junit.xml')}, check of demo, key"


def test_what_two_rules_need_is_got_once() -> None:
    policy = _policy(**{"curious:one": True, "curious:two": {"report": "coverage.xml"}})
    assert needs_of(policy.rules("rc-local")).commands == ("check",)
    assert needs_of(policy.rules("rc-local")).reports == ("junit.xml", "coverage.xml")


def test_an_override_is_part_of_the_decision(store: Store, tmp_path: Path) -> None:
    a_published(tmp_path, store)
    policy = _policy(**{"min-tests": 1000})
    override = Override(rule="min-tests", who="ann", reason="a small package", until=NOW)
    decision = _gate(store, policy, overrides=[override])
    assert decision.ruling is Ruling.PASS
    (finding,) = (each for each in decision.findings if each.rule == "min-tests")
    assert (finding.ruling, finding.override) == (Ruling.FAIL, override)
    late = replace(override, until=NOW - timedelta(days=1))
    assert _gate(store, policy, overrides=[late]).ruling is Ruling.FAIL
    for rule, message in (("intact", "about integrity"), ("soak", "has no rule 'soak'")):
        with pytest.raises(UsageError, match=message):
            _gate(store, policy, overrides=[replace(override, rule=rule)])


def test_what_is_not_there_is_no_decision(store: Store) -> None:
    with pytest.raises(UsageError, match="The ladder has no level 'production'"):
        _gate(store, _policy(), level="production")
    with pytest.raises(NotFound):
        _gate(store, _policy())


def test_a_gate_writes_nothing(tmp_path: Path) -> None:
    store = MemoryStore(a_clock)
    a_published(tmp_path, store)
    before = (dict(store._items), dict(store._builds))
    _gate(store, _policy())
    assert (store._items, store._builds) == before


def test_judging_again_finds_the_same(store: Store, tmp_path: Path) -> None:
    a_published(tmp_path, store)
    policy = _policy(**{"min-tests": 1000, "required-stages": ["tests"]})
    override = Override(rule="min-tests", who="ann", reason="a small package", until=NOW)
    decision = Decision.from_bytes(_gate(store, policy, overrides=[override]).to_bytes())
    again = _replay(decision, store, policy=policy)
    assert again.same
    assert (again.then, again.now, again.differs) == (Ruling.PASS, Ruling.PASS, ())
    assert again.policy_then == again.policy_now == again.policy_computed == policy.fact.sha256
    assert _replay(decision, store).policy_now == ""
    assert _replay(decision, store, policy=_policy()).policy_now != again.policy_then
    assert Replay.from_bytes(again.to_bytes()) == again


def test_judging_again_says_what_differs(tmp_path: Path) -> None:
    store = MemoryStore(a_clock)
    a_published(tmp_path, store)
    decision = _gate(store, _policy(**{"required-stages": ["tests"]}))
    edited = store.open(JOURNAL).read().replace(b'"s":17', b'"s":18')
    item = store._items.pop(JOURNAL)
    store.put(an_upload(JOURNAL, edited, properties=item.properties))
    again = _replay(decision, store)
    assert (again.same, again.then, again.now) == (False, Ruling.PASS, Ruling.FAIL)
    differs = {each.rule: each for each in again.differs}
    assert differs.keys() == {"intact", "subject-match", "required-stages"}
    assert differs["intact"].then is not None
    assert differs["intact"].now is not None
    assert differs["intact"].then.ruling is Ruling.PASS
    assert f"{JOURNAL} was replaced" in differs["intact"].now.actual


def test_a_decision_that_was_altered_is_found_out(store: Store, tmp_path: Path) -> None:
    a_published(tmp_path, store)
    decision = _gate(store, _policy(**{"min-tests": 1000}))
    findings = tuple(replace(each, ruling=Ruling.PASS) for each in decision.findings)
    forged = replace(decision, findings=findings, ruling=Ruling.PASS)
    again = _replay(forged, store)
    assert not again.same
    assert again.now is Ruling.FAIL
    assert "min-tests" in {each.rule for each in again.differs}
    missing = replace(decision, findings=decision.findings[:-1])
    assert [(each.rule, each.then) for each in _replay(missing, store).differs] == [
        (decision.findings[-1].rule, None)
    ]
    easier = _policy(**{"min-tests": 1}).ladder
    fact = replace(decision.snapshot.policy, ladder=easier)
    other = _replay(replace(decision, snapshot=replace(decision.snapshot, policy=fact)), store)
    assert not other.same
    assert other.policy_then != other.policy_computed


def test_rules_that_are_not_known_any_more_are_named(store: Store, tmp_path: Path) -> None:
    a_published(tmp_path, store)
    decision = _gate(store, _policy(curious=True))
    with pytest.raises(InvalidDocument, match="curious: is no rule"):
        replay(decision, store, kinds=kinds())
