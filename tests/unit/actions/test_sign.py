"""What is signed of a build, what is not, and what signing again does."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from builders import PATH, a_published, an_upload
from predicates import broken_rules
from pytest_defend.actions.sign import sign
from pytest_defend.documents.dsse import verify
from pytest_defend.documents.envelopes import read_lines
from pytest_defend.documents.provenance import PROVENANCE
from pytest_defend.documents.stageresult import TEST_RESULT
from pytest_defend.errors import Conflict, NotFound, UsageError
from pytest_defend.keys import Kind
from pytest_defend.model.answer import Answer
from pytest_defend.model.buildinfo import Artifact, BuildId, Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.signing import Signing
from pytest_defend.protocols import Promotion
from signed import a_key, a_stage

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.model.signing import SignedRow
    from pytest_defend.protocols import Store

DEMO = BuildId(name="demo", number="1")
KEY, OTHER = a_key(), a_key(Kind.ECDSA_P256)


def said(row: SignedRow, store: Store) -> dict[str, Any]:
    """The statement a row names, verified."""
    with store.open(row.path) as file:
        (line,) = read_lines(file.read())
    assert line.envelope is not None
    assert verify(line.envelope, [KEY.verifier, OTHER.verifier]).ok
    statement = json.loads(line.envelope.payload)
    assert broken_rules(statement) == []
    return dict(statement)


@pytest.mark.parametrize("key", [KEY, OTHER], ids=list(Kind))
def test_a_stage_is_signed_beside_its_package(tmp_path: Path, store: Store, key: Any) -> None:
    manifest = a_stage(tmp_path, store)
    view = sign(DEMO, store, [key])
    (row,) = view.rows
    assert (view.answer, row.state, row.result, row.keyid) == (
        Answer.YES,
        Signing.SIGNED,
        "passed",
        key.signer.keyid,
    )
    assert row.path == (
        f"libs-local/demo/1.0/evidence/tests/r1/test-result-{key.signer.keyid[:8]}.intoto.jsonl"
    )
    statement = said(row, store)
    assert statement["subject"] == [
        {"name": "demo-1.0.tar.gz", "digest": {"sha256": Checksums.of(b"demo").sha256}}
    ]
    assert statement["predicate"]["result"] == "PASSED"
    assert statement["predicate"]["defend_build"]["started"] == manifest.build.started
    module = store.build(DEMO).modules[-1]
    assert (module.id, module.is_package) == (
        f"demo:1.0/evidence/tests/r1/test-result-{key.signer.keyid[:8]}",
        False,
    )
    assert module.properties["defend.statement"] == row.statement


def test_the_same_key_again_changes_nothing(tmp_path: Path, store: Store) -> None:
    a_stage(tmp_path, store)
    (first,) = sign(DEMO, store, [KEY]).rows
    before = store.build(DEMO), store.list("")
    (again,) = sign(DEMO, store, [KEY]).rows
    assert again.state is Signing.ALREADY
    assert (again.statement, again.path) == (first.statement, first.path)
    assert (store.build(DEMO), store.list("")) == before


def test_keys_that_sign_together_sign_one_statement(tmp_path: Path, store: Store) -> None:
    a_stage(tmp_path, store)
    one, two = sign(DEMO, store, [KEY, OTHER]).rows
    assert one.statement == two.statement
    assert one.path != two.path
    assert said(one, store)["predicate"]["defend_previous"] == []
    (three,) = sign(DEMO, store, [a_key(number=3)]).rows
    with store.open(three.path) as file:
        (line,) = read_lines(file.read())
    assert line.envelope is not None
    assert json.loads(line.envelope.payload)["predicate"]["defend_previous"] == [one.statement]


def test_a_key_that_comes_later_believes_nobody_and_names_what_is_there(tmp_path: Path, store: Store) -> None:
    a_stage(tmp_path, store)
    (one,) = sign(DEMO, store, [KEY]).rows
    (two,) = sign(DEMO, store, [OTHER]).rows
    assert said(two, store)["predicate"]["defend_previous"] == [one.statement]


def test_stages_follow_each_other(tmp_path: Path, store: Store) -> None:
    a_stage(tmp_path, store)
    a_stage(tmp_path, store, "smoke", "r2")
    tests, smoke = sign(DEMO, store, [KEY]).rows
    assert (tests.stage, smoke.stage) == ("tests", "smoke")
    assert said(smoke, store)["predicate"]["defend_previous"] == [tests.statement]
    a_stage(tmp_path, store, "soak", "r3")
    third = sign(DEMO, store, [KEY], stages=["soak"]).rows[0]
    assert said(third, store)["predicate"]["defend_previous"] == [smoke.statement]


def test_what_others_claim_hides_no_statement(tmp_path: Path, store: Store) -> None:
    """A stranger's statement that names the first one does not take it out of what has to be named."""
    a_stage(tmp_path, store)
    (one,) = sign(DEMO, store, [KEY]).rows
    (stranger,) = sign(DEMO, store, [OTHER]).rows
    a_stage(tmp_path, store, "smoke", "r2")
    third = a_key(number=3)
    row = sign(DEMO, store, [third], run="r2").rows[0]
    with store.open(row.path) as file:
        (line,) = read_lines(file.read())
    assert line.envelope is not None
    named = json.loads(line.envelope.payload)["predicate"]["defend_previous"]
    assert named == sorted([one.statement, stranger.statement])


def test_a_stage_without_its_last_word_is_not_signed(tmp_path: Path, store: Store) -> None:
    a_stage(tmp_path, store, final=None)
    view = sign(DEMO, store, [KEY])
    (row,) = view.rows
    assert (view.answer, row.state) == (Answer.UNKNOWN, Signing.NOT)
    assert row.reason.startswith("it has no last word")
    assert len(store.build(DEMO).modules) == 2


def test_the_mark_makes_the_result_worse(tmp_path: Path, store: Store) -> None:
    a_stage(tmp_path, store, final=1)
    (row,) = sign(DEMO, store, [KEY]).rows
    assert (row.state, row.result) == (Signing.SIGNED, "failed")
    predicate = said(row, store)["predicate"]
    assert predicate["result"] == "FAILED"
    assert predicate["defend_reasons"][0].startswith("its mark says failed")


@pytest.mark.parametrize("name", ["record.json", "journal.jsonl"])
def test_an_archive_that_is_gone_is_not_signed(tmp_path: Path, store: Store, name: str) -> None:
    manifest = a_stage(tmp_path, store)
    build = store.build(DEMO)
    (stage,) = [module for module in build.modules if "defend.stage" in module.properties]
    other = Module(
        id="demo:1.0/stage/other",
        properties={**stage.properties, "defend.stage": "other"},
        artifacts=tuple(file for file in stage.artifacts if file.name != name),
    )
    store.append(DEMO, [other])
    store.annotate([file.path for file in manifest.files], {"defend.stage.other": ("passed",)})
    view = sign(DEMO, store, [KEY], stages=["other"])
    (row,) = view.rows
    assert view.answer is Answer.NO
    assert name in row.reason


def test_a_record_of_another_stage_is_not_signed(tmp_path: Path, store: Store) -> None:
    manifest = a_stage(tmp_path, store)
    (stage,) = [module for module in manifest.build.modules if "defend.stage" in module.properties]
    said_so = {**stage.properties, "defend.stage": "smoke"}
    store.append(DEMO, [Module(id="demo:1.0/stage/smoke", properties=said_so, artifacts=stage.artifacts)])
    store.annotate([file.path for file in manifest.files], {"defend.stage.smoke": ("passed",)})
    (row,) = sign(DEMO, store, [KEY], stages=["smoke"]).rows
    assert row.state is Signing.NOT
    assert row.reason == "its record is of another stage: tests, not smoke"


def test_files_that_were_moved_are_found(tmp_path: Path, store: Store) -> None:
    a_stage(tmp_path, store)
    (one,) = sign(DEMO, store, [KEY]).rows
    store.promote(DEMO, Promotion(status="rc", target="rc-local"))
    (two,) = sign(DEMO, store, [OTHER]).rows
    assert two.path.startswith("rc-local/demo/1.0/evidence/tests/r1/test-result-")
    assert said(two, store)["predicate"]["defend_previous"] == [one.statement]
    assert sign(DEMO, store, [KEY, OTHER]).rows[0].state is Signing.ALREADY


def test_what_cannot_be_named_by_a_digest_is_not_signed(tmp_path: Path, store: Store) -> None:
    a_published(tmp_path, store)
    view = sign(DEMO, store, [KEY])
    (row,) = view.rows
    assert view.answer is Answer.UNKNOWN
    assert row.reason == "What stage tests tested has no digest: no published file, no clean commit."


def test_another_file_in_the_place_of_ours_is_refused(tmp_path: Path, store: Store) -> None:
    manifest = a_stage(tmp_path, store)
    path = f"libs-local/demo/1.0/evidence/tests/r1/test-result-{KEY.short}.intoto.jsonl"
    content = b"{}\n"
    artifact = Artifact(
        name=path.rpartition("/")[2],
        path=path.partition("/")[2],
        repository="libs-local",
        sha256=Checksums.of(content).sha256,
    )
    theirs = Module(id="theirs", artifacts=(artifact,))
    store.append(manifest.build.id, [theirs], [an_upload(path, content)])
    with pytest.raises(Conflict, match="test-result"):
        sign(DEMO, store, [KEY])


def test_where_files_came_from_is_signed_when_somebody_answers_for_it(tmp_path: Path, store: Store) -> None:
    a_stage(tmp_path, store)
    result, origin = sign(DEMO, store, [KEY], builder="https://ci.example/builder").rows
    assert (result.predicate, origin.predicate) == (TEST_RESULT, PROVENANCE)
    assert origin.path.endswith(f"/r1/provenance-{KEY.short}.intoto.jsonl")
    statement = said(origin, store)
    assert statement["predicate"]["runDetails"]["builder"]["id"] == "https://ci.example/builder"
    assert statement["predicate"]["defend_previous"] == [result.statement]
    states = {row.state for row in sign(DEMO, store, [KEY], builder="https://ci.example/builder").rows}
    assert states == {Signing.ALREADY}


def test_a_service_is_offered_what_is_new_for_each_file(tmp_path: Path, store: Store) -> None:
    a_stage(tmp_path, store)
    offered: list[str] = []

    def forward(path: str, envelope: Any) -> str:
        assert verify(envelope, [KEY.verifier]).ok
        offered.append(path)
        return "It was not taken."

    other = Artifact(name="x.whl", path="x.whl", repository="libs-local", sha256=Checksums.of(b"x").sha256)
    store.append(DEMO, [Module(id="x:1", artifacts=(other,))], [an_upload("libs-local/x.whl", b"x")])
    assert sign(DEMO, store, [KEY], forward=forward).warnings == ("It was not taken.",)
    assert offered == [PATH]
    assert sign(DEMO, store, [KEY], forward=forward).warnings == ()


def test_what_is_not_there_is_refused(tmp_path: Path, store: Store) -> None:
    with pytest.raises(NotFound):
        sign(DEMO, store, [KEY])
    a_stage(tmp_path, store)
    with pytest.raises(UsageError, match=r"has no stage smoke\. It has tests\."):
        sign(DEMO, store, [KEY], stages=["smoke"])
    with pytest.raises(UsageError, match="has no run r9"):
        sign(DEMO, store, [KEY], run="r9")
