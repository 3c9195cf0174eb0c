"""One call of a command: what was given, what it is about, how it answers.

Rules:
- Answers go to standard output, everything else to standard error. An answer is one JSON document or text.
- A command is a row: what it does, its arguments, and which settings it takes as flags.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_defend import assembly, render

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from pytest_defend.model.buildinfo import BuildId
    from pytest_defend.model.ci import CiFacts
    from pytest_defend.protocols import Store
    from pytest_defend.render.progress import Meter
    from pytest_defend.settings import Project, Settings

__all__ = ["BUG", "INTERRUPTED", "NO", "UNKNOWN", "USAGE", "YES", "Argument", "Call", "Command"]

YES, NO, USAGE, UNKNOWN, BUG, INTERRUPTED = 0, 1, 2, 3, 4, 130

Argument = tuple[tuple[str, ...], dict[str, Any]]
"""Names of an argument, and what `add_argument` is told of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of a command.

    Attributes:
        given: The arguments.
        settings: Resolved.
        project: Of the folder it was called in.
        ci: The CI system this is, if any.
    """

    given: argparse.Namespace
    settings: Settings
    project: Project
    ci: CiFacts | None

    def store(self, progress: Meter | None = None) -> Store:
        """The store the settings name; `progress` is told how far files are."""
        return assembly.open_store(self.settings, self.project.root, progress)

    def meter(self) -> Meter:
        """What shows how far something is, on standard error."""
        from pytest_defend.render.progress import Meter, Screen, is_drawable

        if self.settings.dry_run:
            return Meter(None)
        err = sys.stderr
        watched = err.isatty() and self.ci is None and is_drawable()

        def say(line: str) -> None:
            err.write(f"pytest-defend: {line}\n")
            err.flush()

        def draw(text: str) -> None:
            err.write(text)
            err.flush()

        return Meter(say, Screen(draw, encoding=err.encoding) if watched else None)

    @property
    def ask(self) -> Callable[[str], str] | None:
        """Asks whoever sits at the terminal for the passphrase of a file; None when nobody does."""
        return _asked if sys.stdin.isatty() else None

    def build(self) -> BuildId:
        """The build that was named.

        Raises:
            UsageError: What was named is no build.
        """
        from pytest_defend.model.buildinfo import BuildId

        return BuildId.parse(self.given.build)

    def answer(self, document: Any, text: Callable[[], Any]) -> None:
        """Print an answer in the form that was asked for."""
        if self.given.format == "json":
            render.as_json(document)
        else:
            render.as_text(text())


def _asked(file: str) -> str:
    import getpass

    return getpass.getpass(f"Passphrase of {file}: ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A command.

    Attributes:
        run: Does it; returns the exit code. Its docstring is what `--help` says.
        arguments: Besides `--format` and the flags of settings.
        flags: Names of the settings that can be given; None for all of them.
    """

    run: Callable[[Call], int]
    arguments: tuple[Argument, ...] = ()
    flags: tuple[str, ...] | None = ("store", "repository", "dry_run")
