"""Enough was covered, by reports that are archived with the stages."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from judged import LADDER, a_stage, an_evidence, judged, with_record
from pytest_defend.errors import InvalidDocument
from pytest_defend.gates import kinds, read_policy
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.decision import Ruling
from pytest_defend.model.record import RecordedFile
from pytest_defend.model.snapshot import PreviousFact

if TYPE_CHECKING:
    from pytest_defend.model.evidence import Evidence, StageEvidence

BEFORE = "candidates/demo/0.9/evidence/unit/1/reports/coverage.xml"


def _xml(lines: int, branches: int | None = None) -> bytes:
    branch = "" if branches is None else f' branches-valid="100" branches-covered="{branches}"'
    return f'<coverage lines-valid="100" lines-covered="{lines}"{branch}/>'.encode()


def _path(stage: str, name: str = "coverage.xml") -> str:
    return f"candidates/demo/1.0/evidence/{stage}/1/reports/{name}"


def _with_report(stage: StageEvidence, content: bytes, name: str = "coverage.xml") -> StageEvidence:
    file = RecordedFile(name=f"reports/{name}", role="report", checksums=Checksums.of(content))
    return with_record(stage, files=(file,))


def _evidence(content: bytes, earlier: bytes | None = None, **changes: Any) -> Evidence:
    """`unit` has archived a report."""
    reports = {_path("unit"): content}
    if earlier is not None:
        reports[BEFORE] = earlier
        changes["previous"] = PreviousFact(build="demo/0", reports={"coverage.xml": (BEFORE,)})
    unit = _with_report(a_stage("unit"), content)
    return an_evidence(unit, a_stage("smoke"), reports=reports, **changes)


@pytest.mark.parametrize(
    ("content", "parameters", "ruling", "actual"),
    [
        (_xml(80), 80, Ruling.PASS, "lines 80 % (80 of 100), branches not measured"),
        (_xml(80), 80.5, Ruling.FAIL, "lines 80 %"),
        (_xml(80, 60), {"line": 80, "branch": 60}, Ruling.PASS, "branches 60 %"),
        (_xml(80, 59), {"line": 80, "branch": 60}, Ruling.FAIL, "branches 59 %"),
        (_xml(80), {"branch": 1}, Ruling.UNKNOWN, "branches not measured"),
        (b"<coverage", 80, Ruling.UNKNOWN, "is no XML"),
        (_xml(80), {"line": 80, "file": "other.xml"}, Ruling.UNKNOWN, "no run has archived other.xml"),
        (_xml(80), {"line": 80, "stages": ["unit"]}, Ruling.PASS, "80 %"),
        (_xml(80), {"line": 80, "stages": ["unit", "smoke"]}, Ruling.UNKNOWN, "'smoke' (run 1 on cpython"),
        (_xml(70), {"line": 80, "stages": ["unit", "smoke"]}, Ruling.FAIL, "has no coverage.xml"),
        (_xml(80), {"line": 80, "stages": ["lint"]}, Ruling.UNKNOWN, "stage 'lint' has not run"),
    ],
)
def test_enough_is_covered(content: bytes, parameters: Any, ruling: Ruling, actual: str) -> None:
    finding = judged(_evidence(content), "coverage", parameters)
    assert finding.ruling is ruling
    assert actual in finding.actual
    assert bool(finding.next) == (ruling is not Ruling.PASS)


def test_the_best_report_counts_unless_stages_are_named() -> None:
    runs = (_with_report(a_stage("unit"), _xml(90)), _with_report(a_stage("smoke"), _xml(20)))
    evidence = an_evidence(*runs, reports={_path("unit"): _xml(90), _path("smoke"): _xml(20)})
    assert judged(evidence, "coverage", 80).ruling is Ruling.PASS
    every = {"line": 80, "stages": ["unit", "smoke"]}
    assert judged(evidence, "coverage", every).ruling is Ruling.FAIL


def test_a_report_that_is_gone_or_altered_is_unknown() -> None:
    gone = replace(_evidence(_xml(90)), reports={})
    assert "cannot be read from the store" in judged(gone, "coverage", 80).actual
    altered = replace(_evidence(_xml(20)), reports={_path("unit"): _xml(90)})
    finding = judged(altered, "coverage", 80)
    assert finding.ruling is Ruling.UNKNOWN
    assert "has other bytes than its record says" in finding.actual


def test_a_stage_that_does_not_count_has_no_report() -> None:
    evidence = _evidence(_xml(90))
    broken = replace(evidence, stages=tuple(replace(run, problem="altered") for run in evidence.stages))
    assert judged(broken, "coverage", 80).ruling is Ruling.UNKNOWN


@pytest.mark.parametrize(
    ("now", "earlier", "drop", "ruling", "actual"),
    [
        (_xml(78), _xml(80), 2, Ruling.PASS, "no less than demo/0 allows"),
        (_xml(78), _xml(80), 1.5, Ruling.FAIL, "demo/0 had 80 % (80 of 100) by line"),
        (_xml(90, 50), _xml(80, 60), 5, Ruling.FAIL, "demo/0 had 60 % (60 of 100) by branch"),
        (_xml(90), _xml(80, 60), 5, Ruling.UNKNOWN, "demo/0 measured branch coverage, this build does not"),
        (_xml(90, 50), _xml(80), 0, Ruling.PASS, ""),
        (_xml(90), b"<coverage", 0, Ruling.UNKNOWN, f"{BEFORE} is not valid"),
        (_xml(1), None, 0, Ruling.PASS, "no build reached the level yet"),
    ],
)
def test_coverage_does_not_drop(
    now: bytes, earlier: bytes | None, drop: float, ruling: Ruling, actual: str
) -> None:
    finding = judged(_evidence(now, earlier), "coverage", {"max-drop": drop})
    assert finding.ruling is ruling
    assert actual in finding.actual


@pytest.mark.parametrize(
    ("previous", "ruling", "actual"),
    [
        (PreviousFact(build="demo/0"), Ruling.UNKNOWN, "nobody looked for the reports of demo/0"),
        (PreviousFact(build="demo/0", reports={}), Ruling.PASS, "demo/0 has no coverage.xml"),
        (
            PreviousFact(build="demo/0", reports={"coverage.xml": ("x/y",)}),
            Ruling.UNKNOWN,
            "x/y is not valid",
        ),
    ],
)
def test_what_the_last_build_covered_may_not_be_known(
    previous: PreviousFact, ruling: Ruling, actual: str
) -> None:
    finding = judged(_evidence(_xml(80), previous=previous), "coverage", {"line": 10, "max-drop": 1})
    assert finding.ruling is ruling
    assert actual in finding.actual


def test_before_publication_there_is_nothing_to_compare_with() -> None:
    evidence = _evidence(_xml(80), local=True)
    assert judged(evidence, "coverage", 80).ruling is Ruling.PASS
    finding = judged(evidence, "coverage", {"line": 80, "max-drop": 1})
    assert finding.ruling is Ruling.UNKNOWN
    assert "not known before this one is published" in finding.actual


def test_the_report_is_asked_for() -> None:
    [rule] = [
        applied.rule
        for applied in read_policy(
            replace(LADDER, rules={"coverage": {"line": 1, "file": "cov.xml"}}), source="p", kinds=kinds()
        ).rules("release")
        if applied.key == "coverage"
    ]
    assert rule.needs().reports == ("cov.xml",)


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        (True, "is missing"),
        (101, "must be a number from 0 to 100"),
        ({"branch": "80%"}, "must be a number from 0 to 100"),
        ({"max-drop": -1}, "must be a number from 0 to 100"),
        ({"line": 1, "file": ""}, "is empty"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(parameters: Any, problem: str) -> None:
    with pytest.raises(InvalidDocument, match=problem):
        read_policy(replace(LADDER, rules={"coverage": parameters}), source="policy.toml", kinds=kinds())
