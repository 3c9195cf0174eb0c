"""The record and its JSON Schema say the same."""

from __future__ import annotations

import dataclasses
import json
import typing
from copy import deepcopy
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
from hypothesis import given

from builders import a_clock, a_record
from pytest_defend.documents.schema import record_schema
from pytest_defend.errors import InvalidDocument
from pytest_defend.model.bundle import RECORD
from pytest_defend.model.fields import Document
from pytest_defend.model.record import SCHEMA, RunFacts, RunRecord
from pytest_defend.stores.directory import DirectoryStore
from runs import a_project, run
from strategies import documents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SHIPPED = (files("pytest_defend") / "model" / "run-record.schema.json").read_bytes()
_DOCUMENT: dict[str, Any] = json.loads(SHIPPED)
_VALIDATOR = jsonschema.Draft202012Validator(_DOCUMENT)
_RENEW = (
    'python -c "import sys; from pytest_defend.documents.schema import record_schema as made; '
    'sys.stdout.buffer.write(made())" > pytest_defend/model/run-record.schema.json'
)


def objects() -> Iterator[tuple[str, dict[str, Any]]]:
    yield "RunRecord", _DOCUMENT
    yield from _DOCUMENT["$defs"].items()


def accepts(document: object) -> bool:
    return next(_VALIDATOR.iter_errors(document), None) is None


def reads(document: object) -> bool:
    try:
        RunRecord.from_dict(document)
    except InvalidDocument:
        return False
    return True


def test_the_shipped_schema_is_the_one_of_the_classes() -> None:
    assert record_schema() == SHIPPED, f"write it anew: {_RENEW}"


def test_it_is_a_schema_of_draft_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(_DOCUMENT)
    assert _DOCUMENT["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert _DOCUMENT["$id"] == "urn:pytest-defend:run-record:1"
    assert _DOCUMENT["properties"]["schema"]["const"] == SCHEMA


def test_schema_and_classes_name_the_same_fields() -> None:
    """Read from the classes once more, without the code that made the schema."""
    waiting: list[Any] = [RunRecord]
    classes: dict[str, type[Document]] = {}
    while waiting:
        hint = waiting.pop()
        if isinstance(hint, type) and issubclass(hint, Document) and hint.__name__ not in classes:
            classes[hint.__name__] = hint
            waiting += typing.get_type_hints(hint).values()
        waiting += typing.get_args(hint)
    assert classes.keys() == dict(objects()).keys()
    for name, told in objects():
        fields = dataclasses.fields(classes[name])  # type: ignore[arg-type]  # every document is a dataclass
        assert told["properties"].keys() == {field.name for field in fields}
        needed = [f.name for f in fields if dataclasses.MISSING is f.default is f.default_factory]
        assert told["required"] == needed
        assert told["additionalProperties"] is False


@pytest.mark.parametrize(
    ("ending", "word"),
    [("_us", "microseconds"), ("_ms", "milliseconds"), ("_minutes", "minutes"), ("_bytes", "bytes")],
)
def test_every_quantity_names_its_unit(ending: str, word: str) -> None:
    said = {
        f"{name}.{key}": field["description"]
        for name, told in objects()
        for key, field in told["properties"].items()
        if key.endswith(ending)
    }
    assert said
    assert [key for key, text in said.items() if word not in text] == []


def test_every_key_is_described() -> None:
    for _, told in objects():
        assert all(field["description"].strip() for field in told["properties"].values())


def test_a_field_without_words_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pytest_defend.documents.schema._said", lambda kind: dict.fromkeys(dir(kind), ""))
    with pytest.raises(ValueError, match=r"RunRecord\.schema says nothing about itself"):
        record_schema()


def test_a_full_and_an_empty_record_are_valid() -> None:
    for record in (
        a_record(),
        a_record(facts=RunFacts(), exit_status=None, workers_us={}, subjects=(), files=()),
    ):
        _VALIDATOR.validate(record.to_dict())
        assert RunRecord.from_bytes(record.to_bytes()) == record


def test_the_record_of_a_real_run_is_valid(tmp_path: Path) -> None:
    project = a_project(tmp_path, {"test_demo.py": "def test_it(): pass\n"})
    assert run(project, "--defend-publish").status == 0
    store = DirectoryStore(project / ".defend", clock=a_clock)
    (item,) = [item for item in store.list("candidates") if item.path.endswith(f"/{RECORD}")]
    with store.open(item.path) as file:
        content = file.read()
    record = json.loads(content)
    _VALIDATOR.validate(record)
    assert record["facts"].keys() >= {"interpreter", "platform", "process", "pytest", "installed"}
    assert RunRecord.from_bytes(content).to_bytes() == content


@given(documents(RunRecord))
def test_whatever_the_classes_write_is_valid(record: RunRecord) -> None:
    document = {**record.to_dict(), "schema": SCHEMA}
    assert accepts(document)
    assert reads(document)


def _places(value: Any, *path: Any) -> Iterator[tuple[Any, ...]]:
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in items:
        yield from _places(inner, *path, key)


_FULL = a_record().to_dict()
_FREE = {"direct_url"}  # another's document


@pytest.mark.parametrize("wrong", [None, True, 7, "text", [], {}, {"unknown": 1}], ids=repr)
def test_schema_and_classes_refuse_the_same(wrong: Any) -> None:
    for path in _places(_FULL):
        if not path or _FREE & set(path) or path == ("schema",):
            continue
        document = deepcopy(_FULL)
        holder = document
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = wrong
        if path == ("started",) and wrong == "text":
            assert not accepts(document)
        assert accepts(document) is reads(document), (path, wrong)
        if isinstance(holder, dict):
            del holder[path[-1]]
            assert accepts(document) is reads(document), path
