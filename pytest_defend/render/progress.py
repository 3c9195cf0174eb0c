"""How far something is that takes long: a bar for who looks, two lines for who reads it later.

Rules:
- Nothing is said in the first two seconds: what is quick needs no words.
- A bar is drawn on a terminal only, below everything else, and leaves nothing behind.
- Elsewhere one line says what has begun, and one how long it took, whether it failed or not.
- It draws from a thread of its own, which ends before the block does; a broken terminal changes nothing.
"""

from __future__ import annotations

import os
import threading
import time
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, cast

from pytest_defend.render.summary import size

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.progress import Progress, TaskID

__all__ = ["Meter", "Screen", "is_drawable"]

_REFRESH_S = 0.1
_BAR = (6, 40)  # columns, at least and at most
_WORDS = 62  # columns that stand before and behind it


class Screen:
    """A terminal, as rich wants to write to it.

    Args:
        write: Writes a text and shows it at once.
        encoding: Of the terminal.
        color: Whether it has colours; None for what the environment says.
        width: In columns; None to find out.
    """

    def __init__(
        self,
        write: Callable[[str], object],
        *,
        encoding: str = "utf-8",
        color: bool | None = None,
        width: int | None = None,
    ) -> None:
        self.write = write
        self.encoding = encoding
        self.color = color
        self.width = width

    def flush(self) -> None:
        """Nothing waits here."""

    def isatty(self) -> bool:
        """It is one."""
        return True


def is_drawable() -> bool:
    """Whether a terminal, if there is one, can do more than write lines."""
    return os.environ.get("TERM") not in ("dumb", "unknown")


class Meter:
    """Is told how far files are, by several threads, and shows it to who waits.

    Args:
        say: Prints a line; None for who wants none.
        screen: The terminal that somebody looks at; None when nobody does.
    """

    patience_s = 2.0
    """Seconds of silence."""

    def __init__(self, say: Callable[[str], object] | None, screen: Screen | None = None) -> None:
        self._say = say
        self._screen = screen
        self._lock = threading.Lock()
        self._files: dict[str, tuple[int, int]] = {}

    def __call__(self, path: str, sent_bytes: int, total_bytes: int) -> None:
        """So many bytes of a file have moved."""
        with self._lock:
            self._files[path] = (sent_bytes, total_bytes)

    @contextmanager
    def during(self, doing: str, where: str, *, files: int = 0, size_bytes: int = 0) -> Iterator[None]:
        """Show how far it is while the block runs.

        Args:
            doing: In one word, like `publishing`.
            where: What stands behind it, or behind the number of files, in a sentence.
            files: How many there are; 0 when nobody knows.
            size_bytes: Of all of them; 0 when nobody knows.
        """
        if self._say is None:
            yield
            return
        with self._lock:
            self._files.clear()
        work = _Work(doing=doing, where=where, files=files, size_bytes=size_bytes, begun_s=time.monotonic())
        over = threading.Event()
        showing = threading.Thread(target=self._show, args=(work, over), name="pytest-defend", daemon=True)
        showing.start()
        try:
            yield
        finally:
            over.set()
            showing.join()

    def _show(self, work: _Work, over: threading.Event) -> None:
        if over.wait(self.patience_s) or self._say is None:
            return
        with suppress(OSError, ValueError):
            if self._screen is not None:
                self._draw(self._screen, work, over)
                return
            self._say(work.beginning())
            over.wait()
            self._say(work.end(*self._moved()))

    def _draw(self, screen: Screen, work: _Work, over: threading.Event) -> None:
        with ExitStack() as stack:
            bar, task = _bar(screen, work.doing, stack)
            while not over.wait(_REFRESH_S):
                whole, moved = self._moved()
                total = work.size_bytes if moved and work.size_bytes else None
                bar.update(task, completed=moved, total=total, told=work.state(whole, moved), refresh=True)

    def _moved(self) -> tuple[int, int]:
        """How many files are there, and how many bytes."""
        with self._lock:
            now = tuple(self._files.values())
        return sum(sent == total for sent, total in now), sum(sent for sent, _ in now)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """What takes long, in words."""

    doing: str
    where: str
    files: int
    size_bytes: int
    begun_s: float

    def beginning(self) -> str:
        what = f"{_count(self.files)}, {size(self.size_bytes)} " if self.files else ""
        return f"{self.doing} {what}{self.where}"

    def state(self, whole: int, moved: int) -> str:
        """What stands behind the bar."""
        parts = [f"{time.monotonic() - self.begun_s:.0f} s"]
        if moved:
            parts.append(size(moved) + (f" of {size(self.size_bytes)}" if self.size_bytes else ""))
        if moved and self.files:
            parts.append(f"{whole} of {_count(self.files)}")
        elif moved or self.files:
            parts.append(_count(self.files or whole))
        return ", ".join(parts)

    def end(self, whole: int, moved: int) -> str:
        sent = f", {size(moved)} in {_count(whole)}" if moved else ""
        return f"{self.doing} took {time.monotonic() - self.begun_s:.1f} s{sent}"


def _count(files: int) -> str:
    return f"{files} file{'' if files == 1 else 's'}"


def _bar(screen: Screen, doing: str, stack: ExitStack) -> tuple[Progress, TaskID]:
    """A bar that goes with the stack."""
    from rich.console import Console  # noqa: PLC0415  # most runs are quick, and never need it
    from rich.progress import BarColumn, Progress, TextColumn  # noqa: PLC0415  # as above

    console = Console(
        file=cast("IO[str]", screen),
        force_terminal=True,
        no_color=None if screen.color is None else not screen.color,
        width=screen.width,
        legacy_windows=False,
    )
    bar = Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=max(_BAR[0], min(_BAR[1], console.width - _WORDS))),
        TextColumn("{task.fields[told]}"),
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    stack.enter_context(bar)
    return bar, bar.add_task(doing, total=None, told="")
