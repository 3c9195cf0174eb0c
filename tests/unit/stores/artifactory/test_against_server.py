"""What needs a whole server: users, projects, many files, and how many requests all of it takes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from builders import PATH, a_build_info, a_clock, an_upload
from pytest_defend.errors import AccessDenied, Conflict, Corrupt, NotFound, StoreError
from pytest_defend.model.buildinfo import Artifact, BuildId, Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.protocols import Promotion
from pytest_defend.server import User
from pytest_defend.stores.artifactory import ArtifactoryStore
from pytest_defend.stores.credentials import Credentials
from pytest_defend.stores.session import Session
from scripted import Gate
from served import a_store_at, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_defend.model.buildinfo import BuildInfo
    from pytest_defend.protocols import Upload

BUILD = {"build.name": ("many",), "build.number": ("1",)}


def _many(count: int, size: int = 5000) -> tuple[BuildInfo, list[Upload]]:
    uploads = [
        an_upload(
            f"libs-local/many/1/{number:03}", str(number).zfill(8).encode() * (size // 8), properties=BUILD
        )
        for number in range(count)
    ]
    artifacts = tuple(
        Artifact(
            name=upload.path.rpartition("/")[2],
            path=upload.path.partition("/")[2],
            repository="libs-local",
            sha256=upload.checksums.sha256,
            sha1=upload.checksums.sha1,
        )
        for upload in uploads
    )
    return a_build_info(name="many", modules=(Module(id="m", artifacts=artifacts),)), uploads


@pytest.fixture(params=["5.11-oss", "7-pro"])
def gate(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gate]:
    with served(tmp_path, profile=request.param) as url, Gate(url) as gate:
        yield gate


def test_a_publication_takes_one_request_for_each_file_and_a_few(gate: Gate) -> None:
    build, uploads = _many(60)
    told: list[tuple[str, int, int]] = []
    store = a_store_at(f"{gate.url}/artifactory", progress=lambda *far: told.append(far), settle_s=5)
    store.publish_build(build, uploads)
    assert len(gate.seen) <= 60 + 7
    assert {path for path, sent, total in told if sent == total} == {upload.path for upload in uploads}
    bytes_sent = sum(len(seen.body) for seen in gate.seen)
    gate.seen.clear()
    store.publish_build(build, uploads)
    assert len(gate.seen) <= 5
    assert sum(len(seen.body) for seen in gate.seen) < bytes_sent / 10


def test_a_publication_that_is_resumed_sends_what_is_missing(gate: Gate) -> None:
    build, uploads = _many(20)
    store = a_store_at(f"{gate.url}/artifactory")
    for upload in uploads[:15]:
        store.put(upload)
    gate.seen.clear()
    store.publish_build(build, uploads)
    sent = [seen for seen in gate.seen if seen.method == "PUT" and len(seen.body) == 5000]
    assert len(sent) == 5


def test_content_the_server_has_elsewhere_is_not_sent(gate: Gate) -> None:
    build, uploads = _many(5)
    store = a_store_at(f"{gate.url}/artifactory")
    for number in range(5):
        store.put(an_upload(f"reports/{number}", str(number).zfill(8).encode() * 625))
    gate.seen.clear()
    store.publish_build(build, uploads)
    assert not [seen for seen in gate.seen if seen.method == "PUT" and len(seen.body) == 5000]
    assert len(store.list("libs-local")) == 5


def test_a_file_of_two_builds_is_marked_by_both(gate: Gate) -> None:
    """Only what an upload brings is changed, and taken back when the build is refused."""
    store = a_store_at(f"{gate.url}/artifactory")
    store.put(an_upload(properties={"level": ("dev",), "build.number": ("0",)}))
    store.annotate([PATH], {"level": ("rc",)})
    store.publish_build(a_build_info(), [an_upload(properties={"build.number": ("1",)})])
    assert store.stat(PATH).properties == {"level": ("rc",), "build.number": ("0", "1")}
    gate.seen.clear()
    gate.faults = dict.fromkeys(range(5, 30), "500")
    second = a_build_info(number="2")
    uploads = [an_upload(properties={"build.number": ("2",)}), an_upload("r/new", b"new")]
    with pytest.raises(StoreError):
        store.publish_build(second, uploads)
    gate.faults = {}
    assert [run.id.number for run in store.builds("demo")] == ["1"]
    store.publish_build(second, uploads)
    assert store.stat(PATH).properties == {"level": ("rc",), "build.number": ("0", "1", "2")}


def test_a_refused_build_takes_its_marks_back(gate: Gate) -> None:
    store = a_store_at(f"{gate.url}/artifactory")
    store.put(an_upload(properties={"build.number": ("0",)}))
    before = store.stat(PATH)
    lie = an_upload("r/new", b"new", checksums=Checksums.of(b"old"))
    with pytest.raises(Corrupt):
        store.publish_build(a_build_info(), [an_upload(properties={"build.number": ("1",)}), lie])
    assert store.stat(PATH) == before
    assert store.list("r") == ()


def test_a_whole_build_is_promoted_in_one_call(tmp_path: Path) -> None:
    build, uploads = _many(20)
    with served(tmp_path) as url, Gate(url) as gate:
        store = a_store_at(f"{gate.url}/artifactory")
        store.publish_build(build, uploads)
        gate.seen.clear()
        promotion = Promotion(status="rc", target="rc-local", properties={"level": ("rc",)})
        promoted = store.promote(build.id, promotion)
        lines = [seen.line for seen in gate.seen]
        assert len(lines) <= 8
        assert sum("/api/build/promote/" in line for line in lines) == 2
        assert not any("/api/move/" in line for line in lines)
        items = store.list("rc-local")
        assert tuple(item.path for item in items) == promoted.paths
        assert all(item.properties == {**BUILD, "level": ("rc",)} for item in items)
        assert store.list("libs-local") == ()


def _as(url: str, user: str, **arguments: Any) -> ArtifactoryStore:
    session = Session(Credentials(user=user, password="secret"), sleep=lambda _: None, tries=2)
    return ArtifactoryStore(url, session, a_clock, settle_s=0.01, **arguments)


USERS = (
    User(name="root", password="secret", admin=True),
    User(name="reader", password="secret", rights="r"),
    User(name="deployer", password="secret", rights="rw"),
    User(name="publisher", password="secret", rights="rwn"),
)


@pytest.fixture(params=[("5.11-pro", False), ("7-pro", False), ("7-pro", True)], ids=str)
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    profile, hidden = request.param
    with served(tmp_path, profile=profile, users=USERS, hide_unauthorized=hidden) as url:
        yield url


def test_nobody_is_told_nothing(guarded: str) -> None:
    for store in (a_store_at(guarded), _as(guarded, "stranger")):
        with pytest.raises(StoreError) as caught:
            store.publish_build(a_build_info(), [an_upload()])
        assert isinstance(caught.value, AccessDenied | NotFound)
        assert "secret" not in str(caught.value)


def test_who_may_not_deploy_is_denied(guarded: str) -> None:
    with pytest.raises(StoreError) as caught:
        _as(guarded, "reader").publish_build(a_build_info(), [an_upload()])
    assert isinstance(caught.value, AccessDenied | NotFound)
    assert _as(guarded, "root").list("libs-local") == ()


def test_who_may_not_annotate_is_told_that_properties_are_missing(guarded: str) -> None:
    with pytest.raises(AccessDenied):
        _as(guarded, "deployer").publish_build(a_build_info(), [an_upload(properties={"a": ("1",)})])
    with pytest.raises(NotFound):
        _as(guarded, "root").build(BuildId(name="demo", number="1"))


def test_who_may_publish_publishes(guarded: str) -> None:
    store = _as(guarded, "publisher")
    store.publish_build(a_build_info(), [an_upload(properties={"a": ("1",)})])
    assert store.build(BuildId(name="demo", number="1")) == a_build_info()
    with pytest.raises(Conflict):
        store.put(an_upload(content=b"other"))
    assert {repository.key for repository in store.inspection.repositories()} >= {"libs-local", "rc-local"}


def test_builds_of_a_project_are_its_own(tmp_path: Path) -> None:
    with served(tmp_path) as url:
        web, other = a_store_at(url, project="web"), a_store_at(url)
        web.publish_build(a_build_info(), [an_upload()])
        assert [run.id for run in web.builds()] == [a_build_info().id]
        assert web.build(a_build_info().id) == a_build_info()
        assert other.builds("demo") == ()
        web.append(a_build_info().id, [Module(id="more")])
        assert [module.id for module in web.build(a_build_info().id).modules] == ["demo:1.0", "more"]
        assert other.stat(PATH).path == PATH
