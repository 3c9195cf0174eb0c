"""`promote`, `demote` and `revoke`: what they print, and how they end."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import pytest

from builders import a_clock
from climbing import a_candidate, packages_of
from pytest_defend import DefendError, Ruling, cli, demote, promote
from pytest_defend.keys import generate
from pytest_defend.model.climb import Climb
from pytest_defend.stores.directory import DirectoryStore
from served import a_store_at, served

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")
PROJECT = """
[project]
name = "app"
version = "1.0"

[tool.pytest-defend.ladder]
repositories = "{level}"
levels = [{name = "a"}, {name = "b", stages = ["tests"]}, {name = "c", stages = ["tests"]}]
"""
Answer = tuple[int, str, str]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """With builds `lib` and `app`, which needs it, and `red`, which failed."""
    for name in os.environ.keys() - set(_INHERITED):
        if not name.startswith(("COV", "PYTEST_CURRENT")):
            monkeypatch.delenv(name)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT)
    monkeypatch.chdir(folder)
    store = DirectoryStore(folder / ".defend", a_clock)
    a_candidate(tmp_path, store, "lib")
    a_candidate(tmp_path, store, "app", "lib")
    a_candidate(tmp_path, store, "red", final=1)
    return folder


@pytest.fixture
def ask(project: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Answer]:
    assert project.is_dir()

    def ask(*arguments: str) -> Answer:
        code = cli.main(arguments)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return ask


def test_a_refusal_says_why_and_what_next(ask: Callable[..., Answer]) -> None:
    code, out, err = ask("promote", "app/1", "--level", "c")
    assert (code, err) == (1, "")
    assert "app/1 was refused on b" in out
    assert "because  dependency-level: lib:1.0 (build lib/1) stands on a" in out
    assert "next     Promote lib:1.0 (build lib/1) to b first, or use --with-dependencies." in out
    assert "app/1 was left as it is, not on c" in out
    assert out.endswith("app/1 was not brought to c.\n")


def test_a_plan_and_what_came_of_it(ask: Callable[..., Answer]) -> None:
    code, out, _ = ask("promote", "app/1", "--level", "b", "--with-dependencies", "--dry-run")
    assert code == 0
    assert [line[2:] for line in out.splitlines()[:2]] == [
        f"{name}/1 would go to b from a, 5 files in b" for name in ("lib", "app")
    ]
    assert out.endswith("app/1 would be on b; nothing was written.\n")
    code, out, _ = ask("promote", "app/1", "--level", "b", "--with-dependencies", "--explain")
    assert code == 0
    assert "app/1 rose to b from a, 6 files in b" in out
    assert "decision  a/app/1.0/decisions/b/" in out
    assert all(f"file      b/app/1.0/{name}" in out for name in packages_of("app"))
    assert out.endswith("app/1 is on b.\n")
    assert "app/1 stands there already: b, 6 files in b" in ask("promote", "app/1", "--level", "b")[1]


def test_the_answer_as_json_reads_back(ask: Callable[..., Answer]) -> None:
    code, out, _ = ask("promote", "lib/1", "--level", "b", "--format", "json")
    climb = Climb.from_dict(json.loads(out))
    assert (code, climb.ruling.value, climb.steps[0].deed.value) == (0, "pass", "promoted")


def test_somebody_answers_for_a_rule(ask: Callable[..., Answer]) -> None:
    given = ("promote", "red/1", "--level", "b", "--override", "required-stages")
    assert ask(*given)[0] == 2
    code, out, _ = ask(*given, "--reason", "seen by hand")
    assert code == 0
    assert "override  required-stages, by " in out
    assert ": seen by hand" in out


def test_down_again(ask: Callable[..., Answer]) -> None:
    ask("promote", "app/1", "--level", "c", "--with-dependencies")
    code, out, _ = ask("demote", "lib/1", "--level", "a")
    assert code == 1
    assert "app/1 would stand above it, and need it." in out
    assert "--cascade" in out
    code, out, _ = ask("demote", "lib/1", "--level", "b", "--cascade", "--reason", "slow")
    assert code == 0
    assert [line[2:12] for line in out.splitlines()[:2]] == ["app/1 came", "lib/1 came"]
    code, out, _ = ask("revoke", "lib/1", "--reason", "leaks", "--force")
    assert code == 0
    assert "lib/1 was revoked, and is on a from b" in out
    assert "It was revoked: leaks" in ask("promote", "lib/1", "--level", "b")[1]


def test_what_cannot_be_understood(ask: Callable[..., Answer]) -> None:
    for given in (
        ("promote", "app/1"),
        ("promote", "app/1", "--level", "z"),
        ("demote", "app/1", "--level", "a", "--cascade", "--force"),
        ("revoke", "app/1", "--reason", " "),
    ):
        code, out, err = ask(*given)
        assert (code, out) == (2, "")
        assert err.startswith("pytest-defend: ")
    assert ask("promote", "none/1", "--level", "b")[0] == 3


def test_a_key_signs_a_summary(project: Path, ask: Callable[..., Answer]) -> None:
    (project / "key.pem").write_bytes(generate().private_pem)
    code, out, _ = ask("promote", "lib/1", "--level", "b", "--defend-signing-key", "key.pem")
    assert code == 0, out
    store = DirectoryStore(project / ".defend", a_clock)
    assert [item.path for item in store.list("b") if item.path.endswith("/vsa.intoto.jsonl")]


def test_a_script_does_the_same(project: Path) -> None:
    with pytest.raises(DefendError, match="no level 'z'"):
        promote("app/1", "z")
    plan = promote("app/1", "b", with_dependencies=True, dry_run=True)
    assert [step.deed.value for step in plan.steps] == ["planned", "planned"]
    climb = promote("app/1", "b", with_dependencies=True, folder=project)
    assert climb.ruling is Ruling.PASS
    assert demote("lib/1", "a").ruling is Ruling.FAIL
    assert [step.deed.value for step in demote("lib/1", "a", cascade=True).steps] == ["demoted", "demoted"]


def test_the_open_source_edition_does_not_promote(tmp_path: Path, ask: Callable[..., Answer]) -> None:
    with served(tmp_path / "served", profile="5.11-oss") as url:
        a_candidate(tmp_path / "more", a_store_at(url), "oss")
        before = a_store_at(url).list("")
        code, _, err = ask("promote", "oss/1", "--level", "b", "--defend-store", url)
        assert code == 3
        assert "promotion needs Artifactory Pro" in err
        assert a_store_at(url).list("") == before
