"""Results of actions as text, JSON or a page; decides nothing."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

from pytest_defend.render import summary

if TYPE_CHECKING:
    from types import ModuleType

    from rich.console import RenderableType

    from pytest_defend.render import text

__all__ = ["as_json", "as_text", "summary", "text"]

_UNCUT = 10_000  # columns of a pipe: paths stay in one piece for grep and awk


def __getattr__(name: str) -> ModuleType:
    """Load the text renderer when it is asked for: a test run never needs rich."""
    if name == "text":
        from importlib import import_module  # noqa: PLC0415  # as above

        return import_module("pytest_defend.render.text")
    raise AttributeError(name)


def as_json(document: Any) -> None:
    """Print a document as JSON, for scripts."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, sort_keys=True) + "\n")


def as_text(renderable: RenderableType) -> None:
    """Print something for people; plain text when nobody looks."""
    from rich.console import Console  # noqa: PLC0415  # as above

    if sys.stdout.isatty():
        Console(highlight=False).print(renderable, markup=False)
        return
    console = Console(highlight=False, width=_UNCUT)
    with console.capture() as printed:
        console.print(renderable, markup=False)
    sys.stdout.writelines(f"{line.rstrip()}\n" for line in printed.get().splitlines())
