"""`/api/system/...`: is it there, and which Artifactory is it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.server.refusals import as_json, as_text

if TYPE_CHECKING:
    from flask import Response

    from pytest_defend.server.calls import Call

__all__ = ["alive", "ping", "version"]


def ping(_: Call) -> Response:
    """`OK`."""
    return as_text("OK")


def alive(_: Call) -> Response:
    """What probes of 7.x are told."""
    return as_json({"code": "OK"})


def version(call: Call) -> Response:
    """Version, add-ons and license."""
    profile = call.profile
    told = {
        "version": profile.version,
        "revision": profile.version.replace(".", ""),
        "addons": list(profile.addons),
        "license": "pytest-defend serve",
    }
    return as_json(told, kind="application/vnd.org.jfrog.artifactory.system.Version+json")
