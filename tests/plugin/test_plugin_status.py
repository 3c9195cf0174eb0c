"""Exit statuses: pytest's own are never changed but 0, and a late failure is never published as green."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from plugin.recorded import Demo

NOT_PUBLISHED = 70
PASSES = "def test_it(): pass"
FAILS = "def test_it(): assert 0"
UNRAISABLE = """
class Bad:
    def __del__(self): raise ValueError("late")

KEPT = []

def test_it(request):
    KEPT.append(Bad())
    request.config.add_cleanup(KEPT.clear)
"""
THREAD = """
import threading

def fail(): raise ValueError("late")

def pytest_unconfigure():
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
"""
CLEAN_UP = """
def fail(): raise RuntimeError("late")

def pytest_configure(config): config.add_cleanup(fail)
"""
CHANGES = """
SESSIONS = []

def pytest_sessionstart(session): SESSIONS.append(session)
def pytest_unconfigure(): SESSIONS[0].exitstatus = 9
"""
EXITS = """
import pytest

def pytest_sessionfinish(): pytest.exit("late", returncode=11)
"""
LATE = {
    "unraisable exception": (UNRAISABLE, ""),
    "exception of a thread": (PASSES, THREAD),
    "pytest_sessionfinish raises": (PASSES, "def pytest_sessionfinish(): raise RuntimeError('late')"),
    "pytest_sessionfinish exits": (PASSES, EXITS),
    "pytest_terminal_summary raises": (PASSES, "def pytest_terminal_summary(): raise RuntimeError('late')"),
    "pytest_unconfigure raises": (PASSES, "def pytest_unconfigure(): raise RuntimeError('late')"),
    "a clean-up raises": (PASSES, CLEAN_UP),
    "status set in pytest_sessionfinish": (
        PASSES,
        "def pytest_sessionfinish(session): session.exitstatus = 9",
    ),
    "status set in pytest_unconfigure": (PASSES, CHANGES),
}
"""Test, conftest."""


@pytest.mark.parametrize("what", LATE)
def test_what_fails_late_is_never_green(demo: Demo, what: str) -> None:
    test, conftest = LATE[what]
    demo.holds(test_it=test, conftest=conftest)
    strict = ("-W", "error", "-p", "no:cacheprovider")

    alone = demo.run(*strict, asked=(), apart=True)
    recorded = demo.run(*strict, apart=True)

    assert recorded.status == alone.status != 0
    assert recorded.view.stages[0].mark == "failed"
    assert "1 passed" in recorded.out or "pytest_terminal_summary" in recorded.out
    assert recorded.tally.passed == 1


def test_a_late_failure_is_told(demo: Demo) -> None:
    test, conftest = LATE["pytest_unconfigure raises"]
    demo.holds(test_it=test, conftest=conftest)

    run = demo.run()

    assert "stage tests passed" in run.out
    reason = "pytest ended with exit status 1 after its session finished"
    assert f"stage tests failed: {reason}" in run.out
    assert run.stage.mark == "failed"


def test_a_late_exit_of_the_process_leaves_no_mark(demo: Demo) -> None:
    demo.holds(test_it=PASSES, conftest="import os\ndef pytest_unconfigure(): os._exit(0)")

    run = demo.run(apart=True)

    assert run.status == 0
    assert run.stage.mark == ""
    (folder,) = run.spooled
    again = demo.defend("publish", str(folder))
    assert again.status == 0, again.err
    assert again.stage.mark == "failed"
    assert "without a last word" in again.out


@pytest.mark.parametrize(
    ("policy", "test", "status", "told"),
    [
        ("fail", PASSES, NOT_PUBLISHED, True),
        ("warn", PASSES, 0, True),
        ("ignore", PASSES, 0, False),
        ("fail", FAILS, 1, True),
        ("warn", FAILS, 1, True),
        ("ignore", FAILS, 1, False),
    ],
)
@pytest.mark.parametrize("why", ["store is a file", "conflict"])
def test_publishing_that_fails(
    demo: Demo, why: str, policy: str, test: str, status: int, *, told: bool
) -> None:
    demo.holds(test_it=test)
    options = [f"--defend-on-error={policy}"]
    if why == "conflict":
        demo.run("--defend-build=demo/1")
        options += ["--defend-build=demo/1"]
    else:
        (demo.folder / "store").write_text("")
        options += ["--defend-store=store"]

    run = demo.run(*options)

    assert run.status == status
    assert [bool(re.search(text, run.out)) for text in ("NOT PUBLISHED: .+", "The record is kept: ")] == [
        told
    ] * 2
    assert "pytest-defend:" not in run.err
    assert ("FAILURES" in run.out) == (test == FAILS)
    (folder,) = run.spooled
    assert run.verdict.green == (test == PASSES)
    later = demo.defend("publish", str(folder), "--defend-store=elsewhere", "--format=json")
    assert later.status == 0, later.err
    assert f'"result": "{"passed" if test == PASSES else "failed"}"' in later.out


def test_the_command_that_is_printed_publishes_to_the_store_that_was_meant(demo: Demo) -> None:
    store = demo.holds(test_it=PASSES).folder / "a store's file"
    store.write_text("")

    run = demo.run(f"--defend-store={store.name}")
    store.unlink()

    (line,) = [line for line in run.out.splitlines() if line.startswith("The record is kept: ")]
    program, *arguments = shlex.split(line.partition(": ")[2])
    assert program == "pytest-defend"
    later = demo.defend(*arguments)
    assert later.status == 0, later.err
    shown = demo.defend("show", "demo/latest", f"--defend-store={store.name}")
    assert "stage tests passed, marked passed" in shown.out
    assert later.spooled == []


def test_a_mark_that_cannot_be_written(demo: Demo) -> None:
    demo.holds(
        test_it=PASSES,
        conftest="""
from pathlib import Path

def pytest_unconfigure():
    Path(".defend/ledger.sqlite3").rename("ledger")
""",
    )

    run = demo.run()

    assert run.status == NOT_PUBLISHED
    assert "NOT MARKED: " in run.out
    (demo.folder / "ledger").replace(demo.folder / ".defend/ledger.sqlite3")
    (folder,) = run.spooled
    later = demo.defend("publish", str(folder))
    assert later.status == 0, later.err
    assert later.stage.mark == "passed"


def test_a_record_that_cannot_be_written(demo: Demo) -> None:
    (demo.holds(test_it=PASSES).folder / "taken").write_text("")

    run = demo.run(asked=("--defend-record=taken/record.zip",))

    assert run.status == NOT_PUBLISHED
    (line,) = [line for line in run.out.splitlines() if line.startswith("The record is kept: ")]
    assert "NOT RECORDED: " in run.out
    later = demo.defend(*shlex.split(line.partition(": ")[2])[1:])
    assert later.status == 0, later.err
    assert later.stage.mark == "passed"
