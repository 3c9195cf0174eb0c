"""Where a path leads: local repositories, virtual ones, and the build-info repositories of 7.x.

Rules:
- A virtual repository looks into its members in their order, and writes to its default deployment
  repository.
- What one may not read is not found in a virtual repository, as if it were not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from pytest_defend.server.refusals import Refused

if TYPE_CHECKING:
    from pytest_defend.server.calls import Call

__all__ = [
    "colon",
    "deployment",
    "download_uri",
    "located",
    "members",
    "quoted",
    "repository_of",
    "storage_uri",
]


def repository_of(path: str) -> str:
    """The key of the repository a path begins with."""
    return path.partition("/")[0]


def colon(path: str) -> str:
    """A path as sentences of Artifactory name it: `repository:folder/file`."""
    repository, _, inside = path.partition("/")
    return f"{repository}:{inside}"


def quoted(path: str) -> str:
    """A path as it stands in a URL."""
    return quote(path, safe="/+")


def storage_uri(call: Call, path: str) -> str:
    """Where a file or folder is described."""
    return f"{call.base}/api/storage/{quoted(path)}"


def download_uri(call: Call, path: str) -> str:
    """Where the bytes of a file are."""
    return f"{call.base}/{quoted(path)}"


def members(call: Call, key: str) -> tuple[str, ...]:
    """The local repositories a key stands for, in the order they are looked into; none when it is unknown."""
    known = call.store.accounts.repositories()
    found: dict[str, None] = {}
    _collect(known, key, found, set())
    return tuple(found)


def _collect(known: dict[str, dict[str, Any]], key: str, found: dict[str, None], seen: set[str]) -> None:
    if key not in known or key in seen:
        return
    seen.add(key)
    if known[key].get("rclass") != "virtual":
        found[key] = None
        return
    for member in known[key].get("repositories", ()):
        _collect(known, str(member), found, seen)


def deployment(call: Call, key: str) -> str:
    """The local repository files go to that are sent to a key.

    Raises:
        Refused: There is none.
    """
    known = call.store.accounts.repositories()
    if key not in known:
        raise Refused(404, f"Could not find a local repository named {key} to deploy to.")
    if known[key].get("rclass") != "virtual":
        return key
    target = str(known[key].get("defaultDeploymentRepo") or "")
    if target not in known:
        sentence = "No local repository was configured as local deployment repository for the"
        raise Refused(405, f"{sentence} ({key}) virtual repository.", headers={"Allow": "GET"})
    return target


def located(call: Call, path: str) -> str:
    """The path a file is kept under that is asked for under another one; empty when there is none."""
    key, _, inside = path.partition("/")
    local = members(call, key)
    if local == (key,):
        return path if call.store.files.has(path) else ""
    candidates = [f"{member}/{inside}" for member in local if call.readable(member)]
    return next((candidate for candidate in candidates if call.store.files.has(candidate)), "")
