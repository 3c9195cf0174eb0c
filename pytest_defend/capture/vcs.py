"""Reads which source is tested, from git.

Rules:
- Real `git` (2.25 or newer) answers, from the folder given: variables that point it elsewhere (a hook that
  runs the tests sets them) are taken away, so is everything that could ask a question.
- Reading changes nothing: no index refresh, no hook, no monitor, no external diff, no network.
- A branch is found on a detached checkout too: what HEAD names, else what the CI says, else a remote branch
  that points here.
- Anything in the way (no git, no checkout, no commit, an owner git does not trust, a timeout) is a gap.
- Texts are redacted; the URL carries no user information.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from pytest_defend.model.facts import Gap
from pytest_defend.model.gitfacts import GitFacts, Submodule, VersionFacts
from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_defend.capture.redaction import Redactor

__all__ = ["Git", "GitError", "read_git", "read_version_facts"]

_TIMEOUT_S = 10.0
_MOST_UNTRACKED = 1000
_DIGITS = 12
_MISDIRECTING = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_DIR",
    "GIT_INDEX_FILE",
    "GIT_NAMESPACE",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_WORK_TREE",
)
_QUIET = {
    "GIT_ASKPASS": "",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_OPTIONAL_LOCKS": "0",
    "GIT_TERMINAL_PROMPT": "0",
    "LC_ALL": "C",
}
# An empty fsmonitor is off for every version; before 2.36 `false` was the name of a program to run.
_SETTINGS = (
    "core.fsmonitor=",
    f"core.hooksPath={os.devnull}",
    "core.quotePath=true",
    "diff.autoRefreshIndex=false",  # `git diff` would write the index, whatever GIT_OPTIONAL_LOCKS says
    "log.showSignature=false",
)
_DIFF = (
    "diff",
    "HEAD",
    "--full-index",  # names the content of binary files too
    "--no-ext-diff",
    "--no-textconv",
    # The rest pins what a user's settings could change: one difference, one digest.
    "--no-color",
    "--no-renames",
    "--no-indent-heuristic",
    "--diff-algorithm=myers",
    "--unified=3",
    "--inter-hunk-context=0",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    f"-O{os.devnull}",
    "--submodule=short",
    "--ignore-submodules=none",
)


def read_git(
    root: Path, redactor: Redactor, branch_hint: str = "", *, timeout_s: float = _TIMEOUT_S
) -> tuple[GitFacts | None, tuple[Gap, ...]]:
    """The state of the checkout `root` lies in.

    Args:
        root: A folder in it.
        redactor: For every text that people wrote.
        branch_hint: The branch by the CI, for a checkout that is on none.
        timeout_s: Seconds each call of git may take.

    Returns:
        The facts, or none and the gap that says why.
    """
    try:
        return _facts(Git(root, timeout_s), redactor, branch_hint), ()
    except GitError as error:
        return None, (Gap(topic="git", problem=redactor.text(str(error))),)


def read_version_facts(
    root: Path, *, timeout_s: float = _TIMEOUT_S
) -> tuple[VersionFacts | None, tuple[Gap, ...]]:
    """What a version number of the source at `root` can be derived from.

    Args:
        root: A folder in a checkout.
        timeout_s: Seconds each call of git may take.

    Returns:
        The facts, or none and the gap that says why.
    """
    try:
        return _version_facts(Git(root, timeout_s)), ()
    except GitError as error:
        return None, (Gap(topic="git", problem=str(error)),)


class GitError(Exception):
    """Git did not answer; one sentence that says why and what next."""


@dataclass(frozen=True, slots=True)
class Git:
    """Calls git.

    Attributes:
        folder: Where.
        timeout_s: Seconds each call may take.

    Raises:
        GitError: From every call: git did not do what was asked.
    """

    folder: Path
    timeout_s: float = _TIMEOUT_S

    def __call__(self, *arguments: str) -> str:
        """What git prints."""
        return os.fsdecode(self._run(arguments, subprocess.PIPE).stdout)

    def sha256(self, *arguments: str) -> str:
        """The digest of what git prints, however long that is."""
        with tempfile.TemporaryFile() as file:
            self._run(arguments, file)
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest()

    def first(self, size_bytes: int, *arguments: str) -> bytes:
        """The first bytes of what git prints, however long that is."""
        with tempfile.TemporaryFile() as file:
            self._run(arguments, file)
            file.seek(0)
            return file.read(size_bytes)

    def _run(self, arguments: Sequence[str], stdout: int | IO[bytes]) -> subprocess.CompletedProcess[bytes]:
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        environ = {name: value for name, value in os.environ.items() if name not in _MISDIRECTING}
        try:
            return subprocess.run(  # noqa: S603  # no shell; what comes from outside is checked
                ["git", "--no-pager", *settings, *arguments],  # noqa: S607  # the git of the user's PATH
                cwd=self.folder,
                env=environ | _QUIET,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=subprocess.PIPE,
                check=True,
                timeout=self.timeout_s,
            )
        except subprocess.TimeoutExpired as error:
            what = f"git {arguments[0]} did not answer in {self.timeout_s:g} s in {self.folder}"
            raise GitError(f"{what}: is the disk slow, or the checkout very large?") from error
        except subprocess.CalledProcessError as error:
            raise GitError(_explained(os.fsdecode(error.stderr), self.folder, arguments[0])) from error
        except OSError as error:
            what = f"git could not be started in {self.folder}: {error.strerror}"
            raise GitError(f"{what}; is git on the PATH, and the folder there?") from error


def _explained(stderr: str, folder: Path, command: str) -> str:
    if "not a git repository" in stderr or "must be run in a work tree" in stderr:
        return f"{folder} is not in a git checkout: run the tests in one, or say the source otherwise."
    if "safe.directory" in stderr:
        return f"Git does not trust the owner of {folder}: git config --global --add safe.directory {folder}"
    said = " ".join(stderr.split()) or "no reason given"
    return f"git {command} failed in {folder}: {said}"


def _facts(git: Git, redactor: Redactor, branch_hint: str) -> GitFacts:
    asked = ("--is-shallow-repository", "--absolute-git-dir", "--show-toplevel")
    shallow, git_dir, top = git("rev-parse", *asked).rstrip("\n").split("\n", 2)
    git = Git(Path(top), git.timeout_s)
    status = _Status.parse(git("status", "--porcelain=v2", "--branch", "-z", *_STATUS))
    if not status.commit:
        raise GitError(f"The git repository {top} has no commit yet: commit what you test.")
    tree, authored, subject = git("log", "-1", "--encoding=UTF-8", "--format=%T%n%at%n%s").split("\n", 2)
    dirty = bool(status.changed)
    return GitFacts(
        commit=status.commit,
        tree=tree,
        url=redactor.text(strip_user_information(_remote(git))),
        branch=redactor.text(status.branch or _detached_branch(git, branch_hint)),
        describe=redactor.text(git("describe", "--tags", "--always", f"--abbrev={_DIGITS}").strip()),
        dirty=dirty,
        diff_sha256=git.sha256(*_DIFF) if dirty else "",
        untracked=tuple(redactor.text(name) for name in status.untracked[:_MOST_UNTRACKED]),
        untracked_count=len(status.untracked),
        submodules=tuple(_submodules(git, status, redactor)),
        shallow=shallow == "true",
        worktree=Path(git_dir, "commondir").exists(),
        authored_ms=int(authored or 0) * 1000,
        subject=redactor.text(subject.rstrip("\n")),
    )


_STATUS = ("--untracked-files=all", "--no-renames", "--ignore-submodules=none")


@dataclass(frozen=True, slots=True)
class _Status:
    commit: str
    branch: str
    changed: frozenset[str]
    """Paths of tracked files and submodules that differ from the commit."""
    moved: frozenset[str]
    """Paths of submodules with another commit checked out."""
    untracked: tuple[str, ...]

    @classmethod
    def parse(cls, printed: str) -> _Status:
        """Read git's answer: headers and entries, each ended by NUL.

        Source: git-status(1), "Porcelain Format Version 2".
        """
        entries = printed.split("\0")
        headers = dict(entry[2:].split(" ", 1) for entry in entries if entry.startswith("# "))
        commit, branch = headers["branch.oid"], headers["branch.head"]
        fields = {"1": 8, "u": 10}  # before the path
        changes = [entry.split(" ", fields[entry[0]]) for entry in entries if entry[:1] in fields]
        return cls(
            commit="" if commit == "(initial)" else commit,
            branch="" if branch == "(detached)" else branch,
            changed=frozenset(change[-1] for change in changes),
            moved=frozenset(change[-1] for change in changes if change[2].startswith("SC")),
            untracked=tuple(sorted(entry[2:] for entry in entries if entry.startswith("? "))),
        )


def _remote(git: Git) -> str:
    # Not `git remote get-url`: that writes what `insteadOf` makes of it, which can hold a token.
    # An empty list is a failure for `git config`, therefore the second expression, which always matches.
    lines = git("config", "-z", "--get-regexp", r"^(remote\..*\.url|core\.fsmonitor)$").split("\0")
    pairs = dict(line.split("\n", 1) for line in reversed(lines) if line.startswith("remote."))
    return pairs.get("remote.origin.url") or next((url for _, url in sorted(pairs.items())), "")


def _detached_branch(git: Git, branch_hint: str) -> str:
    if branch_hint:
        return branch_hint.removeprefix("refs/heads/")
    shown = "--format=%(refname:lstrip=3)%00%(symref:lstrip=3)"
    lines = git("for-each-ref", "--points-at=HEAD", shown, "refs/remotes").split("\n")
    names = {name: default for name, _, default in (line.partition("\0") for line in lines if line)}
    # `origin/HEAD` names the default branch; it is the likely one of several that point here.
    return names.pop("HEAD", "") or next(iter(sorted(names)), "")


def _submodules(git: Git, status: _Status, redactor: Redactor) -> Iterator[Submodule]:
    if not (git.folder / ".gitmodules").exists():
        return
    for entry in git("ls-files", "--stage", "-z").split("\0"):
        mode, _, path = entry.partition("\t")
        if not mode.startswith("160000 "):
            continue
        commit = mode.split(" ")[1]
        if path in status.moved:
            commit = Git(git.folder / path, git.timeout_s)("rev-parse", "HEAD").strip()
        yield Submodule(
            path=redactor.text(path),
            commit=commit,
            dirty=path in status.changed,
            checked_out=(git.folder / path / ".git").exists(),
        )


def _version_facts(git: Git) -> VersionFacts:
    # Not `git describe --dirty`, which writes the index.
    changes = git("status", "--porcelain=v2", "-z", "--untracked-files=no", "--ignore-submodules=none")
    asked = ("--tags", "--long", "--always", f"--abbrev={_DIGITS}", "--match=*[0-9]*")
    tag, _, commit = git("describe", *asked).strip().rpartition("-g")
    if not tag:
        count = int(git("rev-list", "--count", "HEAD"))
        return VersionFacts(commit=commit, distance=count, dirty=bool(changes))
    name, _, distance = tag.rpartition("-")
    named = re.sub(r"^v(?=\d)", "", name)
    return VersionFacts(commit=commit, tag=named, distance=int(distance), dirty=bool(changes))
