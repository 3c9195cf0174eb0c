"""What is shown of something that takes long, on a terminal and elsewhere."""

from __future__ import annotations

import re
import threading
import time

import pytest

from pytest_defend.render.progress import Meter, Screen, is_drawable


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Meter, "patience_s", 0.05)


class Drawn:
    """A terminal that keeps what is written to it."""

    def __init__(self) -> None:
        self.text = ""
        self.changed = threading.Condition()

    def write(self, text: str) -> None:
        with self.changed:
            self.text += text
            self.changed.notify()

    def wait_for(self, pattern: str) -> None:
        with self.changed:
            assert self.changed.wait_for(lambda: re.search(pattern, self.plain), 10), self.plain

    @property
    def plain(self) -> str:
        return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", self.text)


def _said(*, quick: bool = False, **told: int) -> list[str]:
    """What is said where nobody looks; 2 of 3 files have moved."""
    lines: list[str] = []
    begun = threading.Event()

    def say(line: str) -> None:
        lines.append(line)
        begun.set()

    meter = Meter(say)
    with meter.during("publishing", "to a.example", **told):
        if not quick:
            assert begun.wait(10)
            meter("r/a", 1024, 1024)
            meter("r/b", 10, 512)
            meter("r/b", 512, 512)
            meter("r/c", 100, 512)
    return lines


def test_what_is_quick_needs_no_words() -> None:
    assert _said(quick=True, files=3) == []


def test_elsewhere_a_line_at_the_beginning_and_one_at_the_end() -> None:
    first, last = _said(files=3, size_bytes=2048)
    assert first == "publishing 3 files, 2.0 KiB to a.example"
    assert re.fullmatch(r"publishing took \d+\.\d s, 1\.6 KiB in 2 files", last)


def test_of_what_nobody_counted_only_what_moved_is_told() -> None:
    first, last = _said()
    assert first == "publishing to a.example"
    assert last.endswith(" s, 1.6 KiB in 2 files")


def test_what_fails_takes_its_time_too() -> None:
    lines: list[str] = []

    def interrupted() -> None:
        with Meter(lines.append).during("fetching", "demo/1"):
            while not lines:
                time.sleep(0.01)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert lines[0] == "fetching demo/1"
    assert re.fullmatch(r"fetching took \d+\.\d s", lines[1])


def test_who_wants_none_gets_none() -> None:
    before = threading.active_count()
    with Meter(None).during("publishing", "to a.example"):
        assert threading.active_count() == before


@pytest.mark.parametrize("width", [40, 80, 200])
def test_on_a_terminal_a_bar_that_is_gone_at_the_end(width: int) -> None:
    drawn = Drawn()
    lines: list[str] = []
    meter = Meter(lines.append, Screen(drawn.write, color=False, width=width))
    with meter.during("publishing", "to a.example", files=3, size_bytes=2048):
        drawn.wait_for(r"publishing [ ━]+ \d+ s, 3\s+files")
        meter("r/a", 1024, 1024)
        drawn.wait_for(r"1\.0\s+KiB\s+of\s+2\.0\s+KiB,")
    assert lines == []
    assert drawn.text.startswith("\x1b[?25l")
    end = drawn.text[drawn.text.rindex("\n") :]
    assert re.fullmatch(r"\n\x1b\[\?25h(\r\x1b\[1A\x1b\[2K)+", end)
    rows = [len(row) for row in re.split(r"[\r\n]+", drawn.plain)]
    assert max(rows) <= width
    assert "\x1b[3" not in drawn.text


def test_a_bar_has_a_colour_where_there_are_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    drawn = Drawn()
    with Meter(str, Screen(drawn.write)).during("fetching", "demo/1"):
        drawn.wait_for("fetching")
    assert "\x1b[38;5;" in drawn.text


def test_an_encoding_without_lines_gets_others() -> None:
    drawn = Drawn()
    with Meter(str, Screen(drawn.write, encoding="ascii", color=False)).during("fetching", "demo/1"):
        drawn.wait_for("fetching ")
    assert drawn.plain.isascii()


@pytest.mark.parametrize("screen", [True, False])
def test_a_broken_terminal_changes_nothing(screen: bool) -> None:
    tried = threading.Event()

    def broken(_: str) -> None:
        tried.set()
        raise OSError

    with Meter(broken, Screen(broken) if screen else None).during("publishing", "to a.example"):
        assert tried.wait(10)


@pytest.mark.parametrize(("term", "can"), [("dumb", False), ("unknown", False), ("xterm", True)])
def test_some_terminals_write_lines_only(term: str, can: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", term)
    assert is_drawable() is can
