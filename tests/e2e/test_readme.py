"""The commands of the README are the ones CI runs, and the first one does what it says."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING

import pytest

from runs import ROOT, Running, environment
from venvs import installing

if TYPE_CHECKING:
    from pathlib import Path

README = ROOT / "README.md"
CI = ROOT / ".ci/run"


def _commands() -> dict[str, str]:
    """The fenced blocks with a name."""
    found = re.findall(
        r"^<!-- command: (\w+) -->\n```bash\n(.*?)^```$", README.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    return dict(found)


def test_there_are_two_commands() -> None:
    assert list(_commands()) == ["try", "tests"]


def test_ci_runs_them_as_they_stand_there() -> None:
    script = CI.read_text("utf-8")
    (function,) = re.findall(r"^readme_command\(\) \{\n.*?^\}\n", script, re.MULTILINE | re.DOTALL)
    for name, command in _commands().items():
        assert f'run "$(readme_command {name})"' in script
        extracted = subprocess.run(
            ["bash", "-c", f"{function}readme_command {name}"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        assert extracted.stdout == command


@pytest.mark.slow
def test_the_first_command_leaves_a_published_build(tmp_path: Path) -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("this is no checkout")
    clone = tmp_path / "clone"
    # the files as they are now, committed or not
    subprocess.run(["git", "clone", "-q", "--no-hardlinks", ROOT, clone], check=True)
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")
    for name in filter(None, names):
        target = clone / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_file():
            target.write_bytes((ROOT / name).read_bytes())

    env = {**environment(), **installing()}
    for name in ("PYTHONPATH", "PYTEST_DISABLE_PLUGIN_AUTOLOAD", "PYTHONDONTWRITEBYTECODE"):
        env.pop(name, None)
    with Running(clone, ["bash", "-euo", "pipefail", "-c", _commands()["try"]], env) as running:
        finished = running.finish()
    assert finished.status == 0, finished
    assert [line for line in finished.lines if line.startswith("published basket/")]
    assert "stage tests passed, marked passed" in finished.out

    basket = clone / "docs/examples/basket"
    shown = subprocess.run(
        [clone / ".venv/bin/pytest-defend", "show", "basket/latest", "--format", "json"],
        cwd=basket,
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    (stage,) = json.loads(shown.stdout)["stages"]
    assert (stage["result"], stage["mark"]) == ("passed", "passed")
