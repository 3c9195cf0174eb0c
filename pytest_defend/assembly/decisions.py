"""Decisions: who answers for an override, and where the documents are kept and found.

Rules:
- Every decision is written to a file, appearing whole: the one that was asked for, else
  `.defend/decisions/<id>.json` below the project. A decision that cannot be written was not made.
- A decision is read from a file, or from a path in the store.
"""

from __future__ import annotations

import getpass
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.errors import InvalidDocument, UsageError
from pytest_defend.model.decision import SCHEMA, Decision, Override
from pytest_defend.model.fields import epoch_ms, instant_from_ms

if TYPE_CHECKING:
    from pytest_defend.protocols import Store
    from pytest_defend.settings import Project, Settings

__all__ = ["decided_by", "keep_decision", "new_decision", "override", "read_decision"]

_FOLDER = (".defend", "decisions")
_STORE = "store:"


def new_decision() -> tuple[datetime, str]:
    """The instant of a decision, to the millisecond a document keeps, and an id nobody had before."""
    now = instant_from_ms(epoch_ms(datetime.now(UTC)))
    return now, f"{epoch_ms(now)}-{secrets.token_hex(4)}"


def decided_by(settings: Settings) -> str:
    """Who answers for what this process decides: whom CI names, the user of the store, the login name.

    Raises:
        UsageError: Nobody is named.
    """
    from pytest_defend.capture.actor import actor

    try:
        who = actor(os.environ) or settings.user or getpass.getuser()
    except (OSError, KeyError):  # no login name
        who = ""
    if not who:
        raise UsageError("It is not known who answers for the override.", hint="Set DEFEND_USER.")
    return who


def override(
    rule: str, reason: str, *, settings: Settings, now: datetime, until: datetime | None = None, who: str = ""
) -> Override:
    """A rule that somebody answers for.

    Args:
        rule: Its name.
        reason: Why that is right.
        settings: Of this process.
        now: The present instant.
        until: The last instant it is good for; None for one decision.
        who: Answers for it; empty for `decided_by`.

    Raises:
        UsageError: There is no reason, nobody who answers, or `until` is over.
    """
    if not reason.strip():
        hint = "Say why (--reason TEXT): it is kept in the decision."
        raise UsageError(f"The override of {rule} has no reason.", hint=hint)
    if until is not None and until < now:
        raise UsageError(f"The override of {rule} is over since {until:%Y-%m-%d}.", hint="Give a later day.")
    return Override(rule=rule, who=who or decided_by(settings), reason=reason.strip(), until=until)


def keep_decision(decision: Decision, project: Project, output: str = "") -> Path:
    """Write a decision to its file.

    Args:
        decision: It.
        project: Whose folder it goes to when no file is named.
        output: The file that was asked for, replaced if it is there; empty for none.

    Returns:
        The file.

    Raises:
        OSError: It cannot be written.
    """
    path = Path(output).expanduser() if output else project.root.joinpath(*_FOLDER, f"{decision.id}.json")
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{decision.id}.draft")
    try:
        draft.write_bytes(decision.to_bytes() + b"\n")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    return path


def read_decision(named: str, store: Store) -> Decision:
    """A decision that was kept.

    Args:
        named: A file, or `REPOSITORY/PATH` or `store:REPOSITORY/PATH` in the store.
        store: Where it is when it is no file.

    Raises:
        InvalidDocument: It is no decision this version can read.
        StoreError: It is in neither place, or the store cannot be read.
        OSError: The file cannot be read.
    """
    path = Path(named).expanduser()
    if not named.startswith(_STORE) and path.is_file():
        content = path.read_bytes()
    else:
        with store.open(named.removeprefix(_STORE)) as file:
            content = file.read()
    decision = Decision.from_bytes(content)
    if decision.schema != SCHEMA:
        raise InvalidDocument(named, [("schema", f"is {decision.schema!r}; this version reads {SCHEMA}")])
    return decision
