"""Runs that do not end as they should, plain and with workers: the record says so, pytest's status stays.

Rules:
- None of these runs may look green, whatever pytest exits with.
- Runs that are killed from outside are in tests/faults.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

from plugin.recorded import said

if TYPE_CHECKING:
    from collections.abc import Mapping

    from plugin.recorded import Demo

CRASHES = """
import os, pytest

@pytest.mark.parametrize("i", range(6))
def test_it(i):
    if i == 2:
        os._exit(9)
"""
FAILS = """
import pytest

@pytest.mark.parametrize("i", range(8))
def test_it(i):
    assert i % 2 == 0
"""
INTERRUPTS = """
import pytest

@pytest.mark.parametrize("i", range(4))
def test_it(i):
    if i == 1:
        raise KeyboardInterrupt
"""
EXITS = """
import pytest

@pytest.mark.parametrize("i", range(4))
def test_it(i):
    if i == 1:
        pytest.exit("enough", returncode=42)
"""
# What cannot be sent to the controller breaks the worker inside pytest, not the test.
UNSENDABLE = """
import pytest

@pytest.mark.parametrize("i", range({count}))
def test_it(i, record_property):
    if i == {bad}:
        record_property("odd", object())
"""
# The last test cannot be sent once everything else has been heard; earlier, xdist ends in another way.
LAST_UNSENDABLE = """
import time
from pathlib import Path

def test_first(): pass

def test_last(record_property):
    deadline = time.monotonic() + 60
    while not Path(__file__).with_name("heard").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    record_property("odd", object())
"""
HEARS = """
from pathlib import Path

class Hears:
    def pytest_runtest_logreport(self, report):
        if report.nodeid.endswith("test_first") and report.when == "teardown":
            Path(__file__).with_name("heard").touch()

def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Hears())
"""
PASSES = """
import pytest

@pytest.mark.parametrize("i", range(5))
def test_it(i):
    pass
"""
FLAKY = """
import pytest
TRIES = []

def test_fine():
    pass

def test_flaky():
    TRIES.append(1)
    assert len(TRIES) > 1
"""
HOOK_RAISES = """
def pytest_runtest_logfinish(nodeid):
    if "[1]" in nodeid:
        raise RuntimeError("a hook that breaks")
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One event: how to bring it about, and what is to be found."""

    files: Mapping[str, str]
    arguments: tuple[str, ...] = ()
    status: int
    result: str
    reasons: tuple[str, ...]
    """Parts of the reasons."""
    counts: Mapping[str, int] = field(default_factory=dict)
    """Of the tally; pytest's summary line is compared besides."""


ROWS = {
    ("maxfail", "plain"): Row(
        files={"test_it": FAILS},
        arguments=("--maxfail=2",),
        status=1,
        result="failed",
        reasons=("2 failed", "4 collected tests never finished: test_it.py::test_it[4]"),
        counts={"collected": 8, "finished": 4, "failed": 2, "lost": 4},
    ),
    ("maxfail", "n2"): Row(
        files={"test_it": FAILS},
        arguments=("--maxfail=2", "--maxprocesses=1"),
        status=2,
        result="failed",
        reasons=("pytest ended with exit status 2: stopping after 2 failures", "never finished"),
        counts={"collected": 8},
    ),
    ("collection error", "plain"): Row(
        files={"test_it": PASSES, "test_bad": "import no_such_module_anywhere"},
        status=2,
        result="failed",
        reasons=("1 error", "pytest ended with exit status 2", "5 collected tests never finished"),
        counts={"collected": 5, "errors": 1, "finished": 0, "lost": 5},
    ),
    ("collection error", "n2"): Row(
        files={"test_it": PASSES, "test_bad": "import no_such_module_anywhere"},
        status=1,
        result="failed",
        reasons=("1 error",),
        counts={"errors": 1, "collected": 5, "passed": 5},
    ),
    ("KeyboardInterrupt", "plain"): Row(
        files={"test_it": INTERRUPTS},
        status=2,
        result="incomplete",
        reasons=("pytest ended with exit status 2: KeyboardInterrupt", "3 collected tests never finished"),
        counts={"collected": 4, "finished": 1, "lost": 3},
    ),
    ("KeyboardInterrupt", "n2"): Row(
        files={"test_it": INTERRUPTS},
        status=2,
        result="failed",
        reasons=("(1 of them crashed)", "pytest ended with exit status 2", "died"),
        counts={"collected": 4, "crashed": 1},
    ),
    ("pytest.exit", "plain"): Row(
        files={"test_it": EXITS},
        status=42,
        result="failed",
        reasons=("pytest ended with exit status 42", "3 collected tests never finished"),
        counts={"collected": 4, "finished": 1, "lost": 3},
    ),
    ("pytest.exit", "n2"): Row(
        files={"test_it": EXITS},
        status=3,
        result="incomplete",
        reasons=("pytest ended with exit status 3: internal error", "internal error: "),
        counts={"collected": 4},
    ),
    ("internal error of a worker", "n2"): Row(
        files={"test_it": UNSENDABLE.format(count=20, bad=2)},
        status=3,
        result="incomplete",
        reasons=("pytest ended with exit status 3", "internal error: ", "never finished"),
        counts={"collected": 20},
    ),
    ("internal error of a worker on its last test", "n2"): Row(
        files={"test_it": LAST_UNSENDABLE, "conftest": HEARS},
        status=0,
        result="incomplete",
        reasons=("1 collected test never finished: test_it.py::test_last", "internal error: "),
        counts={"collected": 2, "finished": 1, "passed": 1, "lost": 1},
    ),
    ("crash without restart", "n2"): Row(
        files={"test_it": CRASHES},
        arguments=("--maxprocesses=1", "--max-worker-restart=0"),
        status=1,
        result="failed",
        reasons=("1 failed (1 of them crashed)", "3 collected tests never finished", "worker gw0 died"),
        counts={"collected": 6, "finished": 3, "passed": 2, "crashed": 1, "lost": 3},
    ),
    ("nothing selected", "plain"): Row(
        files={"test_it": PASSES},
        arguments=("-k", "nothing"),
        status=5,
        result="incomplete",
        reasons=("pytest ended with exit status 5: no tests were collected", "; no test "),
        counts={"collected": 0, "deselected": 5},
    ),
    ("nothing selected", "n2"): Row(
        files={"test_it": PASSES},
        arguments=("-k", "nothing"),
        status=5,
        result="incomplete",
        reasons=("pytest ended with exit status 5: no tests were collected", "; no test "),
        counts={"collected": 0, "deselected": 5},
    ),
    ("fail on flaky", "plain"): Row(
        files={"test_it": FLAKY},
        arguments=("--reruns=1", "--fail-on-flaky"),
        status=7,
        result="failed",
        reasons=("pytest ended with exit status 7",),
        counts={"collected": 2, "finished": 2, "passed": 2, "rerun": 1, "flaky": 1},
    ),
    ("fail on flaky", "n2"): Row(
        files={"test_it": FLAKY},
        arguments=("--reruns=1", "--fail-on-flaky"),
        status=0,
        result="warned",
        reasons=("1 flaky: passed after an attempt that did not",),
        counts={"collected": 2, "finished": 2, "passed": 2, "rerun": 1, "flaky": 1},
    ),
    ("too many warnings", "plain"): Row(
        files={"test_it": "import warnings\ndef test_it(): warnings.warn('careful')"},
        arguments=("--max-warnings=0",),
        status=6,
        result="failed",
        reasons=("pytest ended with exit status 6",),
        counts={"passed": 1, "warnings": 1},
    ),
    ("too many warnings", "n2"): Row(
        files={"test_it": "import warnings\ndef test_it(): warnings.warn('careful')"},
        arguments=("--max-warnings=0",),
        status=6,
        result="failed",
        reasons=("pytest ended with exit status 6",),
        counts={"passed": 1},
    ),
    ("a hook raises", "plain"): Row(
        files={"test_it": PASSES, "conftest": HOOK_RAISES},
        status=3,
        result="incomplete",
        reasons=(
            "pytest ended with exit status 3: internal error",
            "internal error: RuntimeError: a hook that breaks",
            "3 collected tests never finished",
        ),
        counts={"collected": 5, "finished": 2, "lost": 3},
    ),
    ("a hook raises", "n2"): Row(
        files={"test_it": PASSES, "conftest": HOOK_RAISES},
        status=3,
        result="incomplete",
        reasons=("pytest ended with exit status 3: internal error", "a hook that breaks"),
        counts={"collected": 5},
    ),
    ("only skipped", "plain"): Row(
        files={"test_it": "import pytest\ndef test_it(): pytest.skip('all')"},
        status=0,
        result="incomplete",
        reasons=("no test ",),
        counts={"collected": 1, "finished": 1, "skipped": 1},
    ),
}
STOPPED = (2, 3)  # the end of a test may not be heard any more, and pytest counts its call
SINCE_9_1 = ("too many warnings",)
APART = ("KeyboardInterrupt", "too many warnings")


@pytest.mark.parametrize(("event", "mode"), [pytest.param(*key, id="-".join(key)) for key in ROWS])
def test_an_event_and_what_is_recorded_of_it(demo: Demo, event: str, mode: str) -> None:
    if event in SINCE_9_1 and pytest.version_tuple < (9, 1):
        pytest.skip("--max-warnings is in pytest since 9.1")
    row = ROWS[event, mode]

    run = demo.holds(**row.files).run(*row.arguments, mode=mode, apart=event in APART)

    assert run.status == row.status, run.out
    assert run.stage.result == run.verdict.result.value == row.result, run.reasons
    assert run.stage.mark == ("warned" if row.result == "warned" else "failed")
    for part in row.reasons:
        assert part in run.reasons
    assert run.stage.reasons == run.reasons
    counts = row.counts if mode == "plain" else {"deselected": run.tally.deselected, **row.counts}
    assert {name: getattr(run.tally, name) for name in counts} == counts
    if mode == "plain" or row.status not in STOPPED:
        told = {name: count for name, count in said(run.out).items() if name != "deselected"}
        assert {name: getattr(run.tally, name) for name in told} == told
    assert run.record.exit_status == row.status
    assert len(run.cases) == run.tally.collected


def test_a_process_that_just_ends(demo: Demo) -> None:
    run = demo.holds(test_it=CRASHES).run(apart=True)

    assert run.status == 9
    (folder,) = run.spooled
    assert run.summary.end is None
    assert run.outcomes == {f"test_it[{i}]": "passed" if i < 2 else "lost" for i in range(6)}
    began = [case.attempts[0].phases[0].message.split()[0] for case in run.cases if case.outcome == "lost"]
    assert began == ["began", "collected", "collected", "collected"]
    published = demo.defend("publish", str(folder))
    assert published.status == 0, published.err
    assert published.stage.result == "incomplete"
    assert published.stage.mark == "failed"
    assert "the run was killed before its session finished" in published.stage.reasons
    assert published.spooled == []


@pytest.mark.parametrize("mode", ["n2", "worksteal"])  # pytest-xdist 3.8 itself hangs with loadgroup
def test_a_worker_that_crashes_is_replaced(demo: Demo, mode: str) -> None:
    run = demo.holds(test_it=CRASHES).run(mode=mode)

    assert run.status == 1
    assert run.outcomes == {f"test_it[{i}]": "crashed" if i == 2 else "passed" for i in range(6)}
    (crashed,) = [case for case in run.cases if case.outcome.value == "crashed"]
    (attempt,) = crashed.attempts
    assert [(phase.when, phase.outcome.value) for phase in attempt.phases] == [
        ("setup", "passed"),
        ("crash", "crashed"),
    ]
    assert (
        f"worker '{attempt.worker}' crashed while running 'test_it.py::test_it[2]'" in attempt.phases[1].text
    )
    assert run.reasons.startswith("1 failed (1 of them crashed)")
    assert f"worker {attempt.worker} died: Not properly terminated" in run.reasons
    assert {name: getattr(run.tally, name) for name in said(run.out)} == said(run.out)


def test_a_crash_that_is_rerun(demo: Demo) -> None:
    demo.holds(
        test_it="""
import os
from pathlib import Path

def test_fine():
    pass

def test_it():
    marker = Path("been here")
    if not marker.exists():
        marker.touch()
        os._exit(1)
"""
    )

    run = demo.run("--reruns=1", mode="n2")

    told = {case.nodeid.partition("::")[2]: [a.outcome.value for a in case.attempts] for case in run.cases}
    assert told["test_fine"] == ["passed"]
    assert told["test_it"][-1] == "passed"
    assert len(told["test_it"]) == 2
    assert run.stage.mark == "failed"
    assert "died" in run.reasons
    assert {name: getattr(run.tally, name) for name in said(run.out)} == said(run.out)
