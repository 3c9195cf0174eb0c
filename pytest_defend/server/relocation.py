"""`POST /api/move/...` and `POST /api/copy/...`.

Rules:
- Everything is checked before anything moves; what may not move is an error, and with `failFast` nothing
  moves then.
- Onto a folder that is there, the item goes into it.
- Properties travel along.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from pytest_defend.errors import NotFound, UsageError
from pytest_defend.model.paths import check_path
from pytest_defend.server.grammars import path_of
from pytest_defend.server.places import colon, deployment, members, repository_of
from pytest_defend.server.refusals import Refused, as_json

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flask import Response

    from pytest_defend.server.calls import Call

__all__ = ["copy", "move", "permitted", "told"]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Way:
    """From where to where, and every file on it."""

    source: str
    target: str
    moves: tuple[tuple[str, str], ...]
    folders: int


def told(level: str, sentence: str) -> dict[str, str]:
    """One message of a move, a copy or a promotion."""
    return {"level": level, "message": sentence}


def _relocate(call: Call, *, copying: bool) -> Response:
    try:
        way = _way(call)
    except Refused as refused:
        messages = [told("ERROR", refused.message)]
        return as_json({"messages": messages}, status=refused.status)
    allowed, problems = permitted(call, way.moves, copying=copying)
    if problems and (call.flag("failFast") or not allowed):
        return as_json({"messages": [told("ERROR", problem) for problem in problems]}, status=403)
    if not call.flag("dry"):
        call.store.files.relocate(allowed, copy=copying)
        if not copying and not problems:
            call.store.files.remove([way.source])
    verb, past = ("copying", "copied") if copying else ("moving", "moved")
    dry = "Dry Run for " if call.flag("dry") else ""
    sentence = (
        f"{dry}{verb} {colon(way.source)} to {colon(way.target)} completed successfully, "
        f"{len(allowed)} artifacts and {way.folders} folders were {past}"
    )
    messages = [*(told("ERROR", problem) for problem in problems), told("INFO", sentence)]
    return as_json({"messages": messages}, status=409 if problems else 200)


copy = partial(_relocate, copying=True)
move = partial(_relocate, copying=False)


def _way(call: Call) -> _Way:
    files = call.store.files
    source = path_of(call.named["path"]).rstrip("/")
    asked = call.asked("to")
    if not asked.strip("/"):  # the slash it should begin with is not insisted on: dohq-artifactory has none
        raise Refused(400, "The target path is missing.")
    key, slash, rest = path_of(asked.replace("%", "%25")).rstrip("/").partition("/")
    target = f"{deployment(call, key)}{slash}{rest}"
    if members(call, repository_of(source)) != (repository_of(source),):
        raise Refused(404, f"Could not find a local repository named {repository_of(source)}.")
    call.need("r", repository_of(source), f"User doesn't have permissions to read '{colon(source)}'.")
    if not slash or _is_folder(call, target):
        target = f"{target}/{source.rpartition('/')[2]}"
    try:
        check_path(target)
    except UsageError as error:
        raise Refused(400, error.message) from error
    if target == source or target.startswith(f"{source}/"):
        raise Refused(400, f"Item {colon(source)} cannot be its own destination.")
    if files.has(source):
        return _Way(source=source, target=target, moves=((source, target),), folders=0)
    if not _is_folder(call, source):
        raise Refused(404, f"Could not find item '{colon(source)}'.")
    moves = tuple((entry.path, target + entry.path[len(source) :]) for entry in files.below(source))
    return _Way(source=source, target=target, moves=moves, folders=1 + len(files.folders_below(source)))


def _is_folder(call: Call, path: str) -> bool:
    try:
        call.store.files.folder(path)
    except NotFound:
        return False
    return True


def permitted(
    call: Call, moves: Iterable[tuple[str, str]], *, copying: bool
) -> tuple[Sequence[tuple[str, str]], list[str]]:
    """The moves the user may do, and the sentences about the others."""
    allowed, problems = [], []
    for source, target in moves:
        problem = ""
        if not copying and not call.may("d", repository_of(source)):
            problem = f"User doesn't have permissions to move '{colon(source)}'. Needs delete permissions."
        elif not call.may("w", repository_of(target)):
            problem = f"User doesn't have permissions to create '{colon(target)}'. Needs write permissions."
        elif call.store.files.has(target) and not call.may("d", repository_of(target)):
            problem = (
                f"User doesn't have permissions to override '{colon(target)}'. Needs delete permissions."
            )
        if problem:
            problems.append(problem)
        else:
            allowed.append((source, target))
    return allowed, problems
