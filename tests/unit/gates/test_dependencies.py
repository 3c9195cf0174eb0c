"""What a package needs stands where it must, and it is certain enough which files that was."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from judged import LADDER, a_dependency, a_stage, an_evidence, judged, with_facts
from pytest_defend.errors import InvalidDocument
from pytest_defend.gates import judge, kinds, read_policy, ruling
from pytest_defend.model.buildinfo import Dependency, Module
from pytest_defend.model.decision import Override, Ruling, Severity
from pytest_defend.model.distributions import Distribution, Edge, Installed
from pytest_defend.model.origins import Certainty, Origin

if TYPE_CHECKING:
    from pytest_defend.model.evidence import StageEvidence
    from pytest_defend.model.snapshot import DependencyFact

LIB = a_dependency()


@pytest.mark.parametrize(
    ("dependency", "parameters", "expected", "actual", "step"),
    [
        (a_dependency(repository="integration"), {}, Ruling.PASS, "", ""),
        (a_dependency(repository="release"), {}, Ruling.PASS, "", ""),
        (
            a_dependency("fruit:1.2", "candidates"),
            {},
            Ruling.FAIL,
            "fruit:1.2 (build fruit/7) stands on candidates",
            "Promote fruit:1.2 (build fruit/7) to integration first, or use --with-dependencies.",
        ),
        (a_dependency("six:1.17", "pypi-cache"), {}, Ruling.PASS, "", ""),
        (a_dependency("six:1.17", ""), {}, Ruling.PASS, "", ""),
        (a_dependency("six:1.17", "", sha256=""), {}, Ruling.UNKNOWN, "it may be internal", "Resolve"),
        (a_dependency("six:1.17", "", sha256=""), {"internal": ["shop-*"]}, Ruling.PASS, "", ""),
        (
            a_dependency("shop-core:1.0", "", sha256=""),
            {"internal": ["Shop_*"]},
            Ruling.UNKNOWN,
            "shop-core:1.0 is internal, and nothing says which file of it was used",
            "Resolve",
        ),
        (
            a_dependency("shop-core:1.0", "pypi-cache"),
            {"internal": ["shop-*"]},
            Ruling.FAIL,
            "shop-core:1.0 is internal and stands on no level",
            "Promote shop-core:1.0",
        ),
        (a_dependency("six:1.17", "pypi-ok"), {"third-party": ["pypi-ok"]}, Ruling.PASS, "", ""),
        (
            a_dependency("six:1.17", "pypi-wild"),
            {"third-party": ["pypi-ok"]},
            Ruling.FAIL,
            "six:1.17 is from a third party and only in pypi-wild",
            "Install third-party packages from pypi-ok",
        ),
        (
            a_dependency("six:1.17", ""),
            {"third-party": ["pypi-ok"]},
            Ruling.FAIL,
            "not kept in this store",
            "pypi-ok",
        ),
        (
            a_dependency("six:1.17", "", sha256=""),
            {"third-party": ["pypi-ok"], "internal": ["shop-*"]},
            Ruling.UNKNOWN,
            "nothing says which file of six:1.17 was used",
            "Resolve",
        ),
        (a_dependency("tool:1.0", "candidates", scopes=("build",)), {}, Ruling.PASS, "", ""),
        (a_dependency("tool:1.0", "candidates", scopes=()), {}, Ruling.FAIL, "tool:1.0", "Promote"),
        (
            a_dependency("tool:1.0", "candidates", scopes=("build",)),
            {"scopes": ["build"]},
            Ruling.FAIL,
            "tool:1.0",
            "Promote",
        ),
    ],
)
def test_no_dependency_stands_below(
    dependency: DependencyFact, parameters: Any, expected: Ruling, actual: str, step: str
) -> None:
    finding = judged(an_evidence(dependencies=(LIB, dependency)), "dependency-level", parameters)
    assert finding.ruling is expected
    assert actual in finding.actual
    assert step in finding.next


def test_a_dependency_that_was_on_the_ladder_is_internal_for_ever() -> None:
    used = Dependency(id="lib:2.0", repository="integration")
    build = replace(an_evidence().snapshot.build, modules=(Module(id="demo:1.0", dependencies=(used,)),))
    gone = a_dependency(repository="")
    finding = judged(an_evidence(build=build, dependencies=(gone,)), "dependency-level")
    assert (finding.ruling, finding.actual) == (Ruling.FAIL, "lib:2.0 is internal and stands on no level")


def test_a_dependency_that_was_revoked_is_refused() -> None:
    kept = replace(LIB.kept[0], properties={**LIB.kept[0].properties, "defend.revoked": ("it loses money",)})
    finding = judged(an_evidence(dependencies=(replace(LIB, kept=(kept,)),)), "dependency-level")
    assert finding.ruling is Ruling.FAIL
    assert finding.actual == "lib:2.0 (build lib/7) was revoked: it loses money"
    assert finding.next == "Publish a new build without lib:2.0."


def test_the_first_ten_are_named_and_the_rest_is_counted() -> None:
    many = tuple(a_dependency(f"fruit{number}:1.0", "candidates") for number in range(12))
    finding = judged(an_evidence(dependencies=(LIB, *many)), "dependency-level")
    assert "fruit9:1.0" in finding.actual
    assert "fruit10:1.0" not in finding.actual
    assert finding.actual.endswith("; and 2 more")
    assert "and 11 others to integration first" in finding.next
    assert len(finding.evidence) == 12


def test_a_build_info_that_leaves_something_out_is_refused() -> None:
    finding = judged(an_evidence(dependencies=()), "dependency-level")
    assert finding.ruling is Ruling.FAIL
    assert "lib:2.0 was there when demo:1.0 was tested, and the build-info leaves it out" in finding.actual
    assert "whose build-info names every dependency" in finding.next


@pytest.mark.parametrize(
    "unit",
    [
        with_facts(a_stage("unit"), installed=None),
        with_facts(a_stage("unit"), installed=Installed()),
        replace(a_stage("unit"), problem="its record is not there", record=None, verdict=None),
    ],
    ids=["no-facts", "not-installed", "gone"],
)
def test_what_nobody_knows_a_package_needs_is_unknown(unit: StageEvidence) -> None:
    finding = judged(an_evidence(unit, a_stage("smoke")), "dependency-level")
    assert finding.ruling is Ruling.UNKNOWN
    assert "what demo:1.0 needs is not known" in finding.actual
    assert "Install the package where its tests run" in finding.next


def test_a_package_without_dependencies_passes() -> None:
    alone = Installed(distributions=(Distribution(name="demo", version="1.0"),))
    evidence = an_evidence(with_facts(a_stage("unit"), installed=alone), dependencies=())
    assert judged(evidence, "dependency-level").actual == "it has no dependency"


def _rules(**rules: Any) -> Any:
    ladder = replace(LADDER, rules={name.replace("_", "-"): raw for name, raw in rules.items()})
    return read_policy(ladder, source="policy.toml", kinds=kinds()).rules("release")


def test_every_level_has_the_rule() -> None:
    below = an_evidence(dependencies=(a_dependency(repository="candidates"),))
    found = judge(below, _rules())
    assert [finding.rule for finding in found] == ["one-build", "intact", "subject-match", "dependency-level"]
    assert ruling(found) is Ruling.FAIL


@pytest.mark.parametrize(
    "parameters",
    [
        False,
        {"severity": "off"},
        {"severity": "warn"},
        {"expires-on": "2026-01-01"},
        {"effective-on": "2099-01-01"},
    ],
    ids=repr,
)
def test_it_is_not_weakened_without_a_reason(parameters: Any) -> None:
    with pytest.raises(InvalidDocument, match="write a reason"):
        _rules(dependency_level=parameters)


@pytest.mark.parametrize(
    "parameters", [{"severity": "off"}, {"expires-on": "2026-01-01"}, {"severity": "off", "internal": ["x"]}]
)
def test_turned_off_it_is_still_shown_with_the_reason(parameters: dict[str, Any]) -> None:
    below = an_evidence(dependencies=(a_dependency(repository="candidates"),))
    found = judge(below, _rules(dependency_level={**parameters, "reason": "no ladder yet"}))
    [finding] = [each for each in found if each.rule == "dependency-level"]
    assert finding.severity is Severity.OFF
    assert finding.actual == "the policy turned it off: no ladder yet"
    assert not finding.refuses
    assert ruling(found) is Ruling.PASS


def test_it_can_be_overridden_for_once() -> None:
    below = an_evidence(dependencies=(a_dependency(repository="candidates"),))
    override = Override(rule="dependency-level", who="ann", reason="a fix that cannot wait")
    assert ruling(judge(below, _rules(), [override])) is Ruling.PASS


def test_before_publication_levels_are_not_known() -> None:
    assert judged(an_evidence(local=True), "dependency-level").ruling is Ruling.UNKNOWN


def _origin(certainty: Certainty | None, name: str = "lib") -> StageEvidence:
    origin = Origin(certainty=certainty) if certainty else None
    installed = Installed(
        distributions=(
            Distribution(name="demo", version="1.0", requires=(Edge(target="lib", requirement="lib"),)),
            Distribution(name=name, version="2.0", origin=origin),
        )
    )
    return with_facts(a_stage("unit"), installed=installed)


@pytest.mark.parametrize(
    ("run", "wanted", "expected", "actual"),
    [
        (_origin(Certainty.PROVEN), "recorded", Ruling.PASS, "1 package, none less certain"),
        (_origin(Certainty.RECORDED), "recorded", Ruling.PASS, ""),
        (_origin(Certainty.MATCHED), "recorded", Ruling.FAIL, "lib:2.0: matched"),
        (_origin(Certainty.UNKNOWN), "tree", Ruling.FAIL, "lib:2.0: unknown"),
        (_origin(None), "unknown", Ruling.UNKNOWN, "lib:2.0: nobody looked"),
        (_origin(None, "other"), "proven", Ruling.PASS, "0 packages"),
        (with_facts(a_stage("unit"), installed=None), "unknown", Ruling.UNKNOWN, "demo:1.0 is not installed"),
        (
            replace(a_stage("unit"), problem="gone", record=None, verdict=None),
            "unknown",
            Ruling.UNKNOWN,
            "stage 'unit'",
        ),
    ],
)
def test_it_is_certain_which_files_were_tested_with(
    run: StageEvidence, wanted: str, expected: Ruling, actual: str
) -> None:
    finding = judged(an_evidence(run), "dependency-certainty", wanted)
    assert finding.ruling is expected
    assert actual in finding.actual


def test_of_several_runs_the_least_certain_counts() -> None:
    runs = (_origin(Certainty.PROVEN), with_facts(a_stage("smoke"), installed=Installed()))
    assert judged(an_evidence(*runs), "dependency-certainty", "proven").ruling is Ruling.PASS
    worse = (_origin(Certainty.PROVEN), a_stage("smoke"))
    assert judged(an_evidence(*worse), "dependency-certainty", "proven").ruling is Ruling.FAIL
    named = {"at-least": "proven", "stages": ["unit"]}
    assert judged(an_evidence(*worse), "dependency-certainty", named).ruling is Ruling.PASS
    unsure = (_origin(None), a_stage("smoke"))
    assert judged(an_evidence(*unsure), "dependency-certainty", "unknown").ruling is Ruling.UNKNOWN


@pytest.mark.parametrize(
    ("rule", "parameters", "problem"),
    [
        ("dependency-level", {"scopes": []}, "names no scope"),
        ("dependency-certainty", "sure", "'sure' is not a valid Certainty"),
        ("dependency-certainty", True, "is missing"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(rule: str, parameters: Any, problem: str) -> None:
    with pytest.raises(InvalidDocument, match=problem):
        read_policy(replace(LADDER, rules={rule: parameters}), source="policy.toml", kinds=kinds())
