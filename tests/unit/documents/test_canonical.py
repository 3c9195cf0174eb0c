from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_defend.documents.canonical import read_json, speakable
from pytest_defend.errors import InvalidDocument
from pytest_defend.model.fields import canonical_bytes
from strategies import json_values, texts

REFUSED = [
    (b"", "no JSON"),
    (b"{", "no JSON"),
    (b"\xff", "no JSON"),
    (b"\xef\xbb\xbf{}", "no JSON"),
    ('{"a":1}'.encode("utf-16"), "no JSON"),
    (b'{"a":1,"a":1}', "an object names 'a' twice"),
    (b'[{"a":{"b":1,"c":2,"b":3}}]', "an object names 'b' twice"),
    (b'{"a":1,"\\u0061":2}', "an object names 'a' twice"),
    (b"NaN", "NaN is no number"),
    (b"[-Infinity]", "-Infinity is no number"),
    (b"1e999", "1e999 is no number"),
    (b'"\\ud800"', "half of a character"),
    (b'{"\\udc80":1}', "half of a character"),
    (b"[" * 100_000, "no JSON"),
    (b"1" * 5000, "no JSON"),
]


@pytest.mark.parametrize(("content", "problem"), REFUSED)
def test_what_could_be_read_in_two_ways_is_refused(content: bytes, problem: str) -> None:
    with pytest.raises(InvalidDocument, match=problem) as caught:
        read_json(content, "paper")
    assert caught.value.what == "paper"


@given(json_values)
def test_what_is_read_is_what_was_written(document: object) -> None:
    spoken = json.loads(speakable(json.dumps(document, ensure_ascii=False)).replace("\\ud", "_"))
    assert read_json(canonical_bytes(spoken), "paper") == spoken


@given(texts)
def test_a_text_can_always_be_said(text: str) -> None:
    said = speakable(text)
    assert read_json(canonical_bytes(said), "paper") == said
    assert speakable(said) == said


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_text_that_can_be_said_stays_as_it_is(text: str) -> None:
    assert speakable(text) == text


def test_a_byte_that_is_no_utf8_becomes_visible() -> None:
    assert speakable(b"caf\xe9".decode("utf-8", "surrogateescape")) == "caf\\udce9"
