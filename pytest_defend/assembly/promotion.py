"""A promotion as the settings want it: the policy, the clock, who asks, and the key that signs.

Rules:
- One front for the command line and for scripts.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from pytest_defend.assembly.decisions import decided_by, new_decision
from pytest_defend.assembly.policy import open_ladder, open_policy, outside
from pytest_defend.assembly.signing import open_key
from pytest_defend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from datetime import datetime

    from pytest_defend.gates import Policy
    from pytest_defend.model.buildinfo import BuildId
    from pytest_defend.model.climb import Climb
    from pytest_defend.model.decision import Override
    from pytest_defend.protocols import Store
    from pytest_defend.settings import Project, Settings

__all__ = ["demote_build", "promote_build", "revoke_build"]


def promote_build(  # noqa: PLR0913  # each of them is a choice of the caller
    build: BuildId,
    level: str,
    *,
    settings: Settings,
    project: Project,
    store: Store,
    policy: Policy | None = None,
    with_dependencies: bool = False,
    direct: bool = False,
    overrides: Sequence[Override] = (),
    ask: Callable[[str], str] | None = None,
) -> Climb:
    """Promote a build by the policy of the settings; see `actions.promote`.

    Args:
        build: Which.
        level: To stand on.
        settings: Resolved; `dry_run` among them.
        project: Whose table may be the policy.
        store: Where everything is.
        policy: What the levels require; None for the one of the settings.
        with_dependencies: Let what it needs below the level rise with it.
        direct: Ask only the gate of the level.
        overrides: Rules somebody answers for.
        ask: Gives the passphrase of the signing key; None when nobody can be asked.

    Raises:
        DefendError: It cannot be promoted; see `actions.promote`.
    """
    from pytest_defend.actions.promote import promote

    policy = policy or open_policy(settings, project, store)
    key = open_key(settings, project, ask)
    return promote(
        build,
        level=level,
        policy=policy,
        store=store,
        clock=_now,
        decision_id=_id,
        dry_run=settings.dry_run,
        with_dependencies=with_dependencies,
        direct=direct,
        overrides=overrides,
        outside=outside(project, store),
        signer=key.signer if key else None,
        user=_user(settings),
    )


def demote_build(  # noqa: PLR0913  # each of them is a choice of the caller
    build: BuildId,
    level: str,
    *,
    settings: Settings,
    project: Project,
    store: Store,
    cascade: bool = False,
    force: bool = False,
    reason: str = "",
) -> Climb:
    """Bring a build down on the ladder of the settings; see `actions.demote`.

    Args:
        build: Which.
        level: The highest it may stand on afterwards.
        settings: Resolved; `dry_run` among them.
        project: Whose table may be the policy.
        store: Where everything is.
        cascade: Bring down what stands above it and needs it, too.
        force: Leave that where it is.
        reason: Why; kept with the status.

    Raises:
        DefendError: It cannot be demoted; see `actions.demote`.
    """
    from pytest_defend.actions.demote import demote

    ladder, _ = open_ladder(settings, project, store)
    return demote(
        build,
        level=level,
        ladder=ladder,
        store=store,
        cascade=cascade,
        force=force,
        dry_run=settings.dry_run,
        reason=reason,
        user=_user(settings),
    )


def revoke_build(
    build: BuildId,
    reason: str,
    *,
    settings: Settings,
    project: Project,
    store: Store,
    cascade: bool = False,
    force: bool = False,
) -> Climb:
    """Revoke a build on the ladder of the settings; see `actions.demote`.

    Args:
        build: Which.
        reason: Why; kept on every file.
        settings: Resolved; `dry_run` among them.
        project: Whose table may be the policy.
        store: Where everything is.
        cascade: Bring down what stands above it and needs it, too.
        force: Leave that where it is.

    Raises:
        DefendError: It cannot be revoked; see `actions.demote`.
    """
    from pytest_defend.actions.demote import revoke

    ladder, _ = open_ladder(settings, project, store)
    return revoke(
        build,
        reason=reason,
        ladder=ladder,
        store=store,
        cascade=cascade,
        force=force,
        dry_run=settings.dry_run,
        user=_user(settings),
    )


def _now() -> datetime:
    return new_decision()[0]


def _id() -> str:
    return new_decision()[1]


def _user(settings: Settings) -> str:
    """Who asks; empty when nobody is named, which an override alone would not allow."""
    with suppress(UsageError):
        return decided_by(settings)
    return ""
