"""Files and folders as the server describes them in JSON.

Rules:
- The size of a file is a text here, and a number in listings: so are they in Artifactory.
- Instants have milliseconds and `Z`.
"""

from __future__ import annotations

import mimetypes
from typing import TYPE_CHECKING, Any

from pytest_defend.server.places import download_uri, repository_of, storage_uri

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_defend.server.calls import Call
    from pytest_defend.stores.entries import Entry, Folder

__all__ = ["described_file", "described_folder", "inside", "mime_type", "shown_instant"]


def shown_instant(instant: datetime) -> str:
    """An instant as item descriptions have it."""
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def mime_type(path: str) -> str:
    """The media type of a file, by its name."""
    if path.endswith((".json", ".intoto.jsonl")):
        return "application/json"
    return mimetypes.guess_type(path, strict=False)[0] or "application/octet-stream"


def inside(path: str) -> str:
    """A path in its repository, with the slash it begins with."""
    return f"/{path.partition('/')[2]}"


def described_file(call: Call, entry: Entry, *, asked: str = "") -> dict[str, Any]:
    """One file.

    Args:
        call: The request.
        entry: The file.
        asked: The path it was asked for under, when that is another one.
    """
    known = entry.checksums
    checksums = {"sha1": known.sha1, "md5": known.md5, "sha256": known.sha256}
    return {
        "repo": repository_of(entry.path),
        "path": inside(entry.path),
        "created": shown_instant(entry.created),
        "createdBy": entry.created_by,
        "lastModified": shown_instant(entry.modified),
        "modifiedBy": entry.modified_by,
        "lastUpdated": shown_instant(entry.modified),
        "downloadUri": download_uri(call, asked or entry.path),
        "mimeType": mime_type(entry.path),
        "size": str(known.size_bytes),
        "checksums": checksums,
        "originalChecksums": {kind: checksums[kind] for kind in checksums if kind in entry.claimed},
        "uri": storage_uri(call, asked or entry.path),
    }


def described_folder(call: Call, folder: Folder) -> dict[str, Any]:
    """One folder, with what is right in it."""
    start = len(folder.path)
    children = [{"uri": path[start:], "folder": True} for path in folder.folders]
    children += [{"uri": path[start:], "folder": False} for path in folder.files]
    return {
        "repo": repository_of(folder.path),
        "path": inside(folder.path),
        "created": shown_instant(folder.created),
        "createdBy": folder.created_by,
        "lastModified": shown_instant(folder.modified),
        "modifiedBy": folder.created_by,
        "lastUpdated": shown_instant(folder.modified),
        "children": children,
        "uri": storage_uri(call, folder.path),
    }
