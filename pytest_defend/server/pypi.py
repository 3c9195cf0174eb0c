"""`/api/pypi/...`: a package index for pip and uv, and the upload of twine.

Rules:
- A file lies under `NAME/VERSION/FILE`, the name as the sender spells it.
- A virtual repository shows the files of its members; of one file name the first member's counts.
- JSON is given to who prefers it, when the server was told so: Artifactory has HTML only.

Source: https://packaging.python.org/en/latest/specifications/simple-repository-api/
"""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Response
from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)

from pytest_defend.errors import UsageError
from pytest_defend.server.deployment import may_replace, need_deployment
from pytest_defend.server.described import shown_instant
from pytest_defend.server.download import need_reading, serve_file
from pytest_defend.server.grammars import path_of
from pytest_defend.server.places import deployment, located, members, quoted
from pytest_defend.server.refusals import Refused, as_json
from pytest_defend.stores.entries import Deposit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from werkzeug.datastructures import FileStorage

    from pytest_defend.server.calls import Call
    from pytest_defend.stores.entries import Entry

__all__ = ["package", "project_page", "projects", "upload"]

_JSON = "application/vnd.pypi.simple.v1+json"
_HTML = "text/html"
_CHUNK_BYTES = 1 << 16
_KEPT_FIELDS = {
    "name": "pypi.name",
    "version": "pypi.version",
    "requires_python": "pypi.requires.python",
    "summary": "pypi.summary",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _File:
    """A distribution in the index."""

    entry: Entry
    inside: str
    """Path in its repository."""
    requires_python: str

    @property
    def name(self) -> str:
        """Of the file."""
        return self.inside.rpartition("/")[2]


def projects(call: Call) -> Response:
    """Every project."""
    names = sorted({name for name, _ in _distributions(call)})
    if (redirect := _with_slash(call)) is not None:
        return redirect
    if _json_is_wanted(call):
        document = {"meta": {"api-version": "1.0"}, "projects": [{"name": name} for name in names]}
        return as_json(document, kind=_JSON)
    return _page("\n".join(f'<a href="{name}/" rel="internal">{name}</a><br/>' for name in names))


def project_page(call: Call) -> Response:
    """Every file of a project."""
    if (redirect := _with_slash(call)) is not None:
        return redirect
    wanted = canonicalize_name(call.named["project"])
    found: dict[str, _File] = {}
    for name, entry in _distributions(call):
        if name == wanted:
            file = _described(call, entry)
            found.setdefault(file.name, file)
    if not found:
        raise Refused(404, "File not found.")
    files = [found[name] for name in sorted(found)]
    if _json_is_wanted(call):
        told = [_told(file) for file in files]
        return as_json({"meta": {"api-version": "1.0"}, "name": wanted, "files": told}, kind=_JSON)
    return _page("\n".join(map(_anchor, files)))


def _with_slash(call: Call) -> Response | None:
    """Links in a page are relative to its address, which ends with a slash."""
    if call.raw.endswith("/"):
        return None
    return Response(status=302, headers={"Location": f"{call.base}/{call.raw}/"})


def _json_is_wanted(call: Call) -> bool:
    accepted = call.request.accept_mimetypes
    return call.shop.pypi_json and accepted.quality(_JSON) > accepted.quality(_HTML)


def _distributions(call: Call) -> Iterator[tuple[str, Entry]]:
    """Normalised project and file of every distribution one may read, first members first."""
    key = call.named["key"]
    if not members(call, key):
        raise Refused(404, f"Failed to find the repository '{key}' specified in the request.")
    readable = [member for member in members(call, key) if call.readable(member)]
    if not readable:
        need_reading(call, f"{key}/simple")
    for member in readable:
        for entry in call.store.files.below(member):
            if name := _project_of(entry.path.rpartition("/")[2]):
                yield name, entry


def _project_of(file: str) -> str:
    """The normalised project of a file; empty when it is no distribution."""
    try:
        if file.endswith(".whl"):
            return parse_wheel_filename(file)[0]
        return parse_sdist_filename(file)[0]
    except (InvalidSdistFilename, InvalidWheelFilename):
        return ""


def _described(call: Call, entry: Entry) -> _File:
    requires = call.store.files.properties(entry.path).get("pypi.requires.python", ("",))[0]
    return _File(entry=entry, inside=entry.path.partition("/")[2], requires_python=requires)


def _url(file: _File) -> str:
    return f"../../packages/{quoted(file.inside)}"


def _anchor(file: _File) -> str:
    requires = html.escape(file.requires_python)
    demand = f' data-requires-python="{requires}"' if requires else ""
    href = f"{_url(file)}#sha256={file.entry.checksums.sha256}"
    return f'<a href="{href}"{demand} rel="internal">{html.escape(file.name)}</a><br/>'


def _told(file: _File) -> dict[str, Any]:
    told: dict[str, Any] = {
        "filename": file.name,
        "url": _url(file),
        "hashes": {"sha256": file.entry.checksums.sha256},
        "size": file.entry.checksums.size_bytes,
        "upload-time": shown_instant(file.entry.created),
    }
    return {**told, "requires-python": file.requires_python} if file.requires_python else told


def _page(links: str) -> Response:
    head = '<!DOCTYPE html>\n<html>\n<head><title>Simple Index</title><meta name="api-version" value="2" />'
    return Response(f"{head}</head>\n<body>\n{links}\n</body>\n</html>\n", content_type=_HTML)


def package(call: Call) -> Response:
    """The bytes of a file of the index."""
    path = f"{call.named['key']}/{path_of(call.named['path'])}"
    need_reading(call, path)
    found = located(call, path)
    if not found:
        raise Refused(404, "File not found.")
    return serve_file(call, call.store.files.entry(found))


def upload(call: Call) -> Response:
    """`:action=file_upload` of a form."""
    form, file = call.request.form, call.request.files.get("content")
    if form.get(":action") != "file_upload" or file is None or not file.filename:
        raise Refused(400, "Only the file_upload action with a content is supported.")
    name, version = str(form.get("name", "")), str(form.get("version", ""))
    path = f"{deployment(call, call.named['key'])}/{name}/{version}/{file.filename}"
    need_deployment(call, path)
    digests = {"sha256": form.get("sha256_digest", ""), "md5": form.get("md5_digest", "")}
    claimed = {kind: str(digest).lower() for kind, digest in digests.items() if digest}
    may_replace(call, path, claimed)
    checksums = call.store.files.receive(_pieces(file))
    if any(getattr(checksums, kind) != digest for kind, digest in claimed.items()):
        raise Refused(400, f"The digest of {quote(file.filename)} is not what the form says.")
    properties = {
        kept: (str(form[field]),) for field, kept in _KEPT_FIELDS.items() if str(form.get(field, "")).strip()
    }
    properties["pypi.normalized.name"] = (canonicalize_name(name),)
    try:
        call.store.files.deposit(
            Deposit(
                path=path,
                checksums=checksums,
                user=call.user.name,
                claimed=tuple(claimed),
                properties=properties,
            )
        )
    except UsageError as error:
        raise Refused(400, error.message) from error
    return Response(status=200)


def _pieces(file: FileStorage) -> Iterator[bytes]:
    while chunk := file.stream.read(_CHUNK_BYTES):
        yield chunk
