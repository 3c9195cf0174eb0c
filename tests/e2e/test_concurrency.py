"""Two runs that publish at the same time into one store: nothing is lost, and of two that are the same build
the second is refused."""

from __future__ import annotations

import json
import re
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from runs import Finished, Running, a_project, command, defend, environment, kept_folder, printed_command

if TYPE_CHECKING:
    from pathlib import Path

ROUNDS = 4
# The last test of each run waits for the other run: both end, and publish, together.
TESTS = """
import os, time
from pathlib import Path

def test_first(): print("something to keep", os.environ["WHO"])

def test_last():
    Path(os.environ["WHO"]).touch()
    deadline = time.monotonic() + 60
    while not Path("go").exists():
        assert time.monotonic() < deadline
        time.sleep(0.01)
"""


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    return a_project(tmp_path / "demo", {"test_demo.py": TESTS})


def _together(folder: Path, *builds: str) -> list[Finished]:
    """One run for each build, all of them publishing at the same time."""
    marks = [f"run-{place}" for place in range(len(builds))]
    for left in (*marks, "go"):
        (folder / left).unlink(missing_ok=True)
    with ExitStack() as stack:
        runs = []
        for mark, build in zip(marks, builds, strict=True):
            arguments = command("--defend-publish", "--defend-build", build)
            runs.append(stack.enter_context(Running(folder, arguments, environment(WHO=mark))))
        for mark, running in zip(marks, runs, strict=True):
            running.wait_until((folder / mark).exists, mark)
        (folder / "go").touch()
        return [running.finish() for running in runs]


def _builds(folder: Path) -> set[str]:
    rows = json.loads(defend(folder, "builds", "--format", "json").out)
    return {f"{row['name']}/{row['number']}" for row in rows}


def _assert_whole(folder: Path, build: str) -> None:
    """The build passed, is marked, and each of its files is there."""
    (stage,) = json.loads(defend(folder, "show", build, "--format", "json").out)["stages"]
    assert (stage["result"], stage["mark"], stage["tests"]["passed"]) == ("passed", "passed", 2)
    files = json.loads(defend(folder, "files", build, "--format", "json").out)["files"]
    assert len([file for file in files if not file["path"].endswith("/sboms.zip")]) == 5
    assert all(file["kept"] for file in files)


def test_different_builds(demo: Path) -> None:
    for number in range(ROUNDS):
        builds = [f"one/{number}", f"two/{number}"]
        assert [finished.status for finished in _together(demo, *builds)] == [0, 0]
        for build in builds:
            _assert_whole(demo, build)
    assert _builds(demo) == {f"{name}/{number}" for name in ("one", "two") for number in range(ROUNDS)}
    assert not (demo / ".defend/spool").exists()


def test_the_same_build(demo: Path) -> None:
    for number in range(ROUNDS):
        build = f"demo/{number}"
        finished = sorted(_together(demo, build, build), key=lambda one: one.status)
        assert [one.status for one in finished] == [0, 70], finished
        first, second = finished
        ((kept, started),) = re.findall(r"^published (\S+)@(\S+) ", first.out, re.MULTILINE)
        (refused,) = re.findall(r"^NOT PUBLISHED: .*$", second.out, re.MULTILINE)
        for named in (kept, started, str(demo / ".defend"), "--defend-build NAME/NUMBER"):
            assert named in refused
        _assert_whole(demo, build)

        assert json.loads((kept_folder(second) / "manifest.json").read_text())["build"]["number"] == str(
            number
        )
        again = defend(demo, *printed_command(second))
        assert again.status == 1
        assert kept in again.err
        assert started in again.err
    assert _builds(demo) == {f"demo/{number}" for number in range(ROUNDS)}
    assert len(list((demo / ".defend/spool").iterdir())) == ROUNDS
