"""Results of actions as text, JSON or a page; decides nothing.

Rules:
- In a pipe or file a line is never wrapped, has no blanks at its end and no colours, whatever the environment
  asks for: it is read by programs.
- What the output's encoding cannot say is written as an escape; it is never an error.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from pytest_defend.render.indented import indented

if TYPE_CHECKING:
    from types import ModuleType

    from rich.console import RenderableType

    from pytest_defend.render import decision, evidence, ladder, packages, promotion, summary, text

__all__ = [
    "as_json",
    "as_text",
    "can_say",
    "decision",
    "evidence",
    "ladder",
    "packages",
    "promotion",
    "summary",
    "text",
]

_UNCUT = 1_000_000  # columns of a pipe: paths stay in one piece for grep and awk


def __getattr__(name: str) -> ModuleType:
    """Load what renders when it is asked for: a test run never needs rich, JSON needs none of it."""
    if name in ("decision", "evidence", "ladder", "packages", "promotion", "summary", "text"):
        from importlib import import_module  # noqa: PLC0415  # as above

        return import_module(f"pytest_defend.render.{name}")
    raise AttributeError(name)


def as_json(document: Any) -> None:
    """Print a document as JSON, for scripts."""
    printed = indented(document)
    if not can_say(printed):
        printed = indented(document, ascii_only=True)
    sys.stdout.write(f"{printed}\n")


def as_text(renderable: RenderableType) -> None:
    """Print something for people; plain text when nobody looks."""
    from rich.console import Console  # noqa: PLC0415  # as above

    watched = sys.stdout.isatty()
    width = None if watched else _UNCUT
    console = Console(highlight=False, markup=False, emoji=False, force_terminal=watched, width=width)
    with console.capture() as captured:
        console.print(renderable)
    printed = captured.get()
    if not watched:
        printed = "\n".join(line.rstrip() for line in printed.split("\n"))
    if not can_say(printed):
        encoding = _encoding()
        printed = printed.encode(encoding, "backslashreplace").decode(encoding)
    sys.stdout.write(printed)


def _encoding() -> str:
    return sys.stdout.encoding or "utf-8"


def can_say(printed: str) -> bool:
    """Whether the output's encoding has every character of a text."""
    try:
        printed.encode(_encoding())
    except UnicodeEncodeError:
        return False
    return True
