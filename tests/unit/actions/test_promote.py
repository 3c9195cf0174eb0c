"""How builds rise: what is written, in which order, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from builders import a_build_info, a_clock, an_upload
from climbing import a_candidate, a_policy, climbed, deeds, names_on, packages_of, the_build
from pytest_defend.actions.sign import sign
from pytest_defend.actions.snapshot import Outside
from pytest_defend.actions.stated import Key
from pytest_defend.documents.dsse import verify
from pytest_defend.documents.envelopes import read_lines
from pytest_defend.documents.statements import read_statement
from pytest_defend.errors import UsageError
from pytest_defend.keys import generate, load_signer, load_verifiers
from pytest_defend.model.buildinfo import Artifact, Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.climb import Climb
from pytest_defend.model.decision import Override, Ruling
from pytest_defend.protocols import Promotion
from pytest_defend.stores.directory import DirectoryStore
from pytest_defend.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.model.buildinfo import BuildId
    from pytest_defend.protocols import Promoted, Store


@pytest.fixture(params=["memory", "directory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    if request.param == "memory":
        return MemoryStore(a_clock)
    return DirectoryStore(tmp_path / "store", clock=a_clock)


def _statuses(store: Store, name: str = "demo") -> list[str]:
    return [status.status for status in store.build(the_build(name)).statuses]


def test_a_build_rises_with_all_its_files_and_the_decision(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store)
    climb = climbed(store)
    assert climb.ruling is Ruling.PASS, climb
    assert deeds(climb) == [("demo", "b", "promoted")]
    build = store.build(the_build())
    files = {f"b/{file.path}" for module in build.modules for file in module.artifacts}
    assert {item.path for item in store.list("b")} == files == set(climb.steps[0].paths)
    assert {item.properties["defend.level"] for item in store.list("b")} == {("b",)}
    assert _statuses(store) == ["b"]


def test_a_build_rises_through_every_level(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store)
    climb = climbed(store, level="c")
    assert deeds(climb) == [("demo", "b", "promoted"), ("demo", "c", "promoted")]
    assert [step.came for step in climb.steps] == ["a", "b"]
    assert names_on(store, "a") == names_on(store, "b") == names_on(store, "c") == set(packages_of())
    assert _statuses(store) == ["b", "c"]
    kept = {item.path for item in store.list("c")}
    assert {step.judgement.path.replace("a/", "c/", 1) for step in climb.steps if step.judgement} <= kept


def test_direct_asks_one_gate_only(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store)
    assert deeds(climbed(store, level="c", direct=True)) == [("demo", "c", "promoted")]
    assert store.list("b") == ()


def test_promoting_again_changes_nothing(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store)
    climbed(store, level="c")
    before = store.list(""), store.build(the_build())
    for level in ("b", "c"):
        climb = climbed(store, level=level)
        assert deeds(climb) == [("demo", level, "unchanged")]
        assert climb.ruling is Ruling.PASS
    assert (store.list(""), store.build(the_build())) == before


def test_a_dry_run_says_what_would_be_done_and_writes_nothing(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store)
    before = store.list(""), store.build(the_build())
    climb = climbed(store, level="c", dry_run=True)
    assert deeds(climb) == [("demo", "b", "planned"), ("demo", "c", "planned")]
    assert climb.dry_run
    assert climb.ruling is Ruling.PASS
    assert "c/demo/1.0/demo-1.0.tar.gz" in climb.steps[1].paths
    assert (store.list(""), store.build(the_build())) == before


def test_a_refusal_says_why_and_what_next_and_writes_nothing(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store, final=1)
    before = store.list(""), store.build(the_build())
    climb = climbed(store, level="c")
    assert deeds(climb) == [("demo", "b", "refused"), ("demo", "c", "left")]
    assert climb.ruling is Ruling.FAIL
    assert any("required-stages" in reason for reason in climb.steps[0].reasons)
    assert climb.steps[0].next
    assert (store.list(""), store.build(the_build())) == before


def test_missing_evidence_is_no_answer(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store, marked=False)
    climb = climbed(store)
    assert deeds(climb) == [("demo", "b", "refused")]
    assert climb.ruling is Ruling.UNKNOWN


def test_a_dependency_below_is_refused_then_rises_with_it(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store, "base")
    a_candidate(tmp_path, store, "lib", "base")
    a_candidate(tmp_path, store, "app", "lib", "base")
    alone = climbed(store, "app")
    assert deeds(alone) == [("app", "b", "refused")]
    assert "dependency-level" in alone.steps[0].reasons[0]
    planned = climbed(store, "app", with_dependencies=True, dry_run=True)
    assert deeds(planned) == [(name, "b", "planned") for name in ("base", "lib", "app")]
    climb = climbed(store, "app", level="c", with_dependencies=True)
    assert deeds(climb) == [
        (name, level, "promoted") for level in ("b", "c") for name in ("base", "lib", "app")
    ]
    wanted = {file for name in ("base", "lib", "app") for file in packages_of(name)}
    assert names_on(store, "b") == names_on(store, "c") == wanted


def test_dependencies_further_down_climb_every_level(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store, "base")
    a_candidate(tmp_path, store, "lib", "base")
    climbed(store, "base")
    climb = climbed(store, "lib", level="c", with_dependencies=True)
    assert deeds(climb) == [
        ("lib", "b", "promoted"),
        ("base", "c", "promoted"),
        ("lib", "c", "promoted"),
    ]


def test_all_or_nothing(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store, "base")
    a_candidate(tmp_path, store, "lib", "base", final=1)
    before = store.list("")
    climb = climbed(store, "lib", with_dependencies=True)
    assert deeds(climb) == [("base", "b", "left"), ("lib", "b", "refused")]
    assert climb.steps[0].reasons == ("Another build that has to rise with it was refused.",)
    assert store.list("") == before


def test_builds_that_need_each_other_are_named(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store, "one", "two")
    a_candidate(tmp_path, store, "two", "one")
    climb = climbed(store, "one", with_dependencies=True)
    assert climb.steps[0].reasons == ("No order is viable: one/1 needs two/1 needs one/1.",)
    assert climb.ruling is Ruling.FAIL


def test_a_dependency_no_build_made_is_named(tmp_path: Path, store: Store) -> None:
    store.put(an_upload("a/lib/1.0/lib-1.0-py3-none-any.whl", packages_of("lib")["lib-1.0-py3-none-any.whl"]))
    a_candidate(tmp_path, store, "app", "lib")
    climb = climbed(store, "app", with_dependencies=True)
    reason = "lib:1.0, which app/1 needs, is a/lib/1.0/lib-1.0-py3-none-any.whl: no build made it."
    assert climb.steps[0].reasons == (reason,)


def test_an_override_is_for_the_build_that_was_asked_for(tmp_path: Path, store: Store) -> None:
    override = Override(rule="required-stages", who="jo", reason="by hand")
    a_candidate(tmp_path, store, "base", final=1)
    a_candidate(tmp_path, store, "lib", "base", final=1)
    climb = climbed(store, "lib", with_dependencies=True, overrides=[override])
    assert deeds(climb) == [("base", "b", "refused"), ("lib", "b", "left")]
    assert deeds(climbed(store, "base", overrides=[override])) == [("base", "b", "promoted")]
    assert deeds(climbed(store, "lib", overrides=[override])) == [("lib", "b", "promoted")]
    judgement = climbed(store, "lib", level="c", overrides=[override]).steps[0].judgement
    assert judgement is not None
    assert [finding.override for finding in judgement.findings if finding.override] == [override]


def test_a_rule_no_level_has_cannot_be_overridden(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store)
    with pytest.raises(UsageError, match="No level has a rule 'soak' to override"):
        climbed(store, overrides=[Override(rule="soak", who="jo", reason="now")])


def test_a_build_of_no_subsystem_has_no_way(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store, repository="dev")
    policy = a_policy(subsystems=["x", "y"], repositories="{subsystem}{level}")
    with pytest.raises(UsageError, match="was published to dev, which is of no subsystem"):
        climbed(store, policy=policy)


def test_a_build_from_outside_enters_at_the_lowest_level(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store, repository="dev")
    assert deeds(climbed(store)) == [("demo", "a", "promoted"), ("demo", "b", "promoted")]
    assert names_on(store, "dev") == names_on(store, "a") == names_on(store, "b") == set(packages_of())


def test_a_build_without_a_package_does_not_rise(store: Store) -> None:
    store.publish_build(a_build_info(modules=()))
    with pytest.raises(UsageError, match="has its packages nowhere: it has none"):
        climbed(store)


def test_equal_bytes_under_two_paths_are_two_files(tmp_path: Path, store: Store) -> None:
    build = a_candidate(tmp_path, store)
    twins = [an_upload(f"a/demo/1.0/evidence/more/{name}", b"same") for name in "xy"]
    artifacts = tuple(
        Artifact(
            name=twin.path[-1],
            path=twin.path.removeprefix("a/"),
            repository="a",
            sha256=twin.checksums.sha256,
        )
        for twin in twins
    )
    more = Module(id="demo:1.0/more", properties={"defend.kind": "evidence"}, artifacts=artifacts)
    store.append(build.id, [more], twins)
    assert deeds(climbed(store)) == [("demo", "b", "promoted")]
    assert {item.path for item in store.list("b/demo/1.0/evidence/more")} == {
        "b/demo/1.0/evidence/more/x",
        "b/demo/1.0/evidence/more/y",
    }


def test_what_nobody_decided_is_left_and_named(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store, final=1)
    store.promote(
        the_build(), Promotion(status="b", target="b", copy=True, properties={"defend.level": ("b",)})
    )
    store.promote(the_build(), Promotion(status="other"))
    store.annotate([item.path for item in store.list("b")], {"defend.level": ()})
    climb = climbed(store)
    assert deeds(climb) == [("demo", "b", "refused")]
    assert any("no decision brought that to the level" in reason for reason in climb.steps[0].reasons)
    assert names_on(store, "b") == set(packages_of())


def test_what_is_on_its_way_carries_nobody(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store, "base")
    a_candidate(tmp_path, store, "lib", "base")
    climbed(store, "base")
    store.annotate([item.path for item in store.list("b/base")], {"defend.level": ()})
    climb = climbed(store, "lib")
    assert deeds(climb) == [("lib", "b", "undone")]
    assert climb.steps[0].reasons == ("base:1.0 is on its way to b: promote base/1 first.",)
    assert store.list("b/lib") == ()
    together = climbed(store, "lib", with_dependencies=True)
    assert deeds(together) == [("base", "b", "completed"), ("lib", "b", "promoted")]


def test_another_promotion_that_finished_meanwhile_is_left_alone(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store)
    real = store.promote
    raced: list[Promotion] = []

    def promote(build: BuildId, promotion: Promotion) -> Promoted:
        answer = real(build, promotion)
        if promotion.target and not promotion.dry_run and not raced:
            raced.append(promotion)
            assert deeds(climbed(store)) == [("demo", "b", "completed")]
        return answer

    store.promote = promote  # type: ignore[method-assign]
    climb = climbed(store)
    assert climb.ruling is Ruling.FAIL
    assert climb.steps[0].reasons[-1] == (
        "Another promotion brought it there meanwhile: nothing was taken back."
    )
    assert names_on(store, "b") == set(packages_of())
    assert deeds(climbed(store)) == [("demo", "b", "unchanged")]


def test_the_report_reads_back(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store)
    climb = climbed(store, level="c")
    assert Climb.from_bytes(climb.to_bytes()) == climb


def test_a_signed_summary_climbs_along(tmp_path: Path, store: Store) -> None:
    signer = load_signer(generate().private_pem)
    a_candidate(tmp_path, store, "base")
    a_candidate(tmp_path, store, "lib", "base")
    climbed(store, "lib", with_dependencies=True, signer=signer)
    (path,) = [item.path for item in store.list("b/lib") if item.path.endswith("vsa.intoto.jsonl")]
    with store.open(path) as file:
        (line,) = read_lines(file.read())
    assert line.envelope is not None
    assert verify(line.envelope, [signer.public]).ok
    statement = read_statement(line.envelope.payload)
    assert statement.predicate["verificationResult"] == "PASSED"
    assert statement.predicate["verifiedLevels"] == ["DEFEND_LEVEL_b"]
    assert statement.predicate["dependencyLevels"] == {"DEFEND_LEVEL_b": 1}
    assert {subject.digest["sha256"] for subject in statement.subject} == {
        Checksums.of(content).sha256 for content in packages_of("lib").values()
    }


def test_a_signed_build_climbs_on_its_signatures_and_its_summaries(tmp_path: Path, store: Store) -> None:
    pair = generate()
    signer = load_signer(pair.private_pem)
    build = a_candidate(tmp_path, store)
    policy = a_policy(rules={"signature": {"keys": [pair.public_pem.decode()]}})
    outside = Outside(key=lambda text: text, verifiers=lambda pem: load_verifiers(pem.encode()))
    given: dict[str, Any] = {"policy": policy, "outside": outside, "signer": signer}
    assert deeds(climbed(store, **given)) == [("demo", "b", "refused")]
    sign(build.id, store, [Key(signer=signer, verifier=signer.public)])
    climb = climbed(store, level="c", **given)
    assert deeds(climb) == [("demo", "b", "promoted"), ("demo", "c", "promoted")]
    rested = []
    for level in ("b", "c"):
        (path,) = [item.path for item in store.list(f"c/demo/1.0/decisions/{level}") if "vsa" in item.path]
        with store.open(path) as file:
            (line,) = read_lines(file.read())
        assert line.envelope is not None
        rested.append(read_statement(line.envelope.payload).predicate["inputAttestations"])
    assert [len(inputs) for inputs in rested] == [1, 2], (
        "the result of the stage, then the first summary, too"
    )
