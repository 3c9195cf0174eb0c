"""Reads what the commits of a change say, from git.

Rules:
- As `vcs`, which makes the calls: reading changes nothing, every call is bounded, texts are redacted.
- A change is what the tested commit has and an earlier one has not; without an earlier one it is the tested
  commit alone.
- History without the earlier commit (cut off, rewritten, of another branch) is a gap, and the change is the
  tested commit alone.
- At most 10,000 commits and 32 MiB of messages are read, the newest first; more are a gap.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from pytest_defend.capture.vcs import Git, GitError
from pytest_defend.model.facts import Gap

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.capture.redaction import Redactor
    from pytest_defend.model.gitfacts import GitFacts

__all__ = ["read_messages"]

_MOST_COMMITS = 10_000
_MOST_BYTES = 32 << 20
_COMMIT = re.compile(r"[0-9a-f]{7,64}")


def read_messages(
    root: Path,
    tested: GitFacts,
    redactor: Redactor,
    since: str = "",
    *,
    most: int = _MOST_COMMITS,
    most_bytes: int = _MOST_BYTES,
) -> tuple[tuple[str, ...], tuple[Gap, ...]]:
    """The messages of the commits of a change, the newest first.

    Args:
        root: A folder in the checkout.
        tested: The source that was tested.
        redactor: For every message.
        since: The earlier commit; empty for none.
        most: How many commits are read.
        most_bytes: How many bytes of messages are read.

    Returns:
        What was read, and what was not.
    """
    git = Git(root)
    try:
        problem = _missing(git, tested, since) if since else ""
        range_ = (f"{since}..{tested.commit}",) if since and not problem else ("--max-count=1", tested.commit)
        counted = ("--encoding=UTF-8", "--format=%B", "-z", f"--max-count={most + 1}", *range_)
        printed = git.first(most_bytes + 1, "log", *counted, "--")
    except GitError as error:
        return (), (_gap(redactor.text(str(error))),)
    messages = printed.split(b"\0")
    rest = messages.pop()  # behind the last one that is whole
    if rest or len(messages) > most:
        more = f"their messages have more than {most_bytes} bytes" if rest else f"there are more than {most}"
        problem = f"Commits since {since or 'ever'} were not all read: {more}."
    texts = tuple(redactor.text(message.decode("utf-8", "replace")) for message in messages[:most])
    return texts, (_gap(problem),) if problem else ()


def _gap(problem: str) -> Gap:
    return Gap(topic="issues", problem=problem)


def _missing(git: Git, tested: GitFacts, since: str) -> str:
    """Why the earlier commit cannot be counted from; empty when it can."""
    shown = since[:64]
    alone = f"so only the message of the tested commit {tested.commit} was read"
    if not _COMMIT.fullmatch(since):
        return f"The build before is of {shown!r}, which is no commit of git, {alone}."
    if not git("rev-list", "--ignore-missing", "--no-walk", since, "--"):
        cut = "history was cut off when it was fetched" if tested.shallow else "it is not in this checkout"
        return f"The build before is of commit {shown}, but {cut}, {alone}. Fetch the whole history."
    if git("rev-list", "--max-count=1", since, f"^{tested.commit}", "--"):
        why = "is not in the history of what was tested (cut off, rewritten, or of another branch)"
        return f"The build before is of commit {shown}, which {why}, {alone}."
    return ""
