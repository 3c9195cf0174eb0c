"""The command about the ladder: drawn, checked, provisioned."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from pytest_defend import assembly, render
from pytest_defend.cli.call import NO, UNKNOWN, YES, Command
from pytest_defend.errors import UsageError

if TYPE_CHECKING:
    from pytest_defend.cli.call import Call

__all__ = ["COMMANDS"]


def _ladder(call: Call) -> int:
    """Draw the ladder, find what contradicts it, or make its repositories."""
    given = call.given
    for option, where in (("count", "show"), ("dry_run", "apply")):
        if getattr(given, option) and given.what != where:
            flag = f"--{option.replace('_', '-')}"
            hint = f"Write `ladder {where} {flag}`, or leave it out."
            raise UsageError(f"{flag} says nothing to ladder {given.what}.", hint=hint)
    return {"show": _show, "check": _check, "apply": _apply}[given.what](call)


def _show(call: Call) -> int:
    from pytest_defend.actions.ladder import show

    store = call.store()
    policy = assembly.open_policy(call.settings, call.project, store)
    view = show(policy, store if call.given.count else None)
    call.answer(view.to_dict(), lambda: render.ladder.ladder_view(view))
    return YES


def _check(call: Call) -> int:
    from pytest_defend.actions.violations import check

    store = call.store()
    ladder, _ = assembly.open_ladder(call.settings, call.project, store)
    checked = check(ladder, store)
    call.answer(checked.to_dict(), lambda: render.ladder.check_view(checked))
    if checked.violations:
        return NO
    return UNKNOWN if checked.unknown else YES


def _apply(call: Call) -> int:
    from dataclasses import replace

    from pytest_defend.actions.provision import apply, plan
    from pytest_defend.model.ladderviews import Action

    store = call.store()
    ladder, _ = assembly.open_ladder(call.settings, call.project, store)
    planned = plan(ladder, store.repositories, store=store.locator)
    if call.given.dry_run or call.settings.dry_run:
        planned = replace(planned, dry_run=True)
    else:
        planned = apply(planned, store.repositories)
    call.answer(planned.to_dict(), lambda: render.ladder.plan_view(planned))
    if planned.problem:
        sys.stderr.write(f"pytest-defend: {planned.problem} {planned.hint}".rstrip() + "\n")
    actions = {step.action for step in planned.steps}
    if planned.problem or Action.UNKNOWN in actions:
        return UNKNOWN
    return NO if Action.DIFFERS in actions else YES


COMMANDS = {
    "ladder": Command(
        run=_ladder,
        arguments=(
            (("what",), {"choices": ("show", "check", "apply"), "help": "what to do"}),
            (
                ("--count",),
                {"action": "store_true", "help": "with show: count the packages on each level"},
            ),
            (
                ("--dry-run",),
                {"action": "store_true", "help": "with apply: show what would be made, and change nothing"},
            ),
            (
                ("--policy",),
                {"metavar": "WHERE", "dest": "defend_policy", "help": "the same as --defend-policy"},
            ),
        ),
        flags=("store", "policy", "dry_run"),
    ),
}
