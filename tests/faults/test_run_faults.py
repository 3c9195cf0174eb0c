from __future__ import annotations

import importlib.util
import inspect
import json
import shutil
import signal
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest

from pytest_defend.stores.directory import DirectoryStore
from runs import (
    PYPROJECT,
    Finished,
    Running,
    a_project,
    command,
    defend,
    environment,
    kept_folder,
    our_block,
    printed_command,
    run,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

NOT_PUBLISHED = 70
HAS_XDIST = importlib.util.find_spec("xdist") is not None
with_and_without_workers = pytest.mark.parametrize(
    "workers",
    [
        pytest.param((), id="plain"),
        pytest.param(("-n2",), id="n2", marks=pytest.mark.skipif(not HAS_XDIST, reason="needs pytest-xdist")),
    ],
)

# `heard-TEST` appears when the controller has heard how a test ended; tests wait for files.
CONFTEST = """
import time
from pathlib import Path

import pytest

HERE = Path(__file__).parent


class Heard:
    @pytest.hookimpl(trylast=True)
    def pytest_runtest_logreport(self, report):
        if report.when == "teardown":
            (HERE / f"heard-{report.nodeid.partition('::')[2]}").touch()


def pytest_configure(config):
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Heard())


@pytest.fixture
def wait_for():
    def wait(*names):
        deadline = time.monotonic() + 60
        while not all((HERE / name).exists() for name in names):
            assert time.monotonic() < deadline, names
            time.sleep(0.01)

    return wait
"""

IN_STORE = f"""{PYPROJECT}
[tool.pytest-defend]
store = "store"
"""

PASSES = """
def test_passes(): pass
"""

STAYS_OPEN = """
from pathlib import Path

def test_first(): pass

def test_open(wait_for):
    Path("open").touch()
    wait_for("go")

def test_last(): pass
"""


@pytest.fixture
def demo(tmp_path: Path) -> Path:
    return a_project(tmp_path / "demo", {"conftest.py": CONFTEST})


@pytest.fixture(autouse=True)
def _interruptible() -> Iterator[None]:
    """What is started from a background job ignores Ctrl-C, and so does everything it starts."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def disk() -> Iterator[Callable[[Path, str], None]]:
    """Puts a disk of its own under a folder; again, to change it."""
    mounted: list[Path] = []

    def mount(folder: Path, options: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        given = f"remount,{options}" if folder in mounted else options
        tool = shutil.which("mount")
        if tool is None:
            pytest.skip("there is no mount")
        made = subprocess.run(
            [tool, "-t", "tmpfs", "-o", given, "none", folder], capture_output=True, text=True, check=False
        )
        if made.returncode:
            pytest.skip(f"a disk needs the right to mount: {made.stderr.strip()}")
        mounted.append(folder)

    yield mount
    for folder in set(mounted):
        subprocess.run(["umount", "-l", folder], check=True)


def _both(
    folder: Path, *arguments: str, act: Callable[[Running, Path], None] | None = None
) -> tuple[Finished, Finished]:
    """The run recorded and published, and before that the same run without us.

    What is killed by a signal does not save what was measured of it, and the measuring has a handler of its
    own for SIGTERM; so nothing is measured here.
    """
    env = {name: value for name, value in environment().items() if not name.startswith("COVERAGE_")}
    done = []
    for recorded in (False, True):
        for left in (*folder.glob("heard-*"), folder / "open", folder / "go"):
            left.unlink(missing_ok=True)
        ours = ["--defend-publish"] if recorded else []
        with Running(folder, command(*ours, *arguments, recorded=recorded), env) as running:
            if act is not None:
                act(running, folder)
            done.append(running.finish())
    return done[1], done[0]


def _wait_for(running: Running, folder: Path, *names: str) -> None:
    running.wait_until(lambda: all((folder / name).exists() for name in names), ", ".join(names))


def _shown(folder: Path, **variables: str) -> dict[str, Any]:
    """What `show` says about the only stage of the latest build."""
    said = defend(folder, "show", "demo/latest", "--format", "json", **variables)
    assert said.status == 0, said
    (stage,) = json.loads(said.out)["stages"]
    assert isinstance(stage, dict)
    return stage


def _journal(folder: Path) -> Path:
    (journal,) = folder.glob(".defend/spool/*/journal.jsonl")
    return journal


def _publish_later(folder: Path, finished: Finished, **variables: str) -> Finished:
    """Do what the run said."""
    return defend(folder, *printed_command(finished), **variables)


@pytest.mark.skipif(not HAS_XDIST, reason="needs pytest-xdist")
def test_a_worker_that_is_killed(demo: Path) -> None:
    dies = """
import os, signal

def test_dies(wait_for):
    wait_for("heard-test_passes", "heard-test_too")
    os.kill(os.getpid(), signal.SIGKILL)

def test_passes(): pass
def test_too(): pass
"""
    a_project(demo, {"test_demo.py": dies})
    recorded, alone = _both(demo, "-n3")
    assert recorded.status == alone.status == 1
    block = our_block(recorded, alone)
    assert block[0].startswith("stage tests failed: 1 failed (1 of them crashed); worker gw")
    assert block[1].startswith("recorded 3 of 3 collected tests (1 failed, 2 passed)")
    stage = _shown(demo)
    assert (stage["result"], stage["mark"]) == ("failed", "failed")
    assert stage["tests"] | {"passed": 2, "failed": 1, "crashed": 1} == stage["tests"]


@with_and_without_workers
def test_a_run_that_is_killed_can_be_published_as_what_it_was(demo: Path, workers: tuple[str, ...]) -> None:
    def kill(running: Running, folder: Path) -> None:
        _wait_for(running, folder, "open", "heard-test_first", *(["heard-test_last"] if workers else []))
        running.send(signal.SIGKILL)

    a_project(demo, {"test_demo.py": STAYS_OPEN})
    recorded, alone = _both(demo, *workers, act=kill)
    assert recorded.status == alone.status == -signal.SIGKILL
    assert our_block(recorded, alone) == []

    published = defend(demo, "publish", str(_journal(demo)))
    assert published.status == 0, published
    assert "stage tests incomplete: the run was killed before its session finished" in published.out
    stage = _shown(demo)
    assert (stage["result"], stage["mark"]) == ("incomplete", "failed")
    assert "test_demo.py::test_open" in stage["reasons"]
    assert stage["tests"]["collected"] == 3
    assert stage["tests"]["passed"] == stage["tests"]["finished"] == (2 if workers else 1)
    assert not (demo / ".defend/spool").exists()


@with_and_without_workers
def test_sigterm_finishes_the_record_and_ends_with_143(demo: Path, workers: tuple[str, ...]) -> None:
    def terminate(running: Running, folder: Path) -> None:
        _wait_for(running, folder, "open", "heard-test_first", *(["heard-test_last"] if workers else []))
        running.send(signal.SIGTERM)

    a_project(demo, {"test_demo.py": STAYS_OPEN})
    recorded, alone = _both(demo, *workers, act=terminate)
    assert alone.status == -signal.SIGTERM
    assert recorded.status == 128 + signal.SIGTERM
    heard = [line for line in recorded.lines if not line.startswith("defend: ")]
    assert heard[: len(alone.lines)][:-1] == alone.lines[:-1]
    stage = _shown(demo)
    assert (stage["result"], stage["mark"]) == ("incomplete", "failed")
    assert "terminated (SIGTERM)" in stage["reasons"]
    assert stage["tests"]["passed"] == (2 if workers else 1)


@with_and_without_workers
def test_ctrl_c_in_a_test(demo: Path, workers: tuple[str, ...]) -> None:
    def interrupt(running: Running, folder: Path) -> None:
        _wait_for(running, folder, "open", "heard-test_first", *(["heard-test_last"] if workers else []))
        running.send(signal.SIGINT)

    a_project(demo, {"test_demo.py": STAYS_OPEN})
    recorded, alone = _both(demo, *workers, act=interrupt)
    assert recorded.status == alone.status == 2
    block = our_block(recorded, alone)
    assert block[0].startswith("stage tests incomplete: pytest ended with exit status 2: KeyboardInterrupt; ")
    stage = _shown(demo)
    assert (stage["result"], stage["mark"]) == ("incomplete", "failed")
    assert "test_demo.py::test_open" in stage["reasons"]


@with_and_without_workers
def test_stopping_at_the_first_failure(demo: Path, workers: tuple[str, ...]) -> None:
    fails = "def test_fails(): assert 0\n" + "".join(f"def test_{n}(): pass\n" for n in range(9))
    a_project(demo, {"test_demo.py": fails})
    recorded, alone = _both(demo, "-x", *workers)
    assert recorded.status == alone.status == (2 if workers else 1)
    if not workers:  # with them, chance decides how many tests had begun
        assert our_block(recorded, alone)[0].startswith(
            "stage tests failed: 1 failed; 9 collected tests never"
        )
    stage = _shown(demo)
    assert (stage["result"], stage["mark"]) == ("failed", "failed")
    assert stage["tests"]["collected"] == 10
    assert stage["tests"]["lost"] == 10 - stage["tests"]["finished"] > 0


def test_a_conftest_that_raises_before_the_run_begins(demo: Path) -> None:
    a_project(demo, {"conftest.py": "raise RuntimeError('broken')\n", "test_demo.py": PASSES})
    recorded, alone = _both(demo)
    assert recorded.status == alone.status == 4
    assert our_block(recorded, alone) == []
    assert not (demo / ".defend").exists()


@with_and_without_workers
def test_a_conftest_that_raises_while_tests_are_collected(demo: Path, workers: tuple[str, ...]) -> None:
    a_project(demo, {"sub/conftest.py": "raise RuntimeError('broken')\n", "sub/test_sub.py": PASSES})
    a_project(demo, {"test_demo.py": PASSES})
    recorded, alone = _both(demo, *workers)
    assert recorded.status == alone.status == (1 if workers else 2)
    block = our_block(recorded, alone)
    errors = 2 if workers else 1  # each worker tells its own, and pytest counts both
    assert block[0].startswith(f"stage tests failed: {errors} error")
    stage = _shown(demo)
    assert (stage["result"], stage["mark"]) == ("failed", "failed")
    assert stage["tests"]["errors"] == errors


def _not_published(recorded: Finished, alone: Finished) -> str:
    """The sentence that says why, of a run whose tests passed."""
    assert (recorded.status, alone.status) == (NOT_PUBLISHED, 0)
    block = our_block(recorded, alone)
    assert block[0] == "stage tests passed"
    (sentence,) = [line for line in block if line.startswith("NOT PUBLISHED: ")]
    return sentence


def _assert_published_later(folder: Path, recorded: Finished) -> None:
    """What the run said to do does it, and leaves nothing behind."""
    later = _publish_later(folder, recorded)
    assert later.status == 0, later
    stage = _shown(folder)
    assert (stage["result"], stage["mark"]) == ("passed", "passed")
    assert not (folder / ".defend/spool").exists()


def test_a_store_that_is_read_only(demo: Path, disk: Callable[[Path, str], None]) -> None:
    a_project(demo, {"test_demo.py": PASSES, "pyproject.toml": IN_STORE})
    disk(demo / "store", "ro")
    recorded, alone = _both(demo)
    assert f"The store {demo / 'store'} is read-only." in _not_published(recorded, alone)
    assert kept_folder(recorded).parent == demo / ".defend/spool"
    disk(demo / "store", "rw")
    _assert_published_later(demo, recorded)


def test_a_spool_that_is_read_only(demo: Path, disk: Callable[[Path, str], None]) -> None:
    a_project(demo, {"test_demo.py": PASSES})
    disk(demo / ".defend", "ro")
    recorded, alone = _both(demo)
    assert f"The store {demo / '.defend'} is read-only." in _not_published(recorded, alone)
    kept = kept_folder(recorded)
    assert not kept.is_relative_to(demo)
    (gap,) = [line for line in our_block(recorded, alone) if line.startswith("gap in journal: ")]
    assert f"cannot be written (Read-only file system); the record is kept in {kept} instead." in gap
    disk(demo / ".defend", "rw")
    _assert_published_later(demo, recorded)
    shutil.rmtree(kept.parent)


def test_a_spool_below_a_file(demo: Path) -> None:
    a_project(demo, {"test_demo.py": PASSES, ".defend": "no folder"})
    recorded, alone = _both(demo)
    assert str(demo / ".defend") in _not_published(recorded, alone)
    kept = kept_folder(recorded)
    assert not kept.is_relative_to(demo)
    (demo / ".defend").unlink()
    _assert_published_later(demo, recorded)
    shutil.rmtree(kept.parent)


def test_a_store_that_is_a_file(demo: Path) -> None:
    a_project(demo, {"test_demo.py": PASSES, "pyproject.toml": IN_STORE, "store": "no folder"})
    recorded, alone = _both(demo)
    assert str(demo / "store") in _not_published(recorded, alone)
    (demo / "store").unlink()
    _assert_published_later(demo, recorded)


@pytest.mark.parametrize("size", ["16k", "100k"], ids=["files-do-not-fit", "ledger-does-not-fit"])
def test_a_store_on_a_full_disk(demo: Path, disk: Callable[[Path, str], None], size: str) -> None:
    a_project(demo, {"test_demo.py": PASSES, "pyproject.toml": IN_STORE})
    disk(demo / "store", f"size={size}")
    recorded, alone = _both(demo)
    assert "full" in _not_published(recorded, alone)
    assert defend(demo, "builds").out == "no builds\n"
    disk(demo / "store", "size=16m")
    _assert_published_later(demo, recorded)


PRINTS_A_LOT = """
import pytest

@pytest.mark.parametrize("n", range(20))
def test_prints(n): print(f"{n} " * 10_000)
"""


def test_a_spool_that_fills_up_while_tests_run(demo: Path, disk: Callable[[Path, str], None]) -> None:
    a_project(demo, {"test_demo.py": PRINTS_A_LOT, "pyproject.toml": IN_STORE})
    disk(demo / ".defend", "size=256k")
    recorded, alone = _both(demo)
    assert (recorded.status, alone.status) == (0, 0)
    block = our_block(recorded, alone)
    assert block[0] == "stage tests passed"
    assert block[1].startswith("recorded 20 of 20 collected tests (20 passed)")
    (gap,) = [line for line in block if line.startswith("gap in journal: ")]
    assert "cannot be written (No space left on device); the record is kept in " in gap
    assert _shown(demo)["mark"] == "passed"
    assert not list((demo / ".defend").glob("spool/*"))


def test_no_space_anywhere(demo: Path, disk: Callable[[Path, str], None]) -> None:
    # chosen while there is space; later, Python would look for another folder
    early = "import tempfile\ntempfile.gettempdir()\n"
    a_project(demo, {"conftest.py": early, "test_demo.py": PRINTS_A_LOT, "pyproject.toml": IN_STORE})
    disk(demo / ".defend", "size=256k")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(demo / ".defend"))
        recorded, alone = _both(demo, "--capture=sys")  # into memory
    assert (recorded.status, alone.status) == (NOT_PUBLISHED, 0)
    (line,) = [line for line in our_block(recorded, alone) if line.startswith("NOT PUBLISHED: ")]
    assert "No space left on device" in line
    assert kept_folder(recorded).parent == demo / ".defend/spool"
    disk(demo / ".defend", "size=16m")
    assert _publish_later(demo, recorded).status == 0
    stage = _shown(demo)
    assert (stage["result"], stage["mark"]) == ("incomplete", "failed")
    assert 0 < stage["tests"]["passed"] < stage["tests"]["collected"] == 20


def _locked(folder: Path) -> sqlite3.Connection:
    """Another process in the middle of writing."""
    a_project(folder, {"test_demo.py": PASSES})
    assert run(folder, "--defend-publish").status == 0
    connection = sqlite3.connect(folder / ".defend/ledger.sqlite3", isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    return connection


def test_a_store_that_is_locked_is_waited_for(demo: Path) -> None:
    with closing(_locked(demo)) as other:

        def unlock(running: Running, _: Path) -> None:
            running.wait_for_line("recorded 1 of 1 collected tests")
            other.rollback()

        with Running(demo, command("--defend-publish")) as running:
            unlock(running, demo)
            finished = running.finish()
    assert finished.status == 0, finished
    assert len(defend(demo, "builds").lines) == 2


IMPATIENT = """
from pytest_defend.stores.directory import DirectoryStore

DirectoryStore.__init__.__kwdefaults__["patience_s"] = 2
"""


def test_a_store_that_stays_locked(demo: Path) -> None:
    assert inspect.signature(DirectoryStore).parameters["patience_s"].default == 30  # too long for a test
    a_project(demo, {"conftest.py": IMPATIENT})
    with closing(_locked(demo)):
        recorded, alone = _both(demo)
    assert "is locked by another process" in _not_published(recorded, alone)
    _assert_published_later(demo, recorded)
    assert len(defend(demo, "builds").lines) == 2


def test_ctrl_c_while_publishing(demo: Path) -> None:
    def interrupt(running: Running, _: Path) -> None:
        if running.recorded:
            running.wait_for_line("recorded 1 of 1 collected tests")
            running.send(signal.SIGINT)

    with closing(_locked(demo)):
        recorded, alone = _both(demo, act=interrupt)
    assert _not_published(recorded, alone) == "NOT PUBLISHED: interrupted"
    _assert_published_later(demo, recorded)


def test_a_store_of_a_newer_version(demo: Path) -> None:
    with closing(_locked(demo)) as connection:
        connection.rollback()
        (known,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(f"PRAGMA user_version = {known + 1}")
    recorded, alone = _both(demo)
    assert _not_published(recorded, alone).endswith("Upgrade pytest-defend.")
    assert defend(demo, "builds").status == 3
    with closing(sqlite3.connect(demo / ".defend/ledger.sqlite3")) as connection:
        connection.execute(f"PRAGMA user_version = {known}")
    _assert_published_later(demo, recorded)


def test_the_printed_command_publishes_to_the_store_that_was_meant(tmp_path: Path) -> None:
    folder = a_project(tmp_path / "a folder of 'ours'", {"test_demo.py": PASSES, "store": "no folder"})
    finished = run(folder, "--defend-publish", "--defend-store", "store")
    assert finished.status == NOT_PUBLISHED
    (folder / "store").unlink()
    assert _publish_later(folder, finished).status == 0
    assert _shown(folder, DEFEND_STORE="store")["mark"] == "passed"
