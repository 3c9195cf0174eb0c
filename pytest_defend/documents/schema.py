"""The JSON Schemas of the run record and of decisions, made from their classes.

Rules:
- Draft 2020-12. It says what `Document` reads: required keys, types, no key that is not known.
- An instant has the one form that is written; readers accept more.
- Every key has a description, the words under the field (of a document in it: what that document is). One
  without words is an error, so that no field gets into the record unexplained.
- A document of others (it keeps what it does not know) is any object: what is in it is theirs to say.
- The results are shipped as `pytest_defend/model/run-record.schema.json` and `decision.schema.json`; tests
  compare them.

Source: https://json-schema.org/draft/2020-12
"""

from __future__ import annotations

import ast
import dataclasses
import inspect
import json
import textwrap
import types
import typing
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING, Any

from pytest_defend.model import decision, record
from pytest_defend.model.decision import Decision
from pytest_defend.model.fields import Document
from pytest_defend.model.record import RunRecord

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["decision_schema", "record_schema"]

_SCALARS: dict[Any, dict[str, Any]] = {
    Any: {},
    bool: {"type": "boolean"},
    datetime: {
        "type": "string",
        "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}\+0000$",
    },
    int: {"type": "integer"},
    str: {"type": "string"},
}


def record_schema() -> bytes:
    """The shipped schema of a run: UTF-8, two blanks of indentation, keys in the order of the fields."""
    return _schema(RunRecord, record.SCHEMA)


def decision_schema() -> bytes:
    """The shipped schema of a decision, in the same form."""
    return _schema(Decision, decision.SCHEMA)


def _schema(root: type[Document], name: str) -> bytes:
    found: dict[type[Document], None] = {}
    _reach(root, found)
    _, *parts = found
    described = _object(root)
    described["properties"]["schema"]["const"] = name
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:{name.replace('/', ':')}",
        "title": root.__name__,
        **described,
        "$defs": {part.__name__: _object(part) for part in parts},
    }
    return json.dumps(document, indent=2, ensure_ascii=False).encode() + b"\n"


def _reach(kind: type[Document], found: dict[type[Document], None]) -> None:
    if kind not in found:
        found[kind] = None
        if _is_foreign(kind):
            return
        for hint in typing.get_type_hints(kind).values():
            for inner in _documents_in(hint):
                _reach(inner, found)


def _is_foreign(kind: type[Document]) -> bool:
    return "extra" in {field.name for field in dataclasses.fields(kind)}  # type: ignore[arg-type]  # as below


def _documents_in(hint: Any) -> Iterator[type[Document]]:
    if isinstance(hint, type) and issubclass(hint, Document):
        yield hint
    for inner in typing.get_args(hint):
        yield from _documents_in(inner)


def _object(kind: type[Document]) -> dict[str, Any]:
    if _is_foreign(kind):
        return {"description": _summary(kind), "type": "object"}
    hints, said = typing.get_type_hints(kind), _said(kind)
    properties, required = {}, []
    for field in dataclasses.fields(kind):  # type: ignore[arg-type]  # every document is a dataclass
        key = field.metadata.get("key", field.name)
        description = said[field.name] or "".join(_summary(part) for part in _documents_in(hints[field.name]))
        if not description:
            raise ValueError(f"{kind.__name__}.{field.name} says nothing about itself")
        properties[key] = {"description": description, **_typed(hints[field.name])}
        if field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING:
            required.append(key)
    return {
        "description": _summary(kind),
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }


def _typed(hint: Any) -> dict[str, Any]:
    inner, origin = typing.get_args(hint), typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType):
        return {"anyOf": [_typed(inner[0]), {"type": "null"}]}
    if origin is tuple:
        return {"type": "array", "items": _typed(inner[0])}
    if origin is Mapping:
        return {"type": "object", "additionalProperties": _typed(inner[1])}
    if isinstance(hint, type) and issubclass(hint, Document):
        return {"$ref": f"#/$defs/{hint.__name__}"}
    if isinstance(hint, type) and issubclass(hint, Enum):
        return {"enum": [member.value for member in hint]}
    return dict(_SCALARS[hint])


def _summary(kind: type[Document]) -> str:
    return (inspect.getdoc(kind) or "").partition("\n\n")[0]


def _said(kind: type[Document]) -> dict[str, str]:
    """The words under each field, by its name."""
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(kind))).body
    said: dict[str, str] = {}
    name = ""
    for statement in typing.cast("ast.ClassDef", definition).body:
        if isinstance(statement, ast.AnnAssign):
            name = ast.unparse(statement.target)
            said[name] = ""
        elif isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant) and name:
            said[name] = " ".join(str(statement.value.value).split())
    return said
