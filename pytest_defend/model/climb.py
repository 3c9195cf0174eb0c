"""Climbs: what was done, or would be done, when builds rise to a level or come down from one.

Rules:
- A step is one build and one level; steps are in the order they were done, dependencies first.
- A step that was refused or taken back says why, and what to do next.
- What is not reached is not said to be: a step that did not happen has no paths.
- `to_dict` of these is the documented JSON of `promote`, `demote` and `revoke` and stays stable.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from pytest_defend.model.decision import Decision, Finding, Ruling
from pytest_defend.model.fields import Document, named

__all__ = ["SCHEMA", "Climb", "Deed", "Judgement", "Step"]

SCHEMA = "pytest-defend/climb/1"


class Deed(StrEnum):
    """What became of a step."""

    PLANNED = "planned"  # a dry run: it would be done
    PROMOTED = "promoted"
    COMPLETED = "completed"  # an attempt that was cut short before, finished now
    DEMOTED = "demoted"
    REVOKED = "revoked"
    UNCHANGED = "unchanged"  # it is so already
    REFUSED = "refused"  # nothing of it was done
    UNDONE = "undone"  # it was done in part, now or before, and taken back
    LEFT = "left"  # not tried, because another step was refused


_DONE = (Deed.PROMOTED, Deed.COMPLETED, Deed.DEMOTED, Deed.REVOKED, Deed.UNCHANGED, Deed.PLANNED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement(Document):
    """What a gate said; the whole decision is in the store once a build moves."""

    id: str
    """Of the decision."""
    ruling: Ruling
    findings: tuple[Finding, ...] = ()
    """All of them, in the order of the decision."""
    path: str = ""
    """Of the decision in the store; empty when it was not kept."""

    @classmethod
    def of(cls, decision: Decision, path: str = "") -> Judgement:
        """What a decision said, and where it is kept."""
        return cls(id=decision.id, ruling=decision.ruling, findings=decision.findings, path=path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Document):
    """One build, and one level."""

    build: str
    """`NAME/NUMBER@STARTED`."""
    level: str
    """The level it is to stand on."""
    deed: Deed
    came: str = named("from", default="")
    """The level it stood on before; empty when it was on none."""
    repository: str = ""
    """Of the level."""
    paths: tuple[str, ...] = ()
    """Of its files there, sorted: where they are now, or would be."""
    judgement: Judgement | None = None
    """Of the gate; null when none was asked."""
    reasons: tuple[str, ...] = ()
    """Why it was refused or taken back, one sentence each."""
    next: str = ""
    """What to do about it."""

    @property
    def is_done(self) -> bool:
        """Whether the build stands where it should, or would."""
        return self.deed in _DONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb(Document):
    """Everything one command did, or would do."""

    schema: str
    """Which document this is: `pytest-defend/climb/1`."""
    build: str
    """The build that was asked for: `NAME/NUMBER@STARTED`."""
    level: str
    """The level that was asked for."""
    store: str
    """Where, without credentials."""
    ruling: Ruling
    """`pass`: every step was done; `fail`: one was refused; `unknown`: refused as evidence is missing."""
    steps: tuple[Step, ...] = ()
    dry_run: bool = named("dry-run", default=False)

    @classmethod
    def of(cls, build: str, level: str, store: str, steps: tuple[Step, ...], *, dry_run: bool) -> Climb:
        """The report on these steps."""
        return cls(
            schema=SCHEMA,
            build=build,
            level=level,
            store=store,
            ruling=_ruling(steps),
            steps=steps,
            dry_run=dry_run,
        )


def _ruling(steps: tuple[Step, ...]) -> Ruling:
    """Unknown only where every refusal is a gate that could not say."""
    stopped = [step for step in steps if step.deed in (Deed.REFUSED, Deed.UNDONE)]
    if not stopped and all(step.is_done for step in steps):
        return Ruling.PASS
    unknown = [step for step in stopped if step.judgement and step.judgement.ruling is Ruling.UNKNOWN]
    return Ruling.UNKNOWN if stopped and len(unknown) == len(stopped) else Ruling.FAIL
