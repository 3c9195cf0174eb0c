"""Laws of the document codec, for every document class there is."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_defend.model import buildinfo, checksums, results
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.fields import (
    canonical_bytes,
    epoch_ms,
    instant_from_ms,
    parse_instant,
    started_text,
)
from strategies import documents, every_document, instants, json_values, started_texts, texts

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_defend.model.fields import Document

CLASSES = every_document(buildinfo, checksums, results)
each_class = pytest.mark.parametrize("kind", CLASSES, ids=lambda kind: kind.__name__)
few = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)


def test_there_are_documents() -> None:
    assert {"BuildInfo", "Module", "Status", "Checksums", "Attempt", "Tally"} <= {c.__name__ for c in CLASSES}


@each_class
@few
@given(data=st.data())
def test_writing_and_reading_is_the_identity(kind: type[Document], data: st.DataObject) -> None:
    value = data.draw(documents(kind))
    assert kind.from_dict(value.to_dict()) == value
    assert kind.from_bytes(value.to_bytes()) == value
    assert kind.from_bytes(value.to_bytes()).to_bytes() == value.to_bytes()


@each_class
@few
@given(data=st.data())
def test_reading_and_writing_is_the_identity(kind: type[Document], data: st.DataObject) -> None:
    """Also where a foreign document spells defaults out."""
    document = data.draw(documents(kind)).to_dict()
    fields = {field.name: field for field in dataclasses.fields(kind)}  # type: ignore[arg-type]
    if "extra" in fields:
        for field in fields.values():
            if field.default is not dataclasses.MISSING and data.draw(st.booleans()):
                spelled = data.draw(st.sampled_from([None, json.loads(canonical_bytes(field.default))]))
                document.setdefault(field.metadata.get("key", field.name), spelled)
    assert canonical_bytes(kind.from_dict(document).to_dict()) == canonical_bytes(document)


@given(json_values)
def test_canonical_bytes_keep_everything(document: Any) -> None:
    written = canonical_bytes(document)
    assert json.loads(written) == document
    assert canonical_bytes(json.loads(written)) == written


@given(st.dictionaries(texts, json_values))
def test_canonical_bytes_know_no_order(document: dict[str, Any]) -> None:
    backwards = dict(reversed(document.items()))
    assert canonical_bytes(document) == canonical_bytes(backwards)


@given(instants())
def test_an_instant_survives_being_written(instant: datetime) -> None:
    assert parse_instant(started_text(instant)) == instant
    assert instant_from_ms(epoch_ms(instant)) == instant


@given(started_texts())
def test_every_spelling_is_an_instant(text: str) -> None:
    assert epoch_ms(parse_instant(text)) == epoch_ms(parse_instant(started_text(parse_instant(text))))


_names = st.text(min_size=1)
_numbers = st.text(min_size=1).filter(lambda number: "/" not in number and "@" not in number)


@given(_names, _numbers, st.just("") | started_texts())
def test_a_build_is_what_its_locator_says(name: str, number: str, started: str) -> None:
    build = BuildId(name=name, number=number, started=started)
    assert BuildId.parse(str(build)) == build
