"""Which secrets a run or a command knows, and a redactor that masks them."""

from __future__ import annotations

import os
import shlex
import sys
from typing import TYPE_CHECKING, Any

from pytest_defend.capture.credentials import secret_arguments
from pytest_defend.capture.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_defend.settings import Settings

__all__ = ["arguments", "redactor_of"]


def redactor_of(settings: Settings, more: Sequence[Callable[[str], str]], config: Any = None) -> Redactor:
    """The redactor of a run or a command.

    Args:
        settings: Resolved; holds secrets of ours.
        more: Redaction of extensions.
        config: Of the pytest run, if it is one.
    """
    own = (settings.access_token, settings.password, settings.signing_passphrase)
    known = [secret.reveal() for secret in own if secret]
    return Redactor.from_environ(
        os.environ,
        settings.env_exclude,
        (*known, *secret_arguments(arguments(config))),
        plain=settings.env_include,
        more=more,
    )


def arguments(config: Any) -> list[str]:
    """Everything that was given as an argument, wherever."""
    given = [*sys.argv[1:], *_words(os.environ.get("PYTEST_ADDOPTS", ""))]
    if config is not None:
        given += [*map(str, config.invocation_params.args), *map(str, config.getini("addopts"))]
    return given


def _words(line: str) -> list[str]:
    try:
        return shlex.split(line)
    except ValueError:  # an open quote; pytest itself stops there
        return line.split()
