"""`pytest-defend serve`, as users start it: the same commands, with one variable changed."""

from __future__ import annotations

import json
import signal
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from runs import Running, a_project, defend, run, secluded
from wheels import a_wheel

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow


@contextmanager
def _served(folder: Path, *arguments: str, **variables: str) -> Iterator[str]:
    """The URL of a server in a process of its own."""
    command = [sys.executable, "-m", "pytest_defend", "serve", "--port", "0", *arguments]
    with Running(folder, command, secluded(**variables)) as server:
        server.wait_until(lambda: "\n" in server.out, "its URL")
        yield server.out.strip()
        server.send(signal.SIGINT)
        ended = server.finish()
    assert (ended.status, ended.err) == (0, "")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    project = a_project(tmp_path / "project", {"test_demo.py": "def test_it(): pass\n"})
    a_wheel(project / "dist", "demo")
    return project


@pytest.mark.parametrize("profile", ["5.11-oss", "5.11-pro", "7-pro"])
def test_the_same_commands_with_one_variable_changed(project: Path, tmp_path: Path, profile: str) -> None:
    (tmp_path / "server").mkdir()
    with _served(tmp_path / "server", "--profile", profile) as url:
        store = {"DEFEND_STORE": url}
        ran = run(project, "--defend-publish", "--defend-build", "demo/1", DEFEND_STORE=url)
        assert ran.status == 0, ran
        later = run(
            project,
            "--defend-publish",
            "--defend-build",
            "demo/1",
            "--defend-stage",
            "smoke",
            DEFEND_STORE=url,
        )
        assert later.status == 0, later
        shown = json.loads(defend(project, "show", "demo/1", "--format", "json", **store).out)
        assert [(stage["name"], stage["mark"]) for stage in shown["stages"]] == [
            ("tests", "passed"),
            ("smoke", "passed"),
        ]
        fetched = defend(project, "fetch", "demo/latest", "-o", "got", **store)
        assert fetched.status == 0, fetched
        (wheel,) = (project / "got").iterdir()
        assert wheel.read_bytes() == (project / "dist" / wheel.name).read_bytes()
        again = run(project, "--defend-publish", "--defend-build", "demo/1", DEFEND_STORE=url)
        assert again.status == 70
        assert "has stage tests already" in again.out
    assert not (project / ".defend/ledger.sqlite3").exists()


def test_users_have_passwords_that_no_command_line_shows(project: Path, tmp_path: Path) -> None:
    (tmp_path / "server").mkdir()
    told = ("--user", "jo:rwn", "--user", "root:admin")
    passwords = {"DEFEND_SERVE_PASSWORD_JO": "wombat", "DEFEND_SERVE_PASSWORD_ROOT": "r00t"}
    with _served(tmp_path / "server", *told, **passwords) as url:
        nobody = run(project, "--defend-publish", DEFEND_STORE=url)
        assert nobody.status == 70
        known = run(project, "--defend-publish", DEFEND_STORE=url, DEFEND_USER="jo", DEFEND_PASSWORD="wombat")
        assert known.status == 0
        examined = defend(project, "doctor", DEFEND_STORE=url, DEFEND_USER="jo", DEFEND_PASSWORD="wombat")
        assert examined.status in {0, 3}, examined
        assert "accepted, user jo" in examined.out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--user", "jo"], "User 'jo' has no password. Set the variable DEFEND_SERVE_PASSWORD_JO."),
        (["--host", "0.0.0.0"], "Everybody who reaches 0.0.0.0 could change this store."),
        (["--defend-store", "https://art.example/"], "is served already."),
    ],
)
def test_what_is_refused(project: Path, arguments: list[str], sentence: str) -> None:
    refused = defend(project, "serve", *arguments)
    assert refused.status == 2
    assert sentence in refused.err
