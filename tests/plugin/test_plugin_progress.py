"""How far publishing is, while a real run waits for a slow server: in a terminal, and in a pipe."""

from __future__ import annotations

import os
import re
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest

from runs import SOON_S, command, environment
from scripted import Gate
from served import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from plugin.recorded import Demo

IMPATIENT = """
from pytest_defend.render.progress import Meter
Meter.patience_s = 0.1
"""
REPOSITORIES = {"candidates": {"rclass": "local", "packageType": "generic"}}
PUBLISHED = "published demo/1@"


@pytest.fixture
def slow(demo: Demo, tmp_path: Path) -> Iterator[list[str]]:
    """The command that publishes to a slow server."""
    demo.holds(test_it="def test_it(): pass", conftest=IMPATIENT)
    with served(tmp_path / "kept", repositories=REPOSITORIES) as url, Gate(url, latency_s=0.1) as gate:
        store = f"--defend-store={gate.url}/artifactory"
        yield command("--defend-publish", "--defend-build=demo/1", store)


def _watched(demo: Demo, command: list[str], **variables: str) -> str:
    """What a run shows in a terminal."""
    controller, terminal = os.openpty()
    shown = b""
    with subprocess.Popen(
        command,
        cwd=demo.folder,
        env=environment(TERM="xterm-256color", **variables),
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    ) as running:
        os.close(terminal)
        with suppress(OSError):  # the terminal is gone when the run is
            while piece := os.read(controller, 65536):
                shown += piece
        os.close(controller)
        assert running.wait(SOON_S) == 0, shown.decode()
    return shown.decode()


def test_a_terminal_shows_a_bar_that_is_gone_at_the_end(demo: Demo, slow: list[str]) -> None:
    shown = _watched(demo, slow)
    bar, _, after = shown.rpartition("\x1b[?25h")
    assert "publishing \x1b[" in bar
    assert "━" in bar
    assert re.search(r"\d of \d+ files", bar)
    assert re.match(rf"\r\x1b\[1A\x1b\[2K{PUBLISHED}", after)
    assert "publishing" not in after


def test_a_ci_system_with_a_terminal_gets_lines(demo: Demo, slow: list[str]) -> None:
    shown = _watched(demo, slow, GITHUB_ACTIONS="true", GITHUB_RUN_ID="1")
    assert "━" not in shown
    assert len(re.findall(r"(?m)^publishing ", shown)) == 2


@pytest.mark.parametrize(("quiet", "lines"), [((), 2), (("-q",), 0)])
def test_a_pipe_gets_two_lines_and_who_is_quiet_none(
    demo: Demo, slow: list[str], quiet: tuple[str, ...], lines: int
) -> None:
    done = subprocess.run(
        [*slow, *quiet], cwd=demo.folder, env=environment(), capture_output=True, text=True, check=True
    )
    told = [line for line in done.stdout.splitlines() if line.startswith("publishing ")]
    assert len(told) == lines
    if told:
        assert re.fullmatch(r"publishing \d+ files, \d+\.\d KiB to http://\S+/artifactory", told[0])
        assert re.fullmatch(r"publishing took \d+\.\d s, .+ in \d+ files", told[1])
    assert "\x1b" not in done.stdout
    assert "━" not in done.stdout
    assert done.stdout.splitlines()[-2].startswith(PUBLISHED)
