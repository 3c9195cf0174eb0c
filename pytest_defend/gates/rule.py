"""What a rule of a gate is.

Rules:
- The fields of a rule are its parameters, written in a policy with `-` for `_`; the codec of documents checks
  their names and types.
- `MAIN` names the parameter a bare value stands for: `min-tests = 10` means `min-tests = {at-least = 10}`.
- `judge` is pure and says what to do next whenever it does not pass.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

from pytest_defend.errors import InvalidDocument
from pytest_defend.model.decision import Finding, Ruling
from pytest_defend.model.fields import Document

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_defend.model.evidence import Evidence

__all__ = ["Needs", "Rule"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a rule wants to see besides records and journals.

    Attributes:
        reports: Names of archived files of stages: `coverage.xml`.
        commands: Commands to ask, as the policy writes them.
        keys: Public keys to verify signatures with: PEM texts, files, or `store:REPOSITORY/PATH`.
    """

    reports: tuple[str, ...] = ()
    commands: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule(Document, ABC):
    """One requirement; subclass it as a frozen, slotted, keyword-only dataclass."""

    NAME: ClassVar[str]
    """As policies write it."""
    MAIN: ClassVar[str] = ""
    """Parameter that a bare value stands for, as policies write it; empty for none."""
    ALWAYS: ClassVar[bool] = False
    """Whether it holds for every level, asked for or not, and cannot be overridden or turned off."""
    DEFAULT: ClassVar[bool] = False
    """Whether it holds for every level that says nothing about it; turned off only with a reason."""
    ASKS_STORE: ClassVar[bool] = False
    """Whether only the store, or those the gate asks, can tell: not known before a run is published."""

    @abstractmethod
    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds.

        Args:
            evidence: Everything there is to see.
        """

    def excuses(self, evidence: Evidence) -> frozenset[str]:  # noqa: ARG002
        """Node ids of tests whose failure counts for nothing where this rule is enforced.

        Args:
            evidence: Everything there is to see.
        """
        return frozenset()

    def needs(self) -> Needs:
        """What it wants to see besides records and journals."""
        return Needs()

    def problems(self) -> Iterator[tuple[str, str]]:
        """Parameters that make no sense: name, and why."""
        yield from ()

    @classmethod
    def read(cls, parameters: Mapping[str, object]) -> Self:
        """A rule with these parameters.

        Raises:
            InvalidDocument: One is unknown, missing, or of another type.
        """
        keys = {field.metadata.get("key", field.name) for field in dataclasses.fields(cls)}
        known = {key.replace("_", "-"): key for key in keys}
        try:
            return cls.from_dict({known.get(name, name): value for name, value in parameters.items()})
        except InvalidDocument as error:
            written = [(_as_written(where), problem) for where, problem in error.problems]
            raise InvalidDocument(f"The rule {cls.NAME}", written) from error

    def passes(self, expected: str, actual: str, evidence: Sequence[str] = ()) -> Finding:
        """A pass of this rule."""
        return self._finding(Ruling.PASS, expected, actual, evidence, "")

    def fails(self, expected: str, actual: str, evidence: Sequence[str] = (), *, next: str) -> Finding:  # noqa: A002
        """A fail of this rule, with what to do next."""
        return self._finding(Ruling.FAIL, expected, actual, evidence, next)

    def cannot_say(self, expected: str, actual: str, evidence: Sequence[str] = (), *, next: str) -> Finding:  # noqa: A002
        """Evidence is missing: what to do next."""
        return self._finding(Ruling.UNKNOWN, expected, actual, evidence, next)

    def _finding(
        self, ruling: Ruling, expected: str, actual: str, evidence: Sequence[str], step: str
    ) -> Finding:
        return Finding(
            rule=self.NAME,
            ruling=ruling,
            expected=expected,
            actual=actual,
            evidence=tuple(evidence),
            next=step,
        )


def _as_written(where: str) -> str:
    """A place in a rule as policies spell it: the name of the parameter with `-`."""
    head, dot, rest = where.partition(".")
    return f"{head.replace('_', '-')}{dot}{rest}"
