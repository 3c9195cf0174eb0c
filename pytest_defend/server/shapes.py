"""What an Artifactory keeps of a build document: the fields of its own model, and what it makes of them.

Rules:
- What the model does not know is dropped in silence; what has the wrong shape refuses the document.
- Numbers and truths are taken for texts where the model has texts.
- `null` is nothing, but as the value of a property it refuses the document.

Source: build-info-api 2.9.5, which Artifactory 5.11 links, and 2.43, which stands for 7.x.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import InvalidDocument
from pytest_defend.model.buildinfo import BuildInfo, Module
from pytest_defend.model.fields import parse_instant
from pytest_defend.server.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_defend.server.profiles import Profile

__all__ = ["modules_of", "received", "started_ms", "told_build"]

_Shape = dict[str, Any]
_STARTED = re.compile(
    r"[+-]?\d+-\d{1,2}-\d{1,2}T\d{1,2}:\d{1,2}:\d{1,2}\.\d{1,3}(Z|[+-]\d{2}(:?\d{2})?)", re.ASCII
)
_STATUS_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}[+-]\d{4}", re.ASCII)
_TYPES = ("MAVEN", "GRADLE", "ANT", "IVY", "GENERIC")
_WRONG = "Error parsing json body"


def _text(value: Any, _: Profile) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str | int | float):
        return str(value)
    raise Refused(400, _WRONG)


def _whole(value: Any, _: Profile) -> int:
    try:
        return int(float(value)) if isinstance(value, str | int | float) else int(_text(value, _))
    except (ValueError, OverflowError) as error:
        raise Refused(400, _WRONG) from error


def _truth(value: Any, _: Profile) -> bool:
    if value in (True, False, "true", "false", 0, 1):
        return value in (True, "true", 1)
    raise Refused(400, _WRONG)


def _anything(value: Any, _: Profile) -> Any:
    return value


def _list(value: Any, one: Callable[[Any, Profile], Any], profile: Profile) -> list[Any]:
    if not isinstance(value, list):
        raise Refused(400, _WRONG)
    return [one(item, profile) for item in value if item is not None]


def _texts(value: Any, profile: Profile) -> list[str]:
    return _list(value, _text, profile)


def _chains(value: Any, profile: Profile) -> list[list[str]]:
    return _list(value, _texts, profile)


def _object(value: Any, shape: _Shape, profile: Profile) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Refused(400, _WRONG)
    return {name: read(value[name], profile) for name, read in shape.items() if value.get(name) is not None}


def _of(shape: _Shape) -> Callable[[Any, Profile], Any]:
    return lambda value, profile: _object(value, shape, profile)


def _list_of(shape: _Shape) -> Callable[[Any, Profile], Any]:
    return lambda value, profile: _list(value, _of(shape), profile)


def _properties(value: Any, profile: Profile) -> dict[str, Any]:
    if not isinstance(value, dict) or None in value.values():
        raise Refused(400, _WRONG)
    return {name: _text(one, profile) for name, one in value.items()} if profile.seven else dict(value)


def _named(value: Any, profile: Profile) -> dict[str, Any]:
    """An agent; a bare text is its name."""
    return {"name": value} if isinstance(value, str) else _object(value, _PROGRAM, profile)


def _shape(texts: str, **others: Callable[[Any, Profile], Any]) -> _Shape:
    return {**dict.fromkeys(texts.split(), _text), **others}


_PROGRAM = _shape("name version")
_ISSUES = _shape(
    "aggregationBuildStatus",
    tracker=_of(_PROGRAM),
    aggregateBuildIssues=_truth,
    affectedIssues=_list_of(_shape("key url summary", aggregated=_truth)),
)
_STATUS = _shape("status comment repository timestamp user ciUser")
_OLD_PART = _shape("type sha1 md5 sha256", properties=_properties)
_NEW_ARTIFACT = {**_OLD_PART, **_shape("name path originalDeploymentRepo")}


def _module(artifact: _Shape, dependency: _Shape, **others: Callable[[Any, Profile], Any]) -> _Shape:
    return {
        "id": _text,
        "properties": _properties,
        "artifacts": _list_of(artifact),
        "excludedArtifacts": _list_of(artifact),
        "dependencies": _list_of(dependency),
        **others,
    }


_OLD_MODULE = _module(
    {**_OLD_PART, "name": _text}, {**_OLD_PART, "id": _text, "scopes": _texts, "requiredBy": _texts}
)
_NEW_MODULE = _module(
    _NEW_ARTIFACT,
    {**_OLD_PART, "id": _text, "scopes": _texts, "requestedBy": _chains},
    **_shape("type repository sha1 md5"),
)
_COMMON = _shape(
    "version name number started principal artifactoryPrincipal artifactoryPluginVersion url"
    " parentName parentNumber",
    agent=_named,
    buildAgent=_named,
    durationMillis=_whole,
    issues=_of(_ISSUES),
    properties=_properties,
    statuses=_list_of(_STATUS),
    buildRetention=_anything,
    buildDependencies=_list_of(_shape("name number started url timestamp")),
    runParameters=_list_of(_shape("key value")),
)
_OLD_BUILD: _Shape = {
    **_COMMON,
    **_shape("type vcsRevision vcsUrl", licenseControl=_anything, governance=_anything),
    "vcs": _list_of(_shape("url revision")),
    "modules": _list_of(_OLD_MODULE),
}
_NEW_BUILD: _Shape = {
    **_COMMON,
    "vcs": _list_of(_shape("url revision branch message")),
    "modules": _list_of(_NEW_MODULE),
}


def received(document: Any, profile: Profile) -> BuildInfo:
    """The build an Artifactory reads from what was sent.

    Raises:
        Refused: It refuses the document.
    """
    kept = _object(document, _NEW_BUILD if profile.seven else _OLD_BUILD, profile)
    if not all(str(kept.get(name, "")).strip() for name in ("name", "number", "started")):
        message = "Build name, number or start date cannot be empty or null!"
        raise Refused(400, message, envelope=False)
    started_ms(kept["started"])
    if kept.get("type", "GENERIC") not in _TYPES:
        raise Refused(400, _WRONG)
    for status in kept.get("statuses", ()):
        if not _STATUS_TIME.fullmatch(status.get("timestamp", "")):
            raise Refused(500, "Could not write content: status timestamp")
    for vcs in kept.get("vcs", ()):
        vcs.update({"url": vcs.get("url", ""), "revision": vcs.get("revision", "")})
    kept.setdefault("version", "1.0.1")
    try:
        return BuildInfo.from_dict(kept)
    except InvalidDocument as error:
        raise Refused(400, _WRONG) from error


def modules_of(document: Any, profile: Profile) -> tuple[Module, ...]:
    """The modules that are sent to be appended.

    Raises:
        Refused: They are none.
    """
    shape = _NEW_MODULE if profile.seven else _OLD_MODULE
    return tuple(Module.from_dict(module) for module in _list(document, _of(shape), profile))


def started_ms(text: str) -> int:
    """The instant of a `started`, as strictly as the server reads it.

    Raises:
        Refused: It is none.
    """
    try:
        if not _STARTED.fullmatch(text):
            raise ValueError(text)  # noqa: TRY301 - one refusal for both
        return round(parse_instant(text).timestamp() * 1000)
    except ValueError as error:
        raise Refused(400, f'Invalid format: "{text}" is malformed') from error


def told_build(build: BuildInfo, profile: Profile) -> dict[str, Any]:
    """The document as it is read back."""
    told = build.to_dict()
    for status in told.get("statuses", ()):
        status["timestampDate"] = round(parse_instant(status["timestamp"]).timestamp() * 1000)
    if not profile.seven:
        for vcs in told.get("vcs", ()):
            vcs["empty"] = not (vcs.get("url") or vcs.get("revision"))
    return told
