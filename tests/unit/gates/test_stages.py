"""Stages that must be green, results that are fresh, and environments that are covered."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from judged import LADDER, TAKEN, a_file, a_kept, a_stage, an_evidence, judged, with_facts, with_record
from pytest_defend.errors import InvalidDocument
from pytest_defend.gates import kinds, read_policy
from pytest_defend.model.decision import Ruling
from pytest_defend.model.results import Result, Verdict

if TYPE_CHECKING:
    from pytest_defend.model.evidence import StageEvidence

FAILED = {"tests/test_demo.py::test_a": "failed", "tests/test_demo.py::test_b": "passed"}
STAGES = ["unit", "smoke"]
GONE = replace(a_stage("smoke"), problem="its journal is not there", record=None, verdict=None)


def _unmarked(stage: StageEvidence) -> StageEvidence:
    return replace(stage, fact=replace(stage.fact, mark=""))


@pytest.mark.parametrize(
    ("smoke", "ruling", "actual", "step"),
    [
        ((a_stage("smoke"),), Ruling.PASS, "stage 'smoke' (run 1 on cpython 3.12.1 linux-x86_64) passed", ""),
        ((), Ruling.FAIL, "stage 'smoke' has not run", "Run stage smoke on the files of this build"),
        (
            (a_stage("smoke", outcomes=FAILED),),
            Ruling.FAIL,
            "is failed: 1 failed (tests/test_demo.py::test_a)",
            "Repair",
        ),
        ((a_stage("smoke", outcomes={}),), Ruling.FAIL, "is incomplete: no test ran", "Repair"),
        ((GONE,), Ruling.UNKNOWN, "does not count: its journal is not there", "Run stage smoke again"),
        ((_unmarked(a_stage("smoke")),), Ruling.UNKNOWN, "has no mark: pytest was not heard", "again"),
        ((with_record(a_stage("smoke"), subjects=()),), Ruling.UNKNOWN, "which files it is evidence for", ""),
        (
            (a_stage("smoke", outcomes=FAILED), a_stage("smoke", run="2", started=TAKEN)),
            Ruling.PASS,
            "run 2",
            "",
        ),
        (
            (a_stage("smoke"), a_stage("smoke", run="2", outcomes=FAILED, started=TAKEN)),
            Ruling.FAIL,
            "run 2",
            "",
        ),
        ((a_stage("smoke"), replace(GONE, fact=replace(GONE.fact, run="2"))), Ruling.UNKNOWN, "run 2", ""),
        ((a_stage("smoke"), a_stage("smoke", outcomes=FAILED, python="3.13.0")), Ruling.FAIL, "3.13.0", ""),
        ((a_stage("smoke", flaky=frozenset({"x"})),), Ruling.PASS, "warned", ""),
    ],
)
def test_every_required_stage_must_be_green(
    smoke: tuple[StageEvidence, ...], ruling: Ruling, actual: str, step: str
) -> None:
    finding = judged(an_evidence(a_stage("unit"), *smoke), "required-stages", STAGES)
    assert finding.ruling is ruling
    assert actual in finding.actual
    assert step in finding.next


def test_a_mark_cannot_make_a_stage_green() -> None:
    red = a_stage("smoke", outcomes=FAILED)
    painted = replace(red, fact=replace(red.fact, mark="passed"))
    assert judged(an_evidence(painted), "required-stages", ["smoke"]).ruling is Ruling.FAIL


def test_at_the_end_of_a_run_nothing_is_marked_yet() -> None:
    runs = (_unmarked(a_stage("unit")), _unmarked(a_stage("smoke")))
    assert judged(an_evidence(*runs, local=True), "required-stages", STAGES).ruling is Ruling.PASS


@pytest.mark.parametrize(
    ("results", "flaky", "ruling"),
    [
        (["passed"], True, Ruling.FAIL),
        (["passed"], False, Ruling.PASS),
        (["warned"], False, Ruling.FAIL),
        (["warned"], True, Ruling.PASS),
    ],
)
def test_what_counts_as_passed_can_be_said(results: list[str], flaky: bool, ruling: Ruling) -> None:
    smoke = a_stage("smoke", flaky=frozenset({"x"} if flaky else ()))
    finding = judged(an_evidence(smoke), "required-stages", {"stages": ["smoke"], "results": results})
    assert finding.ruling is ruling


QUARANTINE = [{"test": "*::test_a", "owner": "ann", "expires": "2026-01-31"}]


@pytest.mark.parametrize(
    ("smoke", "entries", "ruling", "actual"),
    [
        (a_stage("smoke", outcomes=FAILED), QUARANTINE, Ruling.PASS, "passed but for 1 quarantined test"),
        (
            a_stage("smoke", outcomes={**FAILED, "tests/test_demo.py::test_c": "failed"}),
            QUARANTINE,
            Ruling.FAIL,
            "2 failed",
        ),
        (a_stage("smoke", outcomes=FAILED, complete=False), QUARANTINE, Ruling.FAIL, "1 failed"),
        (_unmarked(a_stage("smoke", outcomes=FAILED)), QUARANTINE, Ruling.UNKNOWN, "no mark"),
        (
            a_stage("smoke", outcomes={"tests/test_demo.py::test_a": "failed"}),
            QUARANTINE,
            Ruling.FAIL,
            "1 failed",
        ),
        (
            a_stage("smoke", outcomes=FAILED),
            [{**QUARANTINE[0], "expires": "2026-01-30"}],
            Ruling.FAIL,
            "1 failed",
        ),
        (a_stage("smoke", outcomes=FAILED), [{**QUARANTINE[0], "owner": ""}], Ruling.FAIL, "1 failed"),
    ],
    ids=["excused", "another", "incomplete", "unmarked", "nothing-passed", "expired", "nobody's"],
)
def test_a_stage_is_green_when_all_that_failed_is_in_quarantine(
    smoke: StageEvidence, entries: list[dict[str, str]], ruling: Ruling, actual: str
) -> None:
    finding = judged(an_evidence(smoke), "required-stages", ["smoke"], quarantine=entries)
    assert finding.ruling is ruling
    assert actual in finding.actual


def test_a_quarantine_that_only_warns_excuses_nothing() -> None:
    quarantine = {"entries": QUARANTINE, "severity": "warn"}
    finding = judged(
        an_evidence(a_stage("smoke", outcomes=FAILED)), "required-stages", ["smoke"], quarantine=quarantine
    )
    assert finding.ruling is Ruling.FAIL


def test_an_excused_stage_is_no_clean_one() -> None:
    wanted = {"stages": ["smoke"], "results": ["passed"]}
    finding = judged(
        an_evidence(a_stage("smoke", outcomes=FAILED)), "required-stages", wanted, quarantine=QUARANTINE
    )
    assert finding.ruling is Ruling.FAIL
    assert "passed with warnings" in finding.actual


@pytest.mark.parametrize(
    ("parameters", "unit", "smoke", "ruling", "actual"),
    [
        (True, a_stage("unit"), a_stage("smoke"), Ruling.PASS, "ended 5 hours 59 minutes ago"),
        ("7h", a_stage("unit"), a_stage("smoke"), Ruling.PASS, "2 results"),
        ("5h", a_stage("unit"), a_stage("smoke"), Ruling.FAIL, "stage 'unit' (run 1 on cpython 3.12.1"),
        ({"max-age": "5h", "stages": ["smoke"]}, a_stage("unit"), a_stage("smoke"), Ruling.PASS, "1 result"),
        (
            True,
            a_stage("unit"),
            a_stage("smoke", started=TAKEN - timedelta(hours=5, minutes=30)),
            Ruling.FAIL,
            "began 30 minutes before the files it is about were published",
        ),
        (
            {"side-by-side": True},
            a_stage("unit"),
            a_stage("smoke", started=TAKEN - timedelta(hours=5, minutes=30)),
            Ruling.PASS,
            "2 results",
        ),
        (
            True,
            a_stage("unit"),
            a_stage("smoke", started=TAKEN + timedelta(hours=1)),
            Ruling.FAIL,
            "ends in the future, by 1 hour 1 minute",
        ),
        (True, a_stage("unit"), a_stage("smoke", started=TAKEN + timedelta(minutes=3)), Ruling.PASS, ""),
        (
            {"skew": "1m"},
            a_stage("unit"),
            a_stage("smoke", started=TAKEN + timedelta(minutes=3)),
            Ruling.FAIL,
            "in the future",
        ),
        (True, a_stage("unit"), GONE, Ruling.UNKNOWN, "when it ended is not known of stage 'smoke'"),
        ({"stages": ["lint"]}, a_stage("unit"), a_stage("smoke"), Ruling.UNKNOWN, "no run of stage lint"),
    ],
)
def test_results_are_fresh(
    parameters: Any, unit: StageEvidence, smoke: StageEvidence, ruling: Ruling, actual: str
) -> None:
    finding = judged(an_evidence(unit, smoke), "fresh", parameters)
    assert finding.ruling is ruling
    assert actual in finding.actual


def test_since_when_the_files_are_there_must_be_known() -> None:
    files = (replace(a_file(), kept=()),)
    finding = judged(an_evidence(files=files), "fresh")
    assert finding.ruling is Ruling.UNKNOWN
    assert "since when it has the files" in finding.actual
    assert (
        judged(
            an_evidence(
                a_stage("unit"),
                files=files,
                ladder=replace(LADDER, levels=LADDER.levels[:1]),
                level="candidates",
            ),
            "fresh",
        ).ruling
        is Ruling.PASS
    )


def test_a_copy_on_a_higher_level_makes_no_result_older() -> None:
    copied = replace(a_kept("integration/demo/1.0/demo.whl"), created=TAKEN)
    file = replace(a_file(), kept=(a_kept(), copied))
    assert judged(an_evidence(files=(file,)), "fresh").ruling is Ruling.PASS


def test_without_a_run_nothing_is_fresh() -> None:
    ladder = replace(LADDER, levels=(replace(LADDER.levels[1], stages=()),))
    evidence = replace(an_evidence(ladder=ladder), stages=())
    assert judged(evidence, "fresh").ruling is Ruling.UNKNOWN


LINUX = {"python": "3.12.*", "system": "Linux", "machine": "x86_64", "implementation": "cpython"}


@pytest.mark.parametrize(
    ("matrix", "runs", "ruling", "actual"),
    [
        ([LINUX], (), Ruling.PASS, "1 environment"),
        ([LINUX, {"python": "3.13.*"}], (), Ruling.FAIL, "Python 3.13.*: no run of stage 'unit'"),
        (
            [LINUX, {"python": "3.13.*"}],
            (a_stage("unit", python="3.13.0"), a_stage("smoke", python="3.13.0")),
            Ruling.PASS,
            "2 environments",
        ),
        (
            [{"python": "3.13.*"}],
            (a_stage("unit", python="3.13.0"), a_stage("smoke", python="3.13.0", outcomes=FAILED)),
            Ruling.FAIL,
            "1 failed",
        ),
        (
            [{"python": "3.12.*"}],
            (a_stage("smoke", python="3.12.9", outcomes=FAILED),),
            Ruling.FAIL,
            "1 failed",
        ),
        (
            {"matrix": [{"system": "Windows"}], "stages": ["smoke"]},
            (replace(GONE, fact=replace(GONE.fact, run="w")),),
            Ruling.UNKNOWN,
            "does not say where it ran",
        ),
        (
            [LINUX],
            (replace(GONE, fact=replace(GONE.fact, run="w")),),
            Ruling.UNKNOWN,
            "does not say where it ran",
        ),
        ([{"system": "Windows"}], (), Ruling.FAIL, "Windows: no run"),
        (
            [{"machine": "aarch64"}],
            (a_stage("unit", platform="linux-aarch64"),),
            Ruling.FAIL,
            "no run of stage 'smoke'",
        ),
        ([{}], (), Ruling.PASS, "1 environment"),
    ],
)
def test_every_environment_must_be_covered(
    matrix: Any, runs: tuple[StageEvidence, ...], ruling: Ruling, actual: str
) -> None:
    finding = judged(an_evidence(a_stage("unit"), a_stage("smoke"), *runs), "environments", matrix)
    assert finding.ruling is ruling
    assert actual in finding.actual


def test_any_stage_covers_an_environment_when_none_is_required() -> None:
    ladder = replace(LADDER, levels=tuple(replace(level, stages=()) for level in LADDER.levels))
    runs = (
        a_stage("unit"),
        a_stage("lint", python="3.13.0"),
        a_stage("doc", python="3.13.0", outcomes=FAILED),
    )
    evidence = an_evidence(*runs, ladder=ladder)
    assert judged(evidence, "environments", [{"python": "3.13.*"}]).ruling is Ruling.PASS
    assert "no run of a stage" in judged(evidence, "environments", [{"python": "3.14.*"}]).actual


def test_a_run_without_facts_covers_nothing() -> None:
    run = with_facts(a_stage("smoke"), interpreter=None, platform=None)
    finding = judged(an_evidence(run), "environments", {"matrix": [LINUX], "stages": ["smoke"]})
    assert finding.ruling is Ruling.UNKNOWN


@pytest.mark.parametrize(
    ("rule", "parameters", "problem"),
    [
        ("required-stages", [], "names no stage"),
        ("required-stages", {"stages": ["x"], "results": ["failed"]}, "must be some of passed, warned"),
        ("required-stages", {"stages": ["x"], "results": []}, "must be some of"),
        ("fresh", "soon", "must be a length of time"),
        ("fresh", "99999999999d", "must be a length of time"),
        ("fresh", {"skew": ""}, "must be a length of time"),
        ("environments", [], "names no environment"),
        ("environments", [{"os": "Linux"}], "is not known"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(rule: str, parameters: Any, problem: str) -> None:
    with pytest.raises(InvalidDocument, match=problem):
        read_policy(replace(LADDER, rules={rule: parameters}), source="policy.toml", kinds=kinds())


def test_stages_of_the_level_are_required() -> None:
    policy = read_policy(LADDER, source="policy.toml", kinds=kinds())
    assert "required-stages" in [applied.key for applied in policy.rules("integration")]
    assert "required-stages" not in [applied.key for applied in policy.rules("release")]


@pytest.mark.parametrize(
    ("rules", "absent"),
    [
        ({"required-stages": ["lint"]}, "no run of stage lint"),
        ({"required-stages": {"stages": ["lint"]}}, "no run of stage lint"),
        ({"required-stages:more": ["lint", "doc"]}, "no run of stages lint, doc"),
        ({"required-stages": True, "min-tests": 3}, ""),
    ],
)
def test_stages_that_a_rule_requires_are_required_for_other_rules(rules: Any, absent: str) -> None:
    ladder = replace(LADDER, rules=rules)
    finding = judged(an_evidence(ladder=ladder), "fresh")
    assert finding.ruling is (Ruling.UNKNOWN if absent else Ruling.PASS)
    assert absent in finding.actual


def test_a_verdict_made_worse_by_its_mark_is_not_excused() -> None:
    reasons = ("its mark says failed",)
    smoke = replace(a_stage("smoke"), verdict=Verdict(result=Result.FAILED, reasons=reasons), complete=False)
    finding = judged(an_evidence(smoke), "required-stages", ["smoke"], quarantine=QUARANTINE)
    assert finding.ruling is Ruling.FAIL
    assert reasons[0] in finding.actual


def test_a_run_that_may_have_been_replaced_covers_no_environment() -> None:
    ladder = replace(LADDER, levels=tuple(replace(level, stages=()) for level in LADDER.levels))
    newer = with_facts(a_stage("doc", run="2", outcomes=FAILED, started=TAKEN), interpreter=None)
    evidence = an_evidence(a_stage("doc"), newer, ladder=ladder)
    assert judged(evidence, "environments", [LINUX]).ruling is Ruling.UNKNOWN
    assert judged(an_evidence(a_stage("doc"), ladder=ladder), "environments", [LINUX]).ruling is Ruling.PASS


def test_a_result_may_be_as_old_as_the_limit() -> None:
    smoke = a_stage("smoke", started=TAKEN - timedelta(hours=1, minutes=1))  # it took a minute
    for limit, ruling in (("1h", Ruling.PASS), ("59m", Ruling.FAIL)):
        assert judged(an_evidence(smoke), "fresh", {"max-age": limit, "stages": ["smoke"]}).ruling is ruling
