"""One build, intact, and its records are about what would be promoted."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from judged import (
    LADDER,
    WHEEL_PATH,
    a_file,
    a_kept,
    a_stage,
    an_envelope,
    an_evidence,
    judged,
    with_record,
)
from pytest_defend.documents.chain import BUILD, NAMED, PREVIOUS
from pytest_defend.errors import InvalidDocument, UsageError
from pytest_defend.gates import judge, kinds, read_policy
from pytest_defend.model.buildinfo import Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.decision import Override, Ruling, Severity
from pytest_defend.model.ladder import Level

if TYPE_CHECKING:
    from pytest_defend.model.snapshot import FileFact

OTHER = Checksums.of(b"something else").sha256


def _subject(sha256: str) -> Any:
    unit = a_stage("unit")
    assert unit.record is not None
    [subject] = unit.record.subjects
    return with_record(
        unit, subjects=(replace(subject, checksums=replace(subject.checksums, sha256=sha256)),)
    )


def test_nothing_speaks_against_the_evidence_of_these_tests() -> None:
    for rule in ("one-build", "intact", "subject-match"):
        assert judged(an_evidence(), rule).ruling is Ruling.PASS


@pytest.mark.parametrize(
    ("runs", "ruling", "actual"),
    [
        ((), Ruling.UNKNOWN, "the store names no run of demo/1"),
        (("2026-01-31T06:00:00Z",), Ruling.PASS, "one run"),
        (("2026-01-31T07:00:00Z",), Ruling.FAIL, "one run, started 2026-01-31T07:00:00Z"),
        (("soon",), Ruling.FAIL, "started soon"),
        (("2026-01-31T06:00:00Z", "2026-01-31T07:00:00+0100"), Ruling.PASS, "one run"),
        (("2026-01-31T06:00:00Z", "2026-01-31T07:00:00Z"), Ruling.FAIL, "2 runs of demo/1"),
    ],
)
def test_one_run_has_the_number(runs: tuple[str, ...], ruling: Ruling, actual: str) -> None:
    finding = judged(an_evidence(runs=runs), "one-build")
    assert finding.ruling is ruling
    assert actual in finding.actual
    assert bool(finding.next) == (ruling is not Ruling.PASS)


@pytest.mark.parametrize(
    ("file", "ruling", "actual"),
    [
        (replace(a_file(), kept=()), Ruling.FAIL, f"{WHEEL_PATH} is not there"),
        (
            replace(a_file(), kept=(a_kept(sha256=OTHER),)),
            Ruling.FAIL,
            "holds other bytes than were published",
        ),
        (
            replace(a_file(), kept=(a_kept(), a_kept("integration/demo/1.0/demo.whl", OTHER))),
            Ruling.FAIL,
            "integration/demo/1.0/demo.whl holds other bytes",
        ),
        (replace(a_file(), sha256=""), Ruling.UNKNOWN, "gives no sha256"),
        (replace(a_file(), kept=(a_kept("integration/demo/1.0/demo.whl"),)), Ruling.PASS, "1 file"),
    ],
)
def test_every_file_is_kept_as_published(file: FileFact, ruling: Ruling, actual: str) -> None:
    finding = judged(an_evidence(files=(file,)), "intact")
    assert finding.ruling is ruling
    assert actual in finding.actual


def test_a_path_that_is_named_with_two_contents_is_refused() -> None:
    files = (a_file(), a_file(sha256=OTHER))
    finding = judged(an_evidence(files=files), "intact")
    assert finding.ruling is Ruling.FAIL
    assert f"names {WHEEL_PATH} twice" in finding.actual


def test_a_build_without_files_is_not_known_to_be_intact() -> None:
    assert judged(an_evidence(files=()), "intact").ruling is Ruling.UNKNOWN


@pytest.mark.parametrize(
    ("changes", "actual"),
    [
        ({"build_number": "9"}, "its record is of another build, demo/9, not demo/1"),
        ({"stage": "lint"}, "its record is of another stage, lint, not smoke"),
        ({"run": "9"}, "its record is of another run, 9, not 1"),
    ],
)
def test_a_record_from_elsewhere_is_refused(changes: dict[str, str], actual: str) -> None:
    finding = judged(an_evidence(a_stage("unit"), with_record(a_stage("smoke"), **changes)), "intact")
    assert finding.ruling is Ruling.FAIL
    assert actual in finding.actual
    assert finding.evidence == ("candidates/demo/1.0/evidence/smoke/1/record.json",)


def test_a_stage_that_cannot_be_read_is_refused_with_the_reason() -> None:
    gone = replace(a_stage("smoke"), problem="its journal is not there", record=None, verdict=None)
    finding = judged(an_evidence(a_stage("unit"), gone), "intact")
    assert finding.ruling is Ruling.FAIL
    assert "stage 'smoke' (run 1): its journal is not there" in finding.actual


def test_a_statement_that_was_taken_away_is_missed() -> None:
    unit, smoke = an_envelope("unit"), an_envelope("smoke")
    follows = an_envelope("smoke", predicate={PREVIOUS: [unit.digest]})
    assert judged(an_evidence(envelopes=(unit, follows)), "intact").ruling is Ruling.PASS
    finding = judged(an_evidence(envelopes=(follows,)), "intact")
    assert finding.ruling is Ruling.FAIL
    assert "was taken away or replaced" in finding.actual
    assert judged(an_evidence(envelopes=(smoke,)), "intact").ruling is Ruling.PASS


def test_a_statement_of_another_build_is_refused() -> None:
    strange = an_envelope("unit", predicate={BUILD: {"name": "demo", "number": "0", "started": ""}})
    finding = judged(an_evidence(envelopes=(strange,)), "intact")
    assert finding.ruling is Ruling.FAIL
    assert "belongs to another build" in finding.actual


def test_a_statement_that_is_none_is_refused() -> None:
    finding = judged(an_evidence(envelopes=(replace(an_envelope(), statement={"_type": 1}),)), "intact")
    assert finding.ruling is Ruling.FAIL
    assert "cannot be read" in finding.actual


def test_an_envelope_that_does_not_hold_has_no_say_in_the_chain() -> None:
    broken = replace(an_envelope(predicate={PREVIOUS: ["0" * 64]}), problem="only unknown keys signed it")
    assert judged(an_evidence(envelopes=(broken,)), "intact").ruling is Ruling.PASS


def test_a_statement_the_build_names_is_missed_whoever_signed_it() -> None:
    unit = an_envelope("unit")
    build = an_evidence().snapshot.build
    papers = Module(id="demo:1.0/evidence", properties={"defend.kind": "evidence", NAMED: unit.digest})
    build = replace(build, modules=(*build.modules, papers))
    strange = replace(unit, statement=None, problem="only unknown keys signed it")
    for envelope in (unit, strange):
        assert judged(an_evidence(envelopes=(envelope,), build=build), "intact").ruling is Ruling.PASS
    finding = judged(an_evidence(build=build), "intact")
    assert finding.ruling is Ruling.FAIL
    assert f"Statement {unit.digest[:12]} is on record and is not there" in finding.actual


def test_what_a_trusted_statement_follows_may_be_of_a_stranger() -> None:
    unit = replace(an_envelope("unit"), statement=None, problem="only unknown keys signed it")
    follows = an_envelope("smoke", predicate={PREVIOUS: [unit.digest]})
    assert judged(an_evidence(envelopes=(unit, follows)), "intact").ruling is Ruling.PASS


def test_a_start_that_nobody_can_compare_is_refused() -> None:
    build = replace(an_evidence().snapshot.build, started="0001-01-01T00:00:00.000+1400")
    finding = judged(an_evidence(build=build), "intact")
    assert finding.ruling is Ruling.FAIL
    assert "which is before any time" in finding.actual


def test_a_record_about_other_bytes_is_refused() -> None:
    finding = judged(an_evidence(_subject(OTHER), a_stage("smoke")), "subject-match")
    assert finding.ruling is Ruling.FAIL
    assert OTHER[:12] in finding.actual


def test_a_package_that_no_record_names_is_refused() -> None:
    evidence = an_evidence()
    more = a_file("candidates/demo/1.0/demo-1.0.tar.gz", OTHER)
    finding = judged(an_evidence(files=(*evidence.snapshot.files, more)), "subject-match")
    assert finding.ruling is Ruling.FAIL
    assert "no record names candidates/demo/1.0/demo-1.0.tar.gz" in finding.actual


def test_without_any_record_that_can_be_read_it_cannot_be_said() -> None:
    gone = replace(a_stage("unit"), problem="it is not there", record=None, verdict=None)
    assert judged(an_evidence(gone), "subject-match").ruling is Ruling.UNKNOWN


def test_a_build_without_packages_has_nothing_to_promote() -> None:
    files = an_evidence().snapshot.files[1:]
    assert "nothing to promote" in judged(an_evidence(files=files), "subject-match").actual


def test_a_package_cannot_pose_as_evidence() -> None:
    evidence = an_evidence()
    strange = a_file("candidates/demo/1.0/extra.whl", OTHER, module="papers")
    build = replace(
        evidence.snapshot.build,
        modules=(
            *evidence.snapshot.build.modules,
            Module(id="papers", properties={"defend.kind": "evidence"}),
        ),
    )
    files = (*evidence.snapshot.files, strange)
    finding = judged(an_evidence(build=build, files=files), "subject-match")
    assert finding.ruling is Ruling.FAIL
    assert "extra.whl" in finding.actual
    beside = replace(strange, path="candidates/demo/1.0/evidence/unit/1/extra.whl")
    finding = judged(an_evidence(build=build, files=(*evidence.snapshot.files, beside)), "subject-match")
    assert finding.ruling is Ruling.PASS


@pytest.mark.parametrize("rule", ["one-build", "intact"])
def test_before_publication_only_the_store_could_tell(rule: str) -> None:
    finding = judged(an_evidence(local=True), rule)
    assert finding.ruling is Ruling.UNKNOWN
    assert finding.actual == "not known before it is published"
    assert judged(an_evidence(local=True), "subject-match").ruling is Ruling.PASS


@pytest.mark.parametrize("rule", ["one-build", "intact", "subject-match"])
@pytest.mark.parametrize(
    "parameters",
    [
        False,
        {"severity": "warn"},
        {"severity": "off", "reason": "x"},
        {"expires-on": "2020-01-01"},
        {"effective-on": "2099-01-01"},
    ],
    ids=repr,
)
def test_integrity_cannot_be_weakened(rule: str, parameters: object) -> None:
    ladder = replace(LADDER, rules={rule: parameters})
    with pytest.raises(InvalidDocument, match="cannot be turned off"):
        read_policy(ladder, source="policy.toml", kinds=kinds())


def test_integrity_cannot_be_overridden() -> None:
    policy = read_policy(LADDER, source="policy.toml", kinds=kinds())
    override = Override(rule="intact", who="somebody", reason="in a hurry")
    with pytest.raises(UsageError, match="cannot be overridden"):
        judge(an_evidence(), policy.rules("integration"), [override])


def test_integrity_comes_first_and_is_enforced() -> None:
    ladder = replace(LADDER, levels=(Level(name="integration", rules={"min-tests": 1}),))
    policy = read_policy(ladder, source="policy.toml", kinds=kinds())
    found = judge(an_evidence(ladder=ladder), policy.rules("integration"))
    assert [finding.rule for finding in found][:4] == [
        "one-build",
        "intact",
        "subject-match",
        "dependency-level",
    ]
    assert {finding.severity for finding in found} == {Severity.ENFORCE}
