"""Answers given before, which are true as long as nothing they depend on has changed.

Rules:
- While an answer is worked out, `Watch` notes every file and folder that is opened or listed, also those that
  are not there: Python itself tells (PEP 578). A path that is looked at without being opened is told with an
  event of ours. Of a distribution, RECORD and the folder count with any file that is read.
- An answer is given again when the question, the interpreter, the variables that count and the state of each
  of these paths - times, size, number, or absence - are what they were.
- An answer that took a process, a connection or a database is not kept: nobody can say when it changes. Nor
  is one that rests on a file of this very moment, which could change once more without its time telling.
- This module is the first thing a command imports: it imports nothing of ours, and little of Python's.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["LOOKED_AT", "Watch", "question", "recalled", "remember"]

LOOKED_AT = "pytest_defend.looked_at"
"""Audit event of a path that an answer depends on and that is not opened."""

_MOMENT_NS = 2_000_000_000

_VARIABLES = ("DEFEND_", "HOME", "JF", "LANG", "LC_", "PIP_", "POETRY_", "PYTHON", "UV_", "XDG_")
_CODE = (".py", ".pyc", ".so", ".pyd", ".pth")
_UNKNOWABLE = (
    *("os.fork", "os.posix_spawn", "sqlite3.connect", "subprocess.Popen"),
    *("socket.connect", "socket.getaddrinfo", "socket.gethostbyname"),  # a name that is not found today
)
_LISTING = ("os.listdir", "os.scandir")


def question(arguments: Sequence[str], version: str) -> str:
    """What is asked, by whom and where, as one digest.

    Args:
        arguments: Of the command.
        version: Of pytest-defend.
    """
    variables = sorted(item for item in os.environ.items() if item[0].startswith(_VARIABLES))
    asked = [version, list(arguments), os.getcwd(), sys.version, sys.executable, sys.path, variables]
    return hashlib.sha256(json.dumps(asked).encode()).hexdigest()


class Watch:
    """Notes which paths are opened or listed from now on; cannot be taken back in this process."""

    def __init__(self) -> None:
        self._paths: dict[str, None] = {}
        self._unknowable = False
        sys.addaudithook(self._hear)

    def _hear(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            self._note(*arguments[:2])
        elif event == LOOKED_AT or event in _LISTING:
            self._note(arguments[0])
        elif event in _UNKNOWABLE:
            self._unknowable = True

    def _note(self, path: Any, mode: Any = None) -> None:
        if isinstance(path, bytes):
            path = os.fsdecode(path)
        if isinstance(path, str) and not path.endswith(_CODE) and not (mode and set(mode) & set("wxa+")):
            self._paths[path] = None

    def paths(self) -> tuple[str, ...] | None:
        """The paths, absolute; None when the answer depends on more than files."""
        if self._unknowable:
            return None
        noted = {os.path.abspath(path or ".") for path in self._paths}
        folders = {os.path.dirname(path) for path in noted}
        installed = {folder for folder in folders if folder.endswith((".dist-info", ".egg-info"))}
        return tuple(noted | installed | {os.path.join(folder, "RECORD") for folder in installed})


def _state(paths: Iterable[str], before_ns: int) -> str | None:
    """The state of paths as one digest; None when one of them is as young as the moment that is given."""
    digest = hashlib.sha256()
    for path in paths:
        try:
            told = os.stat(path)
        except (OSError, ValueError):
            digest.update(b"absent\n")
            continue
        if told.st_mtime_ns >= before_ns:
            return None
        digest.update(b"%d %d %d %d\n" % (told.st_mtime_ns, told.st_ctime_ns, told.st_size, told.st_ino))
    return digest.hexdigest()


def recalled(path: str, asked: str) -> str | None:
    """The answer to a question, when it is still true.

    Args:
        path: File where the last answer is kept.
        asked: The question.
    """
    try:
        with open(path, encoding="utf-8") as file:
            kept = json.load(file)
        if kept["question"] != asked or kept["state"] != _state(kept["paths"], sys.maxsize):
            return None
        answer = kept["answer"]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        return None
    return answer if isinstance(answer, str) else None


def remember(path: str, asked: str, answer: str, watched: Iterable[str], began_ns: int) -> None:
    """Keep an answer; what cannot be written is not kept.

    Args:
        path: File to keep it in; the folder is made.
        asked: The question.
        answer: As printed.
        watched: Every path it depends on; the folder of `path` does not count.
        began_ns: When the answer was begun, epoch nanoseconds.
    """
    own = os.path.dirname(path)
    paths = sorted({each for each in watched if each != own and not each.startswith(own + os.sep)})
    state = _state(paths, began_ns - _MOMENT_NS)
    if state is None:
        return
    kept: Mapping[str, Any] = {"question": asked, "paths": paths, "state": state, "answer": answer}
    draft = f"{path}.{os.getpid()}"
    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(draft, "x", encoding="utf-8", opener=_private) as file:
            file.write(json.dumps(kept))  # `json.dump` leaves its part in C out
        os.replace(draft, path)
    except (OSError, ValueError):
        return


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
