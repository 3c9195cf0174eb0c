from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from pytest_defend.documents.dsse import Envelope
from pytest_defend.documents.envelopes import envelope_lines, read_lines
from pytest_defend.documents.statements import STATEMENT, Descriptor, Statement, read_statement, timestamp
from pytest_defend.errors import InvalidDocument

ONE = "1" * 64


def document(**changes: Any) -> dict[str, Any]:
    told = {
        "_type": STATEMENT,
        "subject": [{"name": "demo.whl", "digest": {"sha256": ONE}}],
        "predicateType": "https://example.com/kind",
        "predicate": {"a": 1},
    }
    return {key: value for key, value in {**told, **changes}.items() if value is not ...}


def read(told: dict[str, Any]) -> Statement:
    return read_statement(json.dumps(told).encode())


def test_a_statement_is_read() -> None:
    assert read(document()) == Statement(
        type=STATEMENT,
        subject=(Descriptor(name="demo.whl", digest={"sha256": ONE}),),
        predicate_type="https://example.com/kind",
        predicate={"a": 1},
    )


def test_the_example_of_the_specification_is_read() -> None:
    """Of test-result.md: a commit without a name."""
    commit = {"gitCommit": "d20ace7968ba43c0219f62d71334c1095bab1602"}
    told = document(subject=[{"digest": commit}])
    assert read(told).subject == (Descriptor(digest=commit),)
    assert read(told).to_dict() == told


def test_unknown_fields_are_kept() -> None:
    descriptor = {
        "name": "demo.whl",
        "uri": "https://example.com/demo.whl",
        "digest": {"sha256": ONE, "frobnicate": "ANYTHING"},
        "content": "e30=",
        "downloadLocation": "https://example.com/other",
        "mediaType": "application/zip",
        "annotations": {"a": [None]},
        "more": 1,
    }
    told = document(subject=[descriptor], createdBy="somebody")
    assert read(told).to_dict() == told


def test_a_predicate_may_be_missing() -> None:
    assert read(document(predicate=...)).predicate == {}


PROBLEMS: list[tuple[dict[str, Any], list[tuple[str, str]]]] = [
    ({"_type": ...}, [("_type", "is missing")]),
    ({"_type": "https://in-toto.io/Statement/v0.1"}, [("_type", f"must be {STATEMENT}")]),
    ({"predicateType": ...}, [("predicateType", "is missing")]),
    ({"predicateType": ""}, [("predicateType", "is empty")]),
    ({"subject": ...}, [("subject", "is missing")]),
    ({"subject": []}, [("subject", "names nothing")]),
    ({"subject": {}}, [("subject", "must be a list, not an object")]),
    ({"subject": [{"name": "a"}]}, [("subject[0].digest", "is missing")]),
    (
        {"subject": [{"digest": {"sha256": 1}}]},
        [("subject[0].digest.sha256", "must be text, not a whole number")],
    ),
    ({"predicate": []}, [("predicate", "must be an object, not a list")]),
    (
        {"subject": [{"digest": {"sha256": ONE}}, {"digest": {"sha256": "A" * 64}}]},
        [("subject[1].digest.sha256", "must be 64 lower-case hexadecimal digits")],
    ),
    (
        {"subject": [{"digest": {"gitCommit": "12"}}], "predicateType": ""},
        [
            ("predicateType", "is empty"),
            ("subject[0].digest.gitCommit", "must be 40 or 64 lower-case hexadecimal digits"),
        ],
    ),
]


@pytest.mark.parametrize(("changes", "problems"), PROBLEMS)
def test_every_problem_is_named_where_it_is(changes: dict[str, Any], problems: list[tuple[str, str]]) -> None:
    with pytest.raises(InvalidDocument, match="in-toto statement is not valid") as caught:
        read(document(**changes))
    assert list(caught.value.problems) == problems


def test_an_instant_is_written_in_utc() -> None:
    instant = datetime(2026, 1, 31, 12, 0, 0, 5999, tzinfo=timezone(timedelta(hours=2)))
    assert timestamp(instant) == "2026-01-31T10:00:00.005Z"
    assert timestamp(datetime(2026, 1, 31, tzinfo=UTC)) == "2026-01-31T00:00:00.000Z"


def test_a_line_that_is_no_envelope_counts_for_nothing() -> None:
    good = Envelope(payload=b"{}", payload_type="t")
    content = b"\n" + envelope_lines([good]) + b"{}\r\n  \nnonsense"
    lines = read_lines(content)
    assert [(line.number, line.envelope) for line in lines] == [(2, good), (3, None), (5, None)]
    assert [line.problem for line in lines][:2] == [
        "",
        "DSSE envelope is not valid: payloadType: is missing.",
    ]
    assert "no JSON" in lines[2].problem


def test_a_file_without_its_last_newline_is_whole() -> None:
    good = Envelope(payload=b"{}", payload_type="t")
    assert [line.envelope for line in read_lines(envelope_lines([good]).rstrip())] == [good]
    assert read_lines(b"") == ()
