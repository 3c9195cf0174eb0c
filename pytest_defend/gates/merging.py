"""Rules of others beside ours.

Rules:
- A rule of another's has a name of its own: none of ours, and none that two of them share.
- A rule that holds for every level needs no parameters.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

from pytest_defend.errors import InvalidDocument, UsageError
from pytest_defend.gates.rule import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

__all__ = ["merge_kinds"]

_NAME = re.compile(r"[a-z][a-z0-9-]*")


def merge_kinds(known: Mapping[str, type[Rule]], given: Iterable[object]) -> Mapping[str, type[Rule]]:
    """The rules there are, with others.

    Args:
        known: By name.
        given: What implementations of `pytest_defend_rules` returned, one after the other.

    Raises:
        UsageError: One of them is no rule, or its name is taken.
    """
    found = dict(known)
    for each in given:
        kind = _checked(each)
        if found.setdefault(kind.NAME, kind) is not kind:
            there = f"{found[kind.NAME].__module__}.{found[kind.NAME].__qualname__}"
            message = (
                f"Two rules are called {kind.NAME!r}: {there} and {kind.__module__}.{kind.__qualname__}."
            )
            raise UsageError(message, hint="Give the rule of pytest_defend_rules another NAME.")
    return found


def _checked(given: object) -> type[Rule]:
    shown = f"{given.__module__}.{given.__qualname__}" if isinstance(given, type) else repr(given)
    if not (isinstance(given, type) and issubclass(given, Rule)):
        message = f"pytest_defend_rules gave {shown}, which is no rule."
        raise UsageError(message, hint="Return classes that inherit pytest_defend.gates.Rule.")
    if inspect.isabstract(given):
        raise UsageError(f"The rule {shown} does not judge.", hint="Give it a method judge(evidence).")
    name = getattr(given, "NAME", None)
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        message = f"The rule {shown} has no NAME of small letters, digits and '-'."
        raise UsageError(message, hint='Write NAME: ClassVar[str] = "my-rule".')
    if given.ALWAYS or given.DEFAULT:
        try:
            given.read({})
        except (InvalidDocument, TypeError) as error:
            message = (
                f"The rule {name!r} holds for every level and cannot be made without parameters: {error}"
            )
            raise UsageError(message, hint="Give every parameter a default.") from error
    return given
