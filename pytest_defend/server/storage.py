"""`GET /api/storage/...`: what is known about files and folders.

Rules:
- A file is looked up as it is downloaded: a virtual repository describes what it would hand out.
- What only the paid edition tells is refused by the other before anything is looked up.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import NotFound
from pytest_defend.model.fields import started_text
from pytest_defend.server.calls import ANONYMOUS
from pytest_defend.server.described import described_file, described_folder, shown_instant
from pytest_defend.server.grammars import path_of
from pytest_defend.server.places import colon, located, members, repository_of, storage_uri
from pytest_defend.server.properties import shown_properties
from pytest_defend.server.refusals import Refused, as_json, as_text

if TYPE_CHECKING:
    from flask import Response

    from pytest_defend.server.calls import Call
    from pytest_defend.stores.entries import Entry, Folder

__all__ = ["describe"]

_PREFIX = "application/vnd.org.jfrog.artifactory.storage."


def describe(call: Call) -> Response:
    """Describe what a path leads to, from the side that is asked for."""
    path = path_of(call.named["path"]).rstrip("/")
    if not call.may("r", repository_of(path)):
        _refuse(call, path)
    views = {
        "properties": shown_properties,
        "list": _listed,
        "lastModified": _last_modified,
        "stats": _statistics,
        "permissions": _permissions,
    }
    for name, view in views.items():
        if call.has(name):
            return view(call, path)
    found = _found(call, path)
    if hasattr(found, "checksums"):
        return as_json(described_file(call, found, asked=path), kind=f"{_PREFIX}FileInfo+json")
    return as_json(described_folder(call, found), kind=f"{_PREFIX}FolderInfo+json")


def _refuse(call: Call, path: str) -> None:
    if call.shop.hide_unauthorized:
        raise Refused(404, "Resource not found")
    if call.user.name == ANONYMOUS:
        raise Refused.unauthorized("Unauthorized")
    sentence = f"Request for '{colon(path)}' is forbidden for user '{call.user.name}'."
    raise Refused(403, sentence, envelope=False)


def _found(call: Call, path: str) -> Any:
    """The file or folder of a path.

    Raises:
        Refused: There is neither.
    """
    if found := located(call, path):
        return call.store.files.entry(found)
    key, slash, rest = path.partition("/")
    for member in members(call, key):
        try:
            return call.store.files.folder(f"{member}{slash}{rest}")
        except NotFound:
            continue
    raise Refused(404, "Unable to find item")


def _listed(call: Call, path: str) -> Response:
    call.need_pro()
    if call.user.name == ANONYMOUS:
        raise Refused(403, "")
    folder: Folder | Entry = _found(call, path)
    if hasattr(folder, "checksums"):
        raise Refused(400, f"Expected a folder but found a file, at: {colon(path)}")
    deep = call.flag("deep")
    asked = call.asked("depth")
    most = int(asked) if re.fullmatch(r"[0-9]{1,9}", asked) else 0
    shown: list[tuple[str, dict[str, Any]]] = [
        (entry.path, _listed_file(call, entry)) for entry in call.store.files.below(folder.path)
    ]
    if call.flag("listFolders"):
        instant = shown_instant(folder.modified)
        shown += [
            (inside, {"size": -1, "lastModified": instant, "folder": True})
            for inside in call.store.files.folders_below(folder.path)
        ]
    files = []
    if call.flag("includeRootPath"):
        instant = shown_instant(folder.modified)
        files.append({"uri": "/", "size": -1, "lastModified": instant, "folder": True})
    for inside, told in sorted(shown, key=lambda one: one[0]):
        uri = inside[len(folder.path) :]
        depth = uri.count("/")
        if depth == 1 or (deep and (not most or depth <= most)):
            files.append({"uri": uri, **told})
    listed = {"uri": storage_uri(call, path), "created": shown_instant(call.shop.clock()), "files": files}
    return as_json(listed, kind=f"{_PREFIX}FileList+json")


def _listed_file(call: Call, entry: Entry) -> dict[str, Any]:
    known = entry.checksums
    told: dict[str, Any] = {
        "size": known.size_bytes,
        "lastModified": shown_instant(entry.modified),
        "folder": False,
        "sha1": known.sha1,
        "sha2": known.sha256,
    }
    if call.flag("mdTimestamps") and call.store.files.properties(entry.path):
        told["mdTimestamps"] = {"properties": shown_instant(entry.modified)}
    return told


def _last_modified(call: Call, path: str) -> Response:
    call.need_pro()
    if members(call, repository_of(path)) != (repository_of(path),):
        raise Refused(400, "This method can only be invoked on local/cached repositories.")
    found = _found(call, path)
    inside = [found] if hasattr(found, "checksums") else [*call.store.files.below(path), found]
    newest = max(inside, key=lambda one: one.modified)
    told = {"uri": storage_uri(call, newest.path), "lastModified": started_text(newest.modified)}
    return as_json(told, kind=f"{_PREFIX}ItemLastModified+json")


def _statistics(call: Call, path: str) -> Response:
    found = _found(call, path)
    told = {
        "uri": storage_uri(call, path),
        "downloadCount": getattr(found, "downloads", 0),
        "lastDownloaded": getattr(found, "downloaded_ms", 0),
        "remoteDownloadCount": 0,
        "remoteLastDownloaded": 0,
    }
    return as_json(told, kind=f"{_PREFIX}StatsInfo+json")


def _permissions(call: Call, path: str) -> Response:
    call.need_pro()
    if not call.may("m", repository_of(path)):
        return as_text("", status=403)
    _found(call, path)
    rights = call.store.accounts.permissions(repository_of(path))
    users = {name: list(letters) for name, letters in rights.items() if letters}
    return as_json({"uri": storage_uri(call, path), "principals": {"users": users, "groups": {}}})
