"""Documents are read again: they count when they are what was recorded, else it is said why they do not."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import IDS, NOW, a_build_info, a_bundle, a_clock, a_published, an_ended, an_upload
from pytest_defend.actions.evidence import read
from pytest_defend.actions.publish import mark, publish
from pytest_defend.actions.snapshot import Outside, take
from pytest_defend.documents.dsse import IN_TOTO, sign
from pytest_defend.documents.envelopes import envelope_lines
from pytest_defend.documents.stageresult import TEST_RESULT
from pytest_defend.documents.statements import STATEMENT, Descriptor, Statement
from pytest_defend.errors import Unavailable, UsageError
from pytest_defend.gates import Needs, Policy
from pytest_defend.keys import generate, load_signer, load_verifiers
from pytest_defend.model.buildinfo import Artifact, BuildId, Module
from pytest_defend.model.bundle import Final
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.journal import attempt_line, ids_line, line
from pytest_defend.model.ladder import Ladder
from pytest_defend.model.results import Outcome, Result
from pytest_defend.model.snapshot import PreviousFact
from pytest_defend.stores.directory import DirectoryStore
from pytest_defend.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

    from pytest_defend.model.bundle import Manifest
    from pytest_defend.model.evidence import Evidence, StageEvidence
    from pytest_defend.model.snapshot import Snapshot
    from pytest_defend.protocols import Store

_LADDER = Ladder.from_table({"levels": [{"name": "libs-local"}, {"name": "rc-local"}]}, "test")
POLICY = Policy(ladder=_LADDER, source="test", levels={})
FOLDER = "libs-local/demo/1.0/evidence/tests/r1"
RECORD, JOURNAL = f"{FOLDER}/record.json", f"{FOLDER}/journal.jsonl"


@pytest.fixture
def kept() -> MemoryStore:
    return MemoryStore(a_clock)


def _snapshot(store: Store, *, needs: Needs | None = None, outside: Outside | None = None) -> Snapshot:
    build = BuildId(name="demo", number="1")
    known = {"level": "rc-local", "policy": POLICY, "store": store, "taken": NOW}
    return take(build, needs=needs or Needs(), outside=outside, **known)  # type: ignore[arg-type]


def _read(store: Store) -> Evidence:
    return read(_snapshot(store), store, needs=Needs())


def _only(evidence: Evidence) -> StageEvidence:
    (stage,) = evidence.stages
    return stage


def _tamper(store: MemoryStore, path: str, content: bytes) -> None:
    """Other bytes under a path, as somebody does who may delete and deploy."""
    old = store._items[path]
    del store._items[path]
    store.put(an_upload(path, content, properties=old.properties))


def _content(store: MemoryStore, path: str) -> bytes:
    with store.open(path) as file:
        return file.read()


def test_a_stage_is_what_its_journal_says(store: Store, tmp_path: Path) -> None:
    failed = attempt_line(0, an_ended("failed"))
    rerun = [attempt_line(1, an_ended("rerun")), attempt_line(1, an_ended("passed", ordinal=1))]
    marks = line("marks", {"worker": "", "marks": {"smoke": [[0, 1]], "slow": [[0, 2]]}})
    a_published(tmp_path, store, marks, failed, *rerun, final=1)
    stage = _only(_read(store))
    assert stage.problem == ""
    assert stage.verdict is not None
    assert (stage.verdict.result, stage.green) == (Result.FAILED, False)
    assert stage.outcomes == {IDS[0]: Outcome.FAILED, IDS[1]: Outcome.PASSED}
    assert stage.flaky == {IDS[1]}
    assert stage.marks == {"smoke": {IDS[0]}, "slow": set(IDS)}
    assert stage.tally.failed == 1
    assert stage.record is not None
    assert stage.record.subjects[0].checksums.sha256 == Checksums.of(b"demo").sha256


def test_a_run_in_which_only_tests_failed_is_complete(store: Store, tmp_path: Path) -> None:
    passed = b'{"n":1,"s":1700000000000,"d":[1,2,3]}\n'
    manifest = a_published(tmp_path, store, attempt_line(0, an_ended("failed")), passed, final=1)
    stage = _only(_read(store))
    assert (stage.fact.mark, stage.complete) == ("failed", True)
    paths = [file.path for file in manifest.files]
    store.annotate(paths, {"defend.stage.tests": ()})
    assert _only(_read(store)).complete


def test_a_run_that_its_mark_alone_speaks_against_is_not_complete(store: Store, tmp_path: Path) -> None:
    manifest = a_published(tmp_path, store)
    assert _only(_read(store)).complete
    store.annotate([file.path for file in manifest.files], {"defend.stage.tests": ("failed",)})
    assert not _only(_read(store)).complete


def test_of_several_workers_the_worst_outcome_counts(store: Store, tmp_path: Path) -> None:
    told = [ids_line(worker, 0, IDS if worker == "gw0" else None, 2) for worker in ("gw0", "gw1")]
    told += [attempt_line(row, an_ended(how, worker=worker)) for worker, row, how in (
        ("gw0", 0, "skipped"), ("gw1", 0, "passed"), ("gw0", 1, "xpassed"), ("gw1", 1, "failed"),
    )]  # fmt: skip
    a_published_each(tmp_path, store, *told)
    assert _only(_read(store)).outcomes == {IDS[0]: Outcome.SKIPPED, IDS[1]: Outcome.FAILED}


def a_published_each(folder: Path, store: Store, *lines: bytes) -> Manifest:
    manifest = a_bundle(folder / "run", *lines, ids=None, each=True)
    publish(folder / "run", manifest, store)
    mark(manifest, store, Final(exit_status=1))
    return manifest


@pytest.mark.parametrize(
    ("said", "result", "reason"),
    [
        ("passed", Result.PASSED, None),
        ("", Result.PASSED, None),  # that it is not known to have ended is for the rules to say
        ("warned", Result.WARNED, "its mark says warned"),
        ("failed", Result.FAILED, "its mark says failed: pytest ended badly"),
        ("splendid", Result.FAILED, "its mark says splendid"),
    ],
)
def test_a_mark_makes_a_green_journal_worse(
    said: str, result: Result, reason: str | None, store: Store, tmp_path: Path
) -> None:
    manifest = a_published(tmp_path, store)
    store.annotate([file.path for file in manifest.files], {"defend.stage.tests": (said,) if said else ()})
    stage = _only(_read(store))
    assert stage.verdict is not None
    assert stage.verdict.result is result
    assert stage.fact.mark == said
    assert reason is None or reason in stage.verdict.reasons[0]


def test_a_green_mark_makes_no_red_journal_green(store: Store, tmp_path: Path) -> None:
    manifest = a_published(tmp_path, store, attempt_line(0, an_ended("failed")), final=1)
    store.annotate([file.path for file in manifest.files], {"defend.stage.tests": ("passed",)})
    stage = _only(_read(store))
    assert stage.verdict is not None
    assert stage.verdict.result is Result.FAILED


@pytest.mark.parametrize(
    ("path", "problem"),
    [
        (RECORD, f"{RECORD} is not there: it was deleted, or moved away"),
        (JOURNAL, f"{JOURNAL} is not there: it was deleted, or moved away"),
    ],
)
def test_a_deleted_document_is_missed(path: str, problem: str, kept: MemoryStore, tmp_path: Path) -> None:
    a_published(tmp_path, kept)
    del kept._items[path]
    stage = _only(_read(kept))
    assert (stage.problem, stage.record, stage.verdict, stage.outcomes) == (problem, None, None, {})


@pytest.mark.parametrize("path", [RECORD, JOURNAL])
def test_an_edited_document_is_noticed(path: str, kept: MemoryStore, tmp_path: Path) -> None:
    a_published(tmp_path, kept)
    edited = _content(kept, path).replace(b"r1", b"r2")
    _tamper(kept, path, edited)
    assert _only(_read(kept)).problem.startswith(
        f"{path} was replaced: its sha256 is {Checksums.of(edited).sha256[:12]}, the build-info says "
    )


def _swapped(store: MemoryStore, path: str, content: bytes) -> None:
    """Other bytes under a path, and in the build-info: as somebody does who may publish builds."""
    before = _content(store, path)
    _tamper(store, path, content)
    (key,) = store._builds
    store._builds[key] = _renamed(store._builds[key], before, content)


def _renamed(document: bytes, before: bytes, after: bytes) -> bytes:
    """A document that names content by its digest, naming other content."""
    old, new = (Checksums.of(content).sha256.encode() for content in (before, after))
    assert old in document
    return document.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (b'"build_number":"1"', b'"build_number":"7"', "its record is of another build: demo/7, not demo/1"),
        (
            b'"build_name":"demo"',
            b'"build_name":"omed"',
            "its record is of another build: omed/1, not demo/1",
        ),
        (b'"stage":"tests"', b'"stage":"smoke"', "its record is of another stage: smoke, not tests"),
        (b'"run":"r1"', b'"run":"r9"', "its record is of another run: r9, not r1"),
        (b'"name":"journal.jsonl"', b'"name":"other.jsonl"', "its record was made from another journal"),
        (b'"schema"', b'"schemer"', "cannot be read: RunRecord document is not valid: schema: is missing"),
    ],
)
def test_a_record_of_something_else_counts_for_nothing(
    old: bytes, new: bytes, problem: str, kept: MemoryStore, tmp_path: Path
) -> None:
    a_published(tmp_path, kept)
    record = _content(kept, RECORD)
    assert old in record
    _swapped(kept, RECORD, record.replace(old, new))
    assert problem in _only(_read(kept)).problem


def test_a_journal_of_another_run_is_not_that_of_the_record(kept: MemoryStore, tmp_path: Path) -> None:
    a_published(tmp_path, kept)
    _swapped(kept, JOURNAL, _content(kept, JOURNAL) + b"\n")
    problem = _only(_read(kept)).problem
    assert problem.startswith(f"its record was made from another journal than {JOURNAL}: it names sha256 ")


def test_a_journal_that_names_another_run_counts_for_nothing(kept: MemoryStore, tmp_path: Path) -> None:
    a_published(tmp_path, kept)
    journal = _content(kept, JOURNAL)
    other = journal.replace(b'"run":"r1"', b'"run":"r8"')
    _swapped(kept, JOURNAL, other)
    _swapped(kept, RECORD, _renamed(_content(kept, RECORD), journal, other))
    assert _only(_read(kept)).problem == "its journal is of another run: r8, not r1"


def test_a_journal_nobody_can_read_counts_for_nothing(kept: MemoryStore, tmp_path: Path) -> None:
    a_published(tmp_path, kept)
    journal = _content(kept, JOURNAL)
    _swapped(kept, JOURNAL, b"no journal\n")
    _swapped(kept, RECORD, _renamed(_content(kept, RECORD), journal, b"no journal\n"))
    assert "journal is not valid: line 1: is no header of a journal" in _only(_read(kept)).problem


def test_a_module_without_documents_or_digests_says_so(kept: MemoryStore) -> None:
    said = {"defend.stage": "tests", "defend.run": "r1"}
    nameless = Artifact(
        name="record.json", path="demo/1.0/evidence/tests/r1/record.json", repository="libs-local"
    )
    journal = replace(nameless, name="journal.jsonl", path="demo/1.0/evidence/tests/r1/journal.jsonl")
    kept.publish_build(
        a_build_info(
            modules=(
                Module(id="none", properties=said),
                Module(id="half", properties=said, artifacts=(nameless,)),
                Module(id="bare", properties=said, artifacts=(nameless, journal)),
            )
        )
    )
    assert [stage.problem for stage in _read(kept).stages] == [
        "the module none names no record.json",
        "the module half names no journal.jsonl",
        f"the build-info gives no sha256 for {RECORD}",
    ]


def test_a_store_that_notices_damage_is_believed(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store", a_clock)
    a_published(tmp_path, store)
    snapshot = _snapshot(store)
    digest = next(file.sha256 for file in snapshot.files if file.path == JOURNAL)
    (blob,) = (tmp_path / "store").rglob(digest)
    blob.chmod(0o600)
    blob.write_bytes(b"damaged")
    assert _only(read(snapshot, store, needs=Needs())).problem.startswith(f"{JOURNAL} was altered: ")


def test_a_store_that_cannot_be_asked_is_an_error(kept: MemoryStore, tmp_path: Path) -> None:
    a_published(tmp_path, kept)
    snapshot = _snapshot(kept)

    class Down(MemoryStore):
        def open(self, path: str) -> BinaryIO:
            raise Unavailable(path, "It is down.")

    with pytest.raises(Unavailable):
        read(snapshot, Down(a_clock), needs=Needs())


def test_reports_are_read_when_they_are_wanted_and_intact(kept: MemoryStore, tmp_path: Path) -> None:
    a_published(tmp_path, kept)
    junit, lost = f"{FOLDER}/junit.xml", "libs-local/demo/0/coverage.xml"
    before = PreviousFact(build="demo/0", reports={"coverage.xml": (lost, "libs-local/demo/0/junit.xml")})
    kept.put(an_upload("libs-local/demo/0/junit.xml", b"<before/>"))
    needs = Needs(reports=("junit.xml", "coverage.xml"))
    snapshot = replace(_snapshot(kept), previous=before)
    reports = read(snapshot, kept, needs=needs).reports
    assert reports == {junit: _content(kept, junit), "libs-local/demo/0/junit.xml": b"<before/>"}
    assert read(replace(snapshot, previous=None), kept, needs=Needs()).reports == {}
    _tamper(kept, junit, b"<other/>")
    assert set(read(snapshot, kept, needs=needs).reports) == {"libs-local/demo/0/junit.xml"}


MINE, OTHER = generate(), generate()


def _statement(record: bytes, predicate_type: str = TEST_RESULT) -> bytes:
    configuration = [{"name": "tests", "digest": {"sha256": Checksums.of(record).sha256}}, "no descriptor"]
    return Statement(
        type=STATEMENT,
        subject=(Descriptor(name="demo", digest={"sha256": "0" * 64}),),
        predicate_type=predicate_type,
        predicate={"result": "PASSED", "configuration": configuration},
    ).to_bytes()


def _appended(store: MemoryStore, content: bytes) -> str:
    path = f"{FOLDER}/result.intoto.jsonl"
    file = Artifact(
        name="result.intoto.jsonl",
        path=path.partition("/")[2],
        repository="libs-local",
        sha256=Checksums.of(content).sha256,
    )
    module = Module(id="demo:1.0/signed", properties={"defend.kind": "evidence"}, artifacts=(file,))
    store.append(BuildId(name="demo", number="1"), [module], [an_upload(path, content)])
    return path


def _signed(store: MemoryStore, keys: dict[str, bytes]) -> Evidence:
    def key(text: str) -> str:
        return keys[text].decode()

    needs = Needs(keys=tuple(keys))
    snapshot = _snapshot(store, needs=needs, outside=Outside(key=key))
    return read(snapshot, store, needs=needs, verifiers=lambda pem: load_verifiers(pem.encode()))


def test_statements_count_when_a_trusted_key_signed_them(kept: MemoryStore, tmp_path: Path) -> None:
    a_published(tmp_path, kept)
    record = _content(kept, RECORD)
    signer, stranger = (load_signer(pair.private_pem) for pair in (MINE, OTHER))
    path = _appended(
        kept,
        envelope_lines(
            [
                sign(_statement(record), IN_TOTO, [signer]),
                sign(_statement(record), IN_TOTO, [stranger]),
                sign(b"{}", IN_TOTO, [signer]),
                sign(_statement(b"another"), IN_TOTO, [signer]),
                sign(_statement(record, "https://example.com/other"), IN_TOTO, [signer]),
            ]
        )
        + b"no envelope\n",
    )
    evidence = _signed(kept, {"mine": MINE.public_pem, "nothing": b"no key"})
    assert evidence.keys == {"mine": {MINE.keyid}}
    assert [(each.path, each.line) for each in evidence.envelopes] == [
        (path, number) for number in range(1, 7)
    ]
    good, unknown, empty, *others, broken = evidence.envelopes
    assert good.keys == {MINE.keyid}
    assert good.statement is not None
    assert good.digest == Checksums.of(_statement(record)).sha256
    assert "no trusted key made it" in unknown.problem
    assert unknown.statement is None
    assert "in-toto statement is not valid" in empty.problem
    assert [each.problem for each in others] == ["", ""]
    assert "DSSE envelope is not valid" in broken.problem
    assert _only(evidence).statements == (path,)


def test_statements_prove_nothing_without_keys(kept: MemoryStore, tmp_path: Path) -> None:
    a_published(tmp_path, kept)
    signed = sign(_statement(_content(kept, RECORD)), IN_TOTO, [load_signer(MINE.private_pem)])
    path = _appended(kept, envelope_lines([signed]))
    evidence = _read(kept)
    assert "No key is trusted" in evidence.envelopes[0].problem
    assert _only(evidence).statements == ()
    _tamper(kept, path, envelope_lines([signed]) * 2)
    (lost,) = _signed(kept, {"mine": MINE.public_pem}).envelopes
    assert (lost.line, lost.statement) == (0, None)
    assert lost.problem.startswith(f"{path} was replaced: ")


def test_a_key_that_cannot_be_read_again_is_missing(kept: MemoryStore, tmp_path: Path) -> None:
    a_published(tmp_path, kept)

    def none(pem: str) -> list[object]:
        raise UsageError(f"{pem} is no key")

    snapshot = replace(_snapshot(kept), keys={"mine": "x"})
    assert read(snapshot, kept, needs=Needs(), verifiers=none).keys == {}  # type: ignore[arg-type]
