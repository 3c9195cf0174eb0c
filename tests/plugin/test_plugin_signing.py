"""A run that signs: the key is read at its start, the stage is signed when its mark is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

import checkouts
from pytest_defend.actions.sign import sign
from pytest_defend.actions.verify_evidence import verify_evidence
from pytest_defend.keys import Kind, generate
from pytest_defend.model.answer import Answer
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.signing import Signing
from runs import printed_command
from signed import a_key, a_pair

if TYPE_CHECKING:
    from plugin.recorded import Demo

TEST = "def test_it(): pass"
LATEST = BuildId.parse("demo/latest")
KEY = a_key(Kind.ECDSA_P256)


@pytest.fixture
def key(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file with a private key, outside of the project."""
    path = tmp_path_factory.mktemp("keys") / "release.pem"
    path.write_bytes(a_pair(Kind.ECDSA_P256).private_pem)
    return str(path)


@pytest.fixture
def committed(demo: Demo) -> Demo:
    """A project whose tests run on a commit, so that something can be named by a digest."""
    return _committed(demo.holds(test_it=TEST))


def _committed(demo: Demo) -> Demo:
    checkouts.make(demo.folder)
    checkouts.git(demo.folder, "add", ".")
    checkouts.commit(demo.folder)
    return demo


def test_a_stage_is_signed_when_its_mark_is_written(committed: Demo, key: str) -> None:
    run = committed.run(f"--defend-signing-key={key}")
    assert run.status == 0, run.out
    assert f"\nsigned by {KEY.short}\n" in run.out
    assert run.stage.mark == "passed"
    view = verify_evidence(LATEST, run.store, [KEY.verifier])
    assert (view.answer, [each.says for each in view.statements]) == (Answer.YES, ["stage tests passed"])
    assert sign(LATEST, run.store, [KEY]).rows[0].state is Signing.ALREADY
    assert run.spooled == []


@pytest.mark.parametrize(
    "content",
    [None, b"nothing", generate(passphrase="sesame").private_pem],
    ids=["gone", "no key", "locked"],
)
def test_a_key_that_cannot_be_used_ends_the_run_at_once(
    committed: Demo, tmp_path_factory: pytest.TempPathFactory, content: bytes | None
) -> None:
    path = tmp_path_factory.mktemp("bad") / "release.pem"
    if content is not None:
        path.write_bytes(content)
    run = committed.run(f"--defend-signing-key={path}")
    assert run.status == 4
    assert f"ERROR: {path} " in run.err
    assert "passed" not in run.out
    assert not (run.folder / ".defend").exists()


def test_a_run_that_is_only_recorded_is_signed_by_whoever_publishes_it(committed: Demo, key: str) -> None:
    run = committed.run("--defend-signing-key", "none.pem", asked=("--defend-record", "../run.zip"))
    assert run.status == 0, run.out
    published = committed.defend("publish", "../run.zip", "--defend-signing-key", key)
    assert published.status == 0, published.err
    assert f": signed by {KEY.short}\n" in published.err
    assert verify_evidence(LATEST, run.store, [KEY.verifier]).answer is Answer.YES


@pytest.mark.parametrize(("on_error", "status"), [("fail", 70), ("warn", 0), ("ignore", 0)])
def test_what_cannot_be_signed_is_a_failure_to_publish(
    demo: Demo, key: str, on_error: str, status: int
) -> None:
    run = demo.holds(test_it=TEST).run(f"--defend-signing-key={key}", f"--defend-on-error={on_error}")
    assert run.status == status
    assert run.view.stages[0].mark == "passed"
    said = "NOT SIGNED: stage tests is not signed: What stage tests tested has no digest"
    assert (said in run.out) is (on_error != "ignore")
    assert len(run.spooled) == 1
    if on_error == "fail":
        assert printed_command(run.finished)[:3] == ["publish", "--defend-signing-key", key]


def test_the_statement_says_what_happened(demo: Demo, key: str) -> None:
    run = _committed(demo.holds(test_it="def test_it(): assert 0")).run(f"--defend-signing-key={key}")
    assert run.status == 1
    (row,) = sign(LATEST, run.store, [KEY]).rows
    assert (row.state, row.result) == (Signing.ALREADY, "failed")
    with run.store.open(row.path) as file:
        envelope = json.loads(file.read())
    assert [each["keyid"] for each in envelope["signatures"]] == [KEY.signer.keyid]
