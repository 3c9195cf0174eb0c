"""Whoever tampers with a build or its evidence, at rest or while it rises, is refused, with the reason."""

from __future__ import annotations

import json
import urllib.request
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import pytest

from builders import an_upload
from climbing import a_candidate, a_policy, climbed, deeds, served_ladder, the_build
from pytest_defend.actions.demote import demote
from pytest_defend.actions.snapshot import Outside
from pytest_defend.documents import dsse
from pytest_defend.documents.envelopes import envelope_lines
from pytest_defend.documents.stageresult import TEST_RESULT
from pytest_defend.documents.statements import STATEMENT, Descriptor, Statement
from pytest_defend.keys import generate, load_signer, load_verifiers
from pytest_defend.model.buildinfo import Artifact, Module
from pytest_defend.model.decision import Ruling
from pytest_defend.model.fields import parse_instant
from pytest_defend.stores.artifactory import documents
from scripted import Gate
from served import a_store_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from pytest_defend.model.buildinfo import BuildInfo
    from pytest_defend.model.climb import Climb
    from pytest_defend.stores.artifactory import ArtifactoryStore
    from scripted import Seen

pytestmark = pytest.mark.slow

NAMES = count()
FAILED = b'{"n":0,"s":1700000000000,"o":"failed","w":"call"}\n'


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served_ladder(tmp_path_factory.mktemp("served")) as url:
        yield url


@pytest.fixture
def store(url: str) -> ArtifactoryStore:
    """What an attacker has: everything."""
    return a_store_at(url)


@pytest.fixture
def name() -> str:
    """Of the build of this test, and of no other."""
    return f"x{next(NAMES)}"


def _ask(url: str, method: str, path: str, body: bytes = b"", kind: str = "application/json") -> None:
    headers = {"Content-Type": kind} if body else {}
    request = urllib.request.Request(f"{url}/{path}", data=body or None, method=method, headers=headers)
    with urllib.request.urlopen(request) as answer:
        answer.read()


def _replace(url: str, path: str, content: bytes = b"evil") -> None:
    _ask(url, "PUT", path, content, "application/octet-stream")


def _republish(url: str, build: BuildInfo) -> None:
    body = json.dumps(documents.to_wire(build)).encode()
    _ask(url, "PUT", "api/build", body, "application/vnd.org.jfrog.artifactory+json")


def _refused(climb: Climb, reason: str, *, deed: str = "refused") -> None:
    """One step of the build was refused for that reason, and its level has nothing of it that counts."""
    step = next(step for step in climb.steps if step.deed in ("refused", "undone"))
    assert step.deed == deed, climb
    assert any(reason in each for each in step.reasons), step.reasons
    assert step.next
    assert climb.ruling is not Ruling.PASS


def _climbed_while(
    url: str, name: str, when: Callable[[Seen], bool], attack: Callable[[], None], **choices: Any
) -> Climb:
    """Promote, with an attack before the first request that is meant."""
    done: list[Seen] = []

    def strike(seen: Seen) -> None:
        if not done and when(seen):
            done.append(seen)
            attack()

    with Gate(url) as gate:
        gate.before = strike
        climb = climbed(a_store_at(f"{gate.url}/artifactory"), name, **choices)
    assert done, "the attack never happened"
    return climb


def _after_the_gate(seen: Seen) -> bool:
    return "/api/build/append/" in seen.line


# At rest.


def test_a_forged_property_is_a_claim_and_no_evidence(
    tmp_path: Path, store: ArtifactoryStore, name: str
) -> None:
    a_candidate(tmp_path, store, name)
    told = {"smoketestA": ("true",), "defend.stage.smoke": ("passed",), "defend.eligible.b": ("true",)}
    store.annotate([item.path for item in store.list(f"a/{name}")], told)
    levels = [{"name": "a"}, {"name": "b", "stages": ["smoke"], "properties": {"smoketestA": "true"}}]
    _refused(climbed(store, name, policy=a_policy(levels=levels)), "required-stages: ")


def test_a_green_mark_on_a_red_journal_is_red(tmp_path: Path, store: ArtifactoryStore, name: str) -> None:
    a_candidate(tmp_path, store, name, lines=(FAILED, FAILED.replace(b":0", b":1", 1)))
    store.annotate([item.path for item in store.list(f"a/{name}")], {"defend.stage.tests": ("passed",)})
    _refused(climbed(store, name), "required-stages: ")


def test_a_level_that_is_only_said_is_none(tmp_path: Path, store: ArtifactoryStore, name: str) -> None:
    a_candidate(tmp_path, store, f"{name}lib")
    a_candidate(tmp_path, store, name, f"{name}lib")
    store.annotate([item.path for item in store.list(f"a/{name}lib")], {"defend.level": ("b",)})
    _refused(climbed(store, name), f"{name}lib:1.0 (build {name}lib/1) stands on a")


@pytest.mark.parametrize("file", ["journal.jsonl", "record.json"])
def test_evidence_that_was_deleted(
    tmp_path: Path, url: str, store: ArtifactoryStore, name: str, file: str
) -> None:
    a_candidate(tmp_path, store, name)
    path = f"a/{name}/1.0/evidence/tests/r1/{file}"
    _ask(url, "DELETE", path)
    _refused(climbed(store, name), f"{path} is not there")


@pytest.mark.parametrize("file", ["journal.jsonl", "record.json"])
def test_evidence_that_was_edited(
    tmp_path: Path, url: str, store: ArtifactoryStore, name: str, file: str
) -> None:
    a_candidate(tmp_path, store, name)
    path = f"a/{name}/1.0/evidence/tests/r1/{file}"
    with store.open(path) as kept:
        _replace(url, path, kept.read().replace(b"passed", b"PASSED") + b"\n")
    _refused(climbed(store, name), f"{path} holds other bytes than were published")


def test_evidence_of_another_build(tmp_path: Path, store: ArtifactoryStore, name: str) -> None:
    green = a_candidate(tmp_path, store, f"{name}green")
    red = a_candidate(tmp_path, store, name, final=1, header={"stage": "other"})
    (stage,) = [module for module in green.modules if "defend.stage" in module.properties]
    uploads, artifacts = [], []
    for artifact in stage.artifacts:
        inside = artifact.path.replace(f"{name}green", name)
        with store.open(f"a/{artifact.path}") as kept:
            uploads.append(an_upload(f"a/{inside}", kept.read()))
        artifacts.append(replace(artifact, path=inside))
    store.append(red.id, [replace(stage, id=f"{name}:1.0/stage/tests", artifacts=tuple(artifacts))], uploads)
    store.annotate([upload.path for upload in uploads], {"defend.stage.tests": ("passed",)})
    _refused(climbed(store, name), f"its record is of another build: {name}green/1, not {name}/1")


def test_a_signature_of_an_unknown_key(tmp_path: Path, store: ArtifactoryStore, name: str) -> None:
    build = a_candidate(tmp_path, store, name)
    (record,) = [file for module in build.modules for file in module.artifacts if file.name == "record.json"]
    trusted, stranger = generate(), load_signer(generate().private_pem)
    statement = Statement(
        type=STATEMENT,
        subject=tuple(
            Descriptor(name=file.name, digest={"sha256": file.sha256}) for file in build.modules[0].artifacts
        ),
        predicate_type=TEST_RESULT,
        predicate={
            "result": "PASSED",
            "configuration": [{"name": "tests", "digest": {"sha256": record.sha256}}],
        },
    )
    content = envelope_lines([dsse.sign(statement.to_bytes(), dsse.IN_TOTO, [stranger])])
    upload = an_upload(f"a/{name}/1.0/evidence/tests/r1/more.intoto.jsonl", content)
    artifact = Artifact(
        name="more.intoto.jsonl",
        path=upload.path.partition("/")[2],
        repository="a",
        sha256=upload.checksums.sha256,
        sha1=upload.checksums.sha1,
    )
    store.append(
        build.id,
        [Module(id=f"{name}:1.0/more", properties={"defend.kind": "evidence"}, artifacts=(artifact,))],
        [upload],
    )
    policy = a_policy(rules={"signature": {"keys": [trusted.public_pem.decode()]}})
    outside = Outside(key=lambda text: text, verifiers=lambda pem: load_verifiers(pem.encode()))
    _refused(climbed(store, name, policy=policy, outside=outside), "signature: ")


def test_two_builds_with_one_number(tmp_path: Path, url: str, store: ArtifactoryStore, name: str) -> None:
    build = a_candidate(tmp_path, store, name)
    _republish(url, replace(build, started="2026-01-31T11:59:30.000+0000"))
    _refused(climbed(store, name), f"There are 2 runs of {name}/1")


def test_a_quarantine_that_is_over(tmp_path: Path, store: ArtifactoryStore, name: str) -> None:
    a_candidate(tmp_path, store, name)
    entry = {"test": "tests/test_demo.py::test_a", "owner": "jo", "expires": "2026-01-30"}
    policy = a_policy(rules={"quarantine": {"entries": [entry]}})
    _refused(climbed(store, name, policy=policy), "expired on 2026-01-30")


def test_nothing_collected(tmp_path: Path, store: ArtifactoryStore, name: str) -> None:
    a_candidate(tmp_path, store, name, lines=(b"",), header={"ids": ()})
    store.annotate([item.path for item in store.list(f"a/{name}")], {"defend.stage.tests": ("passed",)})
    _refused(climbed(store, name), "required-stages: ")


def test_results_older_than_what_they_are_about(tmp_path: Path, store: ArtifactoryStore, name: str) -> None:
    a_candidate(tmp_path, store, name)
    early = parse_instant("2026-01-31T11:50:00.000Z")
    a_candidate(tmp_path, store, name, header={"run": "r2", "stage": "smoke", "started": early})
    levels = [{"name": "a"}, {"name": "b", "stages": ["tests", "smoke"], "rules": {"fresh": True}}]
    climb = climbed(store, name, policy=a_policy(levels=levels))
    _refused(climb, "before the files it is about were published")


# Between the gate and the promotion, and later.


def test_content_replaced_after_the_gate(
    tmp_path: Path, url: str, store: ArtifactoryStore, name: str
) -> None:
    a_candidate(tmp_path, store, name)
    path = f"a/{name}/1.0/{name}-1.0.tar.gz"
    climb = _climbed_while(url, name, _after_the_gate, lambda: _replace(url, path))
    _refused(climb, f"{path} is not in the store")
    assert store.list(f"b/{name}") == ()


def _while_it_is_copied(store: ArtifactoryStore, name: str) -> Callable[[Seen], bool]:
    return lambda _: bool(store.list(f"b/{name}"))


def _before_it_is_looked_at(store: ArtifactoryStore, name: str) -> Callable[[Seen], bool]:
    return lambda seen: seen.line.endswith(f"/api/build/{name}") and bool(store.list(f"b/{name}"))


@pytest.mark.parametrize(
    ("moment", "reason"),
    [
        (_while_it_is_copied, "is kept with other bytes"),
        (_before_it_is_looked_at, "holds other bytes than were published"),
    ],
)
def test_content_replaced_where_it_was_copied_to(  # each of them is a fixture
    tmp_path: Path, url: str, store: ArtifactoryStore, name: str, moment: Any, reason: str
) -> None:
    a_candidate(tmp_path, store, name)
    path = f"b/{name}/1.0/{name}-1.0.tar.gz"
    climb = _climbed_while(url, name, moment(store, name), lambda: _replace(url, path))
    _refused(climb, f"{path} {reason}", deed="undone")
    (step,) = climb.steps
    assert f"{path} could not be taken away: remove it by hand." in step.reasons
    assert [item.path for item in store.list(f"b/{name}")] == [path]
    aborted = store.build(the_build(name)).modules[-1]
    assert aborted.properties["defend.ruling"] == "aborted"
    assert store.build(the_build(name)).statuses == ()


def test_a_build_published_again_after_the_gate(
    tmp_path: Path, url: str, store: ArtifactoryStore, name: str
) -> None:
    build = a_candidate(tmp_path, store, name)
    other = replace(build, started="2026-01-31T11:59:59.000+0000")
    climb = _climbed_while(url, name, _after_the_gate, lambda: _republish(url, other))
    _refused(climb, "was published again: there are 2 runs", deed="undone")
    assert store.list(f"b/{name}") == ()


def test_a_build_replaced_after_the_gate(
    tmp_path: Path, url: str, store: ArtifactoryStore, name: str
) -> None:
    """The same run with another document, as only the API of the server can do it."""
    build = a_candidate(tmp_path, store, name)
    other = replace(build, principal="mallory")
    moment = _before_it_is_looked_at(store, name)
    climb = _climbed_while(url, name, moment, lambda: _republish(url, other))
    _refused(climb, "was changed after the gate had looked at it", deed="undone")


def test_a_dependency_demoted_after_the_gate(
    tmp_path: Path, url: str, store: ArtifactoryStore, name: str
) -> None:
    a_candidate(tmp_path, store, f"{name}lib")
    a_candidate(tmp_path, store, name, f"{name}lib")
    assert deeds(climbed(store, f"{name}lib")) == [(f"{name}lib", "b", "promoted")]

    def fall() -> None:
        demote(the_build(f"{name}lib"), level="a", ladder=a_policy().ladder, store=store)

    climb = _climbed_while(url, name, _after_the_gate, fall)
    _refused(climb, f"{name}lib:1.0 came down to a after the gate had looked at it", deed="undone")
    assert store.list(f"b/{name}") == ()


def test_a_file_slipped_in_under_the_name_of_the_build(
    tmp_path: Path, url: str, store: ArtifactoryStore, name: str
) -> None:
    a_candidate(tmp_path, store, name)
    path = f"b/{name}/1.0/{name}-1.0-cp312-cp312-linux_x86_64.whl"
    marks = f";build.name={name};build.number=1"

    def slip() -> None:
        _replace(url, f"{path}{marks}")

    climb = _climbed_while(url, name, _after_the_gate, slip)
    _refused(climb, f"{path} says it is of the build, which does not name it", deed="undone")
    assert [item.path for item in store.list(f"b/{name}")] == [path]
