"""Evidence is signed by those the rule trusts, and is about what is judged."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from judged import COMMIT, KEY, LADDER, a_stage, an_envelope, an_evidence, judged
from pytest_defend.documents.chain import BUILD
from pytest_defend.errors import InvalidDocument
from pytest_defend.gates import kinds, read_policy
from pytest_defend.model.decision import Ruling

if TYPE_CHECKING:
    from pytest_defend.model.evidence import EnvelopeEvidence

UNIT, SMOKE = an_envelope("unit"), an_envelope("smoke")
OTHER = "a" * 64


def _statement(envelope: EnvelopeEvidence, **changes: Any) -> EnvelopeEvidence:
    return replace(envelope, statement={**(envelope.statement or {}), **changes})


def _subject(**digest: str) -> list[dict[str, Any]]:
    return [{"name": "demo", "digest": digest}]


@pytest.mark.parametrize(
    ("smoke", "ruling", "actual"),
    [
        ((SMOKE,), Ruling.PASS, "2 statements signed by trusted keys"),
        (
            (),
            Ruling.FAIL,
            "stage 'smoke' (run 1 on cpython 3.12.1 linux-x86_64): no trusted key signed its result",
        ),
        ((replace(SMOKE, keys=frozenset({OTHER})),), Ruling.FAIL, "no trusted key signed its result"),
        (
            (replace(SMOKE, statement=None, keys=frozenset(), problem="no trusted key signed it"),),
            Ruling.FAIL,
            "smoke/1/result.intoto.jsonl, line 1: no trusted key signed it",
        ),
        ((an_envelope("smoke", predicate={"result": "FAILED"}),), Ruling.FAIL, "line 1 says FAILED"),
        ((an_envelope("smoke", predicate={"result": None}),), Ruling.FAIL, "line 1 says nothing"),
        ((an_envelope("smoke", predicate={BUILD: {"name": "demo"}}),), Ruling.FAIL, "is of another build"),
        ((an_envelope("smoke", run="2"),), Ruling.FAIL, "no trusted key signed its result"),
        ((an_envelope("smoke", predicate={"configuration": []}),), Ruling.FAIL, "no trusted key"),
        (
            (an_envelope("smoke", predicate={"configuration": [{"digest": "x"}]}),),
            Ruling.FAIL,
            "no trusted key",
        ),
        ((_statement(SMOKE, predicate="x"),), Ruling.FAIL, "no trusted key"),
        ((_statement(SMOKE, predicateType="https://example.org/x"),), Ruling.FAIL, "no trusted key"),
        (
            (_statement(SMOKE, subject=_subject(sha256=OTHER)),),
            Ruling.FAIL,
            "files that are not to be promoted: aaaa",
        ),
        ((_statement(SMOKE, subject=_subject(gitCommit=COMMIT)),), Ruling.PASS, ""),
        (
            (_statement(SMOKE, subject=_subject(gitCommit="d" * 40)),),
            Ruling.FAIL,
            "neither a package nor the commit",
        ),
        ((_statement(SMOKE, subject=[]),), Ruling.FAIL, "neither a package nor the commit"),
    ],
)
def test_every_result_is_signed(smoke: tuple[EnvelopeEvidence, ...], ruling: Ruling, actual: str) -> None:
    finding = judged(an_evidence(envelopes=(UNIT, *smoke)), "signature", [KEY])
    assert finding.ruling is ruling
    assert actual in finding.actual
    assert bool(finding.next) == (ruling is not Ruling.PASS)


def test_an_envelope_that_does_not_hold_is_refused_unless_strangers_are_let_be() -> None:
    broken = replace(UNIT, path="x.intoto.jsonl", line=0, statement=None, problem="it was altered")
    evidence = an_evidence(envelopes=(UNIT, SMOKE, broken))
    finding = judged(evidence, "signature", [KEY])
    assert (finding.ruling, finding.actual) == (Ruling.FAIL, "x.intoto.jsonl: it was altered")
    assert judged(evidence, "signature", {"keys": [KEY], "strangers": "ignore"}).ruling is Ruling.PASS


def test_several_keys_sign_each_result() -> None:
    evidence = replace(
        an_evidence(envelopes=(replace(UNIT, keys=UNIT.keys | {OTHER}), SMOKE)),
        keys={KEY: UNIT.keys, "keys/qa.pem": frozenset({OTHER})},
    )
    wanted = {"keys": [KEY, "keys/qa.pem"], "at-least": 2}
    finding = judged(evidence, "signature", wanted)
    assert finding.ruling is Ruling.FAIL
    assert "1 trusted key signed its result" in finding.actual
    assert judged(evidence, "signature", {**wanted, "stages": ["unit"]}).ruling is Ruling.PASS
    assert judged(evidence, "signature", ["keys/qa.pem"]).ruling is Ruling.FAIL


def test_two_envelopes_may_share_the_signatures() -> None:
    second = replace(UNIT, keys=frozenset({OTHER}), line=2)
    evidence = replace(an_evidence(envelopes=(UNIT, second)), keys={KEY: UNIT.keys | {OTHER}})
    wanted = {"keys": [KEY], "at-least": 2, "stages": ["unit"]}
    assert judged(evidence, "signature", wanted).ruling is Ruling.PASS


def test_further_statements_are_about_every_package() -> None:
    provenance = _statement(UNIT, predicateType="https://slsa.dev/provenance/v1")
    wanted = {"keys": [KEY], "predicates": ["https://slsa.dev/provenance/v1"]}
    finding = judged(an_evidence(envelopes=(UNIT, SMOKE)), "signature", wanted)
    assert finding.ruling is Ruling.FAIL
    assert "0 trusted keys signed a statement https://slsa.dev/provenance/v1" in finding.actual
    assert judged(an_evidence(envelopes=(UNIT, SMOKE, provenance)), "signature", wanted).ruling is Ruling.PASS
    other = _statement(provenance, subject=_subject(sha256=OTHER))
    assert judged(an_evidence(envelopes=(UNIT, SMOKE, other)), "signature", wanted).ruling is Ruling.FAIL


def test_a_key_that_cannot_be_read_is_unknown() -> None:
    finding = judged(
        an_evidence(envelopes=(UNIT, SMOKE)), "signature", [KEY, "keys/gone.pem", "-----BEGIN X"]
    )
    assert finding.ruling is Ruling.UNKNOWN
    assert finding.actual == "no key can be read from keys/gone.pem, a key in the policy"


def test_a_stage_that_has_not_run_is_not_signed() -> None:
    finding = judged(an_evidence(envelopes=(UNIT, SMOKE)), "signature", {"keys": [KEY], "stages": ["lint"]})
    assert (finding.ruling, finding.actual) == (Ruling.FAIL, "stage 'lint' has not run")
    ladder = replace(LADDER, levels=(replace(LADDER.levels[1], stages=()),))
    nothing = replace(an_evidence(ladder=ladder), stages=())
    assert judged(nothing, "signature", [KEY]).ruling is Ruling.UNKNOWN


def test_a_failure_that_is_excused_may_be_signed_as_one() -> None:
    red = a_stage("smoke", outcomes={"a": "failed", "b": "passed"})
    said = an_envelope("smoke", predicate={"result": "FAILED"})
    evidence = an_evidence(red, envelopes=(said,))
    wanted = {"keys": [KEY], "stages": ["smoke"]}
    entries = [{"test": "a", "owner": "ann", "expires": "2099-01-01"}]
    assert judged(evidence, "signature", wanted).ruling is Ruling.FAIL
    assert judged(evidence, "signature", wanted, quarantine=entries).ruling is Ruling.PASS


@pytest.mark.parametrize(
    ("parameters", "problem"),
    [
        ([], "names no key"),
        ({"keys": [KEY], "at-least": 0}, "must be 1 or more"),
        ({"keys": [KEY], "strangers": "welcome"}, "must be one of refuse, ignore"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(parameters: Any, problem: str) -> None:
    with pytest.raises(InvalidDocument, match=problem):
        read_policy(replace(LADDER, rules={"signature": parameters}), source="policy.toml", kinds=kinds())


def test_the_keys_are_asked_for() -> None:
    assert kinds()["signature"].read({"keys": [KEY]}).needs().keys == (KEY,)
