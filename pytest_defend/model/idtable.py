"""Node ids by number, as a journal writes them once.

Rules:
- A row costs its characters and four bytes.
- What a line claims is checked: a journal may come from another machine.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["IdTable"]


class IdTable:
    """Node ids by their row, and who collected which."""

    def __init__(self) -> None:
        self.collections: dict[str, range] = {}
        """The rows each worker collected."""
        self._firsts: list[int] = []  # of each part, with the ids joined and where each ends
        self._parts: list[tuple[str, array[int]]] = []
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, row: int) -> str:
        part = bisect_right(self._firsts, row) - 1
        text, ends = self._parts[part]
        place = row - self._firsts[part]
        return text[ends[place - 1] if place else 0 : ends[place]]

    def add(self, told: Mapping[str, Any]) -> None:
        """Take in an `ids` line; a `LookupError`, `TypeError` or `ValueError` when it makes no sense."""
        worker, ids = told["worker"], told.get("ids")
        if ids:
            self._firsts.append(self._count)
            self._parts.append(("".join(ids), array("I", accumulate(map(len, ids)))))
            self._count += len(ids)
        rows = range(told["first"], told["first"] + told["count"])
        if not isinstance(worker, str) or rows.start < 0 or rows.stop > self._count:
            problem = f"{worker!r} has rows {rows.start} to {rows.stop} of {self._count}"
            raise ValueError(problem)
        before = self.collections.get(worker)
        follows = before is not None and before.stop == rows.start
        self.collections[worker] = range(before.start, rows.stop) if before and follows else rows

    def key(self, given: object) -> int | str:
        """What a line calls a test: the row of one that was collected, the id of any other.

        Raises:
            ValueError: It is neither.
        """
        if isinstance(given, str) or (type(given) is int and 0 <= given < self._count):
            return given
        problem = f"{given!r} names no test"
        raise ValueError(problem)

    def name(self, key: int | str) -> str:
        """The node id of a test."""
        return key if isinstance(key, str) else self[key]
