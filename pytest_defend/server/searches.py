"""`/api/search/...`: queries, and the older searches by checksum, property, name, build and use.

Rules:
- A query comes as plain text, and its errors go as plain text.
- `total` is the number of rows told, not of those that match.
- What one may not read is left out of every result.

Source: `AqlResource`, `AqlRestResult` and `AqlQueryValidator` of Artifactory 5.11.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, quote

from pytest_defend.errors import UsageError
from pytest_defend.server.aql import parse
from pytest_defend.server.calls import ANONYMOUS
from pytest_defend.server.described import described_file
from pytest_defend.server.places import download_uri, members, storage_uri
from pytest_defend.server.refusals import Refused, as_json, as_long_json
from pytest_defend.stores.conditions import Comparison, Group
from pytest_defend.stores.domains import DOMAINS
from pytest_defend.stores.questions import Question

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from flask import Response

    from pytest_defend.server.calls import Call

__all__ = ["by_checksum", "by_dependency", "by_name", "by_property", "paths_of", "query"]

_OPEN_SOURCE = "is not supported by AQL in the open source version"
_SPECIAL = ("repos", "properties")


def query(call: Call) -> Response:
    """`POST /api/search/aql`."""
    kind = (call.request.mimetype or "text/plain").lower()
    if kind != "text/plain":
        raise Refused(415, "Unsupported Media Type")
    if call.user.name == ANONYMOUS:
        raise Refused.unauthorized("Authentication is required")
    text = call.request.get_data().decode("utf-8", "replace") or call.asked("query")
    try:
        question = parse(text, now=call.shop.clock(), seven=call.profile.seven)
        _check(call, question)
        rows = call.store.questions.ask(question)
    except UsageError as error:
        raise Refused(400, error.message, envelope=False) from error
    rows = [row for row in rows if _readable(call, question, row)]
    span: dict[str, int] = {"start_pos": question.offset, "end_pos": len(rows), "total": len(rows)}
    if question.limit is not None:
        span["limit"] = question.limit
    return as_long_json({"results": rows, "range": span})


def _check(call: Call, question: Question) -> None:
    """Refuse what this edition or this user may not ask.

    Raises:
        UsageError: It is that.
    """
    if not call.profile.pro:
        if question.sort:
            raise UsageError(f"Sorting {_OPEN_SOURCE}")
        if any(include.key for include in question.include):
            raise UsageError(f"Filtering properties result {_OPEN_SOURCE}")
    told = {include.field for include in question.include if not include.path and include.field}
    told = told or set(DOMAINS[question.domain].defaults)
    if "*" not in told and set(question.sort) - told:
        raise UsageError("Only the result fields are allowed to use in the sort section.")
    needed = {"item": ("repo", "path", "name")}
    if call.profile.seven:
        needed["build"] = ("name", "number", "repo")
    missing = set(needed.get(question.domain, ())) - told
    if not call.user.admin and "*" not in told and missing:
        *some, last = needed[question.domain]
        sentence = "For permissions reasons AQL demands the following fields:"
        raise UsageError(f"{sentence} {', '.join(some)} and {last}.")


def _readable(call: Call, question: Question, row: dict[str, Any]) -> bool:
    if call.user.admin:
        return True
    if question.domain == "item":
        return call.readable(str(row["repo"]))
    return question.domain == "build" and call.profile.seven and call.readable(str(row["build.repo"]))


def by_checksum(call: Call) -> Response:
    """`GET /api/search/checksum?sha256=&repos=`."""
    for kind, field in (("sha256", "sha256"), ("sha1", "actual_sha1"), ("md5", "actual_md5")):
        if digest := call.asked(kind).lower():
            return _results(call, paths_of(call, [_is(field, digest)]))
    raise Refused(400, "Required query parameter 'md5' or 'sha1' or 'sha256' is missing.")


def by_property(call: Call) -> Response:
    """`GET /api/search/prop?k=v&repos=`."""
    given = [pair for pair in parse_qsl(call.query, keep_blank_values=True) if pair[0] not in _SPECIAL]
    if not any(name.strip() for name, _ in given):
        raise Refused(400, "The search term cannot be empty", envelope=False)
    if all(not name.strip("*? ") and not value.strip("*? ") for name, value in given):
        raise Refused(400, "Search term containing only wildcards is not permitted", envelope=False)
    conditions: list[Comparison | Group] = []
    for name, value in given:
        values = [
            Comparison(field=f"@{name}", operator="$match", value=one) if one else _is(f"@{name}", "*")
            for one in value.split(",")
        ]
        conditions.append(Group(parts=tuple(values), any=True))
    return _results(call, paths_of(call, conditions))


def by_name(call: Call) -> Response:
    """`GET /api/search/artifact?name=&repos=`: names that begin with it, or match its wildcards."""
    name = call.asked("name")
    if not name.strip():
        raise Refused(400, "The search term cannot be empty", envelope=False)
    pattern = name if "*" in name or "?" in name else f"{name}*"
    return _results(call, paths_of(call, [Comparison(field="name", operator="$match", value=pattern)]))


def by_dependency(call: Call) -> Response:
    """`GET /api/search/dependency?sha1=`: the builds that used a file."""
    digest = call.asked("sha1").lower()
    if not digest and (sha256 := call.asked("sha256").lower()):
        found = call.store.files.known("sha256", sha256)
        digest = found.sha1 if found is not None else "none"
    if not digest:
        raise Refused(400, "Required query parameter 'sha1' is missing.")
    used = Comparison(path=("module", "dependency"), field="sha1", operator="$eq", value=digest)
    builds = call.store.questions.ask(Question(domain="build", where=Group(parts=(used,))))
    uris = {
        f"{call.base}/api/build/{quote(row['build.name'], safe='')}/{quote(row['build.number'], safe='')}"
        for row in builds
    }
    return as_json({"results": [{"uri": uri} for uri in sorted(uris)]})


def _is(field: str, value: str) -> Comparison:
    return Comparison(field=field, operator="$eq", value=value)


def paths_of(
    call: Call, conditions: Iterable[Comparison | Group], repositories: Sequence[str] = ()
) -> list[str]:
    """The files that match, in the repositories that are asked for, as far as one may read."""
    asked = repositories or [key for key in call.asked("repos").split(",") if key]
    places = {member for key in asked for member in members(call, key)}
    rows = call.store.questions.ask(Question(domain="item", where=Group(parts=tuple(conditions))))
    return [
        "/".join(part for part in (row["repo"], row["path"], row["name"]) if part != ".")
        for row in rows
        if (not asked or row["repo"] in places) and call.readable(row["repo"])
    ]


def _results(call: Call, paths: Sequence[str]) -> Response:
    detail = str(call.request.headers.get("X-Result-Detail", ""))
    results: list[dict[str, Any]] = []
    for path in paths:
        told: dict[str, Any] = {"uri": storage_uri(call, path)}
        if "info" in detail:
            told = described_file(call, call.store.files.entry(path))
        if "properties" in detail:
            found = call.store.files.properties(path)
            told["properties"] = {name: list(values) for name, values in found.items()}
        if detail:
            told["downloadUri"] = download_uri(call, path)
        results.append(told)
    return as_json({"results": results})
