"""What several rules look at: the packages that would climb, the runs that count, and how they stand.

Rules:
- Everything a build published is a package unless it lies beside one: in the folder `evidence` or
  `decisions` of the package, as a file of a module that says what it is.
- A run counts for a stage only when it names the files it is evidence for.
- Lists in sentences name the first ten and count the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from pytest_defend.documents.chain import build_field
from pytest_defend.model.decision import Ruling
from pytest_defend.model.fields import epoch_ms, instant_from_ms, parse_instant

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from pytest_defend.model.evidence import Evidence, StageEvidence
    from pytest_defend.model.snapshot import FileFact

__all__ = [
    "age",
    "beginning",
    "build_said",
    "counting",
    "digest_of",
    "duration",
    "instant",
    "is_unread",
    "listed",
    "packages",
    "percent",
    "plural",
    "required_stages",
    "runs_of",
    "shown_run",
    "standing",
    "where",
]

NAMED = 10
_BESIDE = ("evidence", "decisions")
_DURATION = re.compile(r"(\d+)([mhdw])", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def packages(evidence: Evidence) -> tuple[FileFact, ...]:
    """The files that are to be promoted for their own sake, in the order of the build-info."""
    modules = evidence.snapshot.build.modules
    papers = {module.id for module in modules} - {module.id for module in modules if module.is_package}
    return tuple(
        file for file in evidence.snapshot.files if not (file.module in papers and _lies_beside(file.path))
    )


def _lies_beside(path: str) -> bool:
    """Whether a path is `REPOSITORY/NAME/VERSION/evidence/...` or `.../decisions/...`."""
    return bool(set(path.split("/")[3:-1][:1]) & set(_BESIDE))


def digest_of(evidence: Evidence, path: str) -> str:
    """Sha256 that the build-info gives for the file at a path; empty when it gives none."""
    facts = evidence.snapshot.files
    return next(
        (fact.sha256 for fact in facts if path in (fact.path, *(kept.path for kept in fact.kept))), ""
    )


def beginning(evidence: Evidence) -> tuple[StageEvidence, ...]:
    """The runs that began the build, as far as they can be read: what it is made of was read there."""
    began = instant(evidence.snapshot.build.started)
    return tuple(
        run
        for run in evidence.stages
        if run.record is not None and not run.problem and began == _ms(run.record.started)
    )


def build_said(evidence: Evidence) -> Mapping[str, str] | None:
    """The build as its statements name it; None when its `started` is before any time that can be told."""
    try:
        return build_field(evidence.snapshot.build.id)
    except OverflowError:
        return None


def instant(text: str) -> datetime | None:
    """An instant as build-infos write it, in whole milliseconds; None for anything else."""
    try:
        return _ms(parse_instant(text))
    except (ValueError, OverflowError):
        return None


def _ms(moment: datetime) -> datetime:
    return instant_from_ms(epoch_ms(moment))


def required_stages(evidence: Evidence) -> tuple[str, ...]:
    """The stages the level requires, by the policy of the snapshot; each once, as written."""
    snapshot = evidence.snapshot
    ladder = snapshot.policy.ladder
    level = next((one for one in ladder.levels if one.name == snapshot.level), None)
    names = list(level.stages) if level else []
    own = level.rules if level else {}
    for key, raw in {**ladder.rules, **own}.items():
        if key.partition(":")[0] == "required-stages":
            asked: Any = raw.get("stages", ()) if isinstance(raw, Mapping) else raw
            names += [name for name in asked if isinstance(name, str)] if isinstance(asked, list) else []
    return tuple(dict.fromkeys(names))


def runs_of(evidence: Evidence, stages: Iterable[str] = ()) -> tuple[StageEvidence, ...]:
    """The newest run of each stage in each environment.

    Args:
        evidence: Everything.
        stages: Names; none for every stage there is.
    """
    wanted = frozenset(stages)
    return tuple(run for run in evidence.newest() if not wanted or run.fact.stage in wanted)


def is_unread(run: StageEvidence) -> bool:
    """Whether nothing is known of a run but that it was: it may be what would have replaced an older one."""
    return bool(run.problem) or run.record is None or run.verdict is None


def counting(evidence: Evidence, stages: Sequence[str]) -> tuple[str, ...]:
    """The stages a rule is about: those it names, else those the level requires, else every one there is."""
    every = tuple(dict.fromkeys(run.fact.stage for run in evidence.stages))
    return tuple(stages) or required_stages(evidence) or every


def standing(evidence: Evidence, run: StageEvidence) -> tuple[Ruling, str]:
    """How a run stands, and why in words: the one answer for every rule that asks for a green run."""
    about = shown_run(run)
    if run.problem or run.verdict is None or run.record is None:
        return Ruling.UNKNOWN, f"{about} does not count: {run.problem or 'it cannot be read'}"
    if not run.record.subjects and packages(evidence):
        return Ruling.UNKNOWN, f"{about} does not say which files it is evidence for"
    if not (run.fact.mark or evidence.snapshot.local):
        return Ruling.UNKNOWN, f"{about} has no mark: pytest was not heard to have ended"
    if evidence.is_green(run):
        excused = "" if run.green else f" but for {plural(len(evidence.excused_in(run)), 'quarantined test')}"
        return Ruling.PASS, f"{about} {run.verdict.result.value if run.green else 'passed'}{excused}"
    why = "; ".join(run.verdict.reasons) or "nothing says why"
    failed = sorted(run.bad - evidence.excused_in(run))
    named = f" ({listed(failed)})" if failed else ""
    return Ruling.FAIL, f"{about} is {run.verdict.result.value}: {why}{named}"


def shown_run(run: StageEvidence) -> str:
    """A run as sentences name it."""
    on = f" on {run.environment}" if run.environment else ""
    return f"stage {run.fact.stage!r} (run {run.fact.run}{on})"


def where(runs: Iterable[StageEvidence]) -> tuple[str, ...]:
    """Where runs are to be seen: their journals, else their records, else their modules."""
    return tuple(dict.fromkeys(run.fact.journal or run.fact.record or run.fact.module for run in runs))


def listed(names: Iterable[str], separator: str = ", ") -> str:
    """The first ten, and how many more there are."""
    every = list(names)
    more = f"{separator}and {len(every) - NAMED} more" if len(every) > NAMED else ""
    return separator.join(every[:NAMED]) + more


def plural(count: int, noun: str) -> str:
    """A number with its noun."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def duration(text: str) -> timedelta | None:
    """A length of time as policies write it: `90m`, `12h`, `7d`, `2w`; None for anything else."""
    match = _DURATION.fullmatch(text)
    if match is None:
        return None
    try:
        return timedelta(**{_UNITS[match.group(2)]: int(match.group(1))})
    except OverflowError:
        return None


def age(length: timedelta) -> str:
    """A length of time in words, in its largest whole unit and the next one: `3 days 4 hours`."""
    minutes = int(length.total_seconds() // 60)
    days, rest = divmod(minutes, 24 * 60)
    hours, minutes = divmod(rest, 60)
    parts = [(days, "day"), (hours, "hour"), (minutes, "minute")]
    told = [plural(count, noun) for count, noun in parts if count]
    return " ".join(told[:2]) or "less than a minute"


def percent(value: object) -> float | None:
    """A number from 0 to 100 as policies write it; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= 100 else None  # noqa: PLR2004  # that is what percent means
