"""The journal of a run: what its lines mean, and how they are written and read.

Rules:
- JSON Lines, UTF-8, append-only: one line for each thing heard, in the order it was heard. A run that is
  killed leaves a readable journal; only its last line can be cut off.
- The first line is the `Header`: it describes itself and holds what is needed to publish the rest.
- Node ids are written once, when collection has finished; later lines name a test by its number `n` in
  that table (by `id` when it was never collected). That keeps a passing test under 100 bytes.
- A passing test without anything to tell is `{"n":7,"s":<epoch ms>,"d":[setup,call,teardown us]}`.
- Reading trusts nothing: a journal may come from another machine. No line holds a number with a fraction.

The kinds of lines, by the key that tells them apart: `journal` header; `facts` what the run runs on; `ids`
what a worker collected; `b` a test began; `d` or `attempt` an attempt ended; `collection` a collector failed
or skipped; `deselected`; `marks`; `warning`; `worker`; `internal` error; `gap`; `end` the session finished.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import InvalidDocument
from pytest_defend.model.fields import Document, canonical_bytes
from pytest_defend.model.results import Attempt, Outcome, Phase

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from typing import NoReturn

__all__ = [
    "VERSION",
    "End",
    "Header",
    "WorkerEvent",
    "attempt_line",
    "attempt_of",
    "began_line",
    "header_line",
    "ids_line",
    "is_attempt",
    "line",
    "passed_line",
    "passed_of",
    "read_lines",
]

VERSION = 1


def _refused(number: str) -> NoReturn:
    problem = f"{number} is no whole number"
    raise ValueError(problem)


# Without the guess at the encoding that `json.loads` makes.
_decode = json.JSONDecoder(parse_float=_refused, parse_constant=_refused).decode
_BEGAN = re.compile(rb'\{"b":(\d{1,18})\}\n')  # every other line is one: no need for a parser


@dataclass(frozen=True, slots=True, kw_only=True)
class Header(Document):
    """The first line of a journal: which run this is, and what publishing it later needs."""

    journal: str
    """Always `pytest-defend`."""
    version: int
    """Of the journal format."""
    run: str
    """Unique id of this run."""
    stage: str
    build_name: str
    build_number: str
    started: datetime
    """When the run started; the build's `started`."""
    recorder: str
    """Version of pytest-defend."""
    repository: str
    """Key of the repository the package and its evidence go to."""
    root: str = ""
    """Folder that relative patterns are relative to, on the machine of the run."""
    package: str = ""
    """The project's name, for a build without dist files."""
    dist: tuple[str, ...] = ()
    """Patterns of distribution files."""
    dist_asked: bool = False
    """Whether the user gave these patterns, so that one without a file is a gap."""
    attach: tuple[str, ...] = ()
    properties: tuple[str, ...] = ()
    """To set on the package when the stage has passed: `NAME=VALUE` each."""
    build_url: str = ""
    project: str = ""
    """JFrog project key."""
    each: bool = False
    """Whether every worker runs every test (`--dist=each`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerEvent(Document):
    """A worker process became ready, ended, or died."""

    id: str
    event: str
    """`ready`, `ended` or `died`."""
    error: str = ""
    python: str = ""
    platform: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class End(Document):
    """The session finished: pytest said so itself."""

    exit_status: int
    """As it stood after every `pytest_sessionfinish`."""
    reason: str = ""
    """Why the session stopped early; empty when it did not."""
    duration_us: int = 0
    """Wall time from the session's start."""
    warnings: int = 0


def header_line(header: Header) -> bytes:
    """The first line."""
    return header.to_bytes() + b"\n"


def line(kind: str, value: object) -> bytes:
    """A line that holds one thing under its kind."""
    return canonical_bytes({kind: value.to_dict() if isinstance(value, Document) else value}) + b"\n"


def began_line(number: int | None, nodeid: str) -> bytes:
    """A test began; open until an attempt of it ends."""
    return b'{"b":%d}\n' % number if number is not None else canonical_bytes({"b": nodeid}) + b"\n"


def passed_line(number: int, worker: str, started_ms: int, durations: Sequence[int]) -> bytes:
    """A first try that passed in all three phases and left nothing to tell."""
    setup, call, teardown = durations
    if worker:
        text = f'{{"n":{number},"w":"{worker}","s":{started_ms},"d":[{setup},{call},{teardown}]}}\n'
    else:
        text = f'{{"n":{number},"s":{started_ms},"d":[{setup},{call},{teardown}]}}\n'
    return text.encode("ascii")


def attempt_line(number: int | None, attempt: Attempt) -> bytes:
    """An attempt with something to tell."""
    told = attempt.to_dict()
    nodeid = told.pop("nodeid")
    key: dict[str, object] = {"id": nodeid} if number is None else {"n": number}
    return canonical_bytes({**key, "attempt": told}) + b"\n"


def ids_line(worker: str, first: int, ids: Sequence[str] | None, count: int) -> bytes:
    """What a worker collected: new rows of the table, or (`ids` is None) rows that are there already."""
    told: dict[str, object] = {"worker": worker, "first": first, "count": count}
    if ids is not None:
        told["ids"] = list(ids)
    return canonical_bytes({"ids": told}) + b"\n"


_PHASES = ("setup", "call", "teardown")


def is_attempt(entry: Mapping[str, Any]) -> bool:
    """Whether a line says that an attempt ended."""
    return "attempt" in entry or "d" in entry


def attempt_of(entry: Mapping[str, Any], nodeid: str) -> Attempt:
    """The attempt in a line of that kind.

    Raises:
        InvalidDocument: The line has not the shape of an attempt.
    """
    if "attempt" in entry:
        told = entry["attempt"]
        return Attempt.from_dict({**told, "nodeid": nodeid} if isinstance(told, Mapping) else told)
    worker, started_ms, durations = passed_of(entry)
    timed = zip(_PHASES, durations, strict=True)
    phases = tuple(Phase(when=when, outcome=Outcome.PASSED, duration_us=us) for when, us in timed)
    return Attempt(nodeid=nodeid, worker=worker, started_ms=started_ms, phases=phases)


def passed_of(entry: Mapping[str, Any]) -> tuple[str, int, Sequence[int]]:
    """Worker, start (epoch milliseconds) and three durations (microseconds) in the line of a passing test.

    Raises:
        InvalidDocument: The line has not the shape of one.
    """
    worker, durations = entry.get("w", ""), entry["d"]
    numbers = [entry.get("s"), *durations] if isinstance(durations, list) else []
    kinds = [type(worker), *map(type, numbers)]
    if kinds != [str, *[int] * (1 + len(_PHASES))]:
        raise InvalidDocument("journal line", [("d", "is no passing test: worker, start, three durations")])
    return worker, numbers[0], numbers[1:]


def read_lines(lines: Iterable[bytes]) -> Iterator[dict[str, Any]]:
    """Parse a journal, line by line; a last line that was cut off is left out.

    Args:
        lines: As a file opened for bytes gives them.

    Raises:
        InvalidDocument: It does not begin with a header this version can read, or a line is damaged.
    """
    damaged = 0
    number = 0
    for number, text in enumerate(lines, 1):
        if damaged:
            break
        entry = _parsed(text)
        if entry is None:
            damaged = number
            continue
        if number == 1:
            _check_header(entry)
        yield entry
    if number == 0 or damaged == 1:
        raise InvalidDocument("journal", [("line 1", "is no header of a journal")])
    if damaged and damaged != number:
        raise InvalidDocument("journal", [(f"line {damaged}", "is damaged, and others follow it")])


def _parsed(text: bytes) -> dict[str, Any] | None:
    if began := _BEGAN.fullmatch(text):
        return {"b": int(began[1])}
    try:
        entry = _decode(text.decode())
    except (ValueError, RecursionError):
        return None
    return entry if isinstance(entry, dict) else None


def _check_header(entry: Mapping[str, Any]) -> None:
    if entry.get("journal") != "pytest-defend":
        raise InvalidDocument("journal", [("line 1", "is no header of a journal")])
    if entry.get("version") != VERSION:
        problem = f"is {entry.get('version')!r}; this pytest-defend reads {VERSION}"
        hint = "Publish it with the pytest-defend that recorded it, or a newer one."
        raise InvalidDocument("journal", [("version", problem)], hint=hint)
