"""Issues that commits name become issues of the build."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from checkouts import SETTINGS, commit, git
from pytest_defend.assembly import issues as of_run

if TYPE_CHECKING:
    from plugin.recorded import Demo, Run

_ISSUES = r"""
[tool.pytest-defend.issues]
tracker = "JIRA"
pattern = '(SHOP-\d+)(?:: (.+))?'
url = "https://issues.example/browse/{key}"
"""


@pytest.fixture
def checkout(demo: Demo) -> Demo:
    """A project with a history that names an issue, and an answer to how issues look."""
    demo.holds(test_it="def test_it(): pass")
    with (demo.folder / "pyproject.toml").open("a") as file:
        file.write(_ISSUES)
    (demo.folder / ".gitignore").write_text(".defend\n")
    git(demo.folder, "init", "-q")
    git(demo.folder, "add", ".")
    commit(demo.folder, "SHOP-1: Begin")
    return demo


def named(run: Run) -> list[str]:
    """Keys of the issues of the latest build."""
    issues = run.view.build.issues
    return [issue.key for issue in issues.affected] if issues else []


def test_issues_named_since_the_last_published_build(checkout: Demo) -> None:
    commit(checkout.folder, "SHOP-2: Count the fruit")
    first = checkout.run(**SETTINGS)
    assert first.view.build.issues is not None
    [issue] = first.view.build.issues.affected
    assert (issue.key, issue.summary) == ("SHOP-2", "Count the fruit")
    assert issue.url == "https://issues.example/browse/SHOP-2"
    assert first.view.build.issues.tracker is not None
    assert first.view.build.issues.tracker.name == "JIRA"

    commit(checkout.folder, "Tidy up")
    commit(checkout.folder, "Mend\n\nSHOP-3, SHOP-4: Once more")
    commit(checkout.folder, "SHOP-3")
    second = checkout.run(**SETTINGS)
    assert named(second) == ["SHOP-3", "SHOP-4"]
    assert second.gaps("issues") == []

    third = checkout.run(**SETTINGS)
    assert third.view.build.issues is None
    assert third.gaps("issues") == []


def test_history_without_the_last_build_is_a_gap(checkout: Demo) -> None:
    commit(checkout.folder, "SHOP-2")
    checkout.run(**SETTINGS)
    git(checkout.folder, "reset", "-q", "--hard", "HEAD~1")
    commit(checkout.folder, "SHOP-5")
    run = checkout.run(**SETTINGS)
    assert named(run) == ["SHOP-5"]
    assert "is not in the history of what was tested" in run.gaps("issues")[0]


def test_a_store_that_was_not_asked_is_a_gap(checkout: Demo) -> None:
    run = checkout.run("--defend-record=run.zip", asked=(), **SETTINGS)
    assert run.status == 0
    assert "gap in issues: Nobody named a store that knows the build before" in run.out
    published = checkout.defend("publish", "run.zip")
    assert named(published) == ["SHOP-1"]


def test_a_store_that_cannot_be_asked_is_a_gap(checkout: Demo) -> None:
    (checkout.folder / "file").touch()
    run = checkout.run("--defend-publish", "--defend-store=file", asked=(), **SETTINGS)
    assert "gap in issues: The store was not asked for the build before, so only" in run.out
    [spooled] = run.spooled
    assert '"key":"SHOP-1"' in (spooled / "manifest.json").read_text()


def test_a_build_without_a_commit_is_a_gap(checkout: Demo) -> None:
    (checkout.folder / ".git").rename(checkout.folder / "away")
    assert named(checkout.run(**SETTINGS)) == []
    (checkout.folder / "away").rename(checkout.folder / ".git")
    run = checkout.run(**SETTINGS)
    assert named(run) == ["SHOP-1"]
    assert "names no commit, so only the message of the tested commit" in run.gaps("issues")[0]


def test_a_pattern_that_takes_long_ends(checkout: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_run, "_PATIENCE_S", -1.0)
    run = checkout.run(**SETTINGS)
    assert named(run) == []
    assert "1 of 1 commit messages were not searched" in run.gaps("issues")[0]


def test_without_the_table_nothing_is_looked_for(demo: Demo) -> None:
    demo.holds(test_it="def test_it(): pass")
    git(demo.folder, "init", "-q")
    commit(demo.folder, "SHOP-1")
    run = demo.run(**SETTINGS)
    assert run.view.build.issues is None
    assert run.gaps("issues") == []


def test_a_pattern_that_is_none_is_refused_before_anything_runs(demo: Demo) -> None:
    demo.holds(test_it="def test_it(): pass")
    with (demo.folder / "pyproject.toml").open("a") as file:
        file.write("[tool.pytest-defend.issues]\ntracker = 'JIRA'\npattern = '('\n")
    run = demo.run()
    assert run.status == 4
    assert "pyproject.toml issues.pattern: '(' is no regular expression" in run.err
    assert run.spooled == []


def test_a_killed_run_that_is_taken_up_has_the_issues_of_what_it_tested(checkout: Demo) -> None:
    kill = "def test_it():\n    import os, signal\n    os.kill(os.getpid(), signal.SIGKILL)\n"
    (checkout.folder / "test_it.py").write_text(kill)
    git(checkout.folder, "add", ".")
    commit(checkout.folder, "SHOP-6")
    run = checkout.run(apart=True, **SETTINGS)
    commit(checkout.folder, "SHOP-7")
    [spooled] = run.spooled
    assert named(checkout.defend("publish", str(spooled))) == ["SHOP-6"]
