"""Laws of journals: what is counted is what is listed, and no bytes do worse than be refused."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from builders import a_journal, an_attempt, an_ended
from pytest_defend.errors import InvalidDocument
from pytest_defend.model.fields import canonical_bytes
from pytest_defend.model.journal import attempt_line, began_line, ids_line, passed_line
from pytest_defend.model.replay import cases, summarise
from pytest_defend.model.results import Attempt, Case, Outcome
from pytest_defend.model.verdict import judge
from strategies import json_values

_ROWS = 4
_WORKERS = ("gw0", "gw1")
_ENDS = [outcome.value for outcome in Outcome if outcome is not Outcome.LOST]


@st.composite
def _events(draw: st.DrawFn) -> bytes:
    row = draw(st.integers(0, _ROWS - 1) | st.sampled_from(["x", "y"]))
    worker = draw(st.sampled_from(_WORKERS))
    nodeid = row if isinstance(row, str) else str(row)
    number = None if isinstance(row, str) else row
    kind = draw(st.sampled_from(["began", "passed", "ended"]))
    if kind == "began":
        return began_line(number, nodeid)
    if kind == "passed" and number is not None:
        return passed_line(number, worker, 1, (1, 2, 3))
    attempt = an_ended(draw(st.sampled_from(_ENDS)), nodeid=nodeid, worker=worker)
    return attempt_line(number, attempt)


@st.composite
def journals(draw: st.DrawFn) -> list[bytes]:
    """Journals of runs with two workers, of both kinds, with or without an end."""
    ids = [str(row) for row in range(_ROWS)]
    collected = [ids_line("gw0", 0, ids, _ROWS), ids_line("gw1", 0, None, _ROWS)]
    events = draw(st.lists(_events(), max_size=25))
    end = draw(st.sampled_from([None, 0, 1]))
    return a_journal(*collected, *events, ids=None, end=end, each=draw(st.booleans()))


def _attempts(lines: list[bytes]) -> Counter[Attempt]:
    """Every attempt line, read without any of what is under test here."""
    found: Counter[Attempt] = Counter()
    for entry in map(json.loads, lines):
        if "d" in entry:
            attempt = an_attempt(nodeid=str(entry["n"]), worker=entry["w"], started_ms=entry["s"])
            found[_timed(attempt, entry["d"])] += 1
        elif "attempt" in entry:
            nodeid = str(entry["n"]) if "n" in entry else entry["id"]
            found[Attempt.from_dict({**entry["attempt"], "nodeid": nodeid})] += 1
    return found


def _timed(attempt: Attempt, durations: list[int]) -> Attempt:
    told = attempt.to_dict()
    for phase, duration in zip(told["phases"], durations, strict=True):
        phase["duration_us"] = duration
    return Attempt.from_dict(told)


def _listed(lines: list[bytes]) -> list[Case]:
    return list(cases(lines, summarise(lines)))


@given(journals())
def test_every_attempt_is_in_exactly_one_case(lines: list[bytes]) -> None:
    listed = Counter(attempt for case in _listed(lines) for attempt in case.attempts)
    lost = Counter({attempt: count for attempt, count in listed.items() if attempt.outcome is Outcome.LOST})
    assert listed - lost == _attempts(lines)


@given(journals())
def test_every_test_is_one_case(lines: list[bytes]) -> None:
    summary = summarise(lines)
    listed = Counter(
        (case.nodeid, case.attempts[-1].worker if summary.header.each else "") for case in _listed(lines)
    )
    assert set(listed.values()) <= {1}
    workers = _WORKERS if summary.header.each else ("",)
    assert {(str(row), worker) for row in range(_ROWS) for worker in workers} <= listed.keys()


@given(journals())
def test_the_tally_is_that_of_the_cases(lines: list[bytes]) -> None:
    tally, listed = summarise(lines).tally, _listed(lines)
    assert tally.collected == tally.finished + tally.lost == len(listed)
    assert tally.lost == sum(case.outcome is Outcome.LOST for case in listed)
    assert tally.flaky == sum(case.flaky for case in listed)
    ended = Counter(
        phase.outcome
        for case in listed
        for attempt in case.attempts
        for phase in attempt.phases
        if phase.when == "call"
    )
    assert tally.passed == ended[Outcome.PASSED]
    assert tally.crashed == ended[Outcome.CRASHED]
    assert tally.failed == sum(ended[o] for o in (Outcome.FAILED, Outcome.XPASSED_STRICT, Outcome.CRASHED))
    assert (tally.errors, tally.skipped) == (ended[Outcome.ERROR], ended[Outcome.SKIPPED])
    assert (tally.xfailed, tally.xpassed) == (ended[Outcome.XFAILED], ended[Outcome.XPASSED])
    assert tally.rerun == ended[Outcome.RERUN]


@given(journals())
def test_a_run_is_green_only_when_every_case_is(lines: list[bytes]) -> None:
    summary = summarise(lines)
    if judge(summary).green:
        listed = _listed(lines)
        assert listed
        assert not any(case.outcome.bad or case.outcome is Outcome.RERUN for case in listed)
        assert summary.end is not None
        assert summary.end.exit_status == 0


@given(journals(), st.data())
def test_a_journal_that_was_cut_off_has_lost_what_it_does_not_say(lines: list[bytes], data: Any) -> None:
    kept = data.draw(st.integers(3, len(lines)))
    whole, cut = summarise(lines), summarise(lines[:kept])
    # Nobody knows who began a test that no worker collected: until it ends it counts as one of its own, for
    # rather too much is missing than too little; it may turn out to be a retry of one that is counted.
    unattributed = [key for key in cut.lost if key == (str(key[0]), "")] if cut.header.each else []
    assert cut.tally.collected - len(unattributed) <= whole.tally.collected
    assert cut.work_us <= whole.work_us
    if kept < len(lines) and whole.end is not None:
        assert not judge(cut).green


def _read(lines: list[bytes]) -> None:
    try:
        summary = summarise(lines)
        judge(summary)
        list(cases(lines, summary))
    except InvalidDocument:
        pass


_KINDS = [
    "attempt", "b", "collection", "d", "deselected", "end", "facts", "gap", "id", "ids", "internal",
    "journal", "n", "s", "version", "w", "warning", "worker",
]  # fmt: skip
_hostile = st.dictionaries(
    st.sampled_from(_KINDS) | st.text(max_size=3), json_values | st.integers(-2, 3), max_size=4
)


@given(st.lists(_hostile, max_size=5), st.booleans())
@example([{"ids": {"worker": "gw0", "first": 0, "count": 10**15}}], True)
@example([{"internal": 1}], False)
def test_lines_of_any_shape_are_read_or_refused(entries: list[dict[str, Any]], each: bool) -> None:
    written = [canonical_bytes(entry) + b"\n" for entry in entries]
    _read(a_journal(*written, each=each))


@given(st.lists(st.binary(max_size=60), max_size=5))
def test_bytes_of_any_kind_are_read_or_refused(lines: list[bytes]) -> None:
    _read(lines)
    _read(a_journal(*lines))


@given(journals(), st.data())
def test_one_altered_byte_is_read_or_refused(lines: list[bytes], data: Any) -> None:
    whole = bytearray(b"".join(lines))
    whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    _read(bytes(whole).splitlines(keepends=True))
