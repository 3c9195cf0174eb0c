"""Build-info as servers mangle it, and as it is read all the same."""

from __future__ import annotations

import copy
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from builders import STARTED, a_build_info
from pytest_defend.errors import InvalidDocument
from pytest_defend.model.buildinfo import BuildInfo, Module, Status
from pytest_defend.stores.artifactory.documents import current, module_to_wire, original, to_wire
from strategies import documents

SMOKE = Module(id="smoke", type="generic")


def _served(build: BuildInfo) -> dict[str, Any]:
    """As 5.11 gives it back: fields dropped, others added."""
    document: dict[str, Any] = json.loads(json.dumps(to_wire(build)))
    document["artifactoryPrincipal"] = "admin"
    for name in ("foreign", "project"):
        document.pop(name, None)
    for vcs in document.get("vcs", ()):
        vcs.pop("branch", None)
        vcs["empty"] = False
    for module in document["modules"]:
        module.pop("type", None)
        for artifact in module.get("artifacts", ()):
            artifact.pop("path", None)
            artifact.setdefault("md5", "filled in")
    for status in document.get("statuses", ()):
        status["timestampDate"] = 1
    return document


def test_what_is_read_is_what_was_published() -> None:
    build = a_build_info(extra={"foreign": [1, None]}, properties={"a": "\udc80", "b": None, "c": [1]})
    assert current(_served(build)) == build
    assert original(_served(build)) == build


def test_what_is_sent_is_what_every_version_takes() -> None:
    build = a_build_info(
        started="2026-01-31T11:59:00.456789Z",
        version="",
        type="PYTEST",
        properties={"none": None, "number": 1, "flag": True, "list": [1], "text": "\udc80"},
        modules=(),
    )
    document = to_wire(build)
    assert document["started"] == STARTED
    assert document["version"] == "1.0.1"
    assert document["modules"] == []
    assert "type" not in document
    properties = document["properties"]
    properties.pop("pytest-defend.document")
    assert properties == {"number": "1", "flag": "true", "list": "[1]", "text": "\\udc80"}
    json.dumps(document).encode()


def test_the_types_5_11_knows_are_sent() -> None:
    assert to_wire(a_build_info(type="GENERIC"))["type"] == "GENERIC"


@pytest.mark.parametrize("timestamp", ["", "2026-01-31T11:59:00.456Z", "2026-01-31T11:59:00.456+02:00", "x"])
def test_a_status_that_breaks_a_server_is_not_sent_and_not_lost(timestamp: str) -> None:
    build = a_build_info(statuses=(Status(status="rc", timestamp=timestamp),))
    assert to_wire(build)["statuses"] == []
    assert current(_served(build)) == build


def test_what_was_appended_and_promoted_is_read_with_it() -> None:
    first = Status(status="dev", timestamp=STARTED)
    second = Status(status="rc", timestamp=STARTED, repository="rc-local", user="admin", ci_user="jo")
    build = a_build_info(statuses=(first,))
    served = _served(build)
    served["modules"] += [
        module_to_wire(SMOKE),
        module_to_wire(replace(SMOKE, type="twice")),
        {"id": "foreign"},
    ]
    served["modules"][-3].pop("type")
    served["statuses"].append({**second.to_dict(), "timestampDate": 2})
    expected = replace(build, modules=(*build.modules, SMOKE, Module(id="foreign")), statuses=(first, second))
    assert current(served) == expected
    assert original(served) == build


def test_a_build_of_another_client_is_read_as_it_is() -> None:
    document = {"name": "a", "number": "1", "started": STARTED, "unknown": 1, "modules": [{"id": "m"}]}
    assert current(document) == original(document) == BuildInfo.from_dict(document)


def test_a_renamed_build_has_its_new_name() -> None:
    assert current({**_served(a_build_info()), "name": "new"}) == a_build_info(name="new")


@pytest.mark.parametrize("packed", ["", "AAAA", "é", "eJwDAAAAAAE="])
def test_a_document_that_was_altered_is_none(packed: str) -> None:
    served = copy.deepcopy(_served(a_build_info()))
    served["properties"]["pytest-defend.document"] = packed
    with pytest.raises(InvalidDocument):
        current(served)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(documents(BuildInfo))
def test_every_build_comes_back(drawn: BuildInfo) -> None:
    build = replace(drawn, name="demo", number="1", started=STARTED)
    served = json.loads(json.dumps(to_wire(build)))
    assert original(served) == build
    assert current(served) == build
