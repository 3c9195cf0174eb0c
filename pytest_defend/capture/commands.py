"""Asks a command outside what it thinks of a build.

Rules:
- No shell: the text is split into a program and its arguments as a POSIX shell would, nothing else.
- It reads one JSON document from its standard input. It answers with a JSON object (`ruling`, `actual`,
  `next`) on its standard output, or with its exit status alone: 0 yes, 1 no, everything else is no answer.
- Its status and its words must agree: a `pass` with another status than 0 is no answer.
- It does not get the variables that hold our secrets, and has a limited time, its children too.
- Whatever goes wrong is `unknown`, with the reason.
"""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_defend.model.snapshot import ExternalAnswer

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from pathlib import Path

__all__ = ["ask"]

_TIMEOUT_S = 60.0
_RULINGS = {0: "pass", 1: "fail"}
_LONGEST = 1000  # characters of a text that becomes part of a decision


def ask(
    command: str,
    document: bytes,
    *,
    folder: Path,
    environ: Mapping[str, str],
    secrets: Collection[str] = (),
    timeout_s: float = _TIMEOUT_S,
) -> ExternalAnswer:
    """Ask a command.

    Args:
        command: The program and its arguments in one text.
        document: What it reads, as JSON.
        folder: Where it runs.
        environ: The variables of this process.
        secrets: Names of the variables it must not see.
        timeout_s: How long it may take.
    """
    kept = {name: value for name, value in environ.items() if name not in secrets}
    try:
        arguments = shlex.split(command)
        process = subprocess.Popen(  # noqa: S603  # the policy names the program, and no shell runs it
            arguments,
            cwd=folder,
            env=kept,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (OSError, ValueError, IndexError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        return _unknown(f"it cannot be started: {reason}")
    with process:
        try:
            said, complained = process.communicate(document, timeout=timeout_s)
        except subprocess.TimeoutExpired:
            _end(process)
            return _unknown(f"it did not answer within {timeout_s:g} seconds")
    return _answer(process.returncode, said, complained)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a command and everything it started."""
    with suppress(OSError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
    process.kill()


def _answer(status: int, said: bytes, complained: bytes) -> ExternalAnswer:
    ruling = _RULINGS.get(status, "unknown")
    told = _object(said)
    if told is None or "ruling" not in told:
        words = _line(said) or _line(complained)
        return ExternalAnswer(ruling=ruling, actual=words or f"it ended with exit status {status}")
    texts = {name: _short(str(told.get(name, ""))) for name in ("actual", "next")}
    if told["ruling"] not in ("pass", "fail", "unknown"):
        return _unknown(f"it answers {_short(str(told['ruling']))!r}, which is no ruling")
    if told["ruling"] == "pass" and ruling != "pass":
        return _unknown(f"it says pass and ended with exit status {status}")
    return ExternalAnswer(ruling=told["ruling"], **texts)


def _object(said: bytes) -> dict[str, Any] | None:
    try:
        told = json.loads(said)
    except (ValueError, RecursionError):
        return None
    return told if isinstance(told, dict) else None


def _line(output: bytes) -> str:
    """The first line that says something."""
    lines = output.decode("utf-8", "replace").splitlines()
    return _short(next((line.strip() for line in lines if line.strip()), ""))


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _unknown(why: str) -> ExternalAnswer:
    return ExternalAnswer(ruling="unknown", actual=why)
