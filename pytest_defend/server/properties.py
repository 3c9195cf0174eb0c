"""Properties of files and folders: read, set, deleted, patched.

Rules:
- Setting replaces the values of the names given and keeps the others.
- On a folder it goes down to everything in it, unless told not to.
- No properties, no file and none of the names asked for are one answer: 404.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Response

from pytest_defend.errors import NotFound
from pytest_defend.server.grammars import path_of, property_names, property_query
from pytest_defend.server.places import colon, located, repository_of, storage_uri
from pytest_defend.server.refusals import Refused, as_json

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_defend.server.calls import Call

__all__ = ["delete_properties", "patch_properties", "put_properties", "shown_properties"]


def shown_properties(call: Call, path: str) -> Response:
    """`?properties` or `?properties=a,b` of a file or folder."""
    found = call.store.files.properties(located(call, path) or path)
    names = property_names(call.asked("properties"))
    told = {name: list(found[name]) for name in sorted(found) if not names or name in names}
    if not told:
        raise Refused(404, "No properties could be found.")
    answer = as_json({"properties": told, "uri": storage_uri(call, path)})
    answer.headers["Cache-Control"] = "no-store"
    return answer


def put_properties(call: Call) -> Response:
    """`PUT /api/storage/...?properties=`."""
    recursive = call.flag("recursive", default=True)
    return _set(call, property_query(call.asked("properties")), recursive=recursive)


def delete_properties(call: Call) -> Response:
    """`DELETE /api/storage/...?properties=a,b`."""
    gone: dict[str, tuple[str, ...]] = dict.fromkeys(property_names(call.asked("properties")), ())
    return _set(call, gone, recursive=call.flag("recursive", default=True))


def patch_properties(call: Call) -> Response:
    """`PATCH /api/metadata/...` with `{"props": {NAME: VALUE | [VALUE] | null}}`."""
    body = call.body()
    given = body.get("props") if isinstance(body, dict) else None
    if not isinstance(given, dict):
        raise Refused(400, "Error parsing json body")
    properties = {name: _texts(value) for name, value in given.items()}
    return _set(call, properties, recursive=call.flag("recursiveProperties", default=True))


def _texts(value: Any) -> tuple[str, ...]:
    if value is None:
        return ()
    values = value if isinstance(value, list) else [value]
    if not all(isinstance(one, str | int | float) for one in values):
        raise Refused(400, "Error parsing json body")
    return tuple(str(one) for one in values)


def _set(call: Call, properties: Mapping[str, tuple[str, ...]], *, recursive: bool) -> Response:
    path = path_of(call.named["path"]).rstrip("/")
    sentence = f"User {call.user.name} is not permitted to annotate '{colon(path)}'."
    call.need("n", repository_of(path), sentence, hidden="Unable to find item")
    files = call.store.files
    if found := located(call, path):
        files.annotate([found], [], properties)
        return Response(status=204)
    try:
        files.folder(path)
    except NotFound:
        raise Refused(404, f"Unable to find item: {colon(path)}") from None
    inside = [entry.path for entry in files.below(path)] if recursive else []
    folders = [path, *(files.folders_below(path) if recursive else ())]
    files.annotate(inside, folders, properties)
    return Response(status=204)
