"""Build-info on its way to a server that keeps only what it knows, and back.

Rules:
- What is sent has the shape every version accepts: no `null` property, `started` in milliseconds, `modules`
  always there, statuses only with timestamps a server can write again.
- The document as it was published travels along, packed, in the property `pytest-defend.document`; a module
  that is appended in `pytest-defend.module`. Servers drop fields, fill in checksums and replace the
  principal; what is read is what was published, with what was appended and promoted since.
- A document of another client has no such property and is read as the server gives it.

Source: Artifactory 5.11 and build-info 2.9.5, `Build`; build-info 2.43 for 7.x.
"""

from __future__ import annotations

import base64
import json
import re
import zlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from pytest_defend.errors import InvalidDocument
from pytest_defend.model.buildinfo import BuildInfo, Module, Status
from pytest_defend.model.fields import started_text

__all__ = ["current", "module_to_wire", "original", "to_wire"]

_DOCUMENT = "pytest-defend.document"
_MODULE = "pytest-defend.module"
_TYPES = ("MAVEN", "GRADLE", "ANT", "IVY", "GENERIC")  # 5.11 refuses every other
_WRITABLE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}[+-]\d{4}", re.ASCII)


def to_wire(build: BuildInfo) -> dict[str, Any]:
    """A build as a server takes it."""
    document: dict[str, Any] = _sendable(build.to_dict())
    properties = {**document.get("properties", {}), _DOCUMENT: _packed(build.to_bytes())}
    document |= {
        "started": started_text(build.started_at),
        "version": build.version or "1.0.1",
        "modules": [module_to_wire(module, packed=False) for module in build.modules],
        "properties": properties,
        "statuses": [_sendable(status.to_dict()) for status in _sent_statuses(build)],
    }
    if build.type not in _TYPES:
        document.pop("type", None)
    return document


def module_to_wire(module: Module, *, packed: bool = True) -> dict[str, Any]:
    """A module as a server takes it; `packed` also as it is."""
    document: dict[str, Any] = _sendable(module.to_dict())
    if packed:
        properties = {**document.get("properties", {}), _MODULE: _packed(module.to_bytes())}
        document["properties"] = properties
    return document


def original(raw: Mapping[str, Any]) -> BuildInfo:
    """The document as it was published.

    Raises:
        InvalidDocument: The server's document is none of a build.
    """
    packed = _texts(raw).get(_DOCUMENT)
    if packed is None:
        return BuildInfo.from_dict(raw)
    published = BuildInfo.from_bytes(_unpacked(packed))
    renamed = {"name": raw.get("name", published.name), "number": raw.get("number", published.number)}
    return replace(published, **renamed)


def current(raw: Mapping[str, Any]) -> BuildInfo:
    """The document with what was appended and promoted since.

    Raises:
        InvalidDocument: The server's document is none of a build.
    """
    published = original(raw)
    if _DOCUMENT not in _texts(raw):
        return published
    there = {module.id: module for module in published.modules}
    added: dict[str, Module] = {}
    for document in raw.get("modules") or ():
        module = _module(document)
        if module.id not in there:
            added.setdefault(module.id, module)
    statuses = [Status.from_dict(_without(status, "timestampDate")) for status in raw.get("statuses") or ()]
    return replace(
        published,
        modules=(*published.modules, *added.values()),
        statuses=(*published.statuses, *statuses[len(_sent_statuses(published)) :]),
    )


def _module(document: Mapping[str, Any]) -> Module:
    packed = _texts(document).get(_MODULE)
    return Module.from_dict(document) if packed is None else Module.from_bytes(_unpacked(packed))


def _texts(document: Mapping[str, Any]) -> Mapping[str, Any]:
    properties = document.get("properties")
    return properties if isinstance(properties, Mapping) else {}


def _sent_statuses(build: BuildInfo) -> tuple[Status, ...]:
    """All of them or none: one without such a timestamp makes 5.11 fail when it writes the document."""
    if all(_WRITABLE.fullmatch(status.timestamp) for status in build.statuses):
        return build.statuses
    return ()


def _without(document: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name not in names}


def _sendable(value: Any) -> Any:
    """`value` without lone surrogates, and with properties that servers take."""
    if isinstance(value, str):
        return value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, list):
        return [_sendable(item) for item in value]
    if isinstance(value, Mapping):
        return {
            _sendable(name): _property_texts(item)
            if name == "properties" and isinstance(item, Mapping)
            else _sendable(item)
            for name, item in value.items()
        }
    return value


def _property_texts(properties: Mapping[str, Any]) -> dict[str, str]:
    """Only texts: `null` and lists are refused by some version, and nothing is said by `null`."""
    return {
        _sendable(name): _sendable(value) if isinstance(value, str) else json.dumps(value)
        for name, value in properties.items()
        if value is not None
    }


def _packed(content: bytes) -> str:
    return base64.b64encode(zlib.compress(content, 9)).decode()


def _unpacked(text: str) -> bytes:
    """What was packed.

    Raises:
        InvalidDocument: It was altered.
    """
    try:
        return zlib.decompress(base64.b64decode(text, validate=True))
    except (ValueError, zlib.error) as error:
        raise InvalidDocument("packed document", [("properties", str(error))]) from error
