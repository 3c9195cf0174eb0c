"""The rule that asks somebody else.

Rules:
- The command is asked once, when the snapshot is taken; its answer is part of the decision.
- A command that fails to answer is unknown, never a pass.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_defend.gates.rule import Needs, Rule

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.model.decision import Finding
    from pytest_defend.model.evidence import Evidence

__all__ = ["RULES", "External"]

_STEP = "Run the command by hand with the snapshot on its standard input, and see what it prints."


@dataclass(frozen=True, slots=True, kw_only=True)
class External(Rule):
    """A command outside says yes."""

    NAME: ClassVar[str] = "external"
    MAIN: ClassVar[str] = "command"
    ASKS_STORE: ClassVar[bool] = True

    command: Any
    """The program and its arguments, as a list or as one text with shell-like quotes; no shell runs it."""

    @property
    def asked(self) -> str:
        """The command as one text."""
        return self.command if isinstance(self.command, str) else shlex.join(self.command)

    def needs(self) -> Needs:
        """The command."""
        return Needs(commands=(self.asked,))

    def problems(self) -> Iterator[tuple[str, str]]:
        """Parameters that make no sense."""
        parts = [self.command] if isinstance(self.command, str) else self.command
        if not isinstance(parts, list) or not all(isinstance(part, str) for part in parts):
            yield "command", "must be a text, or a list of texts"
        elif not parts or not parts[0].strip():
            yield "command", "is empty"
        elif isinstance(self.command, str):
            try:
                shlex.split(self.command)
            except ValueError as error:
                yield "command", f"cannot be split into arguments: {error}"

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        expected = f"`{self.asked}` says yes"
        answer = evidence.snapshot.external.get(self.asked)
        if answer is None:
            return self.cannot_say(
                expected, "it was not asked", next="Ask the gate where the command can run."
            )
        actual = answer.actual or f"it says {answer.ruling}"
        if answer.ruling == "pass":
            return self.passes(expected, actual)
        if answer.ruling == "fail":
            return self.fails(expected, actual, next=answer.next or _STEP)
        return self.cannot_say(expected, actual, next=answer.next or _STEP)


RULES: tuple[type[Rule], ...] = (External,)
