"""Commands that judge builds.

Rules:
- The exit code is the answer: 0 yes, 1 no, 3 it cannot be said.
- An override has a reason and somebody who answers for it, or it is refused.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_defend import assembly, render
from pytest_defend.cli.call import NO, UNKNOWN, YES, Command
from pytest_defend.errors import UsageError
from pytest_defend.model.ruling import Ruling

if TYPE_CHECKING:
    from pytest_defend.cli.call import Argument, Call
    from pytest_defend.model.decision import Override

__all__ = ["CODES", "COMMANDS", "JUDGED", "overrides"]

CODES = {Ruling.PASS: YES, Ruling.FAIL: NO, Ruling.UNKNOWN: UNKNOWN}
"""Exit codes by what was found."""

JUDGED: tuple[Argument, ...] = (
    (("--level",), {"metavar": "LEVEL", "default": "", "help": "level of the ladder"}),
    (
        ("--override",),
        {
            "metavar": "RULE",
            "action": "append",
            "default": [],
            "help": "let a rule pass that does not; may be repeated",
        },
    ),
    (("--reason",), {"metavar": "TEXT", "default": "", "help": "why the override is right"}),
    (
        ("--until",),
        {"metavar": "DAY", "default": "", "help": "last day the override is good for, as 2026-12-31"},
    ),
    (
        ("--policy",),
        {"metavar": "WHERE", "dest": "defend_policy", "help": "the same as --defend-policy"},
    ),
    (("--explain",), {"action": "store_true", "help": "show every rule, with what it saw"}),
)
"""The arguments of every command that asks a gate."""


def overrides(call: Call, now: datetime) -> tuple[Override, ...]:
    """What the caller answers for.

    Args:
        call: With the arguments of `JUDGED`.
        now: The instant of the decision.

    Raises:
        UsageError: There is no reason, nobody who answers, or the last day is none or over.
    """
    given = call.given
    if not given.override:
        if given.reason or given.until:
            raise UsageError("--reason and --until say nothing without --override.")
        return ()
    until = _end_of(given.until) if given.until else None
    return tuple(
        assembly.override(rule, given.reason, settings=call.settings, now=now, until=until)
        for rule in dict.fromkeys(given.override)
    )


def _end_of(day: str) -> datetime:
    """The last millisecond of a day, in UTC."""
    try:
        midnight = datetime.combine(date.fromisoformat(day), time(), UTC)
    except ValueError as error:
        raise UsageError(f"--until {day} is no day.", hint="Write it as 2026-12-31.") from error
    return midnight + timedelta(days=1) - timedelta(milliseconds=1)


def _gate(call: Call) -> int:
    """Say whether a build may stand on a level, and why; or judge an old decision again."""
    if call.given.replay:
        return _replayed(call)
    from pytest_defend.actions.gate import gate

    if not call.given.build or not call.given.level:
        raise UsageError("gate needs a build and a level.", hint="Write gate NAME/NUMBER --level LEVEL.")
    store = call.store()
    policy = assembly.open_policy(call.settings, call.project, store)
    now, decision_id = assembly.new_decision()
    decision = gate(
        call.build(),
        level=call.given.level,
        policy=policy,
        store=store,
        now=now,
        decision_id=decision_id,
        overrides=overrides(call, now),
        outside=assembly.outside(call.project, store),
    )
    path = assembly.keep_decision(decision, call.project, call.given.output)
    here = Path.cwd()
    kept = str(path.relative_to(here) if path.is_relative_to(here) else path)
    view: Any = render.decision.explained if call.given.explain else render.decision.told
    call.answer(decision.to_dict(), lambda: view(decision, kept, render.can_say(render.decision.SIGNS)))
    return CODES[decision.ruling]


def _replayed(call: Call) -> int:
    from pytest_defend.actions.gate import replay

    given = call.given
    if given.build or given.level or given.override or given.output:
        hint = "Build, level and overrides are those of the decision."
        raise UsageError("--replay stands alone.", hint=hint)
    store = call.store()
    decision = assembly.read_decision(given.replay, store)
    has_policy = assembly.has_policy(call.settings, call.project)
    found = replay(
        decision,
        store,
        kinds=assembly.rule_kinds(),
        verifiers=assembly.verifiers,
        policy=assembly.open_policy(call.settings, call.project, store) if has_policy else None,
    )
    call.answer(
        found.to_dict(), lambda: render.decision.replayed(found, render.can_say(render.decision.SIGNS))
    )
    return YES if found.same else NO


COMMANDS = {
    "gate": Command(
        run=_gate,
        arguments=(
            (
                ("build",),
                {
                    "metavar": "BUILD",
                    "nargs": "?",
                    "default": "",
                    "help": "NAME/NUMBER, NAME/NUMBER@STARTED or NAME/latest",
                },
            ),
            *JUDGED,
            (
                ("--output",),
                {
                    "metavar": "FILE",
                    "default": "",
                    "help": "file of the decision, instead of .defend/decisions",
                },
            ),
            (
                ("--replay",),
                {
                    "metavar": "DECISION",
                    "default": "",
                    "help": "file or store path of a decision to judge again",
                },
            ),
        ),
        flags=("store", "policy"),
    ),
}
