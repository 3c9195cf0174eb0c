"""`/api/build`: builds are published, appended to and read.

Rules:
- The document is that of the profile: see `shapes`. `artifactoryPrincipal` is who published.
- A number may have several runs; without `started` the latest is meant.
- A second publication of one run is an error of the server in 5.11, and needs the right to delete in 7.x.
- Files are not touched: whoever publishes has set their properties before.

Source: `BuildResource` of Artifactory 5.11.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import quote_plus

from flask import Response

from pytest_defend.errors import Conflict, StoreError
from pytest_defend.model.fields import started_text
from pytest_defend.server.buildchanges import changes
from pytest_defend.server.buildfiles import build_file, build_repository, shelve
from pytest_defend.server.calls import ANONYMOUS
from pytest_defend.server.places import colon, download_uri
from pytest_defend.server.refusals import UNEXPECTED, Refused, as_json
from pytest_defend.server.retention import apply_retention
from pytest_defend.server.searches import paths_of
from pytest_defend.server.shapes import modules_of, received, started_ms, told_build
from pytest_defend.stores.conditions import Comparison, Group

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pytest_defend.model.buildinfo import Artifact, BuildInfo, Dependency, Issue, Module
    from pytest_defend.server.calls import Call
    from pytest_defend.stores.archive import Kept

__all__ = ["append", "every_build", "files_of", "one_build", "project_of", "publish", "runs_of"]

_Part = TypeVar("_Part", "Artifact", "Dependency")

_KIND = "application/vnd.org.jfrog.build."
_TAKEN = (
    "application/json",
    "application/vnd.org.jfrog.artifactory+json",
    f"{_KIND}BuildInfo+json",
    f"{_KIND}BuildInfoModule+json",
)


def project_of(call: Call) -> str:
    """The project a request is about; empty for none."""
    if not call.profile.seven:
        return ""
    project = call.asked("project") or call.asked("buildRepo").removesuffix("-build-info")
    return "" if project in ("default", "artifactory") else project


def _need_kind(call: Call) -> None:
    if call.request.mimetype not in _TAKEN:
        raise Refused(415, "Unsupported Media Type")


def publish(call: Call) -> Response:
    """`PUT /api/build`."""
    if call.user.name == ANONYMOUS:
        raise Refused(403, "Anonymous access to build info is disabled", envelope=False)
    if not call.profile.seven and not call.may("w"):
        raise Refused(403, "")
    _need_kind(call)
    build = received(call.body(), call.profile)
    project = project_of(call)
    name, number = build.name, build.number
    path = f"{build_repository(project)}/{name}/{number}-{started_ms(build.started)}.json"
    _need_on_builds(call, "w", path, "deploy")
    build = _completed(call, replace(build, artifactory_principal=call.user.name), project)
    again = call.profile.seven and call.may("d", build_repository(project))
    try:
        kept = call.store.builds.publish(build, project=project, user=call.user.name, replacing=again)
    except Conflict as error:
        _need_on_builds(call, "d", path, "delete/overwrite")
        raise Refused(500, f"Could not insert build Build{{name='{name}', number='{number}'}}") from error
    except StoreError as error:
        raise Refused(400, error.message) from error
    sha256 = shelve(call.store, kept, build, call.profile)
    answer = apply_retention(call, kept, build.retention) if build.retention else Response(status=204)
    if sha256:
        answer.headers["X-Checksum-Sha256"] = sha256
    return answer


def _need_on_builds(call: Call, right: str, path: str, verb: str) -> None:
    """Refuse who has not this right on the builds of a project; 5.11 has no rights on builds."""
    key, _, inside = path.partition("/")
    if call.profile.seven and not call.may(right, key):
        sentence = f"User {call.user.name} is not permitted to {verb} '{inside}' into '{colon(path)}'."
        raise Refused(403, sentence)


def _completed(call: Call, build: BuildInfo, project: str) -> BuildInfo:
    """The document with the checksums the store knows, and the issues that go on."""
    build = replace(build, modules=tuple(_with_checksums(call, module) for module in build.modules))
    issues = build.issues
    before = call.store.builds.runs(build.name, project=project)
    if issues is None or not issues.aggregates or not before:
        return build
    last = call.store.builds.document(before[-1])
    reached = {status.status.lower() for status in last.statuses}
    if last.issues is None or issues.aggregation_status.lower() in reached:
        return build
    known = {issue.key for issue in issues.affected}
    older: list[Issue] = [
        replace(issue, aggregated=True) for issue in last.issues.affected if issue.key not in known
    ]
    return replace(build, issues=replace(issues, affected=(*issues.affected, *older)))


def _with_checksums(call: Call, module: Module) -> Module:
    artifacts = tuple(_filled(call, artifact) for artifact in module.artifacts)
    dependencies = tuple(_filled(call, dependency) for dependency in module.dependencies)
    return replace(module, artifacts=artifacts, dependencies=dependencies)


def _filled(call: Call, part: _Part) -> _Part:
    """A part with the checksums it does not say and the store knows, looked up by those it says."""
    digests = [(kind, str(getattr(part, kind))) for kind in ("sha1", "sha256", "md5")]
    found = (call.store.files.known(kind, digest) for kind, digest in digests if digest)
    known = next((checksums for checksums in found if checksums is not None), None)
    if known is None:
        return part
    return replace(
        part,
        sha1=part.sha1 or known.sha1,
        sha256=part.sha256 or known.sha256,
        md5=part.md5 or known.md5,
    )


def append(call: Call) -> Response:
    """`POST /api/build/append/{name}/{number}`: modules, without a look at those that are there."""
    _need_kind(call)
    if not call.profile.seven and not call.may("w"):
        raise Refused(403, "")
    modules = modules_of(call.body(), call.profile)
    kept = _chosen(call, "No builds were found")
    for right in "wd":
        _need_on_builds(call, right, build_file(kept), "deploy")

    def grown(build: BuildInfo) -> BuildInfo:
        if not build.modules and "modules" not in build.extra:
            raise Refused(500, UNEXPECTED)
        added = (_with_checksums(call, module) for module in modules)
        return replace(build, modules=(*build.modules, *added))

    build = call.store.builds.change(kept, grown)
    shelve(call.store, kept, build, call.profile)
    return Response(status=204)


def _chosen(call: Call, missing: str) -> Kept:
    """The run a path and `started` name; the latest of its number without."""
    named = call.named
    found = call.store.builds.runs(named["name"], named["number"], project_of(call))
    if started := call.asked("started"):
        wanted = started_ms(started)
        found = tuple(kept for kept in found if kept.started_ms == wanted)
    if not found:
        raise Refused(404, missing)
    return found[-1]


def every_build(call: Call) -> Response:
    """`GET /api/build`."""
    latest = {kept.run.id.name: kept for kept in _readable(call, call.store.builds.runs())}
    if not latest:
        raise Refused(404, "No builds were found")
    builds = [
        {"uri": f"/{_href(name)}", "lastStarted": started_text(kept.run.started_at)}
        for name, kept in latest.items()
    ]
    return as_json({"uri": f"{call.base}/api/build", "builds": builds}, kind=f"{_KIND}Builds+json")


def runs_of(call: Call) -> Response:
    """`GET /api/build/{name}`: in no order, as a set has none."""
    name = call.named["name"]
    runs = _readable(call, call.store.builds.runs(name))
    if not runs:
        raise Refused(404, f"No build was found for build name: {name}")
    numbers = [
        {"uri": f"/{_href(kept.run.id.number)}", "started": started_text(kept.run.started_at)}
        for kept in runs
    ]
    numbers.sort(key=lambda told: hashlib.sha256(str(told).encode("utf-8", "replace")).digest())
    uri = f"{call.base}/api/build/{_href(name)}"
    return as_json({"uri": uri, "buildsNumbers": numbers}, kind=f"{_KIND}BuildsByName+json")


def _readable(call: Call, kept: Sequence[Kept]) -> list[Kept]:
    project = project_of(call)
    here = [one for one in kept if one.project == project]
    readable = not call.profile.seven or call.readable(build_repository(project))
    return here if readable else []


def _href(text: str) -> str:
    return quote_plus(text, safe="*", errors="replace")


def one_build(call: Call) -> Response:
    """`GET /api/build/{name}/{number}`, with `?started=` or `?diff=`."""
    if not call.profile.seven and not call.may("w"):
        raise Refused(403, "")
    name, number, started = call.named["name"], call.named["number"], call.asked("started")
    missing = f"No build was found for build name: {name}, build number: {number} "
    kept = _chosen(call, missing + (f", build started: {started}" if started else ""))
    if call.profile.seven and not call.readable(build_repository(kept.project)):
        raise Refused(403, "")
    build = call.store.builds.document(kept)
    if other := call.asked("diff"):
        call.need_pro()
        return _difference(call, kept, build, other)
    uri = f"{call.base}/api/build/{_href(name)}/{_href(number)}"
    told: dict[str, Any] = {"uri": uri, "buildInfo": told_build(build, call.profile)}
    return as_json(told, kind=f"{_KIND}BuildInfo+json")


def _difference(call: Call, kept: Kept, build: BuildInfo, number: str) -> Response:
    found = call.store.builds.runs(build.name, number, kept.project)
    if not found:
        raise Refused(404, f"No build was found for build name: {build.name} , build number: {number} ")
    if found[-1].started_ms > kept.started_ms:
        raise Refused(400, "Build number should be greater than the build number to compare against.")
    before = call.store.builds.document(found[-1])
    return as_json(changes(before, build), kind=f"{_KIND}BuildsDiff+json")


def files_of(call: Call) -> Response:
    """`POST /api/search/buildArtifacts`: where the files of a build are."""
    sent = call.body()
    if not isinstance(sent, dict) or not sent.get("buildName"):
        raise Refused(400, "Cannot search without build name.", envelope=False)
    name, number, status = (str(sent.get(key) or "") for key in ("buildName", "buildNumber", "buildStatus"))
    if not number and not status:
        raise Refused(400, "Cannot search without build number or build status.", envelope=False)
    if number and status:
        message = "Cannot search with both build number and build status parameters, please omit one."
        raise Refused(400, message, envelope=False)
    runs = call.store.builds.runs(name, "" if number in ("", "LATEST") else number, project_of(call))
    if status:
        runs = tuple(kept for kept in runs if _reached(call, kept, status))
    told = f"number '{number}'" if number else f"status '{status}'"
    digests = _digests(call, runs[-1]) if runs else set()
    wanted = [Comparison(field="actual_sha1", operator="$eq", value=digest) for digest in sorted(digests)]
    repositories = [str(key) for key in sent.get("repos") or ()]
    paths = paths_of(call, [Group(parts=tuple(wanted), any=True)], repositories) if wanted else []
    if not paths:
        raise Refused(404, f"Could not find any build artifacts for build '{name}' {told}.")
    return as_json({"results": [{"downloadUri": download_uri(call, path)} for path in paths]})


def _reached(call: Call, kept: Kept, status: str) -> bool:
    return any(one.status == status for one in call.store.builds.document(kept).statuses)


def _digests(call: Call, kept: Kept) -> set[str]:
    build = call.store.builds.document(kept)
    return {artifact.sha1 for module in build.modules for artifact in module.artifacts} - {""}
