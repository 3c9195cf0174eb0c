"""Signed evidence over a server: two stages, two people, and everybody who tampers is found out."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

import pytest

from builders import NOW, an_upload
from pytest_defend import cli
from pytest_defend.actions.gate import gate
from pytest_defend.actions.sign import sign
from pytest_defend.actions.snapshot import Outside
from pytest_defend.gates import kinds, read_policy
from pytest_defend.keys import Kind, load_verifiers
from pytest_defend.model.buildinfo import Artifact, BuildId, Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.decision import Ruling
from pytest_defend.model.ladder import Ladder
from pytest_defend.model.signing import EvidenceView
from served import a_store_at, served
from signed import a_key, a_pair, a_stage

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_defend.model.decision import Finding
    from pytest_defend.stores.artifactory import ArtifactoryStore

NUMBERS, RUNS = count(1), count(1)
TESTS, LAB, STRANGER = a_pair(), a_pair(Kind.ECDSA_P256), a_pair(number=2)
PUBLIC = (TESTS.public_pem + LAB.public_pem).decode()


@dataclass(frozen=True)
class Case:
    """A build of two stages, each signed by the key of its own people."""

    url: str
    store: ArtifactoryStore
    build: BuildId
    tests: str
    """Path of the statement about the stage `tests`."""
    smoke: str


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("served")) as url:
        yield url


@pytest.fixture
def case(tmp_path: Path, url: str, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DEFEND_STORE", url)
    for name, pair in (("tests", TESTS), ("lab", LAB), ("stranger", STRANGER)):
        (tmp_path / f"{name}.pub").write_bytes(pair.public_pem)
    store, number = a_store_at(url), str(next(NUMBERS))
    build = BuildId(name="demo", number=number)
    a_stage(tmp_path, store, "tests", f"r{next(RUNS)}", number=number)
    tests = sign(build, store, [a_key()]).rows[0].path
    a_stage(tmp_path, store, "smoke", f"r{next(RUNS)}", number=number)
    smoke = sign(build, store, [a_key(Kind.ECDSA_P256)], stages=["smoke"]).rows[0].path
    return Case(url=url, store=store, build=build, tests=tests, smoke=smoke)


def _verified(case: Case, capsys: pytest.CaptureFixture[str], *keys: str) -> tuple[int, EvidenceView]:
    given = [text for key in keys or ("tests.pub", "lab.pub") for text in ("--key", key)]
    code = cli.main(["verify-evidence", str(case.build), *given, "--format", "json"])
    return code, EvidenceView.from_dict(json.loads(capsys.readouterr().out))


def _findings(case: Case) -> dict[str, Finding]:
    """What a gate that trusts both keys says."""
    table = {
        "levels": [
            {"name": "candidate", "repository": "libs-local"},
            {"name": "rc", "repository": "rc-local", "stages": ["tests", "smoke"]},
        ],
        "rules": {"signature": {"keys": [PUBLIC]}},
    }
    decision = gate(
        case.build,
        level="rc",
        policy=read_policy(Ladder.from_table(table, "test"), source="test", kinds=kinds()),
        store=case.store,
        now=NOW,
        decision_id="1-a",
        outside=Outside(key=lambda text: text, verifiers=lambda pem: load_verifiers(pem.encode())),
    )
    return {finding.rule: finding for finding in decision.findings}


def _ask(url: str, method: str, path: str, body: bytes | None = None) -> None:
    request = urllib.request.Request(f"{url}/{path}", data=body, method=method)
    with urllib.request.urlopen(request) as answer:
        answer.read()


def test_two_stages_signed_by_two_keys(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    code, view = _verified(case, capsys)
    assert (code, view.chain, view.unsigned) == (0, (), ())
    assert [(each.says, each.keys, each.path) for each in view.statements] == [
        ("stage tests passed", (TESTS.keyid,), case.tests),
        ("stage smoke passed", (LAB.keyid,), case.smoke),
    ]
    found = _findings(case)
    assert (found["signature"].ruling, found["intact"].ruling) == (Ruling.PASS, Ruling.PASS), found


def test_an_envelope_that_was_deleted(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    _ask(case.url, "DELETE", case.tests)
    code, view = _verified(case, capsys)
    assert code == 1
    follows, on_record = view.chain
    assert follows.startswith("The result of stage smoke (")
    assert on_record.endswith("is on record and is not there: it was taken away or replaced.")
    found = _findings(case)
    assert "is on record and is not there" in found["intact"].actual
    assert found["signature"].ruling is Ruling.FAIL


def test_an_envelope_that_was_edited(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    with case.store.open(case.tests) as file:
        envelope = json.loads(file.read())
    envelope["signatures"][0]["sig"] = "AAAA" + envelope["signatures"][0]["sig"][4:]
    _ask(case.url, "PUT", case.tests, json.dumps(envelope).encode())
    code, view = _verified(case, capsys)
    assert code == 1
    assert "was replaced" in view.statements[0].problems[0]
    assert _findings(case)["intact"].ruling is Ruling.FAIL


def test_a_key_nobody_knows(case: Case, capsys: pytest.CaptureFixture[str]) -> None:
    sign(case.build, case.store, [a_key(number=2)])
    code, view = _verified(case, capsys)
    assert (code, view.chain, view.unsigned) == (1, (), ())
    strange = ["no trusted key made it" in " ".join(each.problems) for each in view.statements]
    assert strange == [False, False, True, True]
    found = _findings(case)
    assert (found["intact"].ruling, found["signature"].ruling) == (Ruling.PASS, Ruling.FAIL), found
    assert _verified(case, capsys, "tests.pub", "lab.pub", "stranger.pub")[0] == 0


def test_the_envelope_of_another_build(
    tmp_path: Path, case: Case, capsys: pytest.CaptureFixture[str]
) -> None:
    store, other = case.store, str(next(NUMBERS))
    a_stage(tmp_path, store, "tests", f"r{next(RUNS)}", number=other)  # the very same files
    with store.open(sign(BuildId(name="demo", number=other), store, [a_key()]).rows[0].path) as file:
        content = file.read()
    path = f"{case.tests.rpartition('/')[0]}/replayed.intoto.jsonl"
    sums = Checksums.of(content)
    artifact = Artifact(
        name=path.rpartition("/")[2],
        path=path.partition("/")[2],
        repository="libs-local",
        sha256=sums.sha256,
        sha1=sums.sha1,
    )
    replayed = Module(id="replayed", properties={"defend.kind": "evidence"}, artifacts=(artifact,))
    store.append(case.build, [replayed], [an_upload(path, content)])
    code, view = _verified(case, capsys)
    assert code == 1
    assert "none of this build: it was made for another one" in view.statements[-1].problems[0]
    assert f"belongs to another build, demo/{other}@" in view.chain[0]
    assert "belongs to another build" in _findings(case)["intact"].actual
