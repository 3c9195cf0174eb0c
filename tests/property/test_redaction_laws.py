from __future__ import annotations

import io

from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_defend.capture.credentials import forms, secrets_in
from pytest_defend.capture.redaction import MASK, Redactor

# Few characters, so that secrets overlap, repeat and look like masks and URLs.
letters = st.text("ab:/@*.", max_size=30)
tokens = st.sampled_from(["ghp_" + "aB3" * 13, "://ab:ba@", "AKIAIOSFODNN7EXAMPLE", "\n"])
texts = st.lists(letters | tokens, max_size=6).map("".join)
secrets = st.lists(st.text("ab:/@*.", min_size=4, max_size=8), max_size=4)
any_text = st.text(st.characters(exclude_categories=[]), max_size=50)


@given(texts, secrets)
def test_redacting_twice_changes_nothing(text: str, known: list[str]) -> None:
    redactor = Redactor(known)
    clean = redactor.text(text)
    assert redactor.text(clean) is clean


@given(texts, secrets)
def test_no_secret_stays(text: str, known: list[str]) -> None:
    clean = Redactor(known).text(text)
    assert [secret for value in known for secret in secrets_in(value) if secret in clean] == []


@given(any_text, st.text(st.characters(exclude_categories=[]), min_size=6, max_size=12), any_text)
def test_no_spelling_of_a_secret_stays(before: str, secret: str, after: str) -> None:
    looked_for = list(secrets_in(secret))
    redactor = Redactor([secret])
    for value in looked_for:
        for form in forms(value):
            assert form not in redactor.text(before + form + after)


@given(any_text, secrets)
def test_a_text_that_holds_none_is_the_same_object(text: str, known: list[str]) -> None:
    redactor = Redactor(known)
    clean = redactor.text(text)
    assert (clean is text) == (clean == text)
    assert clean is text or MASK in clean


@given(texts, secrets)
def test_a_file_is_redacted_like_a_text(text: str, known: list[str]) -> None:
    redactor = Redactor(known)
    target = io.BytesIO()
    places = redactor.file(io.BytesIO(text.encode()), target)
    assert target.getvalue().decode() == redactor.text(text)
    assert (places == 0) == (target.getvalue().decode() == text)


@given(st.binary(max_size=200))
def test_a_file_of_any_bytes_survives(content: bytes) -> None:
    target = io.BytesIO()
    if Redactor([]).file(io.BytesIO(content), target) == 0:
        assert target.getvalue() == content


@settings(max_examples=15, deadline=None)
@given(st.integers(-(1 << 17), 1 << 17), st.booleans())
def test_no_place_in_a_large_file_hides_a_secret(offset: int, lines: bool) -> None:
    filler = ("word " * 20 + ("\n" if lines else " ")).encode()
    start = (filler * (1 << 14))[: (1 << 20) + 8192 + offset]
    target = io.BytesIO()
    source = io.BytesIO(start + b" hunter2-secret " + filler * 3000)
    assert Redactor(["hunter2-secret"]).file(source, target) == 1
    assert target.getvalue() == start + b" *** " + filler * 3000


@given(st.lists(st.sampled_from(["--token", "--token=abcd", "-k", "abcd", "x=y", "--no-key"]), max_size=6))
def test_a_command_line_keeps_its_length(arguments: list[str]) -> None:
    clean = Redactor([]).argv(arguments)
    assert len(clean) == len(arguments)
    assert Redactor([]).argv(clean) == clean
