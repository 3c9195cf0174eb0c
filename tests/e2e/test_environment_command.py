"""The command `environment` in a real environment: the same answer at once, and never an old one."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import pytest

from wheels import a_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from venvs import Venv

pytestmark = pytest.mark.slow
_LONG_AGO = time.time() - 3600


@pytest.fixture(scope="module")
def venv(wheel: Path, new_venv: Callable[..., Venv], tmp_path_factory: pytest.TempPathFactory) -> Venv:
    made = new_venv(wheel)
    made.install(a_wheel(tmp_path_factory.mktemp("house"), "demo"))
    return made


@pytest.fixture
def ask(venv: Venv, tmp_path: Path) -> Iterator[Callable[..., dict[str, Any]]]:
    """Asks in a project whose cache is its own; what is new is made old, each time a little less so."""
    project, cache = tmp_path / "project", tmp_path / "cache"
    project.mkdir()
    info = next(venv.folder.glob("lib/*/site-packages/demo-1.0.dist-info"))
    saved = tmp_path / "saved"
    shutil.copytree(info, saved)

    ages = itertools.count()

    def asked(*arguments: str, **variables: str) -> dict[str, Any]:
        age = _LONG_AGO + next(ages)
        for folder, _, files in (*os.walk(venv.folder), *os.walk(project)):
            for path in (folder, *(f"{folder}/{file}" for file in files)):
                if os.lstat(path).st_mtime > _LONG_AGO + 1800:
                    os.utime(path, (age, age), follow_symlinks=False)
        answers = []
        for _ in range(2):  # worked out, then given again
            told = ("environment", "--format", "json", *arguments)
            finished = venv.run(project, "pytest-defend", *told, XDG_CACHE_HOME=str(cache), **variables)
            assert (finished.status, finished.err) == (0, "")
            answers.append(finished.out)
        shutil.rmtree(cache, ignore_errors=True)
        alone = venv.run(project, "pytest-defend", *told, XDG_CACHE_HOME=str(cache), **variables)
        assert answers == [alone.out, alone.out]
        document: dict[str, Any] = json.loads(alone.out)
        return document

    yield asked
    shutil.rmtree(info, ignore_errors=True)
    shutil.copytree(saved, info)


def _named(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {each["name"]: each for each in document["installed"]["distributions"]}


def test_it_says_what_is_installed(ask: Callable[..., dict[str, Any]], venv: Venv) -> None:
    found = ask()
    listed = venv.run(
        venv.folder, "python", "-m", "pip", "--disable-pip-version-check", "list", "--format", "json"
    )
    assert {(each["name"], each["version"]) for each in found["installed"]["distributions"]} == {
        (each["name"].lower().replace("_", "-"), each["version"]) for each in json.loads(listed.out)
    }
    demo = _named(found)["demo"]
    assert demo["origin"]["certainty"] in {"proven", "recorded"}
    assert [*_named(found)] == sorted(_named(found))
    assert found["interpreter"]["prefix"] == str(venv.folder)


def test_every_change_is_another_answer(
    ask: Callable[..., dict[str, Any]], venv: Venv, tmp_path: Path
) -> None:
    info = next(venv.folder.glob("lib/*/site-packages/demo-1.0.dist-info"))
    first = ask()
    assert "drift" not in _named(first)["demo"]

    with (info / "RECORD").open("a") as record:
        record.write("more.py,sha256=x,1\n")
    changed = ask()
    assert _named(changed)["demo"]["fingerprint"] != _named(first)["demo"]["fingerprint"]

    (info / "INSTALLER").write_text("uv\n")
    assert _named(ask())["demo"]["installer"] == "uv"

    (info / "direct_url.json").unlink()
    (info / "uv_build.json").write_text("{}")
    assert _named(ask())["demo"]["origin"]["certainty"] == "built"

    (tmp_path / "project" / "uv.lock").write_text("no lock")
    assert [gap["problem"] for gap in ask()["gaps"] if "uv.lock" in gap["problem"]]

    shutil.rmtree(info)
    assert "demo" not in _named(ask())


def test_an_answer_is_given_again_without_being_worked_out(
    ask: Callable[..., dict[str, Any]], tmp_path: Path, venv: Venv
) -> None:
    found = ask()
    (kept,) = (tmp_path / "cache" / "pytest-defend").glob("answer-*.json")
    document = json.loads(kept.read_text())
    assert json.loads(document["answer"]) == found
    document["answer"] = "kept\n"
    kept.write_text(json.dumps(document))
    told = ("environment", "--format", "json")
    again = venv.run(tmp_path / "project", "pytest-defend", *told, XDG_CACHE_HOME=str(tmp_path / "cache"))
    assert again.out == "kept\n"


def test_files_that_are_not_what_record_says(ask: Callable[..., dict[str, Any]], venv: Venv) -> None:
    module = next(venv.folder.glob("lib/*/site-packages/demo.py"))
    content = module.read_text()
    module.write_text("patched")
    try:
        found = ask("--defend-verify-files")
        assert _named(found)["demo"]["drift"] == ["changed demo.py"]
        assert found["installed"]["verified"] is True
    finally:
        module.write_text(content)


def test_text_for_people(venv: Venv, tmp_path: Path) -> None:
    told = venv.run(tmp_path, "pytest-defend", "environment")
    assert told.status == 0
    assert "packages: " in told.out
    why = venv.run(tmp_path, "pytest-defend", "environment", "--origins").out
    assert "direct_url.json" in why
