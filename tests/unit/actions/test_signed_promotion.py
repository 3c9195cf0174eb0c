"""Signed evidence climbs with the package it is about, and holds on every level."""

from __future__ import annotations

from typing import TYPE_CHECKING

from builders import a_clock
from climbing import new_id
from pytest_defend.actions.promote import promote
from pytest_defend.actions.sign import sign
from pytest_defend.actions.snapshot import Outside
from pytest_defend.actions.verify_evidence import verify_evidence
from pytest_defend.gates import kinds, read_policy
from pytest_defend.keys import Kind, load_verifiers
from pytest_defend.model.answer import Answer
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.decision import Ruling
from pytest_defend.model.ladder import Ladder
from signed import a_key, a_pair, a_stage

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.model.climb import Climb
    from pytest_defend.protocols import Store

DEMO = BuildId(name="demo", number="1")
KEY, GATE = a_key(), a_key(Kind.ECDSA_P256)
PUBLIC = (a_pair().public_pem + a_pair(Kind.ECDSA_P256).public_pem).decode()
TABLE = {
    "levels": [
        {"name": "candidate", "repository": "libs-local"},
        {"name": "rc", "repository": "rc-local", "stages": ["tests"]},
        {"name": "release", "repository": "release-local", "stages": ["tests"]},
    ],
    "rules": {"signature": {"keys": [PUBLIC]}},
}


def _promoted(store: Store, level: str) -> Climb:
    return promote(
        DEMO,
        level=level,
        policy=read_policy(Ladder.from_table(TABLE, "test"), source="test", kinds=kinds()),
        store=store,
        clock=a_clock,
        decision_id=new_id,
        outside=Outside(key=lambda text: text, verifiers=lambda pem: load_verifiers(pem.encode())),
        signer=GATE.signer,
    )


def test_signed_evidence_climbs_along(tmp_path: Path, store: Store) -> None:
    a_stage(tmp_path, store)
    assert _promoted(store, "rc").ruling is Ruling.FAIL  # nobody has signed it yet
    (row,) = sign(DEMO, store, [KEY]).rows
    climb = _promoted(store, "release")
    assert climb.ruling is Ruling.PASS, climb
    inside = row.path.partition("/")[2]
    for repository in ("rc-local", "release-local"):
        paths = {item.path for item in store.list(repository)}
        assert f"{repository}/{inside}" in paths
        assert any(path.endswith("/vsa.intoto.jsonl") for path in paths)
    view = verify_evidence(DEMO, store, [KEY.verifier, GATE.verifier])
    assert view.answer is Answer.YES, view
    assert [each.says for each in view.statements] == ["stage tests passed", *["a decision, passed"] * 2]
