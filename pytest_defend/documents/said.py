"""What the module of a stage says of its run: properties, all of them texts.

Rules:
- None is null; what is not known is left out.
- They are a view of the record and the journal, for people and queries. A gate reads the record.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import TYPE_CHECKING

from pytest_defend.model.distributions import Installed
from pytest_defend.model.eligibility import eligible_property

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.model.record import RunRecord
    from pytest_defend.model.results import Tally, Verdict

__all__ = ["stage_properties"]

_US = "pytest-defend"


def stage_properties(record: RunRecord, verdict: Verdict, tally: Tally) -> Iterator[tuple[str, str]]:
    """What the module of a stage says, name by name.

    Args:
        record: The run.
        verdict: Our judgement of it.
        tally: Its counts.
    """
    yield "defend.schema", record.schema
    yield "defend.recorder", f"{_US} {record.recorder}"
    yield "defend.run", record.run
    yield "defend.stage", record.stage
    yield "defend.result", verdict.result.value
    yield "defend.reasons", "; ".join(verdict.reasons)
    for name, count in _counts(tally):
        yield f"defend.tests.{name}", str(count)
    if record.exit_status is not None:
        yield "defend.exit-status", str(record.exit_status)
    yield "defend.duration.wall-us", str(record.wall_us)
    yield "defend.duration.work-us", str(record.work_us)
    for worker, duration_us in record.workers_us.items():
        yield f"defend.duration.worker.{worker}-us", str(duration_us)
    yield "defend.gaps", str(len(record.gaps))
    for subject in record.subjects:
        yield f"defend.subject.{subject.file}", f"sha256:{subject.checksums.sha256}"
        if subject.tested is not None:
            yield f"defend.tested.{subject.file}", subject.tested.what.value
    for told in record.eligibility:
        yield eligible_property(told.level), told.claim
        yield f"{eligible_property(told.level)}.reasons", "; ".join(told.reasons)
        yield f"{eligible_property(told.level)}.left-open", ", ".join(told.left_open)
    yield from _origins(record)
    yield from _source(record)


def _counts(tally: Tally) -> Iterator[tuple[str, int]]:
    for counted in dataclasses.fields(tally):
        yield counted.name.replace("_", "-"), getattr(tally, counted.name)


def _origins(record: RunRecord) -> Iterator[tuple[str, str]]:
    """How many distributions stand on each rung."""
    installed = record.facts.installed or Installed()
    stand = Counter(each.origin.certainty for each in installed.distributions if each.origin)
    for certainty, count in stand.items():
        yield f"defend.origins.{certainty.value}", str(count)


def _source(record: RunRecord) -> Iterator[tuple[str, str]]:
    facts = record.facts
    if facts.git is not None:
        yield "defend.source.commit", facts.git.commit
        yield "defend.source.dirty", str(facts.git.dirty).lower()
    if facts.interpreter is not None:
        yield "defend.python", f"{facts.interpreter.implementation} {facts.interpreter.version}"
        yield "defend.platform", facts.interpreter.platform
