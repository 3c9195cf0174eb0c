from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any

import pytest

from builders import STARTED
from pytest_defend.documents.chain import (
    Link,
    build_field,
    digest_of,
    heads,
    link,
    problems,
)
from pytest_defend.documents.dsse import IN_TOTO, Envelope, sign
from pytest_defend.documents.statements import STATEMENT, Descriptor, Statement
from pytest_defend.documents.summary import input_of
from pytest_defend.errors import InvalidDocument
from pytest_defend.keys import Kind, generate, load_signer
from pytest_defend.model.buildinfo import BuildId

BUILD = BuildId(name="demo", number="1", started=STARTED)
OTHER = BuildId(name="demo", number="2", started=STARTED)
SUBJECT = (Descriptor(name="demo.whl", digest={"sha256": "1" * 64}),)
KEY = load_signer(generate().private_pem)


def envelope(**predicate: Any) -> Envelope:
    statement = Statement(type=STATEMENT, subject=SUBJECT, predicate_type="t", predicate=predicate)
    return sign(statement.to_bytes(), IN_TOTO, [KEY])


def stage(name: str, *previous: Envelope, build: BuildId = BUILD) -> Envelope:
    return envelope(
        configuration=[{"name": name, "digest": {"sha256": "2" * 64}}],
        defend_build=build_field(build),
        defend_previous=[digest_of(each) for each in previous],
    )


def decision(*inputs: Envelope) -> Envelope:
    described = [
        input_of(digest_of(each), uri="https://store.example/x", file_sha256="3" * 64).to_dict()
        for each in inputs
    ]
    return envelope(verificationResult="PASSED", inputAttestations=described)


def checked(*envelopes: Envelope, expected: tuple[Envelope, ...] = ()) -> tuple[str, ...]:
    return problems(map(link, envelopes), BUILD, map(digest_of, expected))


def ends(*envelopes: Envelope) -> tuple[str, ...]:
    return heads(map(link, envelopes))


def short(each: Envelope) -> str:
    return digest_of(each)[:12]


def gone(each: Envelope) -> str:
    return f"{short(each)}, which is not there: it was taken away or replaced."


UNIT = stage("unit")
SMOKE = stage("smoke", UNIT)
SOAK = stage("soak", SMOKE)


def test_a_statement_is_named_by_what_is_signed() -> None:
    assert digest_of(UNIT) == hashlib.sha256(UNIT.payload).hexdigest()
    again = sign(UNIT.payload, IN_TOTO, [load_signer(generate(Kind.ECDSA_P256).private_pem), KEY])
    assert again != UNIT
    assert digest_of(again) == digest_of(UNIT)
    assert checked(again, SMOKE, UNIT) == ()


def test_a_whole_chain_is_whole_in_any_order() -> None:
    for order in ((UNIT, SMOKE, SOAK), (SOAK, UNIT, SMOKE, UNIT)):
        assert checked(*order) == ()
        assert ends(*order) == (digest_of(SOAK),)
    assert checked() == ends() == ()


@pytest.mark.parametrize(
    ("left", "after", "missing"), [((SMOKE, SOAK), "smoke", UNIT), ((UNIT, SOAK), "soak", SMOKE)]
)
def test_a_statement_that_was_taken_away_is_missed(
    left: tuple[Envelope, ...], after: str, missing: Envelope
) -> None:
    last = {"smoke": SMOKE, "soak": SOAK}[after]
    assert checked(*left) == (f"The result of stage {after} ({short(last)}) follows {gone(missing)}",)


def test_a_statement_that_was_replaced_is_missed() -> None:
    forged = replace(UNIT, payload=UNIT.payload.replace(b"unit", b"Unit"))
    assert [problem.partition(" (")[0] for problem in checked(forged, SMOKE, SOAK)] == [
        "The result of stage smoke"
    ]


def test_the_last_one_goes_unseen_unless_something_else_knows_it() -> None:
    assert checked(UNIT, SMOKE) == ()
    assert checked(UNIT, SMOKE, expected=(SOAK, UNIT)) == (
        f"Statement {short(SOAK)} is on record and is not there: it was taken away or replaced.",
    )


def test_many_stages_at_once_fork_the_chain_and_the_next_one_joins_it() -> None:
    together = [stage(f"s{number}", UNIT) for number in range(32)]
    assert checked(UNIT, *together) == ()
    assert ends(UNIT, *together) == tuple(sorted(map(digest_of, together)))
    last = stage("last", *together)
    assert checked(UNIT, *together, last) == ()
    assert ends(UNIT, *together, last) == (digest_of(last),)
    for gone in together:
        assert len(checked(UNIT, last, *(each for each in together if each is not gone))) == 1


def test_a_decision_keeps_what_it_rests_on() -> None:
    others = [stage(f"s{number}", UNIT) for number in range(3)]
    vsa = decision(UNIT, *others)
    assert checked(UNIT, *others, vsa) == ()
    assert ends(UNIT, *others, vsa) == (digest_of(vsa),)
    assert checked(UNIT, *others[1:], vsa) == (f"The decision ({short(vsa)}) follows {gone(others[0])}",)
    later = stage("later", vsa)
    assert len(checked(UNIT, *others, later)) == 1


def test_a_statement_of_another_build_is_no_part_of_this_one() -> None:
    foreign = stage("unit", build=OTHER)
    assert checked(foreign, UNIT) == (
        f"The result of stage unit ({short(foreign)}) belongs to another build, demo/2@{STARTED}.",
    )


@pytest.mark.parametrize("started", [STARTED, "2026-01-31T12:59:00.456+01:00", "2026-01-31T11:59:00.456Z"])
def test_an_instant_is_compared_not_its_spelling(started: str) -> None:
    same = BuildId(name="demo", number="1", started=started)
    assert build_field(same) == {"name": "demo", "number": "1", "started": STARTED}
    assert problems([link(UNIT)], same) == ()
    for odd in ("", "yesterday"):
        assert build_field(BuildId(name="a", number="b", started=odd))["started"] == odd


FOREIGN: list[dict[str, Any]] = [
    {},
    {"defend_previous": "none"},
    {"inputAttestations": [7, {"uri": "x"}, {"annotations": []}, {"annotations": {"other": 1}}]},
    {"configuration": []},
    {"configuration": [7]},
    {"configuration": [{"name": 7}]},
]


@pytest.mark.parametrize("predicate", FOREIGN)
def test_statements_of_other_tools_are_no_part_of_the_chain(predicate: dict[str, Any]) -> None:
    foreign = envelope(**predicate)
    assert link(foreign) == Link(digest=digest_of(foreign), previous=None, label="The statement")
    assert checked(foreign, UNIT) == ()
    assert ends(foreign, UNIT) == (digest_of(UNIT),)


def test_what_is_no_statement_has_no_link() -> None:
    with pytest.raises(InvalidDocument, match="in-toto statement is not valid"):
        link(sign(b"hello", "text/plain", [KEY]))
