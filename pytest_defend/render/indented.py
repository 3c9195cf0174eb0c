"""A JSON document as it is printed: indented, for people look at it, too.

Rules:
- It is the text of `json.dumps(document, indent=2, sort_keys=True)`, with or without `ensure_ascii`: that is
  written by a generator for each value, this by one string for each, in half the time.
- A document is what `to_dict` gives: keys are texts.
"""

from __future__ import annotations

import json
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["indented"]


def indented(document: Any, *, ascii_only: bool = False) -> str:
    """The text of a JSON document.

    Args:
        document: Mappings, lists, texts, numbers, booleans, None.
        ascii_only: Whether other characters are written as escapes.
    """
    return _written(document, "\n", encode_basestring_ascii if ascii_only else encode_basestring)


def _written(value: Any, margin: str, quoted: Callable[[str], str]) -> str:
    """A value that begins in a line; `margin` ends that line and begins the next."""
    if isinstance(value, str):
        return quoted(value)
    inside = f"{margin}  "
    if value and isinstance(value, dict):
        items = [f"{quoted(key)}: {_written(value[key], inside, quoted)}" for key in sorted(value)]
        return f"{{{inside}{f',{inside}'.join(items)}{margin}}}"
    if value and isinstance(value, (list, tuple)):
        items = [_written(each, inside, quoted) for each in value]
        return f"[{inside}{f',{inside}'.join(items)}{margin}]"
    return json.dumps(value)
