"""Whether an environment marker may hold for an interpreter.

Rules:
- What nobody knows afterwards, the extras and groups that were asked for, counts as asked for: a marker is
  ruled out only by what is known.
- A marker that cannot be judged may hold.

Source: https://packaging.python.org/en/latest/specifications/dependency-specifiers/#environment-markers
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName
from packaging.version import InvalidVersion

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["may_hold"]

_TEXT = r"""(?:"[^"]*"|'[^']*')"""
_COMPARES = r"\s*(?:[<>=!~]+|(?:not\s+)?in\b)\s*"
_ASKED = r"\b(?:extras?|dependency_groups)\b"
_TOKEN = re.compile(rf"(?P<asked>{_ASKED}{_COMPARES}{_TEXT}|{_TEXT}{_COMPARES}{_ASKED})|{_TEXT}")
_TRUE = 'os_name != ""'


def may_hold(marker: str, environment: Mapping[str, str]) -> bool:
    """Whether a marker may hold.

    Args:
        marker: As it is written; empty for always.
        environment: The marker variables of the interpreter.
    """
    if not marker:
        return True
    try:
        return _parsed(marker).evaluate(dict(environment))
    except (InvalidMarker, InvalidVersion, RecursionError, UndefinedComparison, UndefinedEnvironmentName):
        return True


@lru_cache(maxsize=1024)
def _parsed(marker: str) -> Marker:
    """The marker with every question about extras and groups answered by yes.

    No operator of markers turns a yes into a no, so what does not hold then never does.
    """
    return Marker(_TOKEN.sub(lambda token: _TRUE if token["asked"] else token[0], marker))
