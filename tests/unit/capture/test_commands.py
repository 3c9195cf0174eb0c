"""Commands outside are asked, and nothing they do is taken for a yes but a yes."""

from __future__ import annotations

import json
import shlex
import sys
import time
from typing import TYPE_CHECKING, Any

import pytest

from pytest_defend.capture.actor import actor
from pytest_defend.capture.commands import ask

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.model.snapshot import ExternalAnswer

PASS = json.dumps({"ruling": "pass", "actual": "all is well"})


def _asked(script: str, folder: Path, **arguments: Any) -> ExternalAnswer:
    command = shlex.join([sys.executable, "-S", "-E", "-c", script])
    known = {"document": b'{"level":"rc"}', "folder": folder, "environ": {}, **arguments}
    return ask(command, known.pop("document"), **known)


def test_a_command_reads_the_document_and_answers_in_words(tmp_path: Path) -> None:
    script = (
        "import json,sys; d=json.load(sys.stdin); print(json.dumps({'ruling':'pass','actual':d['level']}))"
    )
    answer = _asked(script, tmp_path)
    assert (answer.ruling, answer.actual) == ("pass", "rc")


@pytest.mark.parametrize(
    ("script", "ruling", "actual"),
    [
        ("print('\\n  looks fine  ')", "pass", "looks fine"),
        ("raise SystemExit(1)", "fail", "it ended with exit status 1"),
        ("import sys; sys.exit('license is missing')", "fail", "license is missing"),
        ("raise SystemExit(2)", "unknown", "it ended with exit status 2"),
        (f"print('''{PASS}'''); raise SystemExit(3)", "unknown", "it says pass and ended with exit status 3"),
        ('print(\'{"ruling": "yes"}\')', "unknown", "it answers 'yes', which is no ruling"),
        ('print(\'{"ruling": "fail", "actual": "no", "next": "ask"}\')', "fail", "no"),
        ('print("[1]")', "pass", "[1]"),
        (
            "import os, signal; os.kill(os.getpid(), signal.SIGKILL)",
            "unknown",
            "it ended with exit status -9",
        ),
    ],
)
def test_words_and_status_have_to_agree(script: str, ruling: str, actual: str, tmp_path: Path) -> None:
    answer = _asked(script, tmp_path)
    assert (answer.ruling, answer.actual) == (ruling, actual)


def test_a_next_step_is_kept_and_long_words_are_cut(tmp_path: Path) -> None:
    answer = _asked(
        "import json; print(json.dumps({'ruling': 'fail', 'actual': 'x' * 5000, 'next': 'wait'}))", tmp_path
    )
    assert answer.next == "wait"
    assert len(answer.actual) == 1003


def test_it_runs_in_the_folder_without_our_secrets(tmp_path: Path) -> None:
    script = "import os; print(os.getcwd(), sorted(k for k in os.environ if k in ('A_SECRET', 'KNOWN')))"
    environ = {"A_SECRET": "s3cret", "KNOWN": "1"}
    answer = _asked(script, tmp_path, environ=environ, secrets={"A_SECRET"})
    assert answer.actual == f"{tmp_path} ['KNOWN']"


@pytest.mark.parametrize("command", ["no-such-program --x", "", "'unfinished", "./file.txt"])
def test_what_cannot_be_started_is_no_answer(command: str, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("no program")
    answer = ask(command, b"{}", folder=tmp_path, environ={"PATH": "/usr/bin"})
    assert answer.ruling == "unknown"
    assert answer.actual.startswith("it cannot be started: ")


def test_one_that_takes_too_long_is_ended_with_its_children(tmp_path: Path) -> None:
    script = "import subprocess; subprocess.run(['sleep', '300'])"
    began = time.monotonic()
    answer = _asked(script, tmp_path, environ={"PATH": "/usr/bin:/bin"}, timeout_s=0.3)
    assert answer.actual == "it did not answer within 0.3 seconds"
    assert time.monotonic() - began < 60


def test_one_that_does_not_read_may_answer(tmp_path: Path) -> None:
    answer = _asked("print('fine')", tmp_path, document=b" " * 1_000_000)
    assert answer.ruling == "pass"


def test_who_started_the_run_is_what_the_ci_system_says() -> None:
    assert actor({}) == ""
    assert actor({"GITLAB_USER_LOGIN": "ann"}) == "ann"
    assert actor({"GITHUB_ACTOR": "ann", "GITHUB_TRIGGERING_ACTOR": "bob\n\x1b[31m"}) == "bob [31m"
