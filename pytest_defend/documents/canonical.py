"""JSON that is signed: read in one way only.

Rules:
- A text has one meaning: UTF-8, no name twice in an object, no `NaN`, no number that is infinite, no
  half of a character. Two readers can never see two things in it.
- It is written by `model.fields.canonical_bytes`; its canonical bytes need not be what was signed.
"""

from __future__ import annotations

import json
import math
from typing import Any

from pytest_defend.errors import InvalidDocument

__all__ = ["read_json", "speakable"]


def read_json(content: bytes, what: str) -> Any:
    """Read JSON text.

    Args:
        content: The text.
        what: Which document it should be, for the error.

    Raises:
        InvalidDocument: It is no JSON, or could be read in two ways.
    """
    try:
        document = json.loads(
            content.decode(), object_pairs_hook=_object, parse_float=_finite, parse_constant=_finite
        )
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        raise InvalidDocument(what, [("", "holds half of a character")]) from error
    except (ValueError, RecursionError) as error:
        raise InvalidDocument(what, [("", f"no JSON: {error}")]) from error
    return document


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        problem = f"an object names {twice!r} twice"
        raise ValueError(problem)
    return found


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        problem = f"{text} is no number"
        raise ValueError(problem)
    return number


def speakable(text: str) -> str:
    r"""`text` as every JSON parser reads it: bytes that were no UTF-8 become escapes like `\udce9`."""
    return text.encode("utf-8", "backslashreplace").decode()
