"""Installed but not used, pytest-defend costs next to nothing and says nothing."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import pytest_defend

HEAVY = (
    *("cryptography", "flask", "jinja2", "junitparser", "requests", "rich", "sqlite3", "tomli_w"),
    "truststore",
)
PLUGIN = "pytest_defend.plugin"

CONFTEST = """
import json, sys

def pytest_unconfigure(config):
    with open("loaded.json", "w") as file:
        json.dump(sorted(sys.modules), file)
"""


def _environment() -> dict[str, str]:
    """Ours, without what a CI system, an outer pytest or a user's settings put there."""
    kept = {name: os.environ[name] for name in ("HOME", "LANG", "PATH", "TMPDIR") if name in os.environ}
    folder = str(Path(pytest_defend.__file__).parents[1])  # the checkout, or where the wheel is installed
    return {**kept, "PYTHONPATH": folder, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


def _python(*arguments: str, cwd: Path) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(
        command, cwd=cwd, env=_environment(), capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def _pytest(*arguments: str, cwd: Path) -> tuple[str, set[str]]:
    """What a small run prints, and the modules it has loaded when it ends."""
    (cwd / "pytest.ini").write_text("[pytest]\n")
    (cwd / "conftest.py").write_text(CONFTEST)
    (cwd / "test_small.py").write_text("def test_small(): pass\n")
    output = _python("-m", "pytest", "-p", "no:cacheprovider", *arguments, cwd=cwd)
    return output, set(json.loads((cwd / "loaded.json").read_text()))


def _modules(statement: str, cwd: Path) -> set[str]:
    """The modules loaded after one statement."""
    return set(_python("-c", f"{statement}; import sys; print(*sys.modules)", cwd=cwd).split())


@pytest.mark.parametrize("arguments", [[], ["--collect-only"], ["--help"]], ids=["run", "collect", "help"])
def test_nothing_heavy_is_loaded_until_it_is_used(arguments: list[str], tmp_path: Path) -> None:
    output, loaded = _pytest("-p", PLUGIN, *arguments, cwd=tmp_path)
    assert PLUGIN in loaded, output
    assert sorted(loaded & set(HEAVY)) == []


def test_nothing_is_said_and_nothing_is_written_until_it_is_used(tmp_path: Path) -> None:
    output, _ = _pytest("-p", PLUGIN, cwd=tmp_path)
    assert "1 passed" in output
    assert [line for line in output.splitlines() if "defend" in line and "plugins:" not in line] == []
    assert sorted(path.name for path in tmp_path.iterdir() if path.name != "__pycache__") == [
        "conftest.py",
        "loaded.json",
        "pytest.ini",
        "test_small.py",
    ]


def test_the_front_door_opens_light(tmp_path: Path) -> None:
    added = _modules("import pytest_defend", tmp_path) - _modules("pass", tmp_path)
    assert sorted(added & set(HEAVY)) == []
    assert len(added) < 40


def test_the_plugin_adds_little_to_pytest(tmp_path: Path) -> None:
    added = _modules(f"import pytest, {PLUGIN}", tmp_path) - _modules("import pytest", tmp_path)
    assert len(added) < 60


def test_what_is_installed_is_told_without_what_builds_need(tmp_path: Path) -> None:
    alone = {"PIP_CONFIG_FILE": os.devnull, "UV_NO_CONFIG": "1", "XDG_CACHE_HOME": str(tmp_path)}
    run = "from pytest_defend.cli import main; main(['environment', '--format', 'json'])"
    loaded = _modules(f"import os; os.environ.update({alone}); {run}", tmp_path)
    assert "pytest_defend.model.environmentview" in loaded
    ours = {"capture.sources.uvlock", "model.buildinfo", "model.record", "model.results", "stores.directory"}
    unwanted = {*HEAVY, "packaging.pylock", "tarfile", *(f"pytest_defend.{name}" for name in ours)}
    assert sorted(loaded & unwanted) == []


def test_what_is_tested_is_what_is_installed() -> None:
    try:
        installed = metadata.distribution("pytest-defend").locate_file("pytest_defend/__init__.py")
    except metadata.PackageNotFoundError:
        pytest.skip("tested from a checkout")
    if not Path(str(installed)).exists():
        pytest.skip("tested from an editable installation")
    assert Path(pytest_defend.__file__).samefile(str(installed))
