"""Laws of envelopes, statements and their chain: what is written comes back, what is not one is refused."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_defend.documents import statements
from pytest_defend.documents.canonical import read_json
from pytest_defend.documents.chain import Link, heads, problems
from pytest_defend.documents.dsse import Envelope, Signature, pae
from pytest_defend.documents.envelopes import envelope_lines, read_lines
from pytest_defend.documents.statements import STATEMENT, Descriptor, Statement, read_statement
from pytest_defend.errors import InvalidDocument
from pytest_defend.model.buildinfo import BuildId
from strategies import documents, every_document, json_values

few = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow], deadline=None)

spoken = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
extras = st.dictionaries(
    spoken.filter(lambda key: key not in {"payload", "payloadType", "signatures", "sig", "keyid"}),
    st.integers() | spoken,
    max_size=2,
)
signatures = st.builds(Signature, sig=st.binary(min_size=1, max_size=90), keyid=spoken, extra=extras)
envelopes = st.builds(
    Envelope,
    payload=st.binary(max_size=200),
    payload_type=spoken.filter(bool),
    signatures=st.lists(signatures, max_size=3).map(tuple),
    extra=extras,
)


@given(envelopes)
def test_an_envelope_comes_back_as_it_was_written(envelope: Envelope) -> None:
    assert Envelope.from_bytes(envelope.to_bytes()) == envelope
    assert Envelope.from_dict(envelope.to_dict()) == envelope


@given(envelopes, st.booleans(), st.booleans())
def test_every_spelling_of_an_envelope_is_the_same_envelope(
    envelope: Envelope, url_safe: bool, padded: bool
) -> None:
    encode = base64.urlsafe_b64encode if url_safe else base64.b64encode

    def spelled(content: bytes) -> str:
        text = encode(content).decode()
        return text if padded else text.rstrip("=")

    told = envelope.to_dict()
    told["payload"] = spelled(envelope.payload)
    for signature, each in zip(told["signatures"], envelope.signatures, strict=True):
        signature["sig"] = spelled(each.sig)
    assert Envelope.from_bytes(json.dumps(told, indent=1).encode()) == envelope


@given(st.lists(envelopes, max_size=3))
def test_a_file_of_envelopes_holds_each_once(kept: list[Envelope]) -> None:
    lines = read_lines(envelope_lines([*kept, *kept]))
    assert [line.envelope for line in lines] == list({each.to_bytes(): each for each in kept}.values())


@given(spoken, st.binary(), spoken, st.binary())
def test_no_two_messages_are_signed_alike(one: str, first: bytes, other: str, second: bytes) -> None:
    assert (pae(one, first) == pae(other, second)) == ((one, first) == (other, second))


shaped: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {},
    optional={
        "payload": json_values | st.sampled_from(["e30=", "e30", "-_8", "=", "A"]),
        "payloadType": json_values,
        "signatures": json_values
        | st.lists(
            json_values | st.fixed_dictionaries({}, optional={"sig": json_values, "keyid": json_values}),
            max_size=3,
        ),
    },
)


@settings(max_examples=300)
@given(shaped | json_values)
def test_anything_is_an_envelope_or_an_error(document: Any) -> None:
    try:
        envelope = Envelope.from_dict(document)
    except InvalidDocument as error:
        assert error.problems  # noqa: PT017 - which of both happens is drawn
    else:
        assert Envelope.from_dict(envelope.to_dict()) == envelope


@given(
    st.binary(max_size=60)
    | spoken.map(str.encode)
    | json_values.map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    for read in (Envelope.from_bytes, read_statement, lambda told: read_json(told, "paper")):
        try:
            read(content)
        except InvalidDocument as error:
            assert error.problems  # noqa: PT017 - which of both happens is drawn
    assert all(line.envelope or line.problem for line in read_lines(content))


# --- statements -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", every_document(statements), ids=lambda kind: kind.__name__)
@few
@given(data=st.data())
def test_statements_are_documents_like_others(kind: Any, data: st.DataObject) -> None:
    value = data.draw(documents(kind))
    assert kind.from_bytes(value.to_bytes()) == value


digests = st.binary(min_size=32, max_size=32).map(bytes.hex)
subjects = st.lists(
    st.builds(Descriptor, name=spoken, digest=st.fixed_dictionaries({"sha256": digests})),
    min_size=1,
    max_size=3,
).map(tuple)


@given(subjects, spoken.filter(bool), st.dictionaries(spoken, st.integers() | st.lists(spoken), max_size=3))
def test_a_statement_comes_back_as_it_was_written(
    subject: tuple[Descriptor, ...], kind: str, predicate: dict[str, Any]
) -> None:
    statement = Statement(type=STATEMENT, subject=subject, predicate_type=kind, predicate=predicate)
    assert read_statement(statement.to_bytes()) == statement


# --- the chain --------------------------------------------------------------------------------------

BUILD = BuildId(name="demo", number="1", started="2026-01-31T11:59:00.456+0000")


@st.composite
def chains(draw: st.DrawFn) -> list[Link]:
    """Statements as they come: each sees some of those before it, as of some moment, and names their ends."""
    links: list[Link] = []
    for number in range(draw(st.integers(1, 9))):
        seen = links[: draw(st.integers(0, len(links)))]
        links.append(Link(digest=f"{number:064x}", previous=heads(seen)))
    return links


@given(chains(), st.randoms())
def test_a_whole_chain_has_no_problem(links: list[Link], shuffle: Any) -> None:
    shuffled = [*links, *links]
    shuffle.shuffle(shuffled)
    assert problems(shuffled, BUILD) == ()
    assert heads(shuffled) == heads(links)


@given(chains(), st.data())
def test_what_anything_left_rests_on_cannot_be_taken_away_unseen(
    links: list[Link], data: st.DataObject
) -> None:
    """Unseen goes only what nothing that is left names, by itself or through others."""
    taken = data.draw(st.sets(st.sampled_from([each.digest for each in links])))
    left = [each for each in links if each.digest not in taken]
    named = {digest for each in left for digest in each.previous or ()}
    assert bool(problems(left, BUILD)) == bool(named & taken)


@given(chains(), st.data())
def test_whoever_knows_the_ends_misses_everything(links: list[Link], data: st.DataObject) -> None:
    taken = data.draw(st.sets(st.sampled_from([each.digest for each in links]), min_size=1))
    left = [each for each in links if each.digest not in taken]
    assert problems(left, BUILD, expected=heads(links))
