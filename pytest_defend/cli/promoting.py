"""Commands that bring builds up and down the ladder.

Rules:
- The exit code is the answer: 0 done, 1 refused, 3 it cannot be said.
- What was done is told also when it is only a part of what was asked for.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_defend import assembly, render
from pytest_defend.cli.call import Command
from pytest_defend.cli.judging import CODES, JUDGED, overrides
from pytest_defend.cli.reading import BUILD
from pytest_defend.errors import UsageError

if TYPE_CHECKING:
    from pytest_defend.cli.call import Argument, Call
    from pytest_defend.model.climb import Climb
    from pytest_defend.settings import Settings

__all__ = ["COMMANDS"]

_DRY_RUN: Argument = (
    ("--dry-run",),
    {"action": "store_true", "help": "write nothing, and show what would be done"},
)
_FALLING: tuple[Argument, ...] = (
    (("--cascade",), {"action": "store_true", "help": "bring down what stands above it and needs it, too"}),
    (("--force",), {"action": "store_true", "help": "leave what stands above it where it is"}),
    _DRY_RUN,
    (
        ("--policy",),
        {"metavar": "WHERE", "dest": "defend_policy", "help": "the same as --defend-policy"},
    ),
)


def _promote(call: Call) -> int:
    """Bring a build to a level of the ladder, when its gates say yes."""
    given = call.given
    if not given.level:
        raise UsageError("promote needs a level.", hint="Write promote NAME/NUMBER --level LEVEL.")
    now, _ = assembly.new_decision()
    climb = assembly.promote_build(
        call.build(),
        given.level,
        **_where(call),
        with_dependencies=given.with_dependencies,
        direct=given.direct,
        overrides=overrides(call, now),
        ask=_asked if sys.stdin.isatty() else None,
    )
    return _told(call, climb)


def _asked(file: str) -> str:
    import getpass

    return getpass.getpass(f"Passphrase of {file}: ")


def _demote(call: Call) -> int:
    """Bring a build down to a level, with what stands on it when that is wanted."""
    given = call.given
    climb = assembly.demote_build(
        call.build(), given.level, **_where(call), **_falling(call), reason=given.reason
    )
    return _told(call, climb)


def _revoke(call: Call) -> int:
    """Say that nobody may use a build any more, and bring it down."""
    climb = assembly.revoke_build(call.build(), call.given.reason, **_where(call), **_falling(call))
    return _told(call, climb)


def _where(call: Call) -> dict[str, Any]:
    return {"settings": _settings(call), "project": call.project, "store": call.store()}


def _settings(call: Call) -> Settings:
    """With `--dry-run` as a command has it."""
    dry_run = call.given.dry_run or call.settings.dry_run
    return replace(call.settings, dry_run=dry_run)


def _falling(call: Call) -> dict[str, Any]:
    if call.given.cascade and call.given.force:
        raise UsageError("--cascade and --force contradict each other.", hint="Give one of them.")
    return {"cascade": call.given.cascade, "force": call.given.force}


def _told(call: Call, climb: Climb) -> int:
    every = getattr(call.given, "explain", False)
    signs = render.can_say(render.decision.SIGNS)
    call.answer(climb.to_dict(), lambda: render.promotion.climb_view(climb, signs=signs, every=every))
    return CODES[climb.ruling]


COMMANDS = {
    "promote": Command(
        run=_promote,
        arguments=(
            BUILD,
            *JUDGED,
            (
                ("--with-dependencies",),
                {"action": "store_true", "help": "let what it needs below the level rise with it"},
            ),
            (
                ("--direct",),
                {"action": "store_true", "help": "ask only the gate of the level, not those on the way"},
            ),
            _DRY_RUN,
        ),
        flags=("store", "policy", "dry_run", "signing_key"),
    ),
    "demote": Command(
        run=_demote,
        arguments=(
            BUILD,
            (
                ("--level",),
                {"metavar": "LEVEL", "required": True, "help": "highest level it may stand on afterwards"},
            ),
            (("--reason",), {"metavar": "TEXT", "default": "", "help": "why; kept with the status"}),
            *_FALLING,
        ),
        flags=("store", "policy", "dry_run"),
    ),
    "revoke": Command(
        run=_revoke,
        arguments=(
            BUILD,
            (
                ("--reason",),
                {"metavar": "TEXT", "required": True, "help": "why; kept on every file of the build"},
            ),
            *_FALLING,
        ),
        flags=("store", "policy", "dry_run"),
    ),
}
