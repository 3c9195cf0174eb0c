"""Which tests carry which markers.

Rules:
- Only markers the project or a plugin has registered count; those with which pytest itself works say nothing
  about what a test is for, and are left out.
- Tests are named by their place among what was collected, as runs of `[first, count]`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["read_marks", "registered"]

_OF_PYTEST = frozenset(
    {
        *("filterwarnings", "parametrize", "skip", "skipif", "tryfirst", "trylast", "usefixtures", "xfail"),
        "xdist_group",
    }
)


def registered(lines: Iterable[str]) -> frozenset[str]:
    """Names of the markers that count.

    Args:
        lines: The ini value `markers`: `name(arguments): what for`.
    """
    names = {re.split(r"[:(]", line, maxsplit=1)[0].strip() for line in lines}
    return frozenset(names - _OF_PYTEST - {""})


def read_marks(items: Sequence[Any], names: frozenset[str]) -> dict[str, list[list[int]]]:
    """The tests that carry each marker, by its name; names without a test are left out.

    Args:
        items: What pytest collected.
        names: That count.
    """
    found: dict[str, list[list[int]]] = {}
    for place, item in enumerate(items):
        for name in {mark.name for mark in item.iter_markers()} & names:
            runs = found.setdefault(name, [])
            if runs and sum(runs[-1]) == place:
                runs[-1][1] += 1
            else:
                runs.append([place, 1])
    return dict(sorted(found.items()))
