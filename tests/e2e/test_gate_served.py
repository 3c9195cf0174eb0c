"""A real run, published to a server over HTTP, and the gate asked about it from a shell."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from pytest_defend import cli
from pytest_defend.model.decision import Decision
from pytest_defend.model.ruling import Ruling
from runs import a_project, defend, run
from served import a_store_at, served
from wheels import a_wheel

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

PYPROJECT = """
[project]
name = "demo"
version = "1.0"

[tool.pytest.ini_options]
addopts = ["-p", "no:cacheprovider"]

[tool.pytest-defend]
repository = "libs-local"
build = "demo/7"

[tool.pytest-defend.ladder.rules]
dependency-level = {severity = "off", reason = "demo is not installed here"}

[[tool.pytest-defend.ladder.levels]]
name = "libs-local"
[[tool.pytest-defend.ladder.levels]]
name = "rc-local"
rules = {min-tests = 2, required-tests = ["test_demo.py::*"]}
stages = ["unit"]
[[tool.pytest-defend.ladder.levels]]
name = "release-local"
stages = ["unit", "smoke"]
"""
TESTS = "def test_one(): pass\ndef test_two(): pass\n"


def test_a_recorded_run_passes_the_gate_it_should_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project = a_project(tmp_path / "project", {"pyproject.toml": PYPROJECT, "test_demo.py": TESTS})
    a_wheel(project / "dist", name="demo", version="1.0", files={"demo.py": ""})
    monkeypatch.chdir(project)
    with served(tmp_path / "store") as url:
        there: dict[str, Any] = {"DEFEND_STORE": url, "PYTEST_ADDOPTS": "--defend-publish"}
        assert run(project, "--defend-stage=unit", **there).status == 0
        yes = defend(project, "gate", "demo/7", "--level", "rc-local", "--format", "json", **there)
        assert (yes.status, yes.err) == (0, ""), yes.out
        decision = Decision.from_dict(json.loads(yes.out))
        assert decision.ruling is Ruling.PASS
        assert [stage.mark for stage in decision.snapshot.stages] == ["passed"]
        (kept,) = (project / ".defend" / "decisions").glob("*.json")
        assert cli.main(["gate", "demo/7", "--level", "release-local", "--defend-store", url]) == 1
        said = capsys.readouterr().out
        assert "\u2717 required-stages fails: stage 'smoke' has not run. Run stage smoke" in said
        assert cli.main(["gate", "--replay", str(kept), "--defend-store", url]) == 0
        assert {item.path.partition("/")[0] for item in a_store_at(url).list("")} == {"libs-local"}
    monkeypatch.setenv("DEFEND_DEADLINE", "0.1")
    capsys.readouterr()
    assert cli.main(["gate", "demo/7", "--level", "rc-local", "--defend-store", url]) == 3
    gone = capsys.readouterr()
    assert gone.out == ""
    assert gone.err.startswith("pytest-defend: ")
    assert gone.err.count("\n") == 1
