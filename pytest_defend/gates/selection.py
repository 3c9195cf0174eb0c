"""Which tests a pattern means.

Rules:
- A pattern is a node id in which `*` stands for any text and `?` for any character. Brackets stand for
  themselves: they are where pytest writes parameters.
- `marker:NAME` means the tests that carry a marker of that name.
"""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pytest_defend.model.evidence import StageEvidence

__all__ = ["MARKER", "is_like", "selected"]

MARKER = "marker:"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = {"*": ".*", "?": "."}
    return re.compile("".join(parts.get(each) or re.escape(each) for each in pattern), re.DOTALL)


def is_like(pattern: str, text: str) -> bool:
    """Whether `text` is what a pattern describes; upper and lower case differ."""
    return _compiled(pattern).fullmatch(text) is not None


def selected(pattern: str, stage: StageEvidence) -> frozenset[str]:
    """Node ids of the tests of a run that a pattern means."""
    if pattern.startswith(MARKER):
        return stage.marks.get(pattern.removeprefix(MARKER), frozenset())
    return frozenset(nodeid for nodeid in stage.outcomes if is_like(pattern, nodeid))
