"""Builds that go: deleted, discarded, renamed.

Rules:
- One number given deletes one run, the latest of that number.
- What was promoted is not discarded.
- The files of a build are found by their properties, not by its document.
- The open-source edition discards nothing, and says nothing of it.
"""

from __future__ import annotations

import re
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from flask import Response

from pytest_defend.model.fields import parse_instant
from pytest_defend.server.buildfiles import build_repository, shelve, unshelve
from pytest_defend.server.refusals import Refused, as_text
from pytest_defend.server.searches import paths_of
from pytest_defend.stores.conditions import Comparison

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_defend.server.calls import Call
    from pytest_defend.stores.archive import Kept

__all__ = ["apply_retention", "delete", "delete_many", "discard", "rename"]

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def delete(call: Call) -> Response:
    """`DELETE /api/build/{name}?buildNumbers=&artifacts=&deleteAll=`."""
    numbers = [number for number in call.asked("buildNumbers").split(",") if number]
    _need_deletion(call, "")
    return _deleted(
        call, call.named["name"], numbers, "", artifacts=call.flag("artifacts"), every=call.flag("deleteAll")
    )


def delete_many(call: Call) -> Response:
    """`POST /api/build/delete`: the project is in the body only."""
    sent = call.body()
    if not isinstance(sent, dict) or not isinstance(sent.get("buildNumbers", []), list):
        raise Refused(400, "Error parsing json body")
    project = str(sent.get("project") or "")
    project = "" if project == "default" else project
    _need_deletion(call, project)
    return _deleted(
        call,
        str(sent.get("buildName", "")),
        [str(number) for number in sent.get("buildNumbers", ())],
        project,
        artifacts=sent.get("deleteArtifacts") is True,
        every=sent.get("deleteAll") is True,
    )


def _need_deletion(call: Call, project: str) -> None:
    if not call.may("d", build_repository(project) if call.profile.seven else ""):
        raise Refused(403, "")


def _deleted(  # what either of two calls says
    call: Call, name: str, numbers: Sequence[str], project: str, *, artifacts: bool, every: bool
) -> Response:
    runs = list(call.store.builds.runs(name, project=project)) if name else []
    gone: list[Kept] = list(runs) if every else []
    for number in () if every else numbers:
        of_number = [kept for kept in runs if kept.run.id.number == number and kept not in gone]
        if not of_number:
            raise Refused(404, f"Cannot find builds by the name '{name}' and the number '{number}'.")
        gone.append(of_number[-1])
    if not gone:
        raise Refused(404, f"Cannot find builds by the name '{name}'.")
    _remove(call, gone, artifacts=artifacts)
    if every:
        return as_text(f"All '{name}' builds have been deleted successfully.\n")
    named = ", ".join(f"'{kept.run.id.name}#{kept.run.id.number}'" for kept in gone)
    return as_text(f"The following builds has been deleted successfully: {named}.\n")


def _remove(call: Call, gone: Sequence[Kept], *, artifacts: bool) -> None:
    if artifacts:
        for kept in gone:
            call.store.files.remove(_files_of(call, kept))
    call.store.builds.remove(gone)
    for kept in gone:
        unshelve(call.store, kept, call.profile)


def _files_of(call: Call, kept: Kept) -> list[str]:
    run = kept.run.id
    wanted = {"@build.name": run.name, "@build.number": run.number}
    if call.profile.seven:
        wanted["@build.timestamp"] = str(kept.started_ms)
    return paths_of(
        call, [Comparison(field=field, operator="$eq", value=value) for field, value in wanted.items()]
    )


def rename(call: Call) -> Response:
    """`POST /api/build/rename/{name}?to=`: with the properties of the files."""
    name, new = call.named["name"], call.asked("to")
    _need_deletion(call, "")
    if not new.strip():
        raise Refused(400, "Please provide the 'to' query parameter.")
    runs = call.store.builds.runs(name, project="")
    if not runs:
        raise Refused(404, f"Cannot find builds by the name '{name}'.")
    files = paths_of(call, [Comparison(field="@build.name", operator="$eq", value=name)])
    call.store.files.annotate(files, [], {"build.name": (new,)})
    for kept in runs:
        unshelve(call.store, kept, call.profile)
    call.store.builds.rename(name, new, "")
    for kept in call.store.builds.runs(new, project=""):
        shelve(call.store, kept, call.store.builds.document(kept), call.profile)
    return as_text(f"Build renaming of '{name}' to '{new}' was successfully started.\n")


def discard(call: Call) -> Response:
    """`POST /api/build/retention/{name}`."""
    rule = call.body() if call.request.get_data() else None
    name = call.named["name"]
    if not isinstance(rule, dict) or _count(rule) == 0:
        raise Refused(400, "Max count retention needs to be a positive number", envelope=False)
    _need_deletion(call, "")
    _discard(call, name, "", rule)
    return Response(status=204)


def apply_retention(call: Call, kept: Kept, rule: Mapping[str, Any]) -> Response:
    """What a published build says about those before it."""
    if _count(rule) != 0:
        _discard(call, kept.run.id.name, kept.project, rule)
    return Response(status=204)


def _count(rule: Mapping[str, Any]) -> int:
    count = rule.get("count", -1)
    try:
        return int(count or 0)
    except (TypeError, ValueError) as error:
        raise Refused(400, "Error parsing json body") from error


def _discard(call: Call, name: str, project: str, rule: Mapping[str, Any]) -> None:
    if not call.profile.pro:
        return
    count, oldest_ms = _count(rule), _minimum_ms(rule.get("minimumBuildDate"))
    spared = {str(number) for number in rule.get("buildNumbersNotToBeDiscarded") or ()}
    newest_first = sorted(
        call.store.builds.runs(name, project=project), key=lambda kept: kept.started_ms, reverse=True
    )
    gone = [
        kept
        for place, kept in enumerate(newest_first)
        if (0 <= count <= place or kept.started_ms < oldest_ms)
        and kept.run.id.number not in spared
        and not call.store.builds.document(kept).statuses
    ]
    _remove(call, gone, artifacts=rule.get("deleteBuildArtifacts") in (True, "true"))


def _minimum_ms(value: Any) -> int:
    """The instant before which builds go; in any of the forms the server takes."""
    text = str(value or "0")
    try:
        if text.lstrip("-").isdecimal():
            return int(text)
        midnight = f"{text}T00:00:00.000Z" if _DAY.fullmatch(text) else text
        instant = parsedate_to_datetime(text) if "," in text else parse_instant(midnight)
        return int(instant.timestamp() * 1000)
    except (ValueError, OverflowError) as error:
        raise Refused(400, "Error parsing json body") from error
