from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from checkouts import SETTINGS
from pytest_defend.capture.redaction import MASK, Redactor
from pytest_defend.capture.vcs import read_git, read_version_facts
from pytest_defend.model.facts import Gap
from pytest_defend.model.gitfacts import GitFacts, Submodule, VersionFacts

if TYPE_CHECKING:
    from pathlib import Path

NOTHING = Redactor([])


@pytest.fixture(autouse=True)
def _only_our_git_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout.strip()


def commit(folder: Path, name: str = "a.txt", content: str = "one\n", message: str = "First") -> str:
    (folder / name).write_text(content)
    git(folder, "add", "--", name)
    git(folder, "commit", "-q", "-m", message)
    return git(folder, "rev-parse", "HEAD")


def make(folder: Path) -> Path:
    folder.mkdir()
    git(folder, "init", "-q")
    commit(folder)
    return folder


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    return make(tmp_path / "repository")


def read(folder: Path, redactor: Redactor = NOTHING, branch_hint: str = "") -> GitFacts:
    fact, gaps = read_git(folder, redactor, branch_hint)
    assert gaps == ()
    assert fact is not None
    assert GitFacts.from_bytes(fact.to_bytes()) == fact
    return fact


def gap(folder: Path, timeout_s: float = 10.0) -> str:
    fact, gaps = read_git(folder, NOTHING, timeout_s=timeout_s)
    assert fact is None
    assert [found.topic for found in gaps] == ["git"]
    assert read_version_facts(folder, timeout_s=timeout_s)[0] is None
    return gaps[0].problem


def test_a_clean_checkout(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    assert read(repository) == GitFacts(
        commit=head,
        tree=git(repository, "rev-parse", "HEAD^{tree}"),
        branch="main",
        describe=head[:12],
        authored_ms=1_700_000_000_000,
        subject="First",
    )


def test_a_folder_below_the_top_tells_the_same(repository: Path) -> None:
    below = repository / "below"
    below.mkdir()
    (repository / "new").touch()
    (below / "new").touch()
    assert read(below) == read(repository)
    assert read(below).untracked == ("below/new", "new")


def test_tracked_changes_make_it_dirty_and_have_a_digest(repository: Path) -> None:
    (repository / "a.txt").write_text("two\n")
    changed = read(repository)
    assert (changed.dirty, len(changed.diff_sha256), changed.untracked) == (True, 64, ())
    git(repository, "add", "a.txt")
    assert read(repository).diff_sha256 == changed.diff_sha256
    (repository / "a.txt").write_text("three\n")
    assert read(repository).diff_sha256 not in ("", changed.diff_sha256)
    (repository / "a.txt").unlink()
    assert read(repository).dirty


def test_the_digest_of_a_change_does_not_depend_on_settings(repository: Path) -> None:
    git(repository, "mv", "a.txt", "b.txt")
    (repository / "b.txt").write_text("one\ntwo\n")
    expected = read(repository).diff_sha256
    for key, value in {
        "diff.noprefix": "true",
        "diff.mnemonicPrefix": "true",
        "diff.context": "0",
        "diff.algorithm": "patience",
        "diff.external": "false",
        "diff.renames": "false",
        "diff.submodule": "log",
        "color.ui": "always",
        "core.abbrev": "4",
        "core.pager": "false",
    }.items():
        git(repository, "config", key, value)
    assert read(repository).diff_sha256 == expected


def test_the_digest_is_that_of_the_patch(repository: Path) -> None:
    (repository / "a.txt").write_text("two\n")
    patch = subprocess.run(["git", "diff", "--full-index"], cwd=repository, check=True, capture_output=True)
    assert read(repository).diff_sha256 == hashlib.sha256(patch.stdout).hexdigest()


def test_the_digest_tells_binary_changes_apart(repository: Path) -> None:
    digests = set()
    for content in (b"\0one", b"\0two"):
        (repository / "a.txt").write_bytes(content)
        digests.add(read(repository).diff_sha256)
    assert len(digests) == 2


def test_untracked_files_are_named_and_do_not_make_it_dirty(repository: Path) -> None:
    (repository / ".gitignore").write_text("*.log\n")
    for number in range(1001):
        (repository / f"new-{number:04}").touch()
    (repository / "x.log").touch()
    fact = read(repository)
    assert (fact.dirty, fact.untracked_count, len(fact.untracked)) == (False, 1002, 1000)
    assert fact.untracked[:2] == (".gitignore", "new-0000")
    assert list(fact.untracked) == sorted(fact.untracked)


@pytest.mark.skipif(sys.platform != "linux", reason="other file systems refuse such names")
@pytest.mark.parametrize("name", ['a "b"\n\tc', " ü ", "? x", "-n", os.fsdecode(b"\xff")])
def test_weird_names(name: str, repository: Path) -> None:
    (repository / name).touch()
    assert read(repository).untracked == (name,)
    git(repository, "add", "--all")
    git(repository, "commit", "-q", "-m", name)
    assert not read(repository).dirty
    (repository / name).write_text("changed")
    assert read(repository).dirty
    assert read(repository).untracked == ()


def test_a_conflict_is_dirty(repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "other")
    commit(repository, content="two\n")
    git(repository, "checkout", "-q", "main")
    commit(repository, content="three\n")
    with pytest.raises(subprocess.CalledProcessError):
        git(repository, "merge", "other")
    assert read(repository).dirty


def test_a_detached_checkout_knows_its_branch(repository: Path, tmp_path: Path) -> None:
    git(repository, "checkout", "-q", "--detach")
    assert read(repository).branch == ""
    assert read(repository, branch_hint="feature/x").branch == "feature/x"
    assert read(repository, branch_hint="refs/heads/feature/x").branch == "feature/x"
    git(repository, "checkout", "-q", "main")
    assert read(repository, branch_hint="feature/x").branch == "main"
    git(repository, "branch", "a-branch")
    git(tmp_path, "clone", "-q", str(repository), "clone")
    clone = tmp_path / "clone"
    git(clone, "checkout", "-q", "--detach")
    assert read(clone).branch == "main"
    git(clone, "remote", "set-head", "origin", "--delete")
    assert read(clone).branch == "a-branch"
    commit(clone, "b.txt")
    assert read(clone).branch == ""


def test_a_worktree_tells_its_own_commit(repository: Path, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    git(repository, "worktree", "add", "-q", "-b", "side", str(tree))
    head = commit(tree, "b.txt", message="Side")
    fact = read(tree)
    assert (fact.commit, fact.branch, fact.subject, fact.worktree) == (head, "side", "Side", True)
    assert not read(repository).worktree


def test_a_shallow_clone_says_so(repository: Path, tmp_path: Path) -> None:
    commit(repository, "b.txt", message="Second")
    git(tmp_path, "clone", "-q", "--depth=1", repository.as_uri(), "clone")
    fact = read(tmp_path / "clone")
    assert (fact.shallow, fact.subject) == (True, "Second")
    assert not read(repository).shallow


def test_submodules(repository: Path, tmp_path: Path) -> None:
    library = make(tmp_path / "library")
    first = git(library, "rev-parse", "HEAD")
    for name in ("lib", "my lib"):
        git(repository, "submodule", "--quiet", "add", str(library), name)
    git(repository, "commit", "-q", "-m", "Submodules")
    git(repository, "config", "diff.ignoreSubmodules", "all")
    clean = Submodule(path="my lib", commit=first)
    assert read(repository).submodules == (Submodule(path="lib", commit=first), clean)
    (repository / "lib" / "new").touch()
    fact = read(repository)
    assert fact.submodules == (Submodule(path="lib", commit=first, dirty=True), clean)
    assert fact.dirty
    assert fact.diff_sha256 != hashlib.sha256(b"").hexdigest()
    assert version(repository).dirty
    git(repository, "config", "diff.submodule", "log")
    assert read(repository) == fact
    second = commit(repository / "lib", "b.txt")
    git(repository / "lib", "clean", "-q", "-f")
    assert read(repository).submodules == (Submodule(path="lib", commit=second, dirty=True), clean)


def test_submodules_that_are_not_checked_out(repository: Path, tmp_path: Path) -> None:
    library = make(tmp_path / "library")
    git(repository, "submodule", "--quiet", "add", str(library), "lib")
    git(repository, "commit", "-q", "-m", "Submodule")
    git(tmp_path, "clone", "-q", str(repository), "clone")
    commit_of_library = git(library, "rev-parse", "HEAD")
    assert read(tmp_path / "clone").submodules == (
        Submodule(path="lib", commit=commit_of_library, checked_out=False),
    )


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("https://user:t0ken@example.org/x.git", "https://example.org/x.git"),
        ("https://t0ken@example.org/x.git", "https://example.org/x.git"),
        ("git@example.org:org/x.git", "git@example.org:org/x.git"),
    ],
)
def test_a_url_comes_without_credentials(url: str, kept: str, repository: Path) -> None:
    git(repository, "remote", "add", "origin", url)
    git(repository, "remote", "add", "another", "https://example.org/another")
    git(repository, "config", "url.https://x:t0ken@elsewhere.org/.insteadOf", "https://example.org/")
    fact = read(repository)
    assert fact.url == kept
    assert b"t0ken" not in fact.to_bytes()


def test_without_an_origin_the_first_remote_counts(repository: Path) -> None:
    git(repository, "remote", "add", "b", "https://example.org/b")
    git(repository, "remote", "add", "a", "https://example.org/a")
    git(repository, "remote", "set-url", "--add", "a", "https://example.org/mirror")
    assert read(repository).url == "https://example.org/a"


def test_what_people_wrote_is_redacted(repository: Path) -> None:
    git(repository, "checkout", "-q", "-b", "fix/hunter22")
    commit(repository, "b.txt", message="Rotate hunter22\n\nThe body is not kept.")
    git(repository, "tag", "hunter22")
    git(repository, "remote", "add", "origin", "https://example.org/hunter22")
    (repository / "hunter22.txt").touch()
    fact = read(repository, Redactor(["hunter22"]))
    assert (fact.branch, fact.subject, fact.describe) == (f"fix/{MASK}", f"Rotate {MASK}", MASK)
    assert (fact.url, fact.untracked) == (f"https://example.org/{MASK}", (f"{MASK}.txt",))


@pytest.mark.parametrize("date", ["0 +0000", "99999999999 +0000"])
def test_odd_dates(date: str, repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_AUTHOR_DATE", f"@{date}")
    commit(repository, "b.txt")
    assert read(repository).authored_ms == int(date.split(maxsplit=1)[0]) * 1000


def test_an_empty_subject(repository: Path) -> None:
    git(repository, "commit", "-q", "--allow-empty", "--allow-empty-message", "-m", "")
    assert read(repository).subject == ""


def test_nothing_of_the_repository_is_run_or_changed(repository: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap"
    # It also signs, as far as git looks, so that there is a signature to verify.
    trap.write_text(
        f"#!/bin/sh\ntouch '{tmp_path}/sprung'\nprintf '\\n[GNUPG:] SIG_CREATED \\n' >&2\necho signed\n"
    )
    trap.chmod(0o755)
    hooks = tmp_path / "hooks"
    hooks.mkdir()
    for name in ("post-index-change", "fsmonitor-watchman"):
        (hooks / name).symlink_to(trap)
    for key in ("core.fsmonitor", "diff.external", "diff.trap.command", "diff.trap.textconv", "gpg.program"):
        git(repository, "config", key, str(trap))
    git(repository, "config", "core.hooksPath", str(hooks))
    git(repository, "config", "log.showSignature", "true")
    (repository / ".gitattributes").write_text("*.txt diff=trap\n")
    commit(repository, "b.txt")
    git(repository, "commit", "-q", "--amend", "--no-edit", "--gpg-sign=key")
    os.utime(repository / "b.txt", (1, 1))  # git would like to note that in its index
    index = (repository / ".git" / "index").read_bytes()
    (tmp_path / "sprung").unlink(missing_ok=True)
    (repository / "a.txt").write_text("changed\n")
    assert read(repository).dirty
    assert read_version_facts(repository)[0] is not None
    assert not (tmp_path / "sprung").exists()
    assert (repository / ".git" / "index").read_bytes() == index


def test_a_hook_that_runs_the_tests_does_not_misdirect(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = read(repository)
    other = make(tmp_path / "other")
    commit(other, "b.txt")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "no-index"))
    assert read(repository) == expected


def test_no_checkout_is_a_gap(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert "is not in a git checkout" in gap(tmp_path)


def test_a_bare_repository_is_a_gap(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "--bare", "bare")
    assert "is not in a git checkout" in gap(tmp_path / "bare")


def test_a_repository_without_commits_is_a_gap(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    fact, gaps = read_git(tmp_path, NOTHING)
    assert fact is None
    assert "has no commit yet" in gaps[0].problem
    assert read_version_facts(tmp_path)[0] is None


def test_no_git_is_a_gap(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    assert "git could not be started" in gap(repository)


def test_no_folder_is_a_gap(tmp_path: Path) -> None:
    assert "the folder there?" in gap(tmp_path / "gone")


def test_an_owner_git_does_not_trust_is_a_gap(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")  # git's own tests use it
    assert f"safe.directory {repository}" in gap(repository)


def test_a_timeout_is_a_gap(repository: Path) -> None:
    assert "git rev-parse did not answer in 0 s" in read_git(repository, NOTHING, timeout_s=0)[1][0].problem
    assert "git status did not answer" in read_version_facts(repository, timeout_s=0)[1][0].problem


def test_a_broken_repository_is_a_gap_and_what_git_says_is_redacted(repository: Path) -> None:
    (repository / ".git" / "index").write_bytes(b"broken")
    fact, gaps = read_git(repository, Redactor(["index file smaller"]))
    assert fact is None
    assert gaps == (
        Gap(
            topic="git", problem=f"git status failed in {repository}: fatal: .git/index: {MASK} than expected"
        ),
    )


def version(folder: Path) -> VersionFacts:
    fact, gaps = read_version_facts(folder)
    assert gaps == ()
    assert fact is not None
    assert VersionFacts.from_bytes(fact.to_bytes()) == fact
    return fact


def test_a_version_without_a_tag(repository: Path) -> None:
    git(repository, "tag", "latest")
    head = commit(repository, "b.txt")
    assert version(repository) == VersionFacts(commit=head[:12], distance=2)
    (repository / "a.txt").write_text("two\n")
    assert version(repository) == VersionFacts(commit=head[:12], distance=2, dirty=True)


@pytest.mark.parametrize(
    ("tag", "named"),
    [
        ("v1.2.0", "1.2.0"),
        ("1.2.0-rc-1", "1.2.0-rc-1"),
        ("version-2", "version-2"),
        ("v1-gamma-3-gabc", "1-gamma-3-gabc"),
    ],
)
def test_a_version_by_its_tag(tag: str, named: str, repository: Path) -> None:
    git(repository, "tag", tag)
    first = git(repository, "rev-parse", "HEAD")
    assert version(repository) == VersionFacts(commit=first[:12], tag=named)
    head = commit(repository, "b.txt")
    (repository / "untracked").touch()
    assert version(repository) == VersionFacts(commit=head[:12], tag=named, distance=1)
    (repository / "a.txt").write_text("two\n")
    assert version(repository) == VersionFacts(commit=head[:12], tag=named, distance=1, dirty=True)
