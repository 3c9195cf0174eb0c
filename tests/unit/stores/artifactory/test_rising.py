"""How a build rises on a server: with few requests, so that nobody sees half of it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import a_build_info, a_clock, an_upload
from pytest_defend.errors import AccessDenied
from pytest_defend.model.buildinfo import Artifact, Module
from pytest_defend.protocols import Promotion
from pytest_defend.server import User
from pytest_defend.stores.answers import NeedsPro
from pytest_defend.stores.artifactory import ArtifactoryStore
from pytest_defend.stores.credentials import Credentials
from pytest_defend.stores.session import Session
from scripted import Gate, Seen
from served import a_store_at, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_defend.model.buildinfo import BuildInfo

MARKS = {"build.name": ("demo",), "build.number": ("1",)}
FILES = {"demo.whl": b"wheel", "demo.tar.gz": b"source", "evidence/a.xml": b"same", "evidence/b.xml": b"same"}
UP = Promotion(status="", source="a", target="b", copy=True)


@pytest.fixture(params=["5.11-pro", "7-pro"])
def gate(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Gate]:
    with served(tmp_path, profile=request.param) as url, Gate(url) as gate:
        yield gate


@pytest.fixture
def store(gate: Gate) -> ArtifactoryStore:
    return a_store_at(f"{gate.url}/artifactory")


@pytest.fixture
def build(store: ArtifactoryStore) -> BuildInfo:
    """Published in `a`, with two files of the same bytes."""
    uploads = [an_upload(f"a/demo/1.0/{name}", content, properties=MARKS) for name, content in FILES.items()]
    artifacts = tuple(
        Artifact(
            name=upload.path.rpartition("/")[2],
            path=upload.path.partition("/")[2],
            repository="a",
            sha256=upload.checksums.sha256,
            sha1=upload.checksums.sha1,
        )
        for upload in uploads
    )
    build = a_build_info(modules=(Module(id="demo:1.0", artifacts=artifacts),))
    store.publish_build(build, uploads)
    return build


def _names(store: ArtifactoryStore, repository: str) -> set[str]:
    return {item.path.removeprefix(f"{repository}/demo/1.0/") for item in store.list(repository)}


def _calls(gate: Gate, part: str) -> int:
    return sum(part in seen.line for seen in gate.seen)


def test_packages_are_seen_together_also_with_copies_below(
    gate: Gate, store: ArtifactoryStore, build: BuildInfo
) -> None:
    reader = a_store_at("http://{}:{}/artifactory".format(*gate.behind))
    packages = {"demo.whl", "demo.tar.gz"}
    for target in ("b", "c"):
        gate.seen.clear()
        seen: list[set[str]] = []

        def look(_: Seen, target: str = target, seen: list[set[str]] = seen) -> None:
            seen.append(_names(reader, target) & packages)

        gate.before = look
        store.promote(build.id, replace(UP, target=target))
        gate.before = lambda _: None
        assert all(names in (set(), packages) for names in seen)
        assert _names(store, target) == set(FILES)
        assert _calls(gate, "/api/build/promote/") == 1
        assert _calls(gate, "/api/copy/") == 1, "of equal files the server takes one"


def test_marks_are_set_on_all_files_of_a_version_at_once(
    gate: Gate, store: ArtifactoryStore, build: BuildInfo
) -> None:
    store.promote(build.id, UP)
    gate.seen.clear()
    store.promote(build.id, replace(UP, properties={"defend.level": ("b",)}))
    assert _calls(gate, "recursive") == 1
    assert {item.properties["defend.level"] for item in store.list("b")} == {("b",)}
    store.promote(build.id, replace(UP, source="b", properties={"defend.level": ()}))
    assert _calls(gate, "recursive") == 2
    assert all(item.properties == MARKS for item in store.list("b"))
    assert all("defend.level" not in item.properties for item in store.list("a"))


def test_a_neighbour_is_not_marked(gate: Gate, store: ArtifactoryStore, build: BuildInfo) -> None:
    store.put(an_upload("b/demo/1.0/other.whl", b"other"))
    store.promote(build.id, replace(UP, properties={"defend.level": ("b",)}))
    assert _calls(gate, "recursiveProperties=1") == _calls(gate, "recursive=1") == 0
    assert store.stat("b/demo/1.0/other.whl").properties == {}
    assert store.stat("b/demo/1.0/demo.whl").properties["defend.level"] == ("b",)


def test_packages_go_down_together_and_what_is_below_keeps_its_marks(
    gate: Gate, store: ArtifactoryStore, build: BuildInfo
) -> None:
    store.promote(build.id, UP)
    store.annotate(["a/demo/1.0/demo.whl"], {"defend.stage.smoke": ("passed",)})
    gate.seen.clear()
    store.promote(build.id, Promotion(status="", source="b", target="a"))
    assert _calls(gate, "/api/build/promote/") == 1
    assert store.list("b") == ()
    assert store.stat("a/demo/1.0/demo.whl").properties == {**MARKS, "defend.stage.smoke": ("passed",)}


def test_a_call_that_broke_is_made_again(gate: Gate, store: ArtifactoryStore, build: BuildInfo) -> None:
    broken = [0]

    def interrupt(seen: Seen) -> None:
        if "/api/build/promote/" in seen.line and not broken[0]:
            broken[0] = len(gate.seen) + 1
            gate.faults = {broken[0]: "reset before"}

    gate.before = interrupt
    store.promote(build.id, UP)
    assert broken[0]
    assert _calls(gate, "/api/build/promote/") == 2
    assert _names(store, "b") == set(FILES)


def test_the_open_source_edition_says_so_before_anything_moves(tmp_path: Path) -> None:
    with served(tmp_path, profile="5.11-oss") as url:
        store = a_store_at(url)
        store.publish_build(a_build_info(), [an_upload(properties=MARKS)])
        for dry_run in (True, False):
            with pytest.raises(NeedsPro, match="promotion needs Artifactory Pro"):
                store.promote(a_build_info().id, Promotion(status="b", target="b", dry_run=dry_run))


def test_who_may_not_delete_does_not_take_back(tmp_path: Path) -> None:
    """An old server refuses it in the words of an overwrite."""
    users = (User(name="root", password="r00t", admin=True), User(name="jo", password="j0", rights="rwn"))
    with served(tmp_path, profile="5.11-pro", users=users) as url:
        upload = an_upload("a/demo.whl", properties=MARKS)
        credentials = [Credentials(user=user.name, password=user.password) for user in users]
        root, jo = (ArtifactoryStore(url, Session(each), a_clock) for each in credentials)
        artifact = Artifact(name="demo.whl", path="demo.whl", repository="a", sha256=upload.checksums.sha256)
        build = a_build_info(modules=(Module(id="demo:1.0", artifacts=(artifact,)),))
        root.publish_build(build, [upload])
        root.promote(build.id, UP)
        with pytest.raises(AccessDenied, match=r"b/demo\.whl: .*403"):
            jo.promote(build.id, Promotion(status="", source="b", target="a"))
        assert [item.path for item in root.list("")] == ["a/demo.whl", "b/demo.whl"]
