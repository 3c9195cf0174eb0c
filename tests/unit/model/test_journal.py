"""Lines of a journal as they are written and read, whole, cut off, damaged and hostile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from builders import IDS, a_header, a_journal, an_attempt, an_ended
from pytest_defend.errors import InvalidDocument
from pytest_defend.model.fields import canonical_bytes
from pytest_defend.model.journal import (
    VERSION,
    Header,
    WorkerEvent,
    attempt_line,
    attempt_of,
    began_line,
    header_line,
    is_attempt,
    line,
    passed_line,
    passed_of,
    read_lines,
)
from pytest_defend.model.results import Attempt, Outcome, Subtest

NODEID = IDS[0]


def read(*lines: bytes) -> list[dict[str, Any]]:
    return list(read_lines([header_line(a_header()), *lines]))[1:]


def test_the_header_describes_itself_and_comes_back() -> None:
    header = a_header(dist=("dist/*",), each=True, project="web")
    (entry,) = read_lines([header_line(header)])
    assert (entry["journal"], entry["version"]) == ("pytest-defend", VERSION)
    assert Header.from_dict(entry) == header


@pytest.mark.parametrize("worker", ["", "gw1"])
def test_a_passing_test_is_a_short_line_that_reads_as_an_attempt(worker: str) -> None:
    told = passed_line(99999, worker, 1_700_000_000_000, (1, 22, 333))
    assert len(told) < 100
    (entry,) = read(told)
    assert is_attempt(entry)
    assert passed_of(entry) == (worker, 1_700_000_000_000, [1, 22, 333])
    attempt = attempt_of(entry, NODEID)
    assert (attempt.nodeid, attempt.worker, attempt.started_ms) == (NODEID, worker, 1_700_000_000_000)
    assert [(p.when, p.outcome, p.duration_us) for p in attempt.phases] == [
        ("setup", Outcome.PASSED, 1),
        ("call", Outcome.PASSED, 22),
        ("teardown", Outcome.PASSED, 333),
    ]


@pytest.mark.parametrize("number", [None, 7])
def test_an_attempt_with_something_to_tell_comes_back_whole(number: int | None) -> None:
    attempt = an_attempt(
        nodeid="t.py::ü[\udcff]",
        subtests=(Subtest(label="s", outcome=Outcome.FAILED),),
        properties=(("k", "v"),),
    )
    (entry,) = read(attempt_line(number, attempt))
    assert is_attempt(entry)
    assert entry.get("n", entry.get("id")) == (attempt.nodeid if number is None else 7)
    assert attempt_of(entry, attempt.nodeid) == attempt


def test_the_other_kinds_come_back() -> None:
    event = WorkerEvent(id="gw0", event="died", error="Not properly terminated")
    lines = [began_line(3, NODEID), began_line(None, NODEID), line("worker", event), line("internal", "boom")]
    entries = read(*lines)
    assert entries == [{"b": 3}, {"b": NODEID}, {"worker": event.to_dict()}, {"internal": "boom"}]
    assert not any(map(is_attempt, entries))


@pytest.mark.parametrize(
    "entry",
    [
        {"d": [1, 2]},
        {"d": [1, 2, 3]},
        {"d": [1, 2, 3], "s": "now"},
        {"d": [1, 2, "3"], "s": 1},
        {"d": [1, 2, True], "s": 1},
        {"d": "abc", "s": 1},
        {"d": [1, 2, 3], "s": 1, "w": 1},
        {"attempt": []},
        {"attempt": {"phases": 1}},
        {"attempt": {"worker": "gw0", "unknown": 1}},
    ],
    ids=str,
)
def test_a_line_that_is_no_attempt_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(InvalidDocument):
        attempt_of(entry, NODEID)


def test_only_the_last_line_can_be_cut_off() -> None:
    whole = a_journal(passed_line(0, "", 1, (1, 2, 3)), attempt_line(1, an_ended("failed")))
    entries = list(read_lines(whole))
    last = whole[-1]
    for cut in range(len(last)):
        found = list(read_lines([*whole[:-1], last[:cut]] if cut else whole[:-1]))
        # the line end alone may be missing
        assert found == (entries if cut == len(last) - 1 else entries[:-1])


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\n",
        b'{"n":1\n',
        b"[]\n",
        b"7\n",
        b"\xff\n",
        b'{"s":1.5}\n',
        b'{"s":NaN}\n',
        b'{"s":1e999}\n',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"9" * 10_000,
        b'{"b":00}x\n',
    ],
    ids=lambda damage: repr(damage[:12]),
)
def test_a_damaged_line_is_refused_unless_it_is_the_last(damage: bytes) -> None:
    assert read(damage) == []
    with pytest.raises(InvalidDocument, match=r"line 2: is damaged, and others follow it"):
        read(damage, passed_line(0, "", 1, (1, 2, 3)))


@pytest.mark.parametrize(
    "lines",
    [[], [b"\n"], [b"{}\n"], [b'{"journal":"other","version":1}\n'], [b"PK\x03\x04", b"\x00"], [b"[1]\n"]],
    ids=str,
)
def test_what_does_not_begin_with_a_header_is_no_journal(lines: list[bytes]) -> None:
    with pytest.raises(InvalidDocument, match=r"line 1: is no header of a journal"):
        list(read_lines(lines))


@pytest.mark.parametrize("version", [0, 2, "1", None])
def test_another_version_is_refused_with_what_to_do(version: object) -> None:
    told = {**json.loads(header_line(a_header())), "version": version}
    with pytest.raises(InvalidDocument, match="Publish it with the pytest-defend that recorded it"):
        list(read_lines([canonical_bytes(told) + b"\n"]))


def test_a_line_may_be_long() -> None:
    long = Attempt(nodeid="x" * 1_000_000)
    (entry,) = read(attempt_line(None, long))
    assert attempt_of(entry, entry["id"]) == long
