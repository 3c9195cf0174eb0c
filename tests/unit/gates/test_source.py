"""A build comes from a commit and nothing else."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from judged import COMMIT, a_stage, an_evidence, judged, with_facts
from pytest_defend.model.decision import Ruling
from pytest_defend.model.gitfacts import GitFacts, Submodule

if TYPE_CHECKING:
    from pytest_defend.model.evidence import StageEvidence

CLEAN = GitFacts(commit=COMMIT, tree="0" * 40, branch="main")


def _on(git: GitFacts | None, stage: str = "unit") -> StageEvidence:
    return with_facts(a_stage(stage), git=git)


@pytest.mark.parametrize(
    ("git", "parameters", "ruling", "actual"),
    [
        (CLEAN, True, Ruling.PASS, "2 runs, all clean"),
        (CLEAN, ["main", "release/*"], Ruling.PASS, ""),
        (CLEAN, ["release/*"], Ruling.FAIL, "ran on main"),
        (replace(CLEAN, branch=""), ["main"], Ruling.FAIL, "no branch that is known"),
        (replace(CLEAN, dirty=True), True, Ruling.FAIL, "has changes in tracked files or submodules"),
        (replace(CLEAN, untracked=("a.py",), untracked_count=1), True, Ruling.FAIL, "does not know: a.py"),
        (replace(CLEAN, untracked=("out/a",), untracked_count=1), {"untracked": ["out/*"]}, Ruling.PASS, ""),
        (
            replace(CLEAN, untracked=("out/a",), untracked_count=3),
            {"untracked": ["out/*"]},
            Ruling.UNKNOWN,
            "2 more files git does not know than are listed",
        ),
        (
            replace(CLEAN, submodules=(Submodule(path="sub", commit=COMMIT, dirty=True),)),
            True,
            Ruling.FAIL,
            "changes in submodule sub",
        ),
        (
            replace(CLEAN, submodules=(Submodule(path="sub", commit=COMMIT, checked_out=False),)),
            True,
            Ruling.FAIL,
            "nothing checked out in submodule sub",
        ),
        (replace(CLEAN, commit="d" * 40), True, Ruling.FAIL, "ran on dddddddddddd, the build-info says cccc"),
        (replace(CLEAN, commit=""), True, Ruling.UNKNOWN, "does not say which commit"),
        (None, True, Ruling.UNKNOWN, "does not say which commit"),
    ],
)
def test_the_source_is_clean(git: GitFacts | None, parameters: Any, ruling: Ruling, actual: str) -> None:
    finding = judged(an_evidence(_on(git), a_stage("smoke")), "source-clean", parameters)
    assert finding.ruling is ruling
    assert actual in finding.actual
    assert bool(finding.next) == (ruling is not Ruling.PASS)


def test_every_stage_is_looked_at_unless_some_are_named() -> None:
    evidence = an_evidence(a_stage("unit"), _on(replace(CLEAN, dirty=True), "smoke"))
    assert judged(evidence, "source-clean").ruling is Ruling.FAIL
    assert judged(evidence, "source-clean", {"stages": ["unit"]}).ruling is Ruling.PASS


def test_later_stages_may_test_from_another_checkout() -> None:
    evidence = an_evidence(a_stage("unit"), _on(replace(CLEAN, commit="d" * 40, branch="qa"), "smoke"))
    assert judged(evidence, "source-clean", ["main"]).ruling is Ruling.PASS


@pytest.mark.parametrize("started", ["soon", "2026-01-30T00:00:00.000+0000"])
def test_the_run_that_began_the_build_must_be_known(started: str) -> None:
    build = replace(an_evidence().snapshot.build, started=started)
    finding = judged(an_evidence(build=build), "source-clean")
    assert finding.ruling is Ruling.UNKNOWN
    assert "the run that began the build" in finding.actual


def test_without_a_run_nothing_is_clean() -> None:
    assert judged(replace(an_evidence(), stages=()), "source-clean").ruling is Ruling.UNKNOWN


def test_a_run_that_does_not_count_says_nothing_about_its_commit() -> None:
    broken = replace(a_stage("smoke"), problem="its journal was replaced")
    finding = judged(an_evidence(a_stage("unit"), broken), "source-clean")
    assert finding.ruling is Ruling.UNKNOWN
    assert finding.actual.endswith("does not say which commit it ran on")
