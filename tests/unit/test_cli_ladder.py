"""`pytest-defend ladder`: what it prints as text and JSON, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
import tomli_w

from builders import a_clock
from ladders import TABLE, a_ladder, a_package, climb, needs, provisioned
from places import Place, a_place
from pytest_defend import cli
from pytest_defend.model.ladderviews import LadderCheck, LadderPlan, LadderView, Trouble
from pytest_defend.model.repositories import VIRTUAL, Repository
from pytest_defend.stores.directory import DirectoryStore
from served import served

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import TypeAlias

    Ended: TypeAlias = Callable[..., tuple[int, str, str]]

_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    """A project with a ladder, outside of every CI."""
    for name in os.environ.keys() - set(_INHERITED):
        if not name.startswith(("COV", "PYTEST_CURRENT")):
            monkeypatch.delenv(name)
    place = a_place(tmp_path / "project")
    table = {"project": {"name": "demo"}, "tool": {"pytest-defend": {"ladder": TABLE}}}
    place.write("pyproject.toml", tomli_w.dumps(table))
    monkeypatch.chdir(place.root)
    return place


@pytest.fixture
def store(place: Place) -> DirectoryStore:
    return DirectoryStore(place.root / ".defend", a_clock)


@pytest.fixture
def ended(place: Place, capsys: pytest.CaptureFixture[str]) -> Ended:
    """How a command ends, and what it prints to each stream."""
    del place

    def ask(*arguments: str) -> tuple[int, str, str]:
        code = cli.main(["ladder", *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return ask


def test_show_draws_without_asking_the_store(ended: Ended, place: Place) -> None:
    code, out, err = ended("show")
    assert (code, err) == (0, "")
    assert out.startswith("ladder of pyproject.toml [tool.pytest-defend.ladder]\n")
    assert "3 ┣━━ A3 ━━━" in out
    assert not (place.root / ".defend").exists()


def test_show_counts_when_it_is_asked_to(ended: Ended, store: DirectoryStore) -> None:
    provisioned(store)
    a_package(store, "apple", "A1")
    code, out, _ = ended("show", "--count", "--format=json")
    view = LadderView.from_dict(json.loads(out))
    assert code == 0
    assert view.levels[0].rungs[0].packages == 1
    assert "1 package " in ended("show", "--count")[1]


def test_check_says_no_with_violations(ended: Ended, store: DirectoryStore) -> None:
    provisioned(store)
    assert ended("check")[0] == 0
    climb(store, a_package(store, "banana", "B1"), "B2")
    climb(store, a_package(store, "apple", "A1", needs("banana")), "A2", "A3")
    code, out, err = ended("check")
    assert (code, err) == (1, "")
    assert out.startswith("above-dependency  apple/1 stands on level 3, above banana:1.0 on 2.\n")
    checked = LadderCheck.from_dict(json.loads(ended("check", "--format=json")[1]))
    assert [violation.trouble for violation in checked.violations] == [Trouble.ABOVE]


@pytest.mark.parametrize("dry", ["--dry-run", "--defend-dry-run"])
def test_apply_shows_before_it_makes(ended: Ended, store: DirectoryStore, dry: str) -> None:
    code, out, _ = ended("apply", dry)
    assert (code, out.splitlines()[-1]) == (0, f"12 to do in {store.locator}; nothing was changed")
    assert store.repositories.find(["A1"]) == {}
    code, out, _ = ended("apply")
    assert (code, out.splitlines()[-1]) == (0, f"12 of 12 done in {store.locator}")
    assert list(store.repositories.find(["A1", "X"])) == ["A1", "X"]
    again = LadderPlan.from_dict(json.loads(ended("apply", "--format=json")[1]))
    assert {step.action.value for step in again.steps} == {"keep"}


def test_a_repository_that_differs_is_no_success(ended: Ended, store: DirectoryStore) -> None:
    store.repositories.create(Repository(key="A1", kind=VIRTUAL, package_type="pypi"))
    code, out, err = ended("apply", "--dry-run")
    assert (code, err) == (1, "")
    assert "differs  A1  is virtual pypi; the ladder needs local pypi" in out
    assert ended("check")[0] == 1


def test_a_server_that_refuses_is_told_with_what_is_left(ended: Ended, tmp_path: Path) -> None:
    with served(tmp_path / "served", profile="5.11-oss") as url:
        code, out, err = ended("apply", "--defend-store", url)
        assert code == 3
        assert "left to be done by hand:" in out
        assert json.loads(out.splitlines()[-1])["key"] == "Z"
        assert err.startswith("pytest-defend: A1: the open source edition lets nobody make")


def test_a_server_that_does_not_tell_is_unknown(ended: Ended, tmp_path: Path) -> None:
    ladder = a_ladder()
    keys = [place.repository for place in ladder.places()]
    there = {key: Repository(key=key).configuration() for key in keys}
    for key in ladder.groups:
        virtual = Repository(key=key, kind=VIRTUAL, members=ladder.members(key))
        there[key] = virtual.configuration()
    with served(tmp_path / "served", profile="5.11-oss", repositories=there) as url:
        code, out, _ = ended("check", "--defend-store", url)
        assert (code, out.splitlines()[0]) == (3, "unknown  X: the server does not tell what it looks into.")
        code, out, _ = ended("apply", "--dry-run", "--defend-store", url)
        assert code == 3
        assert "unknown  X   the server does not tell what it looks into" in out


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("[project]\nname = 'demo'\n", "There is no ladder"),
        (
            "[tool.pytest-defend.ladder]\nlevels = [{ name = '1' }, { name = '1' }]\n",
            "levels: '1' is there twice",
        ),
    ],
)
def test_a_ladder_that_is_none_is_not_understood(
    ended: Ended, place: Place, text: str, sentence: str
) -> None:
    place.write("pyproject.toml", text)
    for what in ("show", "check", "apply"):
        code, out, err = ended(what)
        assert (code, out) == (2, "")
        assert sentence in err


def test_a_policy_file_is_a_ladder_too(ended: Ended, place: Place) -> None:
    place.write("ladder.toml", tomli_w.dumps(TABLE))
    assert ended("show", "--defend-policy", "ladder.toml")[1].startswith("ladder of ladder.toml\n")


@pytest.mark.parametrize("arguments", [("check", "--count"), ("show", "--dry-run"), ("apply", "--count")])
def test_what_says_nothing_is_refused(ended: Ended, arguments: tuple[str, str]) -> None:
    code, out, err = ended(*arguments)
    assert (code, out) == (2, "")
    assert f"{arguments[1]} says nothing to ladder {arguments[0]}." in err


def test_doctor_looks_at_the_ladder(
    place: Place, store: DirectoryStore, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["doctor"]) == 1
    assert "A1 is not there; " in capsys.readouterr().out
    provisioned(store)
    assert cli.main(["doctor"]) == 0
    assert "all 12 repositories are there" in capsys.readouterr().out
    place.write("pyproject.toml", "[project]\nname = 'demo'\n")
    assert cli.main(["doctor"]) == 0
    assert "ladder" not in capsys.readouterr().out


def test_drawing_as_json_loads_nothing_that_draws(place: Place) -> None:
    program = (
        "import sys; from pytest_defend import cli; code = cli.main(['ladder', 'show', '--format=json']);"
        "sys.exit(code or 'rich' in sys.modules)"
    )
    ran = subprocess.run([sys.executable, "-c", program], cwd=place.root, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stderr
