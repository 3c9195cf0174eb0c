from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from pytest_defend.stores.flushing import SharedFlush, flush_file, flush_folder

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SOON_S = 30


class Slow:
    """A flush that begins when it is asked for, and ends when it is told to."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.ends = threading.Semaphore(0)
        self.count = 0

    def __call__(self) -> None:
        self.count += 1
        self.begun.release()
        assert self.ends.acquire(timeout=SOON_S)


def _asking(flush: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=flush)
    thread.start()
    return thread


def test_each_who_asks_alone_has_a_flush() -> None:
    slow = Slow()
    flush = SharedFlush(slow)
    slow.ends.release(2)
    flush()
    flush()
    assert slow.count == 2


def test_those_who_ask_meanwhile_share_the_next_one() -> None:
    slow = Slow()
    asked = threading.Semaphore(0)

    class Counted(SharedFlush):
        def __call__(self) -> None:
            asked.release()
            super().__call__()

    flush = Counted(slow)
    first = _asking(flush)
    assert slow.begun.acquire(timeout=SOON_S)
    others = [_asking(flush) for _ in range(4)]
    for _ in range(5):
        assert asked.acquire(timeout=SOON_S)
    slow.ends.release()
    first.join(SOON_S)
    assert slow.begun.acquire(timeout=SOON_S), "the one under way did not count for them"
    assert all(thread.is_alive() for thread in others)
    slow.ends.release(len(others))
    for thread in others:
        thread.join(SOON_S)
    assert 2 <= slow.count < 5


def test_one_that_failed_counts_for_nobody() -> None:
    outcomes = iter([OSError("the disk is gone"), None])

    def flush() -> None:
        if problem := next(outcomes):
            raise problem

    shared = SharedFlush(flush)
    with pytest.raises(OSError, match="the disk is gone"):
        shared()
    shared()
    assert next(outcomes, "nothing more") == "nothing more"


def test_files_and_folders_are_flushed_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"demo")
    flush_file(file)
    flush_folder(tmp_path)
    assert file.read_bytes() == b"demo"
    with pytest.raises(FileNotFoundError):
        flush_file(tmp_path / "none")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
