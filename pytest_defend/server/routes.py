"""Which part of the server answers which request.

Rules:
- A pattern is matched with the path as it was sent; `{name}` is one part of it, `{path*}` the rest.
- The first route that fits counts.
- What the edition or the version does not have is refused here.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pytest_defend.server import (
    builds,
    download,
    promotion,
    properties,
    pypi,
    relocation,
    repositories,
    retention,
    searches,
    security,
    storage,
    system,
)
from pytest_defend.server.deployment import put
from pytest_defend.server.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from flask import Response

    from pytest_defend.server.calls import Call
    from pytest_defend.server.profiles import Profile

__all__ = ["ROUTES", "Route", "chosen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One kind of request.

    Attributes:
        methods: `GET` stands for `HEAD`, too.
        pattern: Of the path below the context path.
        view: Answers it.
        pro: Only the paid edition has it.
        seven: Only 7.x has it.
        free: On 7.x it is answered whoever asks.
    """

    methods: str
    pattern: str
    view: Callable[[Call], Response]
    pro: bool = False
    seven: bool = False
    free: bool = False


def _route(request: str, view: Callable[[Call], Response], **marks: bool) -> Route:
    methods, _, pattern = request.partition(" ")
    return Route(methods=methods, pattern=pattern, view=view, **marks)


_API = (
    _route("GET api/system/ping", system.ping, free=True),
    _route("GET api/system/version", system.version),
    _route("GET api/v1/system/readiness", system.alive, seven=True, free=True),
    _route("GET api/v1/system/liveness", system.alive, seven=True, free=True),
    _route("GET api/storage/{path*}", storage.describe),
    _route("PUT api/storage/{path*}", properties.put_properties, pro=True),
    _route("DELETE api/storage/{path*}", properties.delete_properties, pro=True),
    _route("PATCH api/metadata/{path*}", properties.patch_properties, pro=True, seven=True),
    _route("POST api/move/{path*}", relocation.move, pro=True),
    _route("POST api/copy/{path*}", relocation.copy, pro=True),
    _route("POST|GET api/search/aql", searches.query),
    _route("GET api/search/prop", searches.by_property),
    _route("GET api/search/artifact", searches.by_name),
    _route("GET api/search/checksum", searches.by_checksum, pro=True),
    _route("GET api/search/dependency", searches.by_dependency, pro=True),
    _route("POST api/search/buildArtifacts", builds.files_of, pro=True),
    _route("GET api/repositories", repositories.listed),
    _route("GET api/repositories/{key}", repositories.shown, pro=True),
    _route("PUT api/repositories/{key}", repositories.create, pro=True),
    _route("POST api/repositories/{key}", repositories.change, pro=True),
    _route("DELETE api/repositories/{key}", repositories.remove, pro=True),
    _route("POST api/build/append/{name}/{number}", builds.append),
    _route("POST api/build/promote/{name}/{number}", promotion.promote, pro=True),
    _route("POST api/build/rename/{name}", retention.rename, pro=True),
    _route("POST api/build/retention/{name}", retention.discard),
    _route("POST api/build/delete", retention.delete_many, pro=True, seven=True),
    _route("PUT api/build", builds.publish),
    _route("GET api/build", builds.every_build),
    _route("GET api/build/{name}", builds.runs_of),
    _route("DELETE api/build/{name}", retention.delete, pro=True),
    _route("GET api/build/{name}/{number}", builds.one_build),
    _route("GET api/pypi/{key}/simple", pypi.projects, pro=True),
    _route("GET api/pypi/{key}/simple/{project}", pypi.project_page, pro=True),
    _route("GET api/pypi/{key}/packages/{path*}", pypi.package, pro=True),
    _route("POST api/pypi/{key}", pypi.upload, pro=True),
    _route("GET api/security/users", security.users),
    _route("PUT api/security/users/{name}", security.put_user),
    _route("DELETE api/security/users/{name}", security.remove_user),
    _route("PUT api/security/permissions/{name}", security.put_permission),
    _route("POST api/security/token", security.new_token),
)
_FILES = (
    _route("GET {path*}", download.download),
    _route("PUT {path*}", put),
    _route("DELETE {path*}", download.delete),
)
ROUTES = (*_API, *_FILES)


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    names = re.sub(r"\{(\w+)\*\}", r"(?P<\1>.+)", pattern)
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", names) + "/?")


def chosen(method: str, raw: str, profile: Profile) -> tuple[Route, Mapping[str, str]]:
    """The route of a request, and the named parts of its path.

    Raises:
        Refused: There is none, or not in this edition or version.
    """
    wanted = "GET" if method == "HEAD" else method
    other = False
    for route in ROUTES if not raw.startswith("api/") else ROUTES[: -len(_FILES)]:
        match = _compiled(route.pattern).fullmatch(raw)
        if match is None or (route.seven and not profile.seven):
            continue
        if wanted not in route.methods.split("|"):
            other = True
            continue
        if route.pro and not profile.pro:
            raise Refused.pro_only()
        named = {
            name: text if f"{{{name}*}}" in route.pattern else unquote(text, errors="replace")
            for name, text in match.groupdict().items()
        }
        return route, named
    raise Refused(405, "Method Not Allowed") if other else Refused(404, "Not Found")
