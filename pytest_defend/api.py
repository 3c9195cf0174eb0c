"""For scripts: what the commands do, as functions.

Rules:
- Settings are those of the folder: the environment, then `[tool.pytest-defend]` of its project. What a
  function is given counts before them.
- A function returns the document the command prints as JSON; a refusal is a document, too. Errors are
  `DefendError`.
- `pytest_defend` hands these on; importing that loads none of it.
"""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend import assembly
from pytest_defend.errors import DefendError
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.climb import Climb
from pytest_defend.model.decision import Decision, Finding, Override, Replay, Ruling
from pytest_defend.settings import find_project, resolve

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_defend.gates import Policy
    from pytest_defend.protocols import Store
    from pytest_defend.settings import Project, Settings

__all__ = [
    "Climb",
    "Decision",
    "DefendError",
    "Finding",
    "Override",
    "Replay",
    "Ruling",
    "demote",
    "gate",
    "open_policy",
    "open_store",
    "override",
    "promote",
    "replay",
]


def open_store(locator: str = "", *, folder: Path | str = ".") -> Store:
    """A store, as `--defend-store` names it.

    Args:
        locator: A folder, or the URL of an Artifactory; empty for what the settings say.
        folder: In the project.

    Raises:
        UsageError: The locator names no store, or a setting is not understood.
    """
    settings, project = _settings(folder, store=locator)
    return assembly.open_store(settings, project.root)


def open_policy(policy: str = "", *, store: Store | None = None, folder: Path | str = ".") -> Policy:
    """A policy, as `--defend-policy` names it.

    Args:
        policy: A TOML file, or `store:REPOSITORY/PATH`; empty for what the settings say.
        store: Where a `store:` is read; None for the one of the settings.
        folder: In the project.

    Raises:
        UsageError: There is none, or it cannot be read.
        InvalidDocument: It is not understood; every problem is named.
        StoreError: The store cannot be read.
    """
    settings, project = _settings(folder, policy=policy)
    return assembly.open_policy(settings, project, store or assembly.open_store(settings, project.root))


def gate(
    build: str,
    level: str,
    *,
    store: Store | None = None,
    policy: Policy | None = None,
    overrides: Sequence[Override] = (),
    output: Path | str = "",
    folder: Path | str = ".",
) -> Decision:
    """Decide whether a build may stand on a level.

    Args:
        build: `NAME/NUMBER`, `NAME/NUMBER@STARTED` or `NAME/latest`.
        level: Of the ladder.
        store: Where it is; None for the one of the settings.
        policy: What the level requires; None for the one of the settings.
        overrides: Rules that somebody answers for; see `override`.
        output: File of the decision; empty for `.defend/decisions` of the project.
        folder: In the project; commands of the policy run in its root.

    Raises:
        UsageError: Build or level are not understood, or an override is not possible.
        InvalidDocument: The policy is not understood.
        StoreError: There is no such build, or the store cannot be read.
        OSError: The decision cannot be written.
    """
    from pytest_defend.actions.gate import gate as decide  # noqa: PLC0415  # opening a store needs none of it

    settings, project = _settings(folder)
    store = store or assembly.open_store(settings, project.root)
    now, decision_id = assembly.new_decision()
    decision = decide(
        BuildId.parse(build),
        level=level,
        policy=policy or assembly.open_policy(settings, project, store),
        store=store,
        now=now,
        decision_id=decision_id,
        overrides=overrides,
        outside=assembly.outside(project, store),
    )
    assembly.keep_decision(decision, project, str(output))
    return decision


def promote(  # noqa: PLR0913  # each of them is an option of the command
    build: str,
    level: str,
    *,
    store: Store | None = None,
    policy: Policy | None = None,
    with_dependencies: bool = False,
    direct: bool = False,
    dry_run: bool = False,
    overrides: Sequence[Override] = (),
    folder: Path | str = ".",
) -> Climb:
    """Bring a build to a level, when its gates say yes.

    Args:
        build: `NAME/NUMBER`, `NAME/NUMBER@STARTED` or `NAME/latest`.
        level: Of the ladder.
        store: Where it is; None for the one of the settings.
        policy: What the levels require; None for the one of the settings.
        with_dependencies: Let what it needs below the level rise with it, all or nothing.
        direct: Ask only the gate of the level, not those on the way.
        dry_run: Write nothing, and say what would be done.
        overrides: Rules that somebody answers for; see `override`.
        folder: In the project; commands of the policy run in its root.

    Raises:
        UsageError: Build or level are not understood, the build has no place on the ladder, or an override is
            not possible.
        InvalidDocument: The policy is not understood.
        StoreError: There is no such build, or the store could not do it; the same again completes it or takes
            it back.
    """
    settings, project = _settings(folder)
    return assembly.promote_build(
        BuildId.parse(build),
        level,
        settings=replace(settings, dry_run=dry_run or settings.dry_run),
        project=project,
        store=store or assembly.open_store(settings, project.root),
        policy=policy,
        with_dependencies=with_dependencies,
        direct=direct,
        overrides=overrides,
    )


def demote(  # noqa: PLR0913  # each of them is an option of the command
    build: str,
    level: str,
    *,
    store: Store | None = None,
    cascade: bool = False,
    force: bool = False,
    dry_run: bool = False,
    reason: str = "",
    folder: Path | str = ".",
) -> Climb:
    """Bring a build down to a level, with what stands on it when that is wanted.

    Args:
        build: `NAME/NUMBER`, `NAME/NUMBER@STARTED` or `NAME/latest`.
        level: The highest it may stand on afterwards.
        store: Where it is; None for the one of the settings.
        cascade: Bring down what stands above it and needs it, too.
        force: Leave that where it is.
        dry_run: Write nothing, and say what would be done.
        reason: Why; kept with the status.
        folder: In the project whose ladder it is.

    Raises:
        UsageError: Build or level are not understood, or the build has no place on the ladder.
        InvalidDocument: The policy is not understood.
        StoreError: There is no such build, or the store could not do it; the same again finishes it.
    """
    settings, project = _settings(folder)
    return assembly.demote_build(
        BuildId.parse(build),
        level,
        settings=replace(settings, dry_run=dry_run or settings.dry_run),
        project=project,
        store=store or assembly.open_store(settings, project.root),
        cascade=cascade,
        force=force,
        reason=reason,
    )


def override(rule: str, reason: str, *, until: datetime | None = None, who: str = "") -> Override:
    """A rule that somebody answers for.

    Args:
        rule: Its name in the policy.
        reason: Why that is right.
        until: The last instant it is good for; None for one decision.
        who: Answers for it; empty for whom the CI system names, else the user of the store, else the login.

    Raises:
        UsageError: There is no reason, nobody who answers, or `until` is over.
    """
    settings, _ = _settings(".")
    return assembly.override(rule, reason, who=who, until=until, settings=settings, now=datetime.now(UTC))


def replay(
    decision: Decision | Path | str,
    *,
    store: Store | None = None,
    policy: Policy | None = None,
    folder: Path | str = ".",
) -> Replay:
    """Judge an old decision again, from its snapshot and the documents as they are now.

    Args:
        decision: The decision, a file of it, or its path in the store.
        store: Where its documents are; None for the one of the settings.
        policy: The one of today, to say whether it changed.
        folder: In the project.

    Raises:
        InvalidDocument: It is no decision, or one with rules this version does not know.
        StoreError: It is not there, or the store cannot be read.
        OSError: The file cannot be read.
    """
    from pytest_defend.actions.gate import replay as judge_again  # noqa: PLC0415  # as above

    settings, project = _settings(folder)
    store = store or assembly.open_store(settings, project.root)
    if not isinstance(decision, Decision):
        decision = assembly.read_decision(str(decision), store)
    kinds, verifiers = assembly.rule_kinds(), assembly.verifiers
    return judge_again(decision, store, kinds=kinds, verifiers=verifiers, policy=policy)


def _settings(folder: Path | str, **given: str) -> tuple[Settings, Project]:
    """The settings of a folder, and its project."""
    from pytest_defend.capture.ci import detect  # noqa: PLC0415  # as above

    project = find_project(Path(folder))
    settings = resolve(
        command_line={name: value for name, value in given.items() if value},
        environ=os.environ,
        pyproject=project.table,
        detected=detect(os.environ),
    )
    return settings, project
