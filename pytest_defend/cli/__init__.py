"""The command line: parse, assemble, act, render, exit.

Rules:
- One function for each command; what it does is an action, how it looks is rendered.
- Answers go to standard output, everything else to standard error. An answer is one JSON document or text.
- Exit codes: 0 yes or done, 1 judged no (a conflict, a corrupt file), 2 not understood, 3 could not judge
  (nothing there, store not usable), 4 a bug of ours, 130 interrupted.
- No traceback reaches a user, unless DEFEND_DEBUG asks for it; the exit code is the same with it.
- A reader that goes away (`| head`) is no failure.
- A command imports what it needs when it runs.
"""

from __future__ import annotations

import argparse
import os
import sys
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pytest_defend import __version__
from pytest_defend.cli import judging, ladders, promoting, publishing, reading, serving, signing
from pytest_defend.cli.call import BUG, INTERRUPTED, NO, UNKNOWN, USAGE, YES, Call
from pytest_defend.errors import Conflict, Corrupt, DefendError, StoreError
from pytest_defend.settings import FLAGS, find_project, resolve

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_defend.cli.call import Command

__all__ = ["COMMANDS", "main", "parser"]

_ORDER = (
    *("show", "builds", "files", "get", "fetch", "publish", "spool", "environment"),
    *("sign", "verify-evidence", "approve", "keygen"),
    *("ladder", "gate", "promote", "demote", "revoke", "doctor", "settings", "version", "serve"),
)
_ROOMS = (reading, publishing, ladders, judging, promoting, signing, serving)
_KNOWN: dict[str, Command] = {name: command for room in _ROOMS for name, command in room.COMMANDS.items()}
COMMANDS = {name: _KNOWN[name] for name in _ORDER}
"""Every command, in the order of the help."""


def parser(asked: Iterable[str] = _ORDER) -> argparse.ArgumentParser:
    """The parser of the command line.

    Args:
        asked: Names of the commands it knows, all of them when not given. To describe them all takes as long
            as one of the quick ones runs.
    """
    top = argparse.ArgumentParser(prog="pytest-defend", description="Evidence for releases, from test runs.")
    top.add_argument("--version", action="version", version=f"pytest-defend {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name in asked:
        command = COMMANDS[name]
        summary = (command.run.__doc__ or "").strip().rstrip(".")
        one = commands.add_parser(name, help=summary, description=f"{summary}.")
        for names, known in command.arguments:
            one.add_argument(*names, **known)
        one.add_argument("--format", choices=("text", "json"), default="text", help="form of the answer")
        for option in FLAGS:
            if command.flags is None or option.name in command.flags:
                _add_flag(one, option)
    return top


def _add_flag(command: argparse.ArgumentParser, option: Any) -> None:
    known: dict[str, Any] = {"dest": f"defend_{option.argument}", "default": None, "help": option.help}
    if option.kind == "flag":
        command.add_argument(option.flag, action="store_true", **known)
    else:
        action = "append" if option.kind == "list" else "store"
        command.add_argument(option.flag, action=action, metavar=option.metavar, **known)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: After the program's name; those of the process when not given.

    Returns:
        The exit code.
    """
    asked = sys.argv[1:] if arguments is None else arguments
    named = [name for name in asked[:1] if name in COMMANDS]
    given = parser(named or _ORDER).parse_args(asked)
    try:
        code = COMMANDS[given.command].run(_called(given))
        sys.stdout.flush()
    except DefendError as error:
        return _failed(str(error), _code(error))
    except BrokenPipeError:
        # what is left in the buffer would raise once more when the interpreter ends
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return YES
    except OSError as error:
        return _failed(f"{error.filename or 'the system'}: {error.strerror or error}.", UNKNOWN)
    except KeyboardInterrupt:
        return _failed("Interrupted.", INTERRUPTED)
    except Exception as error:  # noqa: BLE001  # whatever it is, it is ours, and the user is told so
        if os.environ.get("DEFEND_DEBUG"):
            traceback.print_exc()
        what = f"This is a bug in pytest-defend: {type(error).__name__}."
        return _failed(f"{what} Set DEFEND_DEBUG=1 to see where.", BUG)
    return code


def _called(given: argparse.Namespace) -> Call:
    from pytest_defend.capture.ci import detect

    project = find_project(Path.cwd())
    ci = detect(os.environ)
    command_line = {option.argument: getattr(given, f"defend_{option.argument}", None) for option in FLAGS}
    settings = resolve(command_line=command_line, environ=os.environ, pyproject=project.table, detected=ci)
    return Call(given=given, settings=settings, project=project, ci=ci)


def _code(error: DefendError) -> int:
    if isinstance(error, (Conflict, Corrupt)):
        return NO
    return UNKNOWN if isinstance(error, StoreError) else USAGE


def _failed(sentence: str, code: int) -> int:
    sys.stderr.write(f"pytest-defend: {sentence}\n")
    return code
