"""What the commits of a change say."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from checkouts import SETTINGS, commit, git, make
from pytest_defend.capture.commits import read_messages
from pytest_defend.capture.redaction import MASK, Redactor
from pytest_defend.capture.vcs import read_git

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = Redactor([])


@pytest.fixture(autouse=True)
def _only_our_git_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make(tmp_path / "repository")


def read(
    folder: Path, since: str = "", redactor: Redactor = NOTHING, **limits: int
) -> tuple[list[str], list[str]]:
    """First lines of the messages, and gaps."""
    tested, _ = read_git(folder, redactor)
    assert tested is not None
    messages, gaps = read_messages(folder, tested, redactor, since, **limits)
    assert {gap.topic for gap in gaps} <= {"issues"}
    return [message.split("\n")[0] for message in messages], [gap.problem for gap in gaps]


def test_the_commits_since_an_earlier_one_newest_first(repository: Path) -> None:
    earlier = git(repository, "rev-parse", "HEAD")
    commit(repository, "Second\n\nSHOP-2")
    commit(repository, "Third")
    assert read(repository, earlier) == (["Third", "Second"], [])


def test_a_message_is_whole(repository: Path) -> None:
    commit(repository, "Second\n\nSHOP-2\n\nFixes: SHOP-3")
    tested, _ = read_git(repository, NOTHING)
    assert tested is not None
    [message], _ = read_messages(repository, tested, NOTHING)
    assert message == "Second\n\nSHOP-2\n\nFixes: SHOP-3\n"


def test_a_merge_brings_its_branch(repository: Path) -> None:
    earlier = git(repository, "rev-parse", "HEAD")
    git(repository, "checkout", "-q", "-b", "topic")
    commit(repository, "SHOP-7")
    git(repository, "checkout", "-q", "main")
    git(repository, "merge", "-q", "--no-ff", "-m", "Merge", "topic")
    assert read(repository, earlier) == (["Merge", "SHOP-7"], [])


def test_without_an_earlier_commit_the_tested_one_speaks_alone(repository: Path) -> None:
    commit(repository, "Second")
    assert read(repository) == (["Second"], [])


def test_the_same_commit_again_says_nothing_new(repository: Path) -> None:
    assert read(repository, git(repository, "rev-parse", "HEAD")) == ([], [])


def test_commits_made_after_the_tests_began_do_not_count(repository: Path) -> None:
    tested, _ = read_git(repository, NOTHING)
    assert tested is not None
    commit(repository, "Later")
    assert read_messages(repository, tested, NOTHING) == (("First\n",), ())


def test_rewritten_history_is_a_gap(repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "topic")
    earlier = commit(repository, "Gone")
    git(repository, "checkout", "-q", "main")
    head = commit(repository, "Second")
    messages, [problem] = read(repository, earlier)
    assert messages == ["Second"]
    why = "is not in the history of what was tested (cut off, rewritten, or of another branch)"
    alone = f"so only the message of the tested commit {head} was read"
    assert problem == f"The build before is of commit {earlier}, which {why}, {alone}."


def test_a_commit_that_is_not_there_is_a_gap(repository: Path) -> None:
    messages, [problem] = read(repository, "0" * 39 + "1")
    assert messages == ["First"]
    assert "it is not in this checkout" in problem


def test_shallow_history_is_a_gap(repository: Path, tmp_path: Path) -> None:
    earlier = git(repository, "rev-parse", "HEAD")
    commit(repository, "Second")
    git(tmp_path, "clone", "-q", "--depth=1", repository.as_uri(), "clone")
    messages, [problem] = read(tmp_path / "clone", earlier)
    assert messages == ["Second"]
    assert f"of commit {earlier}, but history was cut off when it was fetched" in problem
    assert problem.endswith("Fetch the whole history.")


@pytest.mark.parametrize("since", ["--output=planted", "HEAD~1", "main", "A" * 40, "a b", "\N{SNOWMAN}" * 99])
def test_what_is_no_commit_never_reaches_git(repository: Path, since: str) -> None:
    messages, [problem] = read(repository, since)
    assert messages == ["First"]
    assert problem.startswith(f"The build before is of {since[:64]!r}, which is no commit of git, so only")
    assert not (repository / "planted").exists()


def test_more_commits_than_are_read_are_a_gap(repository: Path) -> None:
    earlier = git(repository, "rev-parse", "HEAD")
    for number in range(3):
        commit(repository, f"Number {number}")
    assert read(repository, earlier, most=3) == (["Number 2", "Number 1", "Number 0"], [])
    messages, [problem] = read(repository, earlier, most=2)
    assert messages == ["Number 2", "Number 1"]
    assert problem == f"Commits since {earlier} were not all read: there are more than 2."


def test_more_text_than_is_read_is_a_gap(repository: Path) -> None:
    earlier = git(repository, "rev-parse", "HEAD")
    commit(repository, "Second " + "x" * 100)
    commit(repository, "Third")
    messages, [problem] = read(repository, earlier, most_bytes=20)
    assert messages == ["Third"]
    assert problem == f"Commits since {earlier} were not all read: their messages have more than 20 bytes."


def test_messages_are_redacted(repository: Path) -> None:
    commit(repository, "Use hunter2-planted")
    messages, gaps = read(repository, redactor=Redactor(["hunter2-planted"]))
    assert (messages, gaps) == ([f"Use {MASK}"], [])


def test_a_message_in_another_encoding_is_read(repository: Path) -> None:
    git(repository, "config", "i18n.commitEncoding", "ISO-8859-1")
    (repository / "message").write_bytes("Gr\xfc\xdfe SHOP-9".encode("latin-1"))
    git(repository, "commit", "-q", "--allow-empty", "-F", "message")
    assert read(repository) == (["Gr\xfc\xdfe SHOP-9"], [])


@pytest.mark.parametrize("setting", ["log.showSignature=true", "color.ui=always", "log.decorate=full"])
def test_the_settings_of_a_user_change_nothing(repository: Path, setting: str) -> None:
    git(repository, "config", *setting.split("="))
    assert read(repository) == (["First"], [])


def test_a_checkout_that_is_gone_is_a_gap(repository: Path, tmp_path: Path) -> None:
    facts: Any
    facts, _ = read_git(repository, NOTHING)
    (tmp_path / "empty").mkdir()
    messages, [gap] = read_messages(tmp_path / "empty", facts, NOTHING)
    assert messages == ()
    assert "is not in a git checkout" in gap.problem
