"""`/api/repositories`: what repositories there are, and how they are configured.

Rules:
- The list says `type` in capitals, the details `rclass` in small letters.
- A key nobody knows is 400, not 404.
- What an administrator does is answered in plain text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pytest_defend.server.places import quoted
from pytest_defend.server.refusals import Refused, as_json, as_text

if TYPE_CHECKING:
    from flask import Response

    from pytest_defend.server.calls import Call

__all__ = ["change", "create", "listed", "remove", "shown"]

_PREFIX = "application/vnd.org.jfrog.artifactory.repositories."
_KEY = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_CLASSES = ("local", "virtual")


def listed(call: Call) -> Response:
    """Every repository one may read, filtered by type, package type and project."""
    kind, package, project = (call.asked(name).lower() for name in ("type", "packageType", "project"))
    told = []
    for key, configuration in call.store.accounts.repositories().items():
        own = configuration.get("rclass", "local")
        if (kind and own != kind) or not (call.readable(key) or own == "virtual"):
            continue
        entry: dict[str, Any] = {
            "key": key,
            "description": configuration.get("description", ""),
            "type": own.upper(),
            "url": f"{call.base}/{quoted(key)}",
        }
        if call.profile.seven:
            entry["packageType"] = str(configuration.get("packageType", "generic")).capitalize()
            if (package and entry["packageType"].lower() != package) or (
                project and configuration.get("projectKey", "") != project
            ):
                continue
        told.append(entry)
    return as_json(told, kind=f"{_PREFIX}RepositoryDetailsList+json")


def shown(call: Call) -> Response:
    """The configuration of one."""
    key = call.named["key"]
    configuration = call.store.accounts.repositories().get(key)
    if configuration is None or not (call.readable(key) or configuration.get("rclass") == "virtual"):
        raise Refused(400, "Bad Request")
    return as_json(_complete(key, configuration), kind=f"{_PREFIX}LocalRepositoryConfiguration+json")


def _complete(key: str, configuration: dict[str, Any]) -> dict[str, Any]:
    return {
        "key": key,
        "packageType": "generic",
        "description": "",
        "notes": "",
        "includesPattern": "**/*",
        "excludesPattern": "",
        "repoLayoutRef": "simple-default",
        "rclass": "local",
        **configuration,
    }


def create(call: Call) -> Response:
    """`PUT`: make one."""
    key, configuration = call.named["key"], _sent(call)
    if key in call.store.accounts.repositories():
        raise Refused(400, f"Case insensitive repository key already exists: {key}")
    project = configuration.get("projectKey", "")
    if project and not key.startswith(f"{project}-"):
        raise Refused(400, f"Repository key '{key}' must begin with '{project}-'.")
    call.store.accounts.configure(key, configuration)
    return as_text(f"Successfully created repository '{key}'\n")


def change(call: Call) -> Response:
    """`POST`: change one."""
    key = call.named["key"]
    kept = call.store.accounts.repositories().get(key)
    if kept is None:
        raise Refused(400, "Bad Request")
    call.store.accounts.configure(key, {**kept, **_sent(call, kept)})
    return as_text(f"Repository {key} update successfully.\n")


def remove(call: Call) -> Response:
    """`DELETE`: one, with everything in it."""
    call.need_admin()
    key = call.named["key"]
    if key not in call.store.accounts.repositories():
        raise Refused(404, f"Repository {key} does not exist")
    call.store.accounts.remove_repository(key)
    return as_text(f"Repository {key} and all its content have been removed successfully.\n")


def _sent(call: Call, kept: dict[str, Any] | None = None) -> dict[str, Any]:
    call.need_admin()
    sent = call.body()
    if not isinstance(sent, dict):
        raise Refused(400, "Error parsing json body")
    key = call.named["key"]
    if not _KEY.fullmatch(key) or key == "api":
        raise Refused(400, f"Invalid repository key '{key}'.")
    if sent.get("key", key) != key:
        raise Refused(400, f"The repository key '{sent['key']}' is not that of the path, '{key}'.")
    configuration = {"rclass": "local", "packageType": "generic", **(kept or {}), **sent}
    if configuration["rclass"] not in _CLASSES:
        raise Refused(400, f"Repositories of class '{configuration['rclass']}' are not served here.")
    members = configuration.get("repositories", [])
    known = call.store.accounts.repositories()
    if not isinstance(members, list) or not set(map(str, members)) <= known.keys():
        raise Refused(400, f"Repository '{key}' names members that do not exist.")
    return configuration
