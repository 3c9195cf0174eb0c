"""Which issues a change touches, as the messages of its commits say.

Rules:
- The first group of the pattern is the key of an issue, the second, where there is one, its summary.
- Each key once, in the order of the messages; the first summary that says something counts.
- Of each message only the first 4096 characters are searched: a pattern that takes long on long texts is
  kept from taking for ever.
"""

from __future__ import annotations

import re
import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote

from pytest_defend.model.buildinfo import Issue, Issues, Tracker

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["IssueSearch", "compiled"]

_SEARCHED = 4096  # characters of a message


def compiled(pattern: str) -> re.Pattern[str]:
    """The regular expression a user wrote.

    Raises:
        ValueError: It is none; says why.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a run that makes warnings errors is not to end over one of ours
        try:
            return re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(str(error)) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class IssueSearch:
    """How issues are found, and where they are kept.

    Attributes:
        tracker: Name of the tracker.
        pattern: Has at least one group.
        url: Page of an issue, with `{key}` for its key; may be empty.
    """

    tracker: str
    pattern: re.Pattern[str]
    url: str = ""

    def issues(self, messages: Iterable[str]) -> Issues | None:
        """The issues named in messages of commits; None when there are none.

        Args:
            messages: The newest first.
        """
        found: dict[str, str] = {}
        for message in messages:
            for key, summary in self._named(message):
                found[key] = found.get(key) or summary
        if not found:
            return None
        affected = (
            Issue(key=key, url=self.url.replace("{key}", quote(key, safe="")), summary=summary)
            for key, summary in found.items()
        )
        return Issues(tracker=Tracker(name=self.tracker), affected=tuple(affected))

    def _named(self, message: str) -> Iterator[tuple[str, str]]:
        for match in self.pattern.finditer(message[:_SEARCHED]):
            key, summary, *_ = (*match.groups(""), "")
            if one_line := " ".join(key.split()):
                yield one_line, " ".join(summary.split())
