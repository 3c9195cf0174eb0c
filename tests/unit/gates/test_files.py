"""The tests ran on what is shipped, and no property says more than what was seen."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from judged import LADDER, TAKEN, WHEEL, a_file, a_kept, a_stage, an_evidence, judged, with_facts, with_record
from pytest_defend.errors import InvalidDocument
from pytest_defend.gates import kinds, read_policy
from pytest_defend.model.decision import Ruling
from pytest_defend.model.record import RanOn, Shipped

if TYPE_CHECKING:
    from pytest_defend.model.evidence import StageEvidence

FAILED = {"a": "failed", "b": "passed"}


def _ran_on(stage: StageEvidence, what: Shipped | None) -> StageEvidence:
    assert stage.record is not None
    [subject] = stage.record.subjects
    return with_record(stage, subjects=(replace(subject, tested=RanOn(what=what) if what else None),))


GONE = replace(a_stage("smoke"), problem="its journal is not there", record=None, verdict=None)


@pytest.mark.parametrize(
    ("smoke", "ruling", "actual"),
    [
        ((a_stage("smoke"),), Ruling.PASS, "1 wheel, each tested as installed"),
        (
            (_ran_on(a_stage("smoke"), Shipped.TREE),),
            Ruling.FAIL,
            "stage 'smoke': the tests ran on a working tree",
        ),
        ((_ran_on(a_stage("smoke"), Shipped.DIFFERS),), Ruling.FAIL, "with other content"),
        ((_ran_on(a_stage("smoke"), Shipped.SHADOWED),), Ruling.FAIL, "first on the import path"),
        ((_ran_on(a_stage("smoke"), Shipped.OTHER_VERSION),), Ruling.FAIL, "another version"),
        ((_ran_on(a_stage("smoke"), Shipped.NOT_INSTALLED),), Ruling.FAIL, "nothing of its name"),
        ((_ran_on(a_stage("smoke"), Shipped.CHANGED),), Ruling.FAIL, "while the tests ran"),
        ((_ran_on(a_stage("smoke"), Shipped.DEFECTIVE),), Ruling.FAIL, "it proves nothing"),
        ((_ran_on(a_stage("smoke"), Shipped.NOT_FOR_HERE),), Ruling.UNKNOWN, "cannot be installed"),
        ((_ran_on(a_stage("smoke"), Shipped.OTHER_WHEEL),), Ruling.UNKNOWN, "another wheel"),
        ((_ran_on(a_stage("smoke"), Shipped.NOT_IMPORTED),), Ruling.UNKNOWN, "no process of the tests"),
        ((_ran_on(a_stage("smoke"), None),), Ruling.UNKNOWN, "nobody looked"),
        ((a_stage("smoke", outcomes=FAILED),), Ruling.FAIL, "1 failed"),
        ((with_record(a_stage("smoke"), subjects=()),), Ruling.UNKNOWN, "no run that can be read names it"),
        ((GONE,), Ruling.UNKNOWN, "its journal is not there"),
        ((), Ruling.UNKNOWN, "stage 'smoke': it has not run"),
        ((a_stage("smoke"), _ran_on(a_stage("smoke", python="3.13"), Shipped.TREE)), Ruling.PASS, ""),
        ((_ran_on(a_stage("smoke", python="3.13"), Shipped.TREE), a_stage("smoke")), Ruling.PASS, ""),
        ((_ran_on(a_stage("smoke", python="3.13"), Shipped.NOT_FOR_HERE), a_stage("smoke")), Ruling.PASS, ""),
        (
            (
                _ran_on(a_stage("smoke", python="3.13"), Shipped.NOT_FOR_HERE),
                _ran_on(a_stage("smoke"), Shipped.DIFFERS),
            ),
            Ruling.FAIL,
            "with other content",
        ),
    ],
)
def test_the_wheel_was_tested(smoke: tuple[StageEvidence, ...], ruling: Ruling, actual: str) -> None:
    finding = judged(an_evidence(a_stage("unit"), *smoke), "tested-artifact")
    assert finding.ruling is ruling
    assert actual in finding.actual


def test_tests_that_only_start_programs_may_be_let_pass() -> None:
    smoke = _ran_on(a_stage("smoke"), Shipped.NOT_IMPORTED)
    finding = judged(an_evidence(a_stage("unit"), smoke), "tested-artifact", {"imported": False})
    assert finding.ruling is Ruling.PASS
    red = _ran_on(a_stage("smoke", outcomes=FAILED), Shipped.NOT_IMPORTED)
    finding = judged(an_evidence(a_stage("unit"), red), "tested-artifact", {"imported": False})
    assert finding.ruling is Ruling.FAIL


def test_there_is_a_sentence_for_everything_the_tests_can_run_on() -> None:
    told = {
        judged(an_evidence(_ran_on(a_stage("smoke"), what)), "tested-artifact", ["smoke"]).actual
        for what in Shipped
    }
    assert len(told) == len(Shipped)


def test_one_stage_is_enough_when_none_is_required() -> None:
    ladder = replace(LADDER, levels=tuple(replace(level, stages=()) for level in LADDER.levels))
    runs = (_ran_on(a_stage("unit"), Shipped.ARTIFACT), with_record(a_stage("lint"), subjects=()))
    assert judged(an_evidence(*runs, ladder=ladder), "tested-artifact").ruling is Ruling.PASS
    assert judged(an_evidence(*runs), "tested-artifact", ["lint"]).ruling is Ruling.UNKNOWN


def test_a_source_distribution_cannot_be_tested_as_installed() -> None:
    sdist = a_file("candidates/demo/1.0/demo-1.0.tar.gz")
    finding = judged(an_evidence(files=(sdist,)), "tested-artifact")
    assert (finding.ruling, finding.actual) == (Ruling.UNKNOWN, "the build has no wheel")


def test_a_wheel_without_digest_was_not_tested() -> None:
    assert judged(an_evidence(files=(a_file(sha256=""),)), "tested-artifact").ruling is Ruling.UNKNOWN


def _having(**properties: str) -> Any:
    return (replace(a_file(), kept=(a_kept(**properties),)),)


@pytest.mark.parametrize(
    ("properties", "wanted", "ruling", "actual"),
    [
        ({"smoketestA": "true"}, {"smoketestA": "true"}, Ruling.PASS, "claimed: smoketestA"),
        ({"smoketestA": "false"}, {"smoketestA": "true"}, Ruling.FAIL, "has smoketestA=false"),
        ({}, {"smoketestA": "true"}, Ruling.FAIL, "has no property smoketestA"),
        (
            {"defend_stage_smoke": "passed"},
            {"defend.stage.smoke": "passed"},
            Ruling.PASS,
            "shown: defend.stage.smoke",
        ),
        (
            {"defend_stage_smoke": "warned"},
            {"defend.stage.smoke": "warned"},
            Ruling.FAIL,
            "defend.stage.smoke cannot be warned: stage 'smoke'",
        ),
        (
            {"defend_stage_lint": "passed"},
            {"defend.stage.lint": "passed"},
            Ruling.FAIL,
            "defend.stage.lint is about stage 'lint', which has not run",
        ),
        (
            {"defend_level": "candidates"},
            {"defend.level": "candidates"},
            Ruling.PASS,
            "claimed: defend.level",
        ),
        (
            {"defend_level": "release"},
            {"defend.level": "release"},
            Ruling.FAIL,
            "defend.level cannot be release: the packages stand on candidates",
        ),
    ],
)
def test_properties_are_there_and_true(
    properties: dict[str, str], wanted: dict[str, str], ruling: Ruling, actual: str
) -> None:
    evidence = an_evidence(files=_having(**properties))
    finding = judged(evidence, "property", {"properties": wanted})
    assert finding.ruling is ruling
    assert actual in finding.actual
    assert bool(finding.next) == (ruling is not Ruling.PASS)


@pytest.mark.parametrize(
    ("smoke", "ruling", "actual"),
    [
        (a_stage("smoke"), Ruling.PASS, "shown: smoketestA"),
        (a_stage("smoke", outcomes=FAILED), Ruling.FAIL, "smoketestA is about a stage: stage 'smoke'"),
        (GONE, Ruling.UNKNOWN, "its journal is not there"),
    ],
)
def test_a_forged_property_is_refused(smoke: StageEvidence, ruling: Ruling, actual: str) -> None:
    evidence = an_evidence(a_stage("unit"), smoke, files=_having(smoketestA="true"))
    parameters = {"properties": {"smoketestA": "true"}, "stages": {"smoketestA": "smoke"}}
    finding = judged(evidence, "property", parameters)
    assert finding.ruling is ruling
    assert actual in finding.actual


def test_every_copy_says_the_same() -> None:
    higher = a_kept("integration/demo/1.0/demo.whl", WHEEL.sha256, smoketestA="false")
    file = replace(a_file(), kept=(a_kept(smoketestA="true"), higher))
    finding = judged(an_evidence(files=(file,)), "property", {"properties": {"smoketestA": "true"}})
    assert finding.ruling is Ruling.FAIL
    silent = replace(a_file(), kept=(a_kept(smoketestA="true"), replace(higher, properties={})))
    assert (
        judged(an_evidence(files=(silent,)), "property", {"properties": {"smoketestA": "true"}}).ruling
        is Ruling.PASS
    )


def test_of_a_file_that_is_not_there_properties_are_not_known() -> None:
    for files in ((replace(a_file(), kept=()),), ()):
        finding = judged(an_evidence(files=files), "property", {"properties": {"smoketestA": "true"}})
        assert finding.ruling is Ruling.UNKNOWN


def test_properties_of_the_level_are_required() -> None:
    level = replace(LADDER.levels[2], properties={"smoketestA": "true"})
    policy = read_policy(replace(LADDER, levels=(level,)), source="policy.toml", kinds=kinds())
    assert "property" in [applied.key for applied in policy.rules("release")]


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ({"properties": {}}, "names no property"),
        ({"properties": {"a": 1}}, "must be text"),
        ({"properties": {"a": "1"}, "stages": {"b": "smoke"}}, "is about a property that is not asked for"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(parameters: Any, problem: str) -> None:
    with pytest.raises(InvalidDocument, match=problem):
        read_policy(replace(LADDER, rules={"property": parameters}), source="policy.toml", kinds=kinds())


def test_a_run_that_may_have_been_replaced_proves_nothing() -> None:
    older = with_facts(a_stage("smoke"), interpreter=None)
    newer = with_facts(a_stage("smoke", run="2", outcomes=FAILED, started=TAKEN), interpreter=None)
    finding = judged(an_evidence(older, newer), "tested-artifact", ["smoke"])
    assert finding.ruling is Ruling.FAIL
    unread = replace(newer, problem="its journal is not there", record=None, verdict=None)
    assert judged(an_evidence(older, unread), "tested-artifact", ["smoke"]).ruling is Ruling.UNKNOWN
    assert (
        "but not for certain as the last"
        in judged(an_evidence(older, unread), "tested-artifact", ["smoke"]).actual
    )
    assert judged(an_evidence(newer, older), "tested-artifact", ["smoke"]).ruling is Ruling.FAIL
