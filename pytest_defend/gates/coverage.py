"""The rule about how much of the code was covered.

Rules:
- Of a report counts what it says as a whole; coverage of a difference is not offered, because nothing that is
  archived says what the difference is.
- Where stages are named each of their runs must reach the limits; else the best report of any run does.
- A report that was asked for and is missing, altered or malformed is unknown, never no coverage.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from pytest_defend.documents.cobertura import read_cobertura
from pytest_defend.errors import InvalidDocument
from pytest_defend.gates.material import is_unread, listed, percent, runs_of, shown_run
from pytest_defend.gates.rule import Needs, Rule
from pytest_defend.model.decision import Ruling

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.documents.cobertura import Coverage, Share
    from pytest_defend.model.decision import Finding
    from pytest_defend.model.evidence import Evidence, StageEvidence

__all__ = ["RULES", "CoverageLimits"]

_ATTACH = "Archive the report with its stage: --defend-attach coverage.xml, written before the session ends."
_Judged = tuple[Ruling, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageLimits(Rule):
    """Enough of the code was covered."""

    NAME: ClassVar[str] = "coverage"
    MAIN: ClassVar[str] = "line"

    line: Any = None
    """Least percentage of lines."""
    branch: Any = None
    """Least percentage of branches."""
    max_drop: Any = None
    """How many percentage points less than the build that reached the level last, of lines and branches."""
    file: str = "coverage.xml"
    """Name of the report, in Cobertura's XML, among the archived files of a stage."""
    stages: tuple[str, ...] = ()
    """Each of whose runs must reach the limits; when none is named, one run of any stage."""

    def needs(self) -> Needs:
        """The report of each stage."""
        return Needs(reports=(self.file,))

    def problems(self) -> Iterator[tuple[str, str]]:
        """Parameters that make no sense."""
        limits = {"line": self.line, "branch": self.branch, "max-drop": self.max_drop}
        if all(limit is None for limit in limits.values()):
            yield "line", "is missing; write line, branch or max-drop"
        for name, limit in limits.items():
            if limit is not None and percent(limit) is None:
                yield name, "must be a number from 0 to 100"
        if not self.file:
            yield "file", "is empty"

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        expected = self._expected()
        reports: list[tuple[str, Coverage]] = []
        judged: list[_Judged] = []
        seen: list[str] = []
        runs = runs_of(evidence, self.stages)
        unsure = [run for run in runs if is_unread(run) or not evidence.is_last(run)]
        judged += [(Ruling.UNKNOWN, f"{shown_run(run)} is not known to count") for run in unsure]
        for run in (run for run in runs if run not in unsure):
            paths = _paths(run, self.file)
            seen += paths
            if not paths and self.stages:
                judged.append((Ruling.UNKNOWN, f"{shown_run(run)} has no {self.file}"))
            for path in paths:
                try:
                    reports.append((path, _report(evidence, run, path)))
                except InvalidDocument as error:
                    judged.append((Ruling.UNKNOWN, str(error).rstrip(".")))
        absent = sorted(set(self.stages) - {run.fact.stage for run in evidence.stages})
        judged += [(Ruling.UNKNOWN, f"stage {name!r} has not run") for name in absent]
        judged += [self._judge_one(evidence, path, coverage) for path, coverage in reports]
        return self._conclude(expected, judged, seen)

    def _expected(self) -> str:
        least = [
            f"{limit:g} % of {what}"
            for what, limit in (("lines", self.line), ("branches", self.branch))
            if limit is not None
        ]
        drop = [] if self.max_drop is None else [f"at most {self.max_drop:g} points less than the last build"]
        parts = ([f"at least {' and '.join(least)} covered"] if least else []) + drop
        return f"{' and '.join(parts)}, by {self.file}"

    def _conclude(self, expected: str, judged: list[_Judged], seen: list[str]) -> Finding:
        passed = [why for ruling, why in judged if ruling is Ruling.PASS]
        failed = [why for ruling, why in judged if ruling is Ruling.FAIL]
        unsure = [why for ruling, why in judged if ruling is Ruling.UNKNOWN]
        if passed and (not self.stages or len(passed) == len(judged)):
            return self.passes(expected, listed(passed, "; "), seen)
        if failed and (self.stages or not unsure):
            step = "Add tests for what is not covered, and publish a new build."
            return self.fails(expected, listed([*failed, *unsure], "; "), seen, next=step)
        actual = listed([*unsure, *failed], "; ") or f"no run has archived {self.file}"
        return self.cannot_say(expected, actual, seen, next=_ATTACH)

    def _judge_one(self, evidence: Evidence, path: str, coverage: Coverage) -> _Judged:
        told = [f"{what} {share or 'not measured'}" for what, share in _shares(coverage)]
        about = f"{path}: {', '.join(told)}"
        for limit, share in ((self.line, coverage.line), (self.branch, coverage.branch)):
            if limit is None:
                continue
            if share is None:
                return Ruling.UNKNOWN, about
            if share.covered * 100 < limit * share.valid:
                return Ruling.FAIL, about
        if self.max_drop is None:
            return Ruling.PASS, about
        ruling, why = self._dropped(evidence, coverage)
        return ruling, f"{about}; {why}"

    def _dropped(self, evidence: Evidence, coverage: Coverage) -> _Judged:
        """How it compares with the best report of the build that reached the level last."""
        previous = evidence.snapshot.previous
        if evidence.snapshot.local:
            return Ruling.UNKNOWN, "what the last build covered is not known before this one is published"
        if previous is None:
            return Ruling.PASS, "no build reached the level yet, there is nothing to compare with"
        if previous.reports is None:
            return Ruling.UNKNOWN, f"nobody looked for the reports of {previous.build}"
        paths = previous.reports.get(self.file, ())
        if not paths:
            return Ruling.PASS, f"{previous.build} has no {self.file}, there is nothing to compare with"
        try:
            earlier = [_read(evidence, path) for path in paths]
        except InvalidDocument as error:
            return Ruling.UNKNOWN, str(error).rstrip(".")
        judged = [
            self._compare(previous.build, what, [getattr(each, what) for each in earlier], now)
            for what, now in (("line", coverage.line), ("branch", coverage.branch))
        ]
        worst = [one for one in judged if one[0] is not Ruling.PASS]
        return worst[0] if worst else (Ruling.PASS, f"no less than {previous.build} allows")

    def _compare(self, build: str, what: str, earlier: list[Share | None], now: Share | None) -> _Judged:
        before = max(filter(None, earlier), key=lambda share: share.percent, default=None)
        if before is None:
            return Ruling.PASS, ""
        if now is None:
            return Ruling.UNKNOWN, f"{build} measured {what} coverage, this build does not"
        if now.percent < before.percent - self.max_drop:
            return Ruling.FAIL, f"{build} had {before} by {what}"
        return Ruling.PASS, ""


def _shares(coverage: Coverage) -> tuple[tuple[str, Share | None], ...]:
    return ("lines", coverage.line), ("branches", coverage.branch)


def _paths(run: StageEvidence, name: str) -> list[str]:
    """Where the reports of a run are, by its record."""
    if run.record is None:
        return []
    folder = run.fact.record.rpartition("/")[0]
    return [
        f"{folder}/{file.name}"
        for file in run.record.files
        if file.name == name or file.name.endswith(f"/{name}")
    ]


def _report(evidence: Evidence, run: StageEvidence, path: str) -> Coverage:
    """A report of this build, with the bytes its record names."""
    content = evidence.reports.get(path)
    files = run.record.files if run.record else ()
    wanted = {file.checksums.sha256 for file in files if path.endswith(f"/{file.name}")}
    if content is not None and hashlib.sha256(content).hexdigest() not in wanted:
        raise InvalidDocument(path, [("", "has other bytes than its record says")])
    return _read(evidence, path)


def _read(evidence: Evidence, path: str) -> Coverage:
    content = evidence.reports.get(path)
    if content is None:
        raise InvalidDocument(path, [("", "cannot be read from the store")])
    return read_cobertura(content, path)


RULES: tuple[type[Rule], ...] = (CoverageLimits,)
