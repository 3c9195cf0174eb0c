"""`POST /api/build/promote/{name}/{number}`, as Artifactory does it, traps included.

Rules:
- The files of a build are those whose properties name it, met with its document by sha1: neither path nor
  name counts, and a file without the properties is not found.
- Files move first, the status is written last: a status that fails leaves moved files behind.
- The timestamp is checked by one reader and kept by another, stricter one.
- With `failFast`, which is the default, nothing moves when anything is wrong; without, what can moves, and
  the answer is 200 all the same.

Source: `BuildPromotionHelper` and `BaseBuildPromoter` of Artifactory 5.11.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import InvalidDocument
from pytest_defend.model.buildinfo import BuildInfo, Status
from pytest_defend.model.fields import Document, instant_from_ms, named, parse_instant, started_text
from pytest_defend.server.buildfiles import build_repository, shelve
from pytest_defend.server.builds import project_of
from pytest_defend.server.places import deployment, repository_of
from pytest_defend.server.refusals import Refused, as_json
from pytest_defend.server.relocation import permitted, told
from pytest_defend.server.searches import paths_of
from pytest_defend.stores.conditions import Comparison, Group

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from flask import Response

    from pytest_defend.server.calls import Call
    from pytest_defend.stores.archive import Kept

__all__ = ["promote"]

_KIND = "application/vnd.org.jfrog.artifactory.build.PromotionResult+json"
_EXACT = re.compile(r"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2})\.(\d+)([+-]\d{4})", re.ASCII)
_TRUTHS = ("dryRun", "copy", "artifacts", "dependencies", "failFast")


@dataclass(frozen=True, slots=True, kw_only=True)
class Request(Document):
    """What is asked for; unknown fields are passed over."""

    status: str = ""
    comment: str = ""
    ci_user: str = named("ciUser", default="")
    timestamp: str = ""
    dry_run: bool = named("dryRun", default=False)
    source: str = named("sourceRepo", default="")
    target: str = named("targetRepo", default="")
    copy: bool = False
    artifacts: bool = True
    dependencies: bool = False
    scopes: tuple[str, ...] = ()
    properties: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    fail_fast: bool = named("failFast", default=True)
    mappings: tuple[Mapping[str, str], ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)


def promote(call: Call) -> Response:
    """Move or copy the files of a build, and write its status."""
    request = _request(call)
    kept = _build(call)
    build = call.store.builds.document(kept)
    target = _target(call, request)
    messages: list[dict[str, str]] = []
    found = _found(call, build, request, messages) if target or request.properties or request.mappings else []
    moves = _moves(found, target, request)
    allowed, problems = permitted(call, moves, copying=request.copy)
    messages += [told("ERROR", problem) for problem in problems]
    if not target and not request.mappings:
        messages.append(told("INFO", "Skipping build item relocation: no target repository selected."))
    stopped = request.fail_fast and _wrong(messages)
    if not stopped and not request.dry_run:
        call.store.files.relocate(allowed, copy=request.copy)
        gone = dict(moves)
        _annotate(call, [gone.get(path, path) for path in found], request, messages)
    _write_status(call, kept, request, messages)
    failed = request.fail_fast and _wrong(messages)
    return as_json({"messages": messages}, status=400 if failed else 200, kind=_KIND)


def _request(call: Call) -> Request:
    sent = call.body()
    if not isinstance(sent, dict):
        raise Refused(400, "Error parsing json body")
    if sent.get("mappings") is not None and {"sourceRepo", "targetRepo"} & {
        name for name, value in sent.items() if value is not None
    }:
        sentence = "The use of both 'sourceRepo' or 'targetRepo' and 'mappings' fields is forbidden"
        raise Refused(400, sentence)
    truths = {name: sent[name] in (True, "true", 1) for name in _TRUTHS if sent.get(name) is not None}
    rest = {name: value for name, value in sent.items() if value is not None}
    try:
        return Request.from_dict({**rest, **truths})
    except InvalidDocument as error:
        raise Refused(400, "Error parsing json body") from error


def _build(call: Call) -> Kept:
    name, number, project = call.named["name"], call.named["number"], project_of(call)
    found = call.store.builds.runs(name, number, project)
    if not found:
        place = f" and buildRepo '{build_repository(project)}'" if call.profile.seven else ""
        raise Refused(404, f"Cannot find builds by the name '{name}' and the number '{number}'{place}.")
    if not call.may("w", build_repository(project) if call.profile.seven else ""):
        raise Refused(403, "")
    return found[-1]


def _target(call: Call, request: Request) -> str:
    if not request.target:
        return ""
    if request.target not in call.store.accounts.repositories():
        raise Refused(404, f"Cannot find target repository by the key '{request.target}'.")
    return deployment(call, request.target)


def _found(call: Call, build: BuildInfo, request: Request, messages: list[dict[str, str]]) -> list[str]:
    """The paths of the files of a build; what is not found is refused or told."""
    named_so = [_is("@build.name", build.name), _is("@build.number", build.number)]
    by_sha1 = _by_sha1(call, paths_of(call, named_so, _sources(request)))
    found: dict[str, None] = {}
    for module in build.modules if request.artifacts else ():
        for artifact in module.artifacts:
            path = by_sha1.get(artifact.sha1, "")
            if path:
                found[path] = None
            elif request.fail_fast:
                place = f" from {build_repository(project_of(call))} repo" if call.profile.seven else ""
                sentence = f"Unable to find artifacts of build '{build.name}' #{build.number}{place}"
                raise Refused(400, f"{sentence}: aborting promotion.")
            else:
                sentence = f"Unable to find artifact '{artifact.name}' of build"
                messages.append(told("ERROR", f"{sentence} '{build.name}' #{build.number}"))
    if request.dependencies:
        found |= dict.fromkeys(_dependencies(call, build, request))
    return list(found)


def _dependencies(call: Call, build: BuildInfo, request: Request) -> Iterable[str]:
    wanted = {
        dependency.sha1
        for module in build.modules
        for dependency in module.dependencies
        if dependency.sha1 and (not request.scopes or set(request.scopes) & set(dependency.scopes))
    }
    any_of_them = Group(parts=tuple(_is("actual_sha1", sha1) for sha1 in sorted(wanted)), any=True)
    return _by_sha1(call, paths_of(call, [any_of_them], _sources(request))).values() if wanted else ()


def _sources(request: Request) -> list[str]:
    return [request.source] if request.source else []


def _is(field_name: str, value: str) -> Comparison:
    return Comparison(field=field_name, operator="$eq", value=value)


def _by_sha1(call: Call, paths: Iterable[str]) -> dict[str, str]:
    """One path for each content."""
    own = [path for path in paths if not repository_of(path).endswith("-build-info")]
    return {call.store.files.entry(path).checksums.sha1: path for path in reversed(own)}


def _moves(found: Iterable[str], target: str, request: Request) -> list[tuple[str, str]]:
    """From where to where; what is there already stays."""
    moves = []
    for path in found:
        repository, _, inside = path.partition("/")
        if target and repository != target:
            moves.append((path, f"{target}/{inside}"))
        for mapping in request.mappings:
            pattern, output = mapping.get("input", ""), mapping.get("output", "")
            if mapped := _mapped(path, pattern, output):
                moves.append((path, mapped))
                break
    return moves


def _mapped(path: str, pattern: str, output: str) -> str:
    """Where a mapping leads; empty when it is about other files."""
    try:
        match = re.fullmatch(pattern, path)
        return match.expand(re.sub(r"\$(\d+)", r"\\g<\1>", output)) if match is not None else ""
    except (re.error, IndexError) as error:
        raise Refused(400, f"Invalid mapping '{pattern}' to '{output}': {error}") from error


def _wrong(messages: Iterable[Mapping[str, str]]) -> bool:
    return any(message["level"] in ("ERROR", "WARNING") for message in messages)


def _annotate(call: Call, paths: Iterable[str], request: Request, messages: list[dict[str, str]]) -> None:
    for path in paths if request.properties else ():
        if call.may("n", repository_of(path)):
            call.store.files.annotate([path], [], request.properties)
        else:
            messages.append(told("WARNING", f"User doesn't have permissions to annotate '{path}'."))


def _write_status(call: Call, kept: Kept, request: Request, messages: list[dict[str, str]]) -> None:
    skipping = "Skipping promotion status update:"
    if not request.status:
        messages.append(told("INFO", f"{skipping} no status received."))
        return
    if request.fail_fast and _wrong(messages):
        sentence = "item promotion was completed with errors and warnings."
        messages.append(told("INFO", f"{skipping} {sentence}"))
        return
    try:
        instant = parse_instant(request.timestamp) if request.timestamp else call.shop.clock()
    except ValueError:
        sentence = f"{skipping} invalid\\unparsable timestamp {request.timestamp}."
        messages.append(told("ERROR", sentence))
        return
    if request.dry_run:
        return
    status = Status(
        status=request.status,
        comment=request.comment,
        repository=request.target,
        timestamp=_kept_timestamp(request.timestamp, instant),
        user=call.user.name,
        ci_user=request.ci_user,
    )

    def risen(build: BuildInfo) -> BuildInfo:
        taken = {before.timestamp for before in build.statuses}
        if request.timestamp and status.timestamp in taken:
            raise Refused(500, "Could not insert build promotion: duplicate (build_id, created)")
        return replace(build, statuses=(*build.statuses, _later(status, taken)))

    shelve(call.store, kept, call.store.builds.change(kept, risen), call.profile)


def _later(status: Status, taken: set[str]) -> Status:
    """A status with the first timestamp from its own on that no other has."""
    while status.timestamp in taken:
        after = parse_instant(status.timestamp) + timedelta(milliseconds=1)
        status = replace(status, timestamp=started_text(after))
    return status


def _kept_timestamp(text: str, instant: datetime) -> str:
    """The timestamp as the second reader takes it: digits of the fraction are milliseconds, however many."""
    if not text:
        return started_text(instant)
    match = _EXACT.fullmatch(text)
    if match is None:
        raise Refused(500, f'Unparseable date: "{text}"')
    whole = parse_instant(f"{match[1]}.000{match[3]}")
    return started_text(instant_from_ms(round(whole.timestamp() * 1000) + int(match[2])))
