"""The policy the settings name, and the world outside that a gate asks.

Rules:
- A policy is read from one place: the file or store path that is named, else the project's own table.
- Public keys are named by a PEM text, a file of the project, or `store:REPOSITORY/PATH`.
- Commands of a policy run in the project's folder, without the variables that hold our secrets.
"""

from __future__ import annotations

import os
import tomllib
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_defend.actions.snapshot import Outside
    from pytest_defend.gates import Policy, Rule
    from pytest_defend.model.ladder import Ladder
    from pytest_defend.model.snapshot import ExternalAnswer, Snapshot
    from pytest_defend.protocols import Store, Verifier
    from pytest_defend.settings import Project, Settings

__all__ = ["open_ladder", "open_policy", "outside", "rule_kinds", "verifiers"]

_STORE = "store:"
_TABLE = "[tool.pytest-defend.ladder]"
_PEM = "-----BEGIN "


def open_policy(settings: Settings, project: Project, store: Store | None) -> Policy:
    """The policy the settings name.

    Args:
        settings: Resolved.
        project: Whose table counts when they name none.
        store: Where a `store:REPOSITORY/PATH` is read; None when none is named.

    Raises:
        UsageError: There is none, or it cannot be read.
        InvalidDocument: It is not understood; every problem is named.
        StoreError: The store cannot be read.
    """
    from pytest_defend.gates import read_policy

    ladder, source = open_ladder(settings, project, store)
    return read_policy(ladder, source=source, kinds=rule_kinds())


def open_ladder(settings: Settings, project: Project, store: Store | None) -> tuple[Ladder, str]:
    """The ladder of the policy, and where it was read; its rules are not looked at.

    Raises:
        UsageError: There is none, or it cannot be read.
        InvalidDocument: It is not understood; every problem is named.
        StoreError: The store cannot be read.
    """
    from pytest_defend.model.ladder import Ladder

    if not settings.policy:
        source = f"pyproject.toml {_TABLE}"
        table = project.table.get("ladder")
        if table is None:
            hint = f"Write {_TABLE} in {project.root / 'pyproject.toml'}, or name a policy (--defend-policy)."
            raise UsageError(f"There is no ladder: {project.root} has no {_TABLE}.", hint=hint)
        return Ladder.from_table(table, source), source
    table = _parsed(_read(settings.policy, project.root, store), settings.policy)
    return Ladder.from_table(table, settings.policy), settings.policy


def rule_kinds() -> Mapping[str, type[Rule]]:
    """Every rule there is, by name: ours, and those of extensions.

    Raises:
        UsageError: A rule of an extension cannot be used.
    """
    from pytest_defend.assembly.extensions import asked_rules, plugin_manager

    return asked_rules(plugin_manager().hook)


def _read(named: str, root: Path, store: Store | None) -> bytes:
    """The bytes of a file, or of a path in the store."""
    if store is not None and named.startswith(_STORE):
        with store.open(named.removeprefix(_STORE)) as file:
            return file.read()
    path = root / Path(named).expanduser()
    try:
        return path.read_bytes()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UsageError(f"{path} cannot be read: {reason}.") from error


def _parsed(content: bytes, named: str) -> Mapping[str, Any]:
    try:
        return tomllib.loads(content.decode())
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{named} is no TOML: {error}.") from error


def outside(project: Project, store: Store) -> Outside:
    """Who answers what the store does not know: commands of the project, and its keys."""
    from pytest_defend.actions.snapshot import Outside

    return Outside(
        ask=partial(_ask, project.root),
        key=partial(_key, root=project.root, store=store),
        verifiers=verifiers,
    )


def _ask(folder: Path, command: str, snapshot: Snapshot) -> ExternalAnswer:
    from pytest_defend.capture.commands import ask
    from pytest_defend.settings import OPTIONS

    hidden = {name for option in OPTIONS if option.secret for name in (option.variable, *option.fallbacks)}
    return ask(command, snapshot.to_bytes(), folder=folder, environ=os.environ, secrets=hidden)


def _key(text: str, *, root: Path, store: Store) -> str:
    if text.lstrip().startswith(_PEM):
        return text
    content = _read(text, root, store)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise UsageError(f"{text} is no public key in PEM.") from error


def verifiers(pem: str) -> Sequence[Verifier]:
    """The keys of a PEM text.

    Raises:
        UsageError: There are none, or cryptography is not installed.
    """
    from pytest_defend.keys import load_verifiers

    return load_verifiers(pem.encode())
