"""`GET`, `HEAD` and `DELETE /{repository}/{path}`: files go out, and away.

Rules:
- The entity tag is the sha1, without quotes, as Artifactory has it.
- One range of bytes is answered with 206; anything else that is asked for is answered whole.
- A folder is a page of links; without the slash at its end it is found with it.
"""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, BinaryIO
from urllib.parse import quote

from flask import Response

from pytest_defend.errors import NotFound
from pytest_defend.server.deployment import not_deletable
from pytest_defend.server.described import mime_type
from pytest_defend.server.grammars import matrix_requirements, path_of, split_matrix
from pytest_defend.server.places import colon, located, members, quoted, repository_of
from pytest_defend.server.properties import shown_properties
from pytest_defend.server.refusals import Refused, as_text

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.server.calls import Call
    from pytest_defend.stores.entries import Entry

__all__ = ["delete", "download", "need_reading", "serve_file"]

_CHUNK_BYTES = 1 << 16
_SIDES = (".sha1", ".md5", ".sha256")


def need_reading(call: Call, path: str) -> None:
    """Refuse who may not read there."""
    sentence = f"Download request for repo:path '{colon(path)}' is forbidden for user '{call.user.name}'."
    call.need("r", repository_of(path), sentence, hidden="File not found.")


def download(call: Call) -> Response:
    """Hand out a file, a checksum of one, or the page of a folder."""
    raw, parameters = split_matrix(call.raw)
    path = path_of(raw)
    key = repository_of(path)
    if not members(call, key):
        message = f"Failed to find the repository '{key}' specified in the request."
        raise Refused(404, message)
    need_reading(call, path)
    if call.has("properties"):
        return shown_properties(call, path.rstrip("/"))
    found = located(call, path)
    if found:
        _check_requirements(call, found, parameters)
        return serve_file(call, call.store.files.entry(found))
    for side in _SIDES:
        if path.endswith(side) and (of := located(call, path.removesuffix(side))):
            return as_text(getattr(call.store.files.entry(of).checksums, side[1:]))
    return _folder_page(call, path)


def _check_requirements(call: Call, path: str, parameters: str) -> None:
    properties = call.store.files.properties(path)
    for name, values in matrix_requirements(parameters).items():
        if not set(values) & set(properties.get(name, ())):
            message = f"Artifact '{colon(path)}' exists, but mandatory properties do not match."
            raise Refused(404, message)


def serve_file(call: Call, entry: Entry) -> Response:
    """The bytes of a file, or what a conditional request asks for."""
    known = entry.checksums
    name = entry.path.rpartition("/")[2]
    answer = Response(content_type=mime_type(entry.path))
    answer.last_modified = entry.modified
    answer.headers.update(
        {
            "ETag": known.sha1,
            "X-Checksum-Sha1": known.sha1,
            "X-Checksum-Sha256": known.sha256,
            "X-Checksum-Md5": known.md5,
            "Accept-Ranges": "bytes",
            "X-Artifactory-Filename": quote(name),
            "Content-Disposition": f"attachment; filename=\"{quote(name)}\"; filename*=UTF-8''{quote(name)}",
        }
    )
    if known.sha1 in _tags(call) or _unchanged(call, entry):
        answer.status_code = 304
        return answer
    start, end = _range(call, known.size_bytes)
    if start >= known.size_bytes > 0 or start > end:
        return Response(status=416, headers={"Content-Range": f"bytes */{known.size_bytes}"})
    if (start, end) != (0, known.size_bytes):
        answer.status_code = 206
        answer.headers["Content-Range"] = f"bytes {start}-{end - 1}/{known.size_bytes}"
    answer.headers["Content-Length"] = str(end - start)
    if call.request.method != "HEAD":
        call.store.files.counted(entry.path)
        file = call.store.files.open(entry)
        answer.call_on_close(file.close)  # also when nobody reads to the end
        answer.response = _pieces(file, start, end)
    return answer


def _tags(call: Call) -> set[str]:
    tags = str(call.request.headers.get("If-None-Match", "")).split(",")
    return {tag.strip().removeprefix("W/").strip('"') for tag in tags}


def _unchanged(call: Call, entry: Entry) -> bool:
    since = call.request.if_modified_since
    return since is not None and entry.modified.replace(microsecond=0) <= since


def _range(call: Call, size: int) -> tuple[int, int]:
    """Where the answer begins and ends."""
    asked = call.request.range
    if asked is None or asked.units != "bytes" or len(asked.ranges) != 1:
        return 0, size
    start, end = asked.ranges[0]
    if start < 0:
        return max(size + start, 0), size
    return start, min(size if end is None else end, size)


def _pieces(file: BinaryIO, start: int, end: int) -> Iterator[bytes]:
    file.seek(start)
    left = end - start
    while left > 0 and (chunk := file.read(min(_CHUNK_BYTES, left))):
        left -= len(chunk)
        yield chunk


def _folder_page(call: Call, path: str) -> Response:
    folder = path.rstrip("/")
    names = _inside(call, folder)
    if names is None:
        raise Refused(404, "File not found.")
    if not call.raw.endswith("/"):
        return Response(status=302, headers={"Location": f"{call.base}/{quoted(folder)}/"})
    links = "\n".join(f'<a href="{quote(name)}">{html.escape(name)}</a>' for name in names)
    title = html.escape(f"Index of {folder}")
    page = f"<html>\n<head><title>{title}</title></head>\n<body>\n<h1>{title}</h1>\n<pre>{links}</pre>\n"
    return Response(f"{page}</body>\n</html>\n", content_type="text/html")


def _inside(call: Call, folder: str) -> list[str] | None:
    """What is in a folder, in every repository that its key stands for; None when there is no such folder."""
    key, slash, rest = folder.partition("/")
    names: set[str] | None = None
    for member in members(call, key):
        try:
            found = call.store.files.folder(f"{member}{slash}{rest}")
        except NotFound:
            continue
        folders = {f"{path.rpartition('/')[2]}/" for path in found.folders}
        names = (names or set()) | folders | {path.rpartition("/")[2] for path in found.files}
    return None if names is None else sorted(names)


def delete(call: Call) -> Response:
    """Delete a file, or a folder with everything in it."""
    raw, _ = split_matrix(call.raw)
    path = path_of(raw).rstrip("/")
    key = repository_of(path)
    if members(call, key) != (key,):
        raise Refused(404, "")
    if path == key:
        call.need_admin()
    hidden = f"Could not locate artifact '{colon(path)}'."
    call.need("d", key, not_deletable(call, path), hidden=hidden)
    try:
        files = call.store.files
        if not files.has(path):
            files.folder(path)
    except NotFound:
        raise Refused(404, f"Could not locate artifact '{colon(path)}' (Nothing to delete).") from None
    files.remove([path])
    return Response(status=204)
