"""When nothing is asked, or no test runs, pytest-defend is not there; and what it does without."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from plugin.recorded import Kept

if TYPE_CHECKING:
    from pathlib import Path

    from plugin.recorded import Demo

PASSES = "def test_it(): pass"
ASK = '[project]\nname = "demo"\n[tool.pytest-defend]\npublish = true\n'


def _files(folder: Path) -> set[str]:
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*")}
    return {name for name in found if "__pycache__" not in name}


@pytest.mark.parametrize(
    "option",
    [
        "--collect-only",
        "--help",
        "--version",
        "--markers",
        "--fixtures",
        "--fixtures-per-test",
        "--setup-plan",
        "--setup-only",
        "--cache-show",
    ],
)
def test_where_no_test_runs_nothing_is_recorded(demo: Demo, option: str) -> None:
    before = _files(demo.holds(test_it=PASSES).folder)
    cache = ("-p", "cacheprovider", "-o", "addopts=") if option == "--cache-show" else ()

    run = demo.run(option, *cache)
    alone = demo.run(option, *cache, asked=())

    assert _files(demo.folder) - {".pytest_cache"} == before
    assert run.status == alone.status == 0
    assert _timeless(run.out) == _timeless(alone.out)
    assert run.err == alone.err


def _timeless(text: str) -> list[str]:
    return [line for line in text.splitlines() if " in 0." not in line]


def test_workers_that_only_collect(demo: Demo) -> None:
    before = _files(demo.holds(test_it=PASSES).folder)

    run = demo.run("--collect-only", mode="n2")

    assert run.status == 0
    assert "defend" not in run.out
    assert _files(demo.folder) == before


@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_nothing_asked(demo: Demo, mode: str) -> None:
    before = _files(demo.holds(test_it=PASSES).folder)

    run = demo.run(mode=mode, asked=())

    assert run.status == 0
    assert "defend" not in run.out
    assert run.err == ""
    assert _files(demo.folder) == before


def test_settings_alone_ask_nothing(demo: Demo) -> None:
    demo.holds(test_it=PASSES)
    (demo.folder / "pyproject.toml").write_text(ASK.replace("publish = true", 'stage = "unit"'))
    before = _files(demo.folder)

    run = demo.run("-p", "no:cacheprovider", asked=())

    assert run.status == 0
    assert "defend" not in run.out
    assert _files(demo.folder) == before


@pytest.mark.parametrize("stops", [".git", ""])
def test_the_table_of_a_folder_above(demo: Demo, stops: str) -> None:
    above = demo.folder.parent / "above"
    (above / "inner" / stops).mkdir(parents=True)
    (above / "pyproject.toml").write_text(ASK)
    (above / "inner/pytest.ini").write_text("[pytest]\n")
    (above / "inner/test_it.py").write_text(PASSES)

    run = demo.holds().run("--rootdir=../above/inner", "../above/inner", asked=())

    assert run.status == 0
    assert (above / ".defend").exists() == (not stops)


@pytest.mark.parametrize("way", ["pyproject.toml", "environment"])
def test_asked_without_an_option(demo: Demo, way: str) -> None:
    demo.holds(test_it=PASSES)
    if way == "environment":
        run = demo.run(asked=(), DEFEND_PUBLISH="1")
    else:
        (demo.folder / "pyproject.toml").write_text(ASK)
        run = demo.run(asked=())

    assert run.status == 0
    assert run.stage.mark == "passed"


@pytest.mark.parametrize(
    ("plugin", "mode"),
    [
        ("terminal", "plain"),
        ("terminal", "n2"),
        ("cacheprovider", "plain"),
        ("junitxml", "plain"),
        ("logging", "plain"),
        ("warnings", "plain"),
        ("capture", "plain"),
        ("faulthandler", "plain"),
    ],
)
def test_without_a_plugin_of_pytest(demo: Demo, plugin: str, mode: str) -> None:
    demo.holds(test_it="def test_it(): pass\ndef test_bad(): assert 0")

    run = demo.run("-p", f"no:{plugin}", mode=mode)

    assert run.status == 1
    assert run.outcomes == {"test_it": "passed", "test_bad": "failed"}
    assert run.stage.result == "failed"
    assert run.stage.reasons == "1 failed"
    shown = run.err if plugin == "terminal" else run.out
    assert "stage tests failed: 1 failed" in shown


def test_without_subtests_being_told_by_the_terminal(demo: Demo) -> None:
    if pytest.version_tuple < (9,):
        pytest.skip("subtests are in pytest since 9.0")
    demo.holds(test_it="def test_it(subtests):\n    with subtests.test(): assert 0\n")

    run = demo.run("-p", "no:terminal")

    assert run.status == 1
    assert run.outcomes == {"test_it": "failed"}
    assert run.stage.result == "failed"


def test_twice_in_one_process(demo: Demo) -> None:
    demo.holds(
        test_it=PASSES,
        twice="""
import os, signal, pytest

before = signal.getsignal(signal.SIGTERM)
plugins = ["-p", "pytest_defend.plugin", "--defend-publish"]
statuses = [pytest.main([*plugins, f"--defend-build=demo/{i}"]) for i in (1, 2)]
assert [int(status) for status in statuses] == [0, 0], statuses
assert signal.getsignal(signal.SIGTERM) == before
assert "DEFEND_RUNNING" not in os.environ
""",
    )

    run = demo.python("twice.py")

    assert run.status == 0, run.err
    assert [found.id.number for found in run.store.builds("demo")] == ["1", "2"]
    assert run.stage.mark == "passed"


NESTED = """
import subprocess, sys

COMMAND = [sys.executable, "-m", "pytest", "-p", "pytest_defend.plugin", "--rootdir=inner", "inner"]

def test_outer():
    subprocess.run([*COMMAND, {more!r}], check=True)
"""


@pytest.mark.parametrize(
    ("mode", "asks", "builds"),
    [
        ("plain", "--color=no", []),
        ("plain", "--defend-publish", ["inner"]),
        ("n2", "--defend-publish", ["inner"]),
    ],
)
def test_a_run_inside_a_recorded_run(demo: Demo, mode: str, asks: str, builds: list[str]) -> None:
    demo.holds(test_it=NESTED.format(more=asks))
    inner = demo.folder / "inner"
    inner.mkdir()
    (inner / "pyproject.toml").write_text(ASK.replace("demo", "inner"))
    (inner / "test_inner.py").write_text(PASSES)

    run = demo.run("test_it.py", mode=mode, DEFEND_PUBLISH="1")

    assert run.status == 0, run.out
    assert run.stage.mark == "passed"
    assert [build.id.name for build in run.store.builds()] == ["demo"]
    assert [build.id.name for build in Kept(folder=inner).store.builds()] == builds


@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_switched_off(demo: Demo, mode: str) -> None:
    before = _files(demo.holds(test_it=PASSES).folder)
    plugin = ("-p", "no:defend", "-p", "no:pytest_defend.plugin")

    run = demo.run(*plugin, mode=mode, asked=(), DEFEND_PUBLISH="1")

    assert run.status == 0
    assert "defend" not in run.out
    assert _files(demo.folder) == before


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        ("--defend-stage=two words", "--defend-stage: 'two words' is not a name of letters"),
        ("--defend-on-error=perhaps", "--defend-on-error: 'perhaps' is none of fail, warn, ignore"),
        ("--defend-build=demo", "--defend-build: 'demo' names no build; write NAME/NUMBER"),
        ("--defend-output-limit=much", "--defend-output-limit: 'much' is no size above zero"),
    ],
)
@pytest.mark.parametrize("mode", ["plain", "n2"])
def test_a_wrong_setting_ends_the_run_before_it_begins(
    demo: Demo, option: str, sentence: str, mode: str
) -> None:
    before = _files(demo.holds(test_it=PASSES).folder)

    run = demo.run(option, mode=mode)

    assert run.status == 4
    (line,) = [line for line in run.err.splitlines() if line]
    assert line.startswith("ERROR: ")
    assert sentence in line
    assert run.out == ""
    assert _files(demo.folder) == before


def test_a_wrong_table_in_pyproject(demo: Demo) -> None:
    demo.holds(test_it=PASSES)
    (demo.folder / "pyproject.toml").write_text(ASK + 'stgae = "unit"\n')

    run = demo.run(asked=())

    assert run.status == 4
    assert run.err == "ERROR: pyproject.toml stgae: is not known; did you mean stage?.\n\n"
