"""How long a build stood below, and who agreed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from judged import KEY, LADDER, TAKEN, WHEEL, WHEEL_PATH, a_file, a_kept, an_approval, an_evidence, judged
from pytest_defend.documents.chain import BUILD
from pytest_defend.errors import InvalidDocument
from pytest_defend.gates import kinds, read_policy
from pytest_defend.model.buildinfo import Status
from pytest_defend.model.decision import Ruling
from pytest_defend.model.fields import started_text

if TYPE_CHECKING:
    from pytest_defend.model.evidence import EnvelopeEvidence, Evidence
    from pytest_defend.model.snapshot import FileFact

HIGHER = "integration/demo/1.0/demo-1.0-py3-none-any.whl"


def _said(*statuses: tuple[str, float]) -> tuple[Status, ...]:
    """Statuses by name, and how many hours ago they were set."""
    return tuple(
        Status(status=name, timestamp=started_text(TAKEN - timedelta(hours=hours)))
        for name, hours in statuses
    )


def _risen(
    *statuses: tuple[str, float], files: tuple[FileFact, ...] | None = None, **changes: Any
) -> Evidence:
    """The wheel stands on `integration` as well, and asks for `release`."""
    build = replace(an_evidence().snapshot.build, statuses=_said(*statuses))
    both = (replace(a_file(), kept=(a_kept(), a_kept(HIGHER))),)
    told = {"level": "release", "standing": "integration", **changes}
    return an_evidence(build=build, files=both if files is None else files, **told)


@pytest.mark.parametrize(
    ("length", "ruling", "step"),
    [
        ("4h", Ruling.PASS, ""),
        (5, Ruling.PASS, ""),
        ("6h", Ruling.FAIL, "Ask again in 1 hour."),
        ("1d", Ruling.FAIL, "Ask again in 19 hours."),
    ],
)
def test_on_the_lowest_level_it_stands_since_it_was_published(length: Any, ruling: Ruling, step: str) -> None:
    finding = judged(an_evidence(), "soak", length)
    assert (finding.ruling, finding.next) == (ruling, step)
    assert finding.actual == "on candidates for 5 hours, since 2026-01-31 07:00 UTC"


@pytest.mark.parametrize(
    ("statuses", "actual"),
    [
        ([("integration", 3)], "for 3 hours"),
        ([("integration", 30)], "for 5 hours"),  # whoever writes it: the files are not there longer
        ([("integration", 3), ("integration", 1)], "for 3 hours"),
        ([("integration", 1), ("integration", 3)], "for 3 hours"),
        ([("approved:release", 3), ("integration", 2), ("looked at", 1)], "for 2 hours"),
        ([("integration", 4), ("release", 3), ("demoted", 2)], "for 2 hours"),
        ([("integration", 4), ("release", 3), ("integration", 1)], "for 1 hour"),
        ([("integration", 4), ("revoked: broken", 3), ("integration", 1)], "for 3 hours"),
    ],
)
def test_on_a_higher_level_it_stands_since_its_status(statuses: list[tuple[str, float]], actual: str) -> None:
    assert actual in judged(_risen(*statuses), "soak", "1h").actual


@pytest.mark.parametrize(
    ("evidence", "ruling", "actual"),
    [
        (_risen(), Ruling.UNKNOWN, "nothing says since when it is on integration"),
        (_risen(("integration", 4), ("release", 2)), Ruling.UNKNOWN, "nothing says"),
        (_risen(("integration", 4), files=(a_file(),)), Ruling.UNKNOWN, "nothing says"),
        (_risen(("integration", 4), files=()), Ruling.UNKNOWN, "nothing says"),
        (_risen(("integration", 4), standing="candidates"), Ruling.FAIL, "it stands on candidates"),
        (_risen(("integration", 4), standing=""), Ruling.FAIL, "it stands on no level"),
        (_risen(("integration", -1)), Ruling.FAIL, "for less than a minute"),
        (an_evidence(files=(replace(a_file(), kept=()),)), Ruling.UNKNOWN, "nothing says since when"),
        (an_evidence(local=True), Ruling.UNKNOWN, "not known before it is published"),
    ],
)
def test_it_must_stand_there_and_say_since_when(evidence: Evidence, ruling: Ruling, actual: str) -> None:
    finding = judged(evidence, "soak", "1h")
    assert finding.ruling is ruling
    assert actual in finding.actual
    assert finding.next


def test_for_the_lowest_level_it_must_have_been_published() -> None:
    finding = judged(an_evidence(level="candidates", standing=""), "soak", "5h")
    assert (finding.ruling, finding.expected) == (Ruling.PASS, "published for at least 5 hours")


def _approved(*users: tuple[str, str], level: str = "integration", **changes: Any) -> Evidence:
    """A build with approvals: who set the status, and who is said to have asked for it."""
    statuses = tuple(Status(status=f"approved:{level}", user=user, ci_user=said) for user, said in users)
    return an_evidence(build=replace(an_evidence().snapshot.build, statuses=statuses, **changes))


@pytest.mark.parametrize(
    ("evidence", "parameters", "ruling", "actual"),
    [
        (_approved(("ann", "")), 1, Ruling.PASS, "approved by ann"),
        (_approved(("ann", ""), ("bob", "")), 2, Ruling.PASS, "approved by ann, bob"),
        (_approved(("ann", ""), ("Ann", "")), 2, Ruling.FAIL, "approved by Ann"),
        (_approved(), 1, Ruling.FAIL, "approved by nobody"),
        (_approved(("ci-bot", "ann")), 1, Ruling.FAIL, "approved by nobody; ci-bot does not count"),
        (_approved(("", "ann")), 1, Ruling.FAIL, "approved by nobody"),
        (_approved(("", "ann")), {"claimed": True}, Ruling.PASS, "approved by ann"),
        (_approved(("bob", "ann")), {"claimed": True}, Ruling.PASS, "approved by bob"),
        (_approved(("ann", ""), level="release"), 1, Ruling.FAIL, "approved by nobody"),
        (_approved(("ann", ""), principal=""), 1, Ruling.UNKNOWN, "nothing says who published it"),
        (_approved(("ann", ""), principal=""), {"authors": ["CI"]}, Ruling.PASS, "approved by ann"),
        (_approved(("ci", ""), principal=""), {"authors": ["CI"]}, Ruling.FAIL, "ci does not count"),
        (_approved(("Server-Bot", ""), artifactory_principal="server-bot"), 1, Ruling.FAIL, "nobody"),
        (an_evidence(local=True), 1, Ruling.UNKNOWN, "not known before it is published"),
    ],
)
def test_people_who_are_not_the_author_agree(
    evidence: Evidence, parameters: Any, ruling: Ruling, actual: str
) -> None:
    finding = judged(evidence, "approvals", parameters)
    assert finding.ruling is ruling
    assert actual in finding.actual
    assert bool(finding.next) == (ruling is not Ruling.PASS)


@pytest.mark.parametrize(
    ("envelopes", "ruling", "actual"),
    [
        ((an_approval(),), Ruling.PASS, "signed by 1 key (kkkkkkkkkkkk)"),
        ((an_approval(), an_approval()), Ruling.PASS, "signed by 1 key"),
        ((), Ruling.FAIL, "signed by 0 keys"),
        ((an_approval("x" * 64),), Ruling.FAIL, "signed by 0 keys"),
        ((replace(an_approval(), problem="altered"),), Ruling.FAIL, "signed by 0 keys"),
        ((an_approval(predicateType="https://example.org/other"),), Ruling.FAIL, "0 keys"),
        ((an_approval(predicate={"level": "release"}),), Ruling.FAIL, "0 keys"),
        ((an_approval(predicate={"level": "integration", BUILD: {"name": "demo"}}),), Ruling.FAIL, "0 keys"),
        ((an_approval(predicate="integration"),), Ruling.FAIL, "0 keys"),
        ((an_approval(subject=[]),), Ruling.FAIL, "0 keys"),
        ((an_approval(subject="demo"),), Ruling.FAIL, "0 keys"),
        ((an_approval(subject=[{"digest": "x"}, 1]),), Ruling.FAIL, "0 keys"),
    ],
)
def test_a_signed_approval_is_of_this_build_for_this_level(
    envelopes: tuple[EnvelopeEvidence, ...], ruling: Ruling, actual: str
) -> None:
    finding = judged(an_evidence(envelopes=envelopes), "approvals", {"keys": [KEY]})
    assert finding.ruling is ruling
    assert actual in finding.actual


def test_with_keys_a_status_does_not_count_and_keys_must_be_readable() -> None:
    assert judged(_approved(("ann", "")), "approvals", {"keys": [KEY]}).ruling is Ruling.FAIL
    finding = judged(
        an_evidence(), "approvals", {"keys": [KEY, "keys/gone.pem", "-----BEGIN PUBLIC KEY-----"]}
    )
    assert finding.ruling is Ruling.UNKNOWN
    assert finding.actual == "no key can be read from keys/gone.pem, a key in the policy"
    every = an_approval(subject=[{"digest": {"sha256": WHEEL.sha256}}])
    files = (a_file(), a_file(WHEEL_PATH + "2", sha256=""))
    finding = judged(an_evidence(envelopes=(every,), files=files), "approvals", {"keys": [KEY]})
    assert finding.ruling is Ruling.FAIL


@pytest.mark.parametrize(
    ("rule", "parameters", "problem"),
    [
        ("soak", "soon", "must be a length of time"),
        ("soak", "0h", "must be a length of time"),
        ("soak", True, "is missing"),
        ("soak", {"at-least": True}, "must be a length of time"),
        ("approvals", 0, "must be 1 or more"),
        ("approvals", {"claimed": True, "keys": [KEY]}, "means nothing with keys"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(rule: str, parameters: Any, problem: str) -> None:
    with pytest.raises(InvalidDocument, match=problem):
        read_policy(replace(LADDER, rules={rule: parameters}), source="policy.toml", kinds=kinds())


def test_the_keys_are_asked_for() -> None:
    rule = kinds()["approvals"].read({"keys": [KEY]})
    assert rule.needs().keys == (KEY,)


@pytest.mark.parametrize(
    ("wanted", "who"), [(1, "Let one more person approve it"), (3, "Let 3 more people approve it")]
)
def test_it_is_said_how_many_are_missing(wanted: int, who: str) -> None:
    step = judged(_approved(), "approvals", wanted).next
    assert step == f"{who}: pytest-defend approve demo/1 --level integration"
