from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from pytest_defend.capture.reports import ATTACHMENTS, ReportReader
from pytest_defend.capture.results import Recorder, without_group
from pytest_defend.model.facts import Gap
from pytest_defend.model.fields import instant_from_ms
from pytest_defend.model.journal import VERSION, End, Header, WorkerEvent, header_line
from pytest_defend.model.replay import cases, summarise

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pytest_defend.model.replay import Summary
    from pytest_defend.model.results import Attempt, Case

SECRET = "wombat"
IDS = ("t.py::a", "t.py::b", "t.py::c")


def _redact(text: str) -> str:
    return text.replace(SECRET, "***")


class Heard:
    """A recorder and what it wrote."""

    def __init__(self, *, output: str = "all", each: bool = False, **known: Any) -> None:
        header = Header(
            journal="pytest-defend",
            version=VERSION,
            run="run",
            stage="tests",
            build_name="demo",
            build_number="1",
            started=instant_from_ms(int(datetime(2026, 1, 31, tzinfo=UTC).timestamp() * 1000)),
            recorder="0",
            repository="candidates",
            each=each,
        )
        self.lines = [header_line(header)]
        reader = ReportReader(_redact, output=output, limit=1000)
        self.recorder = Recorder(self.lines.append, reader, each=each, **known)

    def collected(self, *ids: str, workers: Iterable[str] = ("",)) -> Heard:
        for worker in workers:
            self.recorder.collected(worker, list(ids))
        return self

    def hear(self, nodeid: str, *whens: str, worker: str = "", **said: Any) -> None:
        """Phases that passed but for the last, of which `said` is true."""
        for when in whens:
            more = said if when == whens[-1] else {}
            self.recorder.hear(_report(nodeid=nodeid, when=when, worker=worker, **more))

    def passes(self, nodeid: str, worker: str = "", **said: Any) -> None:
        self.hear(nodeid, "setup", "call", "teardown", worker=worker, **said)

    @property
    def told(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines[1:]]

    @property
    def summary(self) -> Summary:
        return summarise(self.lines)

    @property
    def cases(self) -> dict[str, Case]:
        return {case.nodeid: case for case in cases(self.lines, self.summary)}


def _report(*, worker: str = "", **said: Any) -> SimpleNamespace:
    known: dict[str, Any] = {
        "outcome": "passed",
        "longrepr": None,
        "duration": 0.5,
        "start": 1.25,
        "sections": [],
        "user_properties": [],
    }
    if worker:
        known["node"] = SimpleNamespace(gateway=SimpleNamespace(id=worker))
    return SimpleNamespace(**{**known, **said})


def test_a_test_that_passes_is_a_short_line() -> None:
    heard = Heard().collected(*IDS)

    heard.recorder.began(IDS[1])
    heard.passes(IDS[1])

    assert heard.lines[2:4] == [b'{"b":1}\n', b'{"n":1,"s":1250,"d":[500000,500000,500000]}\n']
    assert [phase.duration_us for phase in heard.cases[IDS[1]].attempts[0].phases] == [500_000] * 3
    assert [heard.cases[nodeid].outcome.value for nodeid in IDS] == ["lost", "passed", "lost"]


def test_workers_that_collected_the_same() -> None:
    heard = Heard().collected(*IDS, workers=("gw0", "gw1"))

    heard.passes(IDS[0], worker="gw1")

    assert heard.told[0]["ids"]["ids"] == list(IDS)
    assert "ids" not in heard.told[1]["ids"]
    assert heard.told[2] == {"n": 0, "w": "gw1", "s": 1250, "d": [500_000] * 3}
    assert heard.summary.tally.collected == 3


def test_workers_that_did_not_collect_the_same() -> None:
    heard = Heard(each=True).collected("a", "b", workers=["gw0"]).collected("b", "c", workers=["gw1"])

    heard.passes("b", worker="gw0")
    heard.passes("b", worker="gw1")

    assert [entry.get("n") for entry in heard.told] == [None, None, 1, 2]
    tally = heard.summary.tally
    assert (tally.collected, tally.finished, tally.lost) == (4, 2, 2)


def test_a_list_is_written_in_parts() -> None:
    ids = [f"t.py::t{i}" for i in range(2500)]
    heard = Heard().collected(*ids)

    heard.passes(ids[-1])

    assert [len(entry["ids"]["ids"]) for entry in heard.told[:3]] == [1000, 1000, 500]
    assert heard.told[3]["n"] == 2499
    assert heard.cases[ids[-1]].outcome.value == "passed"
    assert heard.summary.tally.collected == 2500


@pytest.mark.parametrize(
    "said",
    [
        {"user_properties": [("colour", "blue")]},
        {"sections": [("Captured stdout call", "printed")]},
        {ATTACHMENTS: "[]"},
        {"context": "mine"},
        {"duration": 1},
    ],
)
def test_a_test_that_passes_and_has_something_to_tell(said: dict[str, Any]) -> None:
    heard = Heard().collected(*IDS)

    heard.passes(IDS[0], **said)

    assert heard.told[1].keys() == {"n", "attempt"}
    attempt = heard.cases[IDS[0]].attempts[0]
    assert [phase.when for phase in attempt.phases] == ["setup", "call", "teardown"]
    assert attempt.outcome.value == "passed"
    assert dict(attempt.properties) == dict(said.get("user_properties", ()))
    assert [section.text for section in attempt.sections] == [text for _, text in said.get("sections", ())]


def test_output_that_nobody_wants_costs_nothing() -> None:
    heard = Heard(output="failed").collected(*IDS)

    heard.passes(IDS[0], sections=[("Captured stdout call", "printed")])

    assert heard.told[1].keys() == {"n", "s", "d"}


def test_a_skip_has_no_call() -> None:
    heard = Heard().collected(*IDS)

    heard.recorder.hear(
        _report(nodeid=IDS[0], when="setup", outcome="skipped", longrepr=("t.py", 1, "Skipped: no"))
    )
    heard.hear(IDS[0], "teardown")

    (attempt,) = heard.cases[IDS[0]].attempts
    assert [(phase.when, phase.outcome.value) for phase in attempt.phases] == [
        ("setup", "skipped"),
        ("teardown", "passed"),
    ]


def test_a_crash_ends_a_test() -> None:
    heard = Heard().collected(*IDS, workers=["gw0"])

    heard.hear(IDS[0], "setup", worker="gw0")
    crash = {"outcome": "failed", "duration": 0, "start": 0, "longrepr": "worker 'gw0' crashed"}
    heard.hear(IDS[0], "???", worker="gw0", **crash)

    (attempt,) = heard.cases[IDS[0]].attempts
    assert [(phase.when, phase.outcome.value) for phase in attempt.phases] == [
        ("setup", "passed"),
        ("crash", "crashed"),
    ]


def test_a_test_nobody_collected() -> None:
    heard = Heard().collected(*IDS)

    heard.recorder.began("other.py::t")
    heard.passes("other.py::t")

    assert heard.told[1] == {"b": "other.py::t"}
    assert heard.told[2]["id"] == "other.py::t"
    assert heard.cases["other.py::t"].outcome.value == "passed"
    assert heard.summary.tally.lost == 3


def test_before_anything_was_collected() -> None:
    heard = Heard()

    heard.recorder.began("t.py::t")
    heard.passes("t.py::t")

    assert [case.outcome.value for case in heard.cases.values()] == ["passed"]


def test_a_report_without_start() -> None:
    heard = Heard().collected(*IDS)
    report = _report(nodeid=IDS[0], when="setup")
    del report.start

    heard.recorder.hear(report)
    heard.hear(IDS[0], "call", "teardown")

    assert heard.told[1]["s"] == 0


def test_phases_of_two_workers_interleave() -> None:
    heard = Heard(each=True).collected(*IDS, workers=("gw0", "gw1"))

    for when in ("setup", "call", "teardown"):
        for worker in ("gw0", "gw1"):
            bad = {"outcome": "failed", "longrepr": "boom"} if (when, worker) == ("call", "gw1") else {}
            heard.hear(IDS[0], when, worker=worker, **bad)

    ended = [case for case in cases(heard.lines, heard.summary) if case.outcome.value != "lost"]
    assert [(case.attempts[0].worker, case.outcome.value) for case in ended] == [
        ("gw0", "passed"),
        ("gw1", "failed"),
    ]


def _reruns(heard: Heard, nodeid: str, worker: str = "") -> None:
    heard.hear(nodeid, "setup", "call", worker=worker, outcome="rerun", longrepr="boom")
    heard.hear(nodeid, "teardown", worker=worker)


def test_reruns_are_counted() -> None:
    heard = Heard().collected(*IDS)

    _reruns(heard, IDS[0])
    _reruns(heard, IDS[0])
    heard.passes(IDS[0])

    assert [(a.ordinal, a.outcome.value) for a in heard.cases[IDS[0]].attempts] == [
        (0, "rerun"),
        (1, "rerun"),
        (2, "passed"),
    ]


def test_tests_with_the_same_id_each_have_a_row() -> None:
    heard = Heard().collected("t.py::a", "t.py::b", "t.py::a", "t.py::a")

    heard.recorder.began("t.py::a")
    heard.passes("t.py::a")
    heard.passes("t.py::b")
    _reruns(heard, "t.py::a")
    heard.passes("t.py::a")

    assert [entry.get("n") for entry in heard.told if "n" in entry] == [0, 1, 2, 2]
    tally = heard.summary.tally
    assert (tally.collected, tally.finished, tally.flaky) == (4, 3, 1)
    heard.passes("t.py::a")
    assert heard.summary.tally.finished == 4
    heard.passes("t.py::a")  # more often than it was collected
    assert heard.summary.tally.finished == 4


def test_workers_share_the_rows_of_tests_with_the_same_id() -> None:
    heard = Heard().collected("t.py::a", "t.py::a", workers=("gw0", "gw1"))

    heard.passes("t.py::a", worker="gw0")
    heard.passes("t.py::a", worker="gw1")

    assert heard.summary.tally.finished == 2


def test_every_worker_runs_each_of_the_tests_with_the_same_id() -> None:
    heard = Heard(each=True).collected("t.py::a", "t.py::a", workers=("gw0", "gw1"))

    for worker in ("gw0", "gw1", "gw0", "gw1"):
        heard.passes("t.py::a", worker=worker)

    assert heard.summary.tally.collected == heard.summary.tally.finished == 4


class SubtestReport(SimpleNamespace):
    """Called as pytest's own."""


def test_subtests_are_held_in_their_test() -> None:
    heard = Heard().collected(*IDS)
    context = SimpleNamespace(msg="inner", kwargs={})

    heard.hear(IDS[0], "setup")
    said = vars(_report(nodeid=IDS[0], when="call", outcome="failed", longrepr="boom"))
    heard.recorder.hear(SubtestReport(**said, context=context))
    heard.hear(IDS[0], "call", "teardown")

    (attempt,) = heard.cases[IDS[0]].attempts
    assert [(s.label, s.outcome.value) for s in attempt.subtests] == [("[inner]", "failed")]
    assert len(attempt.phases) == 3
    assert attempt.outcome.value == "failed"


@pytest.mark.parametrize(
    "said",
    [{"user_properties": [1]}, {"sections": [None]}, {ATTACHMENTS: "no json"}],
)
def test_how_it_ended_is_written_whatever_cannot_be_read(said: dict[str, Any]) -> None:
    heard = Heard().collected(*IDS)

    heard.hear(IDS[0], "setup", "call", outcome="failed", longrepr="boom")
    with pytest.raises((TypeError, ValueError)):
        heard.hear(IDS[0], "teardown", **said)
    heard.passes(IDS[1])

    assert {case.nodeid: case.outcome.value for case in heard.cases.values()} == {
        IDS[0]: "failed",
        IDS[1]: "passed",
        IDS[2]: "lost",
    }


def test_attachments_that_could_not_be_kept() -> None:
    heard = Heard().collected(*IDS)

    heard.passes(IDS[0], **{ATTACHMENTS: json.dumps([{"problem": "wombat is too large."}])})

    assert heard.recorder.gaps == [Gap(topic="attachments", problem=f"{IDS[0]}: *** is too large.")]


def test_a_last_look_at_attempts() -> None:
    def look(attempt: Attempt) -> Attempt:
        return replace(attempt, properties=(("seen", "yes"),))

    heard = Heard(look=look).collected(*IDS)

    heard.passes(IDS[0])

    assert heard.cases[IDS[0]].attempts[0].properties == (("seen", "yes"),)


@pytest.mark.parametrize(
    ("nodeid", "expected"),
    [
        ("t.py::test_it@group", "t.py::test_it"),
        ("t.py::test_it", "t.py::test_it"),
        ("t.py::test_it[a@b]", "t.py::test_it[a@b]"),
        ("t.py::test_it[a@b]@group", "t.py::test_it[a@b]"),
        ("t.py::test_it[a]b@c]", "t.py::test_it[a]b@c]"),
        ("fold@er/t.py::test_it", "fold@er/t.py::test_it"),
        ("fold@er/t.py::test_it@g1_g2", "fold@er/t.py::test_it"),
        ("doc@.txt", "doc@.txt"),
    ],
)
def test_groups_of_loadgroup(nodeid: str, expected: str) -> None:
    assert without_group(nodeid) == expected


def test_groups_are_left_out_of_what_is_written() -> None:
    heard = Heard(groups=True).collected("t.py::a@g", "t.py::b[x@y]@g", workers=["gw0"])

    heard.recorder.began("t.py::a@g")
    heard.passes("t.py::a@g", worker="gw0")
    heard.passes("t.py::b[x@y]@g", worker="gw0", user_properties=[("a", "b")])

    assert heard.told[1] == {"b": 0}
    assert list(heard.cases) == ["t.py::a", "t.py::b[x@y]"]
    assert heard.summary.tally.finished == 2


def test_secrets_in_node_ids() -> None:
    ids = ["t.py::a[wombat]", "t.py::b[wom", "bat]", "t.py::c"]
    heard = Heard().collected(*ids)

    heard.passes(ids[0])
    heard.recorder.began("t.py::new[wombat]")
    heard.recorder.deselected("", ["t.py::d[wombat]"])

    assert heard.told[0]["ids"]["ids"] == ["t.py::a[***]", *ids[1:]]
    assert SECRET.encode() not in b"".join(heard.lines)
    assert heard.cases["t.py::a[***]"].outcome.value == "passed"


def test_redaction_that_spans_lines_keeps_the_ids_apart() -> None:
    lines: list[bytes] = []
    reader = ReportReader(lambda text: text.replace("a\nb", "***"), output="all", limit=10)

    Recorder(lines.append, reader).collected("", ["a", "b", "c"])

    assert json.loads(lines[0])["ids"]["ids"] == ["a", "b", "c"]


@pytest.mark.parametrize(("outcome", "recorded"), [("failed", "error"), ("skipped", "skipped")])
@pytest.mark.parametrize("worker", ["", "gw0"])
def test_collectors(outcome: str, recorded: str, worker: str) -> None:
    heard = Heard()

    heard.recorder.problem(
        _report(nodeid="t[wombat].py", when="collect", outcome=outcome, longrepr="why", worker=worker)
    )

    (problem,) = heard.summary.collection
    assert (problem.nodeid, problem.outcome.value, problem.message) == ("t[***].py", recorded, "why")
    assert problem.worker == worker


def test_warnings_are_told_once_and_counted() -> None:
    heard = Heard()

    for i in range(1200):
        heard.recorder.warned("UserWarning", f"of {SECRET} {i // 2}", "t.py::t", "t.py:1")

    assert heard.recorder.warnings == 1200
    assert len(heard.told) == 500
    assert heard.told[0] == {
        "warning": {"category": "UserWarning", "message": "of *** 0", "nodeid": "t.py::t", "where": "t.py:1"}
    }


def test_everything_else_that_is_heard() -> None:
    heard = Heard()

    heard.recorder.worker(WorkerEvent(id="gw0", event="ready", python="3.12.1"))
    heard.recorder.internal_error("wombat\n" + "x" * 100_000)
    heard.recorder.gap(Gap(topic="git", problem="no git"))
    heard.recorder.deselected("", ["t.py::d"])
    heard.recorder.facts(WorkerEvent(id="any", event="document"))
    heard.recorder.end(End(exit_status=5, reason="why", warnings=3))

    summary = heard.summary
    assert summary.workers["gw0"][0].python == "3.12.1"
    assert summary.internal[0].startswith("***\nxxx")
    assert len(summary.internal[0]) < 66_000
    assert summary.gaps == [Gap(topic="git", problem="no git")]
    assert summary.tally.deselected == 1
    assert summary.tally.warnings == 3
    assert summary.facts == {"id": "any", "event": "document"}
    assert summary.end == End(exit_status=5, reason="why", warnings=3)


def test_what_is_forgotten_is_not_written_again() -> None:
    heard = Heard().collected(*IDS)
    heard.hear(IDS[0], "setup")

    heard.recorder.forget()
    heard.recorder.began(IDS[0])

    assert heard.told[-1] == {"b": IDS[0]}
