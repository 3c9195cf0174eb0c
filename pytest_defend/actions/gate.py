"""Gate: may a build stand on a level? One look at it, every rule, one decision.

Rules:
- Everything is judged at the instant the snapshot was taken, by the policy as it was then.
- A decision holds its snapshot, so that it can be judged again: `replay` reads the documents once more and
  asks the same rules.
- A refusal is a decision, never an error.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend import __version__
from pytest_defend.actions.evidence import read
from pytest_defend.actions.snapshot import Outside, take
from pytest_defend.gates import Needs, judge, read_policy, ruling
from pytest_defend.model.decision import SCHEMA, Decision, Difference, Replay

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from pytest_defend.gates import Applied, Policy, Rule
    from pytest_defend.model.buildinfo import BuildId
    from pytest_defend.model.decision import Finding, Override
    from pytest_defend.protocols import Store, Verifier

__all__ = ["gate", "needs_of", "replay"]


def gate(  # noqa: PLR0913  # each of them is a collaborator
    build: BuildId,
    *,
    level: str,
    policy: Policy,
    store: Store,
    now: datetime,
    decision_id: str,
    overrides: Sequence[Override] = (),
    outside: Outside | None = None,
) -> Decision:
    """Decide whether a build may stand on a level.

    Args:
        build: Which; without `started` the latest run of its number, the number may be `latest`.
        level: The level.
        policy: What it requires.
        store: Where the build and its evidence are; nothing is written.
        now: The instant everything is judged at.
        decision_id: Unique: epoch milliseconds and random digits.
        overrides: Rules somebody answers for.
        outside: Who answers what the store does not know; None for nobody.

    Returns:
        The decision, whichever it is.

    Raises:
        NotFound: There is no such build.
        UsageError: There is no such level, no repository for the build, or an override is not possible.
        StoreError: The store cannot be read.
    """
    rules, outside = policy.rules(level), outside or Outside()
    needs = needs_of(rules)
    snapshot = take(build, level=level, policy=policy, store=store, taken=now, needs=needs, outside=outside)
    evidence = read(snapshot, store, needs=needs, verifiers=outside.verifiers)
    findings = judge(evidence, rules, overrides)
    return Decision(
        schema=SCHEMA,
        id=decision_id,
        build=str(snapshot.build.id),
        level=level,
        ruling=ruling(findings),
        recorder=__version__,
        findings=findings,
        snapshot=snapshot,
    )


def replay(
    decision: Decision,
    store: Store,
    *,
    kinds: Mapping[str, type[Rule]],
    verifiers: Callable[[str], Sequence[Verifier]] | None = None,
    policy: Policy | None = None,
) -> Replay:
    """Judge an old decision again: its snapshot, its policy and its overrides, the documents as they are now.

    Args:
        decision: The old one.
        store: Where its documents are.
        kinds: Every rule there is, by name.
        verifiers: The keys of a PEM text, a `UsageError` when there are none; None to trust nobody.
        policy: The one of today, to say whether it changed; None when there is none.

    Raises:
        InvalidDocument: The policy of the decision has rules this version does not know.
        StoreError: The store cannot be asked.
    """
    snapshot = decision.snapshot
    then = read_policy(snapshot.policy.ladder, source=snapshot.policy.source, kinds=kinds)
    rules = then.rules(decision.level)
    evidence = read(snapshot, store, needs=needs_of(rules), verifiers=verifiers)
    overrides = [finding.override for finding in decision.findings if finding.override]
    findings = judge(evidence, rules, overrides)
    return Replay(
        decision=decision.id,
        build=decision.build,
        level=decision.level,
        then=decision.ruling,
        now=ruling(findings),
        findings=findings,
        differs=tuple(_differences(decision.findings, findings)),
        policy_then=snapshot.policy.sha256,
        policy_computed=then.fact.sha256,
        policy_now=policy.fact.sha256 if policy else "",
        recorder_then=decision.recorder,
        recorder=__version__,
    )


def needs_of(rules: Iterable[Applied]) -> Needs:
    """What rules want to see, together; each once."""
    needs = [applied.rule.needs() for applied in rules]
    return Needs(
        reports=_once(each.reports for each in needs),
        commands=_once(each.commands for each in needs),
        keys=_once(each.keys for each in needs),
    )


def _once(names: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for each in names for name in each))


def _differences(then: Sequence[Finding], now: Sequence[Finding]) -> Iterator[Difference]:
    before, after = ({finding.rule: finding for finding in found} for found in (then, now))
    for rule in dict.fromkeys([*before, *after]):
        if before.get(rule) != after.get(rule):
            yield Difference(rule=rule, then=before.get(rule), now=after.get(rule))
