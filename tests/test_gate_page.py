"""The scripts of the pages about gates do what the pages say."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from builders import STARTED, a_clock, a_published
from pytest_defend.stores.directory import DirectoryStore
from runs import ROOT, environment

if TYPE_CHECKING:
    from pathlib import Path

PROJECT = """
[project]
name = "demo"

[[tool.pytest-defend.ladder.levels]]
name = "libs-local"
[[tool.pytest-defend.ladder.levels]]
name = "rc"
stages = ["tests"]
[[tool.pytest-defend.ladder.levels]]
name = "release"
stages = ["tests", "smoke"]
[[tool.pytest-defend.ladder.levels]]
name = "trusted"
rules = {external = "./no-such-command"}

[tool.pytest-defend.ladder.rules]
dependency-level = {severity = "off", reason = "demo needs nothing"}
"""


def _block(page: str, kind: str) -> str:
    text = (ROOT / "docs" / "how-to" / page).read_text("utf-8")
    (found,) = re.findall(rf"^```{kind}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return str(found)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with a published build, and a folder `bin` with the command."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "pyproject.toml").write_text(PROJECT)
    a_published(tmp_path / "made", DirectoryStore(root / ".defend", a_clock))
    command = root / "bin" / "pytest-defend"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m pytest_defend "$@"\n')
    command.chmod(0o755)
    return root


def _run(project: Path, *arguments: str) -> tuple[int, str, str]:
    known = environment()
    path = f"{project / 'bin'}:{known['PATH']}"
    done = subprocess.run(
        arguments, cwd=project, env={**known, "PATH": path}, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    ("build", "level", "status", "said"),
    [
        ("demo/1", "rc", 0, "demo/1 may stand on rc\n"),
        ("demo/1", "release", 1, "fail: required-stages: Run stage smoke on the files of this build"),
        ("demo/latest", "trusted", 3, "unknown: external: Run the command by hand"),
        ("demo/9", "rc", 3, ""),
        ("demo/1", "moon", 2, ""),
    ],
    ids=["yes", "no", "unknown", "no build", "no level"],
)
def test_the_script_for_pipelines_goes_on_with_a_yes_only(
    build: str, level: str, status: int, said: str, project: Path
) -> None:
    (project / "gate.sh").write_text(_block("gate.md", "sh"))
    (project / "decision.json").write_text("of an earlier run")
    ended, out, _ = _run(project, "sh", "gate.sh", build, level)
    assert ended == status
    assert out.startswith(said)
    assert out.count("\n") == bool(said)
    judged = bool(said)
    assert (project / "decision.json").exists() is judged
    if judged:
        decision = json.loads((project / "decision.json").read_text())
        assert decision["build"] == f"demo/1@{STARTED}"


def test_the_script_in_python_prints_what_the_page_says(project: Path) -> None:
    (project / "release.py").write_text(_block("gate-from-python.md", "python"))
    status, out, err = _run(project, sys.executable, "release.py", "release", "demo/latest")
    assert (status, out, err) == (1, _block("gate-from-python.md", "text"), "")
    status, out, err = _run(project, sys.executable, "release.py", "rc", "demo/1", "demo/2")
    assert (status, out) == (1, "")
    assert err.startswith("cannot judge: demo/2 is not in the store")
