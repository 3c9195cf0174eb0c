from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from typing import Any

import pytest

from pytest_defend.errors import InvalidDocument
from pytest_defend.model.fields import (
    Document,
    canonical_bytes,
    epoch_ms,
    instant_from_ms,
    named,
    parse_instant,
    started_text,
)


class Colour(StrEnum):
    RED = "red"
    BLUE = "blue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf(Document):
    text: str
    number: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ours(Document):
    """One field of every kind; an unknown key is a problem."""

    leaf: Leaf
    flag: bool = False
    colour: Colour = Colour.RED
    instant: datetime | None = None
    maybe: Leaf | None = None
    leaves: tuple[Leaf, ...] = ()
    pair: tuple[str, int] = ("", 0)
    rows: tuple[tuple[str, ...], ...] = ()
    texts: Mapping[str, str] = field(default_factory=dict)
    lists: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    anything: Any = None
    other_name: str = named("otherName", default="")


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign(Document):
    """What it does not know survives."""

    id: str
    size: int = named("sizeBytes", default=0)
    tags: tuple[str, ...] = ()
    leaf: Leaf | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)


FULL = Ours(
    leaf=Leaf(text="a", number=1),
    flag=True,
    colour=Colour.BLUE,
    instant=datetime(2026, 1, 31, 23, 59, 59, 123000, tzinfo=UTC),
    maybe=Leaf(text="b"),
    leaves=(Leaf(text="c"), Leaf(text="d", number=-1)),
    pair=("e", 2),
    rows=(("f", "g"), ()),
    texts={"h": "i"},
    lists={"j": (3, 4)},
    anything={"k": [1, 2.5, None, {"l": True}]},
    other_name="m",
)
FULL_DOCUMENT = {
    "leaf": {"text": "a", "number": 1},
    "flag": True,
    "colour": "blue",
    "instant": "2026-01-31T23:59:59.123+0000",
    "maybe": {"text": "b"},
    "leaves": [{"text": "c"}, {"text": "d", "number": -1}],
    "pair": ["e", 2],
    "rows": [["f", "g"], []],
    "texts": {"h": "i"},
    "lists": {"j": [3, 4]},
    "anything": {"k": [1, 2.5, None, {"l": True}]},
    "otherName": "m",
}


def test_every_kind_is_written_and_read() -> None:
    assert FULL.to_dict() == FULL_DOCUMENT
    assert Ours.from_dict(FULL_DOCUMENT) == FULL
    assert Ours.from_bytes(FULL.to_bytes()) == FULL
    assert type(Ours.from_dict(FULL_DOCUMENT).colour) is Colour


def test_what_holds_its_default_is_not_written() -> None:
    least = Ours(leaf=Leaf(text=""))
    assert least.to_dict() == {"leaf": {"text": ""}}
    assert Ours.from_dict(least.to_dict()) == least


def test_two_documents_share_no_default() -> None:
    one, two = (Ours.from_dict({"leaf": {"text": ""}}) for _ in range(2))
    assert one.texts is not two.texts


WRONG = [
    ({"leaf": "a"}, ("leaf", "must be an object, not text")),
    ({"leaf": {}}, ("leaf.text", "is missing")),
    ({"leaf": {"text": "a", "colour": 1}}, ("leaf.colour", "is not known")),
    ({"flag": 1}, ("flag", "must be true or false, not a whole number")),
    ({"flag": None}, ("flag", "must be true or false, not null")),
    ({"colour": "green"}, ("colour", "'green' is not a valid Colour")),
    ({"colour": ["red"]}, ("colour", "['red'] is not a valid Colour")),
    ({"instant": "today"}, ("instant", "'today' is no instant like 2026-01-31T23:59:59.123+0000")),
    ({"instant": 1}, ("instant", "expected string or bytes-like object, got 'int'")),
    ({"maybe": []}, ("maybe", "must be an object, not a list")),
    ({"leaves": {}}, ("leaves", "must be a list, not an object")),
    ({"leaves": [{"text": "c"}, 1]}, ("leaves[1]", "must be an object, not a whole number")),
    ({"leaves": [{"text": "c"}, {"text": None}]}, ("leaves[1].text", "must be text, not null")),
    ({"pair": ["a"]}, ("pair", "must hold 2 items, not 1")),
    ({"pair": ["a", "b"]}, ("pair[1]", "must be a whole number, not text")),
    ({"rows": [["a"], "b"]}, ("rows[1]", "must be a list, not text")),
    ({"rows": [["a", 1.5]]}, ("rows[0][1]", "must be text, not a number with a fraction")),
    ({"texts": []}, ("texts", "must be an object, not a list")),
    ({"texts": {"a": True}}, ("texts.a", "must be text, not true or false")),
    ({"lists": {"a": [1, "b"]}}, ("lists.a[1]", "must be a whole number, not text")),
    ({"otherName": 1}, ("otherName", "must be text, not a whole number")),
    ({"other_name": ""}, ("other_name", "is not known")),
    ({"extra": {}}, ("extra", "is not known")),
]


@pytest.mark.parametrize(("changes", "problem"), WRONG, ids=[problem[0] for _, problem in WRONG])
def test_a_problem_is_named_where_it_is(changes: dict[str, Any], problem: tuple[str, str]) -> None:
    with pytest.raises(InvalidDocument) as caught:
        Ours.from_dict({"leaf": {"text": ""}, **changes})
    ((where, what),) = caught.value.problems
    assert where == problem[0]
    assert what.startswith(problem[1].partition(", got")[0])
    assert caught.value.what == "Ours document"


def test_all_problems_are_named_at_once() -> None:
    with pytest.raises(InvalidDocument) as caught:
        Ours.from_dict({"flag": "yes", "leaves": [{}, {"text": 1, "x": 2}], "unknown": None})
    assert caught.value.problems == (
        ("leaf", "is missing"),
        ("flag", "must be true or false, not text"),
        ("leaves[0].text", "is missing"),
        ("leaves[1].text", "must be text, not a whole number"),
        ("leaves[1].x", "is not known"),
        ("unknown", "is not known"),
    )
    assert str(caught.value).startswith("Ours document is not valid: leaf: is missing; flag: must be")


@pytest.mark.parametrize(
    ("document", "kind"), [(None, "null"), ([], "a list"), ("a", "text"), (1, "a whole number")]
)
def test_what_is_no_object_is_no_document(document: object, kind: str) -> None:
    with pytest.raises(InvalidDocument, match=f"document: must be an object, not {kind}"):
        Ours.from_dict(document)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"\xff\xfe\xfd",
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": 1e999}',
        b'{"a": ' + b"1" * 5000 + b"}",
        b"[" * 100_000,
    ],
    ids=["empty", "cut", "no-utf-8", "nan", "infinity", "too-large", "too-long", "too-deep"],
)
def test_what_is_no_json_is_no_document(content: bytes) -> None:
    with pytest.raises(InvalidDocument, match="Foreign document is not valid: document: no JSON: "):
        Foreign.from_bytes(content)


def test_a_byte_order_mark_is_no_problem() -> None:
    assert Foreign.from_bytes(b'\xef\xbb\xbf{"id": "a"}') == Foreign(id="a")


@pytest.mark.parametrize(
    "document",
    [
        {"id": "a"},
        {"id": "a", "unknown": {"deep": [1, {"x": None}]}},
        {"id": "a", "sizeBytes": 0, "tags": [], "leaf": None},
        {"id": "a", "sizeBytes": None, "tags": None},
        {"id": "a", "extra": {"extra": 1}},
        {"id": "a", "size": 5, "sizeBytes": 6},
    ],
)
def test_a_foreign_document_comes_back_unchanged(document: dict[str, Any]) -> None:
    assert Foreign.from_dict(document).to_dict() == document


def test_a_foreign_document_is_told_what_we_know() -> None:
    read = Foreign.from_dict({"id": "a", "sizeBytes": None, "tags": [], "x": 1})
    assert (read.size, read.tags) == (0, ())
    assert read.extra == {"sizeBytes": None, "tags": [], "x": 1}


def test_a_field_that_was_set_later_wins_over_the_default_that_was_read() -> None:
    read = Foreign.from_dict({"id": "a", "sizeBytes": 0})
    changed = Foreign(id=read.id, size=7, extra=read.extra)
    assert changed.to_dict() == {"id": "a", "sizeBytes": 7}


def test_canonical_bytes_are_one_spelling() -> None:
    one = {"b": [1, 2.5, True, None], "a": {"d": "é", "c": ""}, "B": "\n\\"}
    two = json.loads(json.dumps(one, indent=3, sort_keys=False))
    assert canonical_bytes(one) == canonical_bytes(two)
    assert canonical_bytes(one) == '{"B":"\\n\\\\","a":{"c":"","d":"é"},"b":[1,2.5,true,null]}'.encode()


@pytest.mark.parametrize(
    "text", ["\udc80", "a\udcffb", "\\\udc80", chr(0xD800), "\udc80\ud800", "é🎉", "\0\x7f"]
)
def test_any_text_survives(text: str) -> None:
    written = canonical_bytes({text: [text]})
    written.decode("utf-8")
    assert json.loads(written) == {text: [text]}


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_what_is_no_number_is_not_written(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical_bytes([number])


INSTANT = datetime(2024, 1, 2, 3, 4, 5, 678000, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-01-02T03:04:05.678+0000", INSTANT),
        ("2024-01-02T03:04:05.678-0530", INSTANT + timedelta(hours=5, minutes=30)),
        ("2024-01-02T03:04:05.678Z", INSTANT),
        ("2024-01-02T03:04:05.678+00:00", INSTANT),
        ("2024-01-02T03:04:05.678+02", INSTANT - timedelta(hours=2)),
        ("2024-01-02T03:04:05.6+0000", INSTANT.replace(microsecond=600_000)),
        ("2024-01-02T03:04:05.67+0000", INSTANT.replace(microsecond=670_000)),
        ("2024-1-2T3:4:5.678+0000", INSTANT),
        # the servers refuse these, other tools write them, and they mean one instant only
        ("2024-01-02T03:04:05Z", INSTANT.replace(microsecond=0)),
        ("2024-01-02T03:04:05+0000", INSTANT.replace(microsecond=0)),
        ("2024-01-02T03:04:05.678901+0000", INSTANT.replace(microsecond=678_901)),
        ("2024-01-02T03:04:05.678901234Z", INSTANT.replace(microsecond=678_901)),
    ],
)
def test_instants_are_read(text: str, instant: datetime) -> None:
    assert parse_instant(text) == instant
    assert parse_instant(text).tzinfo is not None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-01-02",
        "2024-01-02T03:04:05.678",
        "2024-01-02 03:04:05.678+0000",
        "2024-01-02T03:04:05,678+0000",
        "2024-01-02T03:04:05.+0000",
        "2024-01-02T03:04:05.6789012345Z",
        "1704164645678",
        "2024-02-30T03:04:05.678+0000",
        "2023-02-29T03:04:05.678+0000",
        "2024-13-02T03:04:05.678+0000",
        "2024-01-02T24:00:00.000+0000",
        "2024-01-02T03:60:05.678+0000",
        "2024-01-02T03:04:60.000+0000",
        "2024-01-02T03:04:05.678+2400",
        "2024-01-02T03:04:05.678+0060",
        "2024-01-02T03:04:05.678+2",
        "2024-01-02T03:04:05.678z",
        "2024-01-02T03:04:05.678+0000 ",
        "2024-01-02T03:04:05.678+0000\n",
        "0000-01-02T03:04:05.678+0000",
        "24-01-02T03:04:05.678+0000",
        "٢٠٢٤-01-02T03:04:05.678+0000",
    ],
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"is no instant like|must be|out of range|strictly between"):
        parse_instant(text)


@pytest.mark.parametrize(
    ("instant", "text"),
    [
        (INSTANT, "2024-01-02T03:04:05.678+0000"),
        (INSTANT.astimezone(timezone(timedelta(hours=-5, minutes=-30))), "2024-01-02T03:04:05.678+0000"),
        (INSTANT.replace(microsecond=0), "2024-01-02T03:04:05.000+0000"),
        (INSTANT.replace(microsecond=999_999), "2024-01-02T03:04:05.999+0000"),
        (INSTANT.replace(microsecond=1_999), "2024-01-02T03:04:05.001+0000"),
        (datetime(1, 2, 3, tzinfo=UTC), "0001-02-03T00:00:00.000+0000"),
    ],
)
def test_instants_are_written_as_every_client_reads_them(instant: datetime, text: str) -> None:
    assert started_text(instant) == text


def test_milliseconds_since_the_epoch() -> None:
    assert epoch_ms(INSTANT) == 1704164645678
    assert epoch_ms(INSTANT.replace(microsecond=678_999)) == 1704164645678
    assert instant_from_ms(1704164645678) == INSTANT
    assert instant_from_ms(-1) == datetime(1969, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)
    assert epoch_ms(instant_from_ms(-1)) == -1
