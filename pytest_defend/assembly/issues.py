"""Which issues a run belongs to: those its commits name since the last build that was published.

Rules:
- Nothing is read unless the project says how issues look.
- The last build is asked of the store when the run has ended; one that cannot be asked is a gap, a store that
  has none is not.
- Searching ends after some seconds, whatever the pattern; what was not searched is a gap.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.capture.commits import read_messages
from pytest_defend.errors import DefendError, NotFound
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.facts import Gap
from pytest_defend.model.issues import IssueSearch, compiled

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_defend.assembly.recording import Recording
    from pytest_defend.model.buildinfo import Issues
    from pytest_defend.model.record import RunFacts

__all__ = ["issues"]

_PATIENCE_S = 10.0
_ALONE = "so only the message of the tested commit is searched for issues"


def issues(run: Recording, facts: RunFacts | None, gaps: list[Gap]) -> Issues | None:
    """The issues of a run; None when none are looked for, or none are found.

    Args:
        run: The run.
        facts: As read when it started.
        gaps: Takes what could not be read, asked or searched.
    """
    settings = run.settings
    if not settings.issues_pattern or facts is None or facts.git is None:
        return None  # that git could not be read is a gap already
    since = _revision_before(run, gaps)
    messages, unread = read_messages(Path(run.header.root), facts.git, run.redactor, since)
    gaps += unread
    search = IssueSearch(
        tracker=settings.issues_tracker,
        pattern=compiled(settings.issues_pattern),
        url=settings.issues_url,
    )
    return search.issues(_in_time(messages, gaps))


def _revision_before(run: Recording, gaps: list[Gap]) -> str:
    """The commit of the last build that was published; empty when there is none, or it cannot be known."""
    settings = run.settings
    if settings.record and not settings.publish:
        gaps.append(_gap(f"Nobody named a store that knows the build before, {_ALONE}."))
        return ""
    try:
        last = BuildId(name=run.header.build_name, number="latest")
        build = run.store().build(last)
    except NotFound:
        return ""
    except DefendError as error:
        gaps.append(_gap(f"The store was not asked for the build before, {_ALONE}: {error}"))
        return ""
    revision = next((vcs.revision for vcs in build.vcs if vcs.revision), build.vcs_revision)
    if not revision:
        gaps.append(_gap(f"The build before, {build.id}, names no commit, {_ALONE}."))
    return revision


def _in_time(messages: Sequence[str], gaps: list[Gap]) -> Iterator[str]:
    until = time.monotonic() + _PATIENCE_S
    for count, message in enumerate(messages):
        if time.monotonic() > until:
            left = f"{len(messages) - count} of {len(messages)} commit messages were not searched"
            gaps.append(_gap(f"The pattern of issues took more than {_PATIENCE_S:g} s: {left}."))
            return
        yield message


def _gap(problem: str) -> Gap:
    return Gap(topic="issues", problem=problem)
