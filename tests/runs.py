"""Whole runs of pytest and of the command line, each in a process of its own.

Rules:
- A run inherits nothing of the one that starts it but what `_INHERITED` names: no CI, no pytest-xdist, no
  recorded run, no setting of ours. A secluded one knows no index and no cache of the user's installers,
  either.
- Plugins are loaded by name and nothing else is, so that it does not matter whether pytest-defend is
  installed or imported from a checkout.
- A test waits for an event - a file, a line, the end of a process - and gives up after `SOON_S`.
- What pytest said is compared with the same run without us: a header line and one block of lines of ours may
  be in it, nothing else may differ but times.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import pytest

import pytest_defend

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

__all__ = [
    "PYPROJECT",
    "ROOT",
    "SECLUDED",
    "SOON_S",
    "Finished",
    "Running",
    "a_project",
    "command",
    "defend",
    "environment",
    "kept_folder",
    "our_block",
    "printed_command",
    "run",
    "secluded",
]

ROOT = Path(__file__).parents[1]
SOON_S = 120
"""Far more than anything here takes; a test that waits this long has failed."""

SECLUDED = {
    "PIP_CONFIG_FILE": os.devnull,
    "UV_NO_CONFIG": "1",
    "XDG_CACHE_HOME": str(Path(tempfile.gettempdir(), "pytest-defend-tests-cache")),
}
"""Variables that keep the user's pip and uv out of a test."""

_PAUSE_S = 0.01
_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "SYSTEMROOT")
_FOLDER = Path(pytest_defend.__file__).parents[1]

PYPROJECT = """\
[project]
name = "demo"
version = "1.0"

[tool.pytest.ini_options]
addopts = ["-p", "no:cacheprovider"]
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A process that has ended."""

    status: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What it printed."""
        return self.out.splitlines()


def environment(**more: str) -> dict[str, str]:
    """The variables of a run."""
    kept = {name: value for name in _INHERITED if (value := os.environ.get(name)) is not None}
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    ours = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    if _FOLDER.name not in {"site-packages", "dist-packages"}:
        ours["PYTHONPATH"] = str(_FOLDER)
    return {**kept, **measured, **ours, **more}


def secluded(**more: str) -> dict[str, str]:
    """The variables of a run that knows nothing of the user's pip and uv."""
    return environment(**{**SECLUDED, **more})


def command(*arguments: str, recorded: bool = True) -> list[str]:
    """The command line of a run of pytest; with `-n` among the arguments, of one with workers."""
    plugins = ["-p", "pytest_defend.plugin"] if recorded else []
    if any(argument.startswith("-n") for argument in arguments):
        plugins += ["-p", "xdist"]
    return [sys.executable, "-m", "pytest", *plugins, *arguments]


def a_project(folder: Path, files: Mapping[str, str]) -> Path:
    """A project named `demo` with these files."""
    for name, text in {"pyproject.toml": PYPROJECT, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


class Running:
    """A process that leads a group of its own; what it prints goes to files, so that it can be watched."""

    def __init__(self, folder: Path, arguments: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        self.recorded = "pytest_defend.plugin" in arguments
        self._out = tempfile.TemporaryFile()  # noqa: SIM115  # open as long as this is
        self._err = tempfile.TemporaryFile()  # noqa: SIM115  # the same
        self._process = subprocess.Popen(
            arguments,
            cwd=folder,
            env=dict(secluded() if env is None else env),
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
            start_new_session=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(ProcessLookupError):  # nobody is left
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._out.close()
        self._err.close()

    @property
    def out(self) -> str:
        """What it has printed so far."""
        return _read(self._out)

    def send(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    def wait_until(self, there: Callable[[], Any], what: str) -> None:
        """Wait for an event while it runs."""
        deadline = time.monotonic() + SOON_S
        while not there():
            if self._process.poll() is not None or time.monotonic() > deadline:
                pytest.fail(f"waited in vain for {what}:\n{self.out}\n{_read(self._err)}")
            time.sleep(_PAUSE_S)

    def wait_for_line(self, beginning: str) -> None:
        """Wait until it has printed a line that begins so."""
        self.wait_until(lambda: f"\n{beginning}" in f"\n{self.out}", f"a line {beginning!r}")

    def finish(self) -> Finished:
        """Wait until it has ended."""
        try:
            status = self._process.wait(SOON_S)
        except subprocess.TimeoutExpired:
            pytest.fail(f"{self._process.args!r} did not end:\n{self.out}\n{_read(self._err)}")
        return Finished(status=status, out=self.out, err=_read(self._err))


def _read(file: IO[bytes]) -> str:
    size = os.fstat(file.fileno()).st_size
    return os.pread(file.fileno(), size, 0).decode("utf-8", "surrogateescape")


def run(folder: Path, *arguments: str, recorded: bool = True, **variables: str) -> Finished:
    """Run pytest in a folder."""
    with Running(folder, command(*arguments, recorded=recorded), secluded(**variables)) as running:
        return running.finish()


def defend(folder: Path, *arguments: str, **variables: str) -> Finished:
    """Run a command of ours in a folder."""
    ours = [sys.executable, "-m", "pytest_defend", *arguments]
    with Running(folder, ours, secluded(**variables)) as running:
        return running.finish()


_TITLE = re.compile(r"-+ pytest-defend -+")


def our_block(recorded: Finished, alone: Finished) -> list[str]:
    """The lines we added to what pytest said; everything else has to be the same.

    Args:
        recorded: A recorded run.
        alone: The same run without us.
    """
    lines = [line for line in recorded.lines if not line.startswith("defend: ")]
    said, without = [_comparable(line) for line in lines], [_comparable(line) for line in alone.lines]
    same = 0
    while same < len(without) and said[same : same + 1] == without[same : same + 1]:
        same += 1
    end = len(said) - len(without) + same
    assert [*said[:same], *said[end:]] == without
    assert recorded.err == alone.err
    block = lines[same:end]
    assert not block or _TITLE.fullmatch(block[0]), block
    return block[1:]


_CHANGING = (
    (re.compile(r"\b\d+\.\d\ds( \(\d+:\d\d:\d\d\))?"), "TIME"),
    (re.compile(r"={3,}"), "==="),  # as long as the time leaves room for
    (re.compile(r"\bgw\d+\b"), "WORKER"),
    (re.compile(r"^\S+:\d+(?=: KeyboardInterrupt$)"), "PLACE"),
)
_PROGRESS = re.compile(r"([.FEsxXR]+)( +\[ *\d+%\])?")


def _comparable(line: str) -> str:
    progress = _PROGRESS.fullmatch(line)  # of workers: in the order they happen to finish
    text = "".join(sorted(progress[1])) if progress else line
    for changing, name in _CHANGING:
        text = changing.sub(name, text)
    return text


_LATER = "The record is kept: "


def printed_command(finished: Finished) -> list[str]:
    """The command that the run printed to publish its record later, as a shell reads it."""
    lines = finished.lines + finished.err.splitlines()
    (line,) = [line for line in lines if _LATER in line]
    program, *arguments = shlex.split(line.partition(_LATER)[2])
    assert program == "pytest-defend"
    return arguments


def kept_folder(finished: Finished) -> Path:
    """The folder of the record that the run printed."""
    return Path(printed_command(finished)[-1])
