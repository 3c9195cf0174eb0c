"""The command that serves the embedded store."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from pytest_defend.cli.call import YES, Command
from pytest_defend.errors import UsageError

if TYPE_CHECKING:
    from pytest_defend.cli.call import Call
    from pytest_defend.server import User

__all__ = ["COMMANDS"]

_PROFILES = ("5.11-oss", "5.11-pro", "7-pro")
_PASSWORD = "DEFEND_SERVE_PASSWORD_"  # noqa: S105  # how the names of variables begin


def _serve(call: Call) -> int:
    """Serve the embedded store in Artifactory's dialect, to try and to test with."""
    try:
        from pytest_defend.server import serve
    except ImportError as error:
        missing = f"The server needs {error.name}, which is not installed."
        raise UsageError(missing, hint="Install pytest-defend[server].") from error

    settings, given = call.settings, call.given
    if "://" in settings.store:
        raise UsageError(f"{settings.store} is served already.", hint="Give a folder with --defend-store.")
    serve(
        call.project.root / Path(settings.store).expanduser(),
        host=given.host,
        port=given.port,
        profile=given.profile,
        users=[_user(text) for text in given.user],
        repositories={key: {} for key in (settings.repository, *given.create)},
        anonymous=given.anonymous,
        ready=_ready,
    )
    return YES


def _user(text: str) -> User:
    """Somebody who may ask; the password comes from the environment, where no list of processes shows it."""
    from pytest_defend.server import User

    name, _, rights = text.partition(":")
    variable = _PASSWORD + "".join(c if c.isalnum() else "_" for c in name).upper()
    password = os.environ.get(variable, "")
    if not password:
        raise UsageError(f"User {name!r} has no password.", hint=f"Set the variable {variable}.")
    return User.parse(":".join(filter(None, (name, password, rights))))


def _ready(url: str) -> None:
    sys.stdout.write(f"{url}\n")
    sys.stdout.flush()


COMMANDS = {
    "serve": Command(
        run=_serve,
        arguments=(
            (("--host",), {"metavar": "ADDRESS", "default": "127.0.0.1", "help": "address to bind"}),
            (("--port",), {"type": int, "default": 8081, "help": "port to bind; 0 for any that is free"}),
            (("--profile",), {"choices": _PROFILES, "default": "7-pro", "help": "which Artifactory to be"}),
            (
                ("--user",),
                {
                    "metavar": "NAME[:RIGHTS]",
                    "action": "append",
                    "default": [],
                    "help": f"who may ask, with the password in {_PASSWORD}NAME; RIGHTS are `admin` or some"
                    " of `rwndm`; may be repeated",
                },
            ),
            (
                ("--create",),
                {
                    "metavar": "KEY",
                    "action": "append",
                    "default": [],
                    "help": "a further repository to make when it is missing; may be repeated",
                },
            ),
            (("--anonymous",), {"action": "store_true", "help": "let everybody read"}),
        ),
        flags=("store", "repository"),
    ),
}
