"""Several requests at a time, never more than allowed.

Rules:
- The first failure stops what has not begun; what has begun ends before the failure is told.
"""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

__all__ = ["work_on"]

_Thing = TypeVar("_Thing")


def work_on(things: Sequence[_Thing], work: Callable[[_Thing], None], *, workers: int) -> None:
    """Do the same with everything.

    Args:
        things: What to work on.
        work: Done once with each.
        workers: How many at a time.

    Raises:
        Exception: The first that `work` raised.
    """
    failed = threading.Event()

    def unless_failed(thing: _Thing) -> None:
        if failed.is_set():
            return
        try:
            work(thing)
        except BaseException:
            failed.set()
            raise

    if not things:
        return
    with ThreadPoolExecutor(min(workers, len(things)), thread_name_prefix="pytest-defend") as crew:
        jobs = [crew.submit(unless_failed, thing) for thing in things]
    for job in jobs:
        job.result()
