"""Who signed what: what holds, and every way in which it does not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from builders import NOW, PATH, a_clock, an_upload
from pytest_defend.actions.approve import approve
from pytest_defend.actions.sign import sign
from pytest_defend.actions.verify_evidence import verify_evidence
from pytest_defend.documents.dsse import IN_TOTO, Envelope
from pytest_defend.documents.dsse import sign as sign_envelope
from pytest_defend.documents.envelopes import envelope_lines
from pytest_defend.documents.statements import STATEMENT, read_statement
from pytest_defend.errors import NotFound, UsageError
from pytest_defend.keys import Kind
from pytest_defend.model.answer import Answer
from pytest_defend.model.buildinfo import Artifact, BuildId, BuildInfo, Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.fields import canonical_bytes
from pytest_defend.stores.memory import MemoryStore
from signed import a_key, a_stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_defend.model.signing import EvidenceView
    from pytest_defend.protocols import Item, Store

DEMO = BuildId(name="demo", number="1")
KEY, OTHER = a_key(), a_key(Kind.ECDSA_P256)
BOTH = [KEY.verifier, OTHER.verifier]


class Altered:
    """A store as somebody left it who may write everything: files gone, the build-info another one."""

    def __init__(
        self,
        store: Store,
        *,
        gone: Sequence[str] = (),
        build: Callable[[BuildInfo], BuildInfo] = lambda build: build,
    ) -> None:
        self._store, self._gone, self._build = store, gone, build

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def build(self, build: BuildId) -> BuildInfo:
        return self._build(self._store.build(build))

    def list(self, prefix: str) -> Sequence[Item]:
        return [item for item in self._store.list(prefix) if item.path not in self._gone]

    def find(self, sha256s: Iterable[str]) -> Mapping[str, Sequence[Item]]:
        return {
            sha256: left
            for sha256, items in self._store.find(sha256s).items()
            if (left := [item for item in items if item.path not in self._gone])
        }

    def open(self, path: str) -> Any:
        if path in self._gone:
            raise NotFound(path)
        return self._store.open(path)


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(a_clock)


@pytest.fixture
def paths(tmp_path: Path, store: MemoryStore) -> tuple[str, str]:
    """Two stages, signed with two keys; where the statements are."""
    a_stage(tmp_path, store)
    first = sign(DEMO, store, [KEY]).rows[0].path
    a_stage(tmp_path, store, "smoke", "r2")
    return first, sign(DEMO, store, [OTHER], stages=["smoke"]).rows[0].path


def planted(store: Store, content: bytes, name: str = "x.intoto.jsonl") -> None:
    """Add a file of envelopes to the build, as anybody could who may write."""
    path = f"libs-local/demo/1.0/evidence/tests/r1/{name}"
    artifact = Artifact(
        name=name, path=path.partition("/")[2], repository="libs-local", sha256=Checksums.of(content).sha256
    )
    module = Module(id=f"planted/{name}", properties={"defend.kind": "evidence"}, artifacts=(artifact,))
    store.append(DEMO, [module], [an_upload(path, content)])


def all_problems(view: EvidenceView) -> str:
    return " ".join([*(text for each in view.statements for text in each.problems), *view.chain, *view.files])


@pytest.mark.usefixtures("paths")
def test_everything_holds(store: MemoryStore) -> None:
    view = verify_evidence(DEMO, store, BOTH)
    assert (view.answer, all_problems(view), view.unsigned) == (Answer.YES, "", ())
    assert [(each.says, each.keys) for each in view.statements] == [
        ("stage tests passed", (KEY.signer.keyid,)),
        ("stage smoke passed", (OTHER.signer.keyid,)),
    ]


@pytest.mark.usefixtures("paths")
def test_a_key_that_is_not_trusted_is_refused(store: MemoryStore) -> None:
    view = verify_evidence(DEMO, store, [KEY.verifier])
    assert view.answer is Answer.NO
    assert view.unsigned == ("smoke (r2)",)
    assert view.statements[1].problems[0] == "Of the 1 trusted keys that are needed, 0 signed it."
    assert view.statements[1].says == ""
    assert view.chain == ()


def test_a_file_that_was_taken_away_is_missed(store: MemoryStore, paths: tuple[str, str]) -> None:
    first = store.build(DEMO).modules[2].properties["defend.statement"]
    view = verify_evidence(DEMO, Altered(store, gone=[paths[0]]), BOTH)
    assert view.answer is Answer.NO
    assert view.statements[0].problems == (f"{paths[0]} is not there: it was deleted, or moved away.",)
    assert [sentence.partition(" (")[0] for sentence in view.chain] == [
        "The result of stage smoke",
        f"Statement {first[:12]} is on record and is not there: it was taken away or replaced.",
    ]


def test_what_is_signed_later_still_names_what_was_taken_away(
    store: MemoryStore, paths: tuple[str, str]
) -> None:
    first, second = (store.build(DEMO).modules[index].properties["defend.statement"] for index in (2, 4))
    third = a_key(number=3)
    (row,) = sign(DEMO, Altered(store, gone=[paths[0]]), [third], stages=["smoke"]).rows
    with store.open(row.path) as file:
        payload = Envelope.from_bytes(file.read().strip()).payload
    assert read_statement(payload).predicate["defend_previous"] == sorted([first, second])


def test_a_statement_taken_out_of_the_build_is_missed_by_the_one_that_follows(
    store: MemoryStore, paths: tuple[str, str]
) -> None:
    def without(build: BuildInfo) -> BuildInfo:
        left = [
            each for each in build.modules if paths[0] not in [f"libs-local/{a.path}" for a in each.artifacts]
        ]
        return replace(build, modules=tuple(left))

    view = verify_evidence(DEMO, Altered(store, gone=[paths[0]], build=without), BOTH)
    assert (view.answer, len(view.statements)) == (Answer.NO, 1)
    assert "follows" in view.chain[0]
    assert "it was taken away or replaced" in view.chain[0]


def test_content_that_was_edited_is_refused(store: MemoryStore, paths: tuple[str, str]) -> None:
    with store.open(paths[0]) as file:
        envelope = Envelope.from_bytes(file.read().strip())
    edited = replace(envelope, payload=envelope.payload.replace(b"passed", b"PASSED", 1))
    planted(store, envelope_lines([edited]))
    view = verify_evidence(DEMO, store, BOTH)
    assert view.answer is Answer.NO
    assert "one of them was changed" in all_problems(view)


def test_the_evidence_of_another_build_is_refused(tmp_path: Path, store: MemoryStore) -> None:
    a_stage(tmp_path, store)
    sign(DEMO, store, [KEY])
    other = MemoryStore(a_clock)
    a_stage(tmp_path, other, number="2", content=b"other")
    row = sign(BuildId(name="demo", number="2"), other, [KEY]).rows[0]
    with other.open(row.path) as file:
        planted(store, file.read())
    view = verify_evidence(DEMO, store, BOTH)
    assert view.answer is Answer.NO
    told = " ".join(view.statements[1].problems)
    assert "which is none of this build: it was made for another one" in told
    assert "It names another build." in told
    assert "which is not in this build" in told
    assert "belongs to another build, demo/2@" in " ".join(view.chain)


def test_lines_that_are_no_statement_are_refused(store: MemoryStore, paths: tuple[str, str]) -> None:
    del paths
    planted(store, b"{}\n", "a.intoto.jsonl")
    planted(store, envelope_lines([sign_envelope(b"{}", IN_TOTO, [KEY.signer])]), "b.intoto.jsonl")
    told = all_problems(verify_evidence(DEMO, store, BOTH))
    assert "payloadType: is missing" in told
    assert "What is signed is no in-toto statement." in told


def test_what_other_tools_say_is_shown_and_has_no_say(tmp_path: Path, store: MemoryStore) -> None:
    a_stage(tmp_path, store)
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": "x", "digest": {"sha256": Checksums.of(b"demo").sha256}}],
        "predicateType": "https://scanner.example/report/v1",
        "predicate": {},
    }
    foreign = sign_envelope(canonical_bytes(statement), IN_TOTO, [OTHER.signer])
    planted(store, envelope_lines([foreign, sign_envelope(b"{}", IN_TOTO, [OTHER.signer])]))
    (row,) = sign(DEMO, store, [KEY]).rows
    view = verify_evidence(DEMO, store, BOTH)
    assert [each.says for each in view.statements] == ["scanner.example/report/v1", "", "stage tests passed"]
    with store.open(row.path) as file:
        payload = Envelope.from_bytes(file.read().strip()).payload
    assert read_statement(payload).predicate["defend_previous"] == []


@pytest.mark.parametrize("name", [PATH, "libs-local/demo/1.0/evidence/tests/r1/record.json"])
@pytest.mark.usefixtures("paths")
def test_what_the_statements_are_about_has_to_be_there(store: MemoryStore, name: str) -> None:
    view = verify_evidence(DEMO, Altered(store, gone=[name]), BOTH)
    assert (view.answer, view.files) == (Answer.NO, (f"{name} is not there.",))


@pytest.mark.usefixtures("paths")
def test_what_the_statements_are_about_has_to_hold_the_same_bytes(store: MemoryStore) -> None:
    def other(build: BuildInfo) -> BuildInfo:
        package, *rest = build.modules
        (file,) = package.artifacts
        return replace(build, modules=(replace(package, artifacts=(replace(file, sha256="0" * 64),)), *rest))

    view = verify_evidence(DEMO, Altered(store, build=other), BOTH)
    assert view.answer is Answer.NO
    assert view.files[0].startswith(f"{PATH} holds other bytes than were published (")
    assert "which is not in this build" in all_problems(view)


def test_too_little_to_say_so(tmp_path: Path, store: MemoryStore) -> None:
    a_stage(tmp_path, store)
    view = verify_evidence(DEMO, store, BOTH)
    assert (view.answer, view.unsigned) == (Answer.UNKNOWN, ("tests (r1)",))
    sign(DEMO, store, [KEY])
    assert verify_evidence(DEMO, store, BOTH).answer is Answer.YES
    assert verify_evidence(DEMO, store, BOTH, at_least=2).unsigned == ("tests (r1)",)
    assert verify_evidence(DEMO, store, BOTH, stages=["soak"]).unsigned == ("soak (it has not run)",)
    sign(DEMO, store, [OTHER])
    assert verify_evidence(DEMO, store, BOTH, at_least=2).answer is Answer.YES


@pytest.mark.parametrize(("count", "keys"), [(0, BOTH), (3, BOTH), (1, []), (2, [KEY.verifier] * 2)])
def test_a_number_of_keys_that_makes_no_sense(store: MemoryStore, count: int, keys: Any) -> None:
    with pytest.raises(UsageError, match="cannot be had"):
        verify_evidence(DEMO, store, keys, at_least=count)


def test_an_approval_and_where_files_came_from_say_so(tmp_path: Path, store: MemoryStore) -> None:
    a_stage(tmp_path, store)
    sign(DEMO, store, [KEY], builder="https://ci.example/builder")
    approve(DEMO, store, level="rc", now=NOW, key=OTHER)
    view = verify_evidence(DEMO, store, BOTH)
    assert (view.answer, all_problems(view)) == (Answer.YES, "")
    assert [each.says for each in view.statements] == [
        "stage tests passed",
        "where its files came from",
        "approved for rc",
    ]
