"""The wheel, installed as users install it, in the example project of the documentation."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import subprocess
import zipfile
from email import message_from_bytes
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement

from runs import ROOT, Finished
from venvs import pip

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from venvs import Venv

pytestmark = pytest.mark.slow

EXTRAS = {
    "report": {"jinja2"},
    "server": {"flask", "waitress"},
    "sign": {"cryptography"},
    "truststore": {"truststore"},
    "xdist": {"pytest-xdist"},
}


@pytest.fixture(scope="module")
def venv(wheel: Path, new_venv: Callable[..., Venv]) -> Venv:
    return new_venv(wheel)


@pytest.fixture(scope="module")
def basket(venv: Venv, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example project with its own wheel built and installed, and one run published."""
    left = shutil.ignore_patterns("dist", ".defend", "__pycache__", ".pytest_cache")
    folder = tmp_path_factory.mktemp("examples") / "basket"
    shutil.copytree(ROOT / "docs/examples/basket", folder, ignore=left)
    pip(venv.folder / "bin/python", "wheel", "--no-deps", "-w", str(folder / "dist"), str(folder))
    venv.install(*folder.glob("dist/*.whl"))
    return folder


@pytest.fixture(scope="module")
def published(venv: Venv, basket: Path) -> Finished:
    return venv.run(basket, "pytest", "--defend-publish")


@pytest.fixture(scope="module")
def answer(venv: Venv, basket: Path, published: Finished) -> Callable[..., Any]:
    """What a command says, as JSON."""
    assert published.status == 0, published

    def ask(*arguments: str, **variables: str) -> Any:
        said = venv.run(basket, "pytest-defend", *arguments, "--format", "json", **variables)
        assert said.status == 0, said
        return json.loads(said.out)

    return ask


def _metadata(wheel: Path) -> Any:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        return message_from_bytes(archive.read(name))


def test_the_wheel_holds_what_it_should(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (entry_points,) = [archive.read(n).decode() for n in names if n.endswith("/entry_points.txt")]
    assert "pytest_defend/py.typed" in names
    assert [name for name in names if name.endswith(".dist-info/licenses/LICENSE")]
    assert [name for name in names if name.startswith("pytest_defend/") and name.endswith(".json")]
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"pytest_defend"}
    assert "[pytest11]\ndefend = pytest_defend.plugin" in entry_points
    assert "[console_scripts]\npytest-defend = pytest_defend.__main__:main" in entry_points


def test_extras(wheel: Path) -> None:
    metadata = _metadata(wheel)
    assert set(metadata.get_all("Provides-Extra")) == set(EXTRAS)
    asked = [Requirement(text) for text in metadata.get_all("Requires-Dist")]
    plain = {requirement.name for requirement in asked if requirement.marker is None}
    for extra, names in EXTRAS.items():
        added = {r.name for r in asked if r.marker is not None and r.marker.evaluate({"extra": extra})}
        assert added == names
        assert not names & plain


def test_the_run_says_what_it_published(published: Finished) -> None:
    assert published.status == 0, published
    (counts,) = [line for line in published.lines if line.startswith("recorded ")]
    assert "recorded 12 of 12 collected tests (10 passed, 1 skipped, 1 xfailed)" in counts
    assert [line for line in published.lines if line.startswith("published basket/")]


def test_show(answer: Callable[..., Any], venv: Venv, basket: Path) -> None:
    shown = answer("show", "basket/latest")
    (stage,) = shown["stages"]
    assert (stage["result"], stage["mark"]) == ("passed", "passed")
    assert {"collected": 12, "finished": 12, "passed": 10, "skipped": 1, "xfailed": 1}.items() <= stage[
        "tests"
    ].items()
    assert [module["id"] for module in shown["build"]["modules"]] == [
        "basket:1.0.0",
        "basket:1.0.0/stage/tests",
    ]
    text = venv.run(basket, "pytest-defend", "show", "basket/latest")
    assert "stage tests passed, marked passed" in text.out


def test_every_file_comes_back_as_it_was(
    answer: Callable[..., Any], venv: Venv, basket: Path, tmp_path: Path
) -> None:
    listed = answer("files", "basket/latest")["files"]
    names = [Path(file["path"]).name for file in listed]
    assert [re.sub(r"basket-\d{8}-[\d-]+", "BUILD", name) for name in sorted(names)] == [
        "basket-1.0.0-py3-none-any.whl",
        "journal.jsonl",
        "junit.xml",
        "pylock.BUILD.toml",
        "record.json",
        "requirements.BUILD.txt",
    ]
    for file in listed:
        target = tmp_path / Path(file["path"]).name
        got = venv.run(basket, "pytest-defend", "get", "basket/latest", file["path"], "-o", str(target))
        assert got.status == 0, got
        content = target.read_bytes()
        assert len(content) == file["size_bytes"]
        for algorithm in ("sha256", "sha1", "md5"):
            assert hashlib.new(algorithm, content).hexdigest() == file[algorithm], algorithm
        assert file["properties"]["defend.stage.tests"] == ["passed"]
    wheel = (basket / "dist/basket-1.0.0-py3-none-any.whl").read_bytes()
    assert (tmp_path / "basket-1.0.0-py3-none-any.whl").read_bytes() == wheel


def test_the_record_knows_the_wheel_and_what_it_needs(answer: Callable[..., Any]) -> None:
    package, stage = answer("show", "basket/latest")["build"]["modules"]
    (artifact,) = package["artifacts"]
    assert artifact["path"] == "basket/1.0.0/basket-1.0.0-py3-none-any.whl"
    assert {_name(dependency) for dependency in package["dependencies"]} == {"tomli-w"}
    assert {"pytest", "pytest-defend"} <= {_name(dependency) for dependency in stage["dependencies"]}


def _name(dependency: Mapping[str, str]) -> str:
    return dependency["id"].partition(":")[0]


def test_builds_publish_and_settings(
    answer: Callable[..., Any], venv: Venv, basket: Path, tmp_path: Path
) -> None:
    recorded = venv.run(
        basket, "pytest", f"--defend-record={tmp_path / 'run.zip'}", "--defend-build", "later/7"
    )
    assert recorded.status == 0, recorded
    (dry,) = answer("publish", str(tmp_path / "run.zip"), "--defend-dry-run")
    assert dry["dry_run"]
    assert answer("builds", "later") == []
    (done,) = answer("publish", str(tmp_path / "run.zip"))
    assert (done["build"].partition("@")[0], done["verdict"]["result"]) == ("later/7", "passed")
    (row,) = answer("builds", "later")
    assert (row["name"], row["number"]) == ("later", "7")
    settings = {row["name"]: row for row in answer("settings", DEFEND_STAGE="nightly")}
    assert settings["stage"]["value"] == "nightly"
    assert settings["stage"]["origin"] == "environment DEFEND_STAGE"


def test_version(venv: Venv, basket: Path, tmp_path: Path) -> None:
    checkout = tmp_path / "basket"
    shutil.copytree(basket / "src", checkout / "src")
    shutil.copy(basket / "pyproject.toml", checkout)
    who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "first"], ["tag", "v1.4"]):
        subprocess.run(["git", *command], cwd=checkout, check=True)
    subprocess.run(["git", *who, "commit", "-qm", "second", "--allow-empty"], cwd=checkout, check=True)
    said = venv.run(checkout, "pytest-defend", "version")
    assert (said.status, said.out) == (0, "1.4.1\n"), said


def test_it_runs_as_a_module(venv: Venv, basket: Path) -> None:
    as_script = venv.run(basket, "pytest-defend", "--version")
    as_module = venv.run(basket, "python", "-m", "pytest_defend", "--version")
    assert as_script.status == as_module.status == 0
    assert as_script.out == as_module.out
    assert as_script.out.startswith("pytest-defend ")
