"""Break request n of a publication, for every n and in every way: publishing again makes it whole.

Rules:
- At no moment does a reader that follows build-info see half of a build.
- Where both profiles take the same way, they share the work: each breaks every request, in some of the ways,
  and the other one in the rest. `PUBLICATION_FAULTS=all` breaks every request in every way in both.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from itertools import count
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Any

import pytest

from builders import a_build_info, a_clock, an_upload
from pytest_defend.errors import Conflict, NotFound, StoreError
from pytest_defend.model.buildinfo import Artifact, BuildId, Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.fields import parse_instant
from pytest_defend.protocols import Promotion
from pytest_defend.stores.artifactory import ArtifactoryStore
from pytest_defend.stores.session import Session
from scripted import FAULTS, Gate, Seen
from served import a_store_at, served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_defend.model.buildinfo import BuildInfo
    from pytest_defend.protocols import Store, Upload

pytestmark = pytest.mark.slow

NAMES = count()
REQUESTS = 14  # more than a publication or an append of these files takes
ALL = os.environ.get("PUBLICATION_FAULTS") == "all"
SMOKE = Module(id="smoke", type="generic")


@pytest.fixture(scope="module", params=["5.11-oss", "7-pro"])
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def url(profile: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("served"), profile=profile) as url:
        yield url


@pytest.fixture
def tries(profile: str) -> int:
    """How often a request is sent: once, so that every fault is felt, and as in life."""
    return 1 if profile == "5.11-oss" else 3


def _requests(profile: str, fault: str) -> range:
    """Those that a profile breaks in this way: every other one, and the other profile the rest.

    So at every request each profile has one of the two ways in which a server has done what it was asked (in
    the sorted ways they are an odd number of places apart), and two or three of those in which it has not.
    """
    if ALL:
        return range(1, REQUESTS + 1)
    turn = sorted(FAULTS).index(fault) + (profile == "7-pro")
    return range(1 + turn % 2, REQUESTS + 2, 2)


def _files(name: str) -> dict[str, bytes]:
    return {
        f"libs-local/{name}/own": name.encode(),
        f"libs-local/{name}/big": name.encode() * 2000,
        f"libs-local/{name}/copy": name.encode() * 2000,
    }


def _build(name: str) -> tuple[BuildInfo, list[Upload]]:
    properties = {"build.name": (name,), "build.number": ("1",)}
    uploads = [an_upload(path, content, properties=properties) for path, content in _files(name).items()]
    artifacts = tuple(
        Artifact(
            name=upload.path.rpartition("/")[2],
            path=upload.path.partition("/")[2],
            repository="libs-local",
            sha256=upload.checksums.sha256,
        )
        for upload in uploads
    )
    return a_build_info(name=name, modules=(Module(id="m", artifacts=artifacts),)), uploads


def _check_whole_or_absent(store: Store, name: str) -> None:
    """What a reader sees that follows build-info."""
    try:
        build = store.build(BuildId(name=name, number="latest"))
    except NotFound:
        return
    for module in build.modules:
        for artifact in module.artifacts:
            with store.open(f"{artifact.repository}/{artifact.path}") as file:
                assert Checksums.of_stream(file).sha256 == artifact.sha256


def _through(gate: Gate, tries: int, *, read_s: float = 60, **arguments: Any) -> ArtifactoryStore:
    session = Session(sleep=lambda seconds: time.sleep(min(seconds, 0.01)), read_s=read_s, tries=tries)
    url = f"{gate.url}/artifactory"
    return ArtifactoryStore(url, session, a_clock, workers=2, settle_s=0.01, **arguments)


def _patience_s(fault: str) -> float:
    return 0.5 if fault == "timeout" else 60


def _check_one_whole_build(store: Store, name: str, build: BuildInfo) -> None:
    assert [run.id for run in store.builds(name)] == [build.id]
    assert store.build(build.id) == build
    items = store.list(f"libs-local/{name}")
    assert {item.path for item in items} == set(_files(name))
    for path, content in _files(name).items():
        with store.open(path) as file:
            assert file.read() == content
    assert all(item.properties["build.name"] == (name,) for item in items)


@pytest.mark.parametrize("fault", FAULTS)
def test_publishing_again_makes_it_whole(url: str, profile: str, fault: str, tries: int) -> None:
    reader = a_store_at(url)
    for n in _requests(profile, fault):
        name = f"build{next(NAMES)}"
        build, uploads = _build(name)
        with Gate(url) as gate:
            gate.silence_s = 2
            gate.after = lambda name=name: _check_whole_or_absent(reader, name)
            gate.faults = {n: fault}
            with suppress(StoreError):
                _through(gate, tries, read_s=_patience_s(fault)).publish_build(build, uploads)
            _check_whole_or_absent(reader, name)
            broken = len(gate.seen) >= n
            gate.faults = {}
            _through(gate, tries).publish_build(build, uploads)
        _check_one_whole_build(reader, name, build)
        if not broken:
            return
    pytest.fail("it takes more requests than are broken here")


@pytest.mark.parametrize("fault", FAULTS)
def test_appending_again_makes_it_whole(url: str, profile: str, fault: str) -> None:
    reader = a_store_at(url)
    for n in _requests(profile, fault):
        name = f"build{next(NAMES)}"
        build, uploads = _build(name)
        reader.publish_build(build, uploads)
        report = an_upload(f"reports/{name}/junit.xml", name.encode())
        with Gate(url) as gate:
            gate.silence_s = 2
            gate.faults = {n: fault}
            with suppress(StoreError):
                _through(gate, 1, read_s=_patience_s(fault)).append(build.id, [SMOKE], [report])
            broken = len(gate.seen) >= n
            gate.faults = {}
            _through(gate, 1).append(build.id, [SMOKE], [report])
        _check_one_whole_build(reader, name, replace(build, modules=(*build.modules, SMOKE)))
        with reader.open(report.path) as file:
            assert file.read() == name.encode()
        if not broken:
            return
    pytest.fail("it takes more requests than are broken here")


def test_what_fails_leaves_nothing(url: str) -> None:
    """Also what was sent before the failure."""
    reader = a_store_at(url)
    name = f"build{next(NAMES)}"
    build, uploads = _build(name)
    with Gate(url) as gate:
        gate.faults = dict.fromkeys((5, 6), "500")  # the last file, and its one repetition
        with pytest.raises(StoreError):
            _through(gate, 2).publish_build(build, uploads)
    assert reader.builds(name) == ()
    assert reader.list(f"libs-local/{name}") == ()


def test_what_others_have_marked_meanwhile_is_left(url: str) -> None:
    reader = a_store_at(url)
    name = f"build{next(NAMES)}"
    build, uploads = _build(name)
    path = uploads[0].path

    def mark() -> None:
        reader.annotate([path], {"build.name": ("another", name)})

    with Gate(url) as gate:
        gate.broken = mark
        gate.faults = {5: "500"}  # the last file, when the others are there
        with pytest.raises(StoreError):
            _through(gate, 1).publish_build(build, uploads)
    assert [item.path for item in reader.list(f"libs-local/{name}")] == [path]


def test_what_others_have_published_meanwhile_is_left(url: str) -> None:
    """Two jobs of one number with other documents and the same files: the second one takes nothing away."""
    reader = a_store_at(url)
    name = f"build{next(NAMES)}"
    build, uploads = _build(name)
    other = replace(build, url="https://ci.example/other")

    with Gate(url) as gate:

        def publish_other(seen: Seen) -> None:
            if seen.line == "PUT /artifactory/api/build" and not reader.builds(name):
                gate.faults = {len(gate.seen) + 1: "reset before"}
                reader.publish_build(other, uploads)

        gate.before = publish_other
        with pytest.raises(Conflict, match="with another document"):
            _through(gate, 1).publish_build(build, uploads)
    _check_one_whole_build(reader, name, other)


def test_files_wait_for_each_other_in_an_incoming_repository(profile: str, tmp_path: Path) -> None:
    with served(tmp_path, profile=profile) as url, Gate(url) as gate:
        reader = a_store_at(url)
        build, uploads = _build("waiting")
        gate.faults = {5: "500"}  # the last file
        with pytest.raises(StoreError):
            _through(gate, 1, incoming="incoming").publish_build(build, uploads)
        assert reader.list("libs-local") == ()
        waiting = {item.path for item in reader.list("incoming")}
        assert waiting == {f"incoming/{upload.path}" for upload in uploads[:2]}
        sent = sum(len(seen.body) for seen in gate.seen)
        _through(gate, 1, incoming="incoming").publish_build(build, uploads)
        again = sum(len(seen.body) for seen in gate.seen if seen.method == "PUT") - sent
        assert again < 20_000, "what waits is not sent again"
        assert reader.list("incoming") == ()
        _check_one_whole_build(reader, "waiting", build)


# One process imports everything, and a copy of it publishes what a line names: URL and name of the build.
CHILD = """
import os, sys
sys.path[:0] = sys.argv[1:]
from builders import a_clock
from pytest_defend.stores.artifactory import ArtifactoryStore
from pytest_defend.stores.session import Session
from test_publication_faults import _build
for line in sys.stdin:
    url, name = line.split()
    child = os.fork()
    if not child:
        build, uploads = _build(name)
        ArtifactoryStore(url, Session(), a_clock, workers=2).publish_build(build, uploads)
        break
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def publishing() -> Iterator[Callable[[Gate, str], int]]:
    """Publishes through a gate, in a process that is killed when the gate breaks something; how it ended."""
    command = [sys.executable, "-c", CHILD, str(Path(__file__).parent), *sys.path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        told, heard = parent.stdin, parent.stdout

        def publish(gate: Gate, name: str) -> int:
            child: SimpleQueue[int] = SimpleQueue()  # it may be sooner at the gate than its number is here
            gate.broken = lambda: os.kill(child.get(timeout=60), signal.SIGKILL)
            told.write(f"{gate.url}/artifactory {name}\n")
            told.flush()
            child.put(int(heard.readline()))
            return int(heard.readline())

        yield publish
        told.close()
        assert parent.wait(60) == 0


@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_publisher_that_is_killed_leaves_nothing_half(
    url: str, profile: str, publishing: Callable[[Gate, str], int]
) -> None:
    """At every request: before one server sees it, and after the other has answered."""
    moment = "before" if profile == "7-pro" else "after"
    reader = a_store_at(url)
    for n in range(1, REQUESTS + 1):
        name = f"build{next(NAMES)}"
        build, uploads = _build(name)
        with Gate(url) as gate:
            gate.after = lambda name=name: _check_whole_or_absent(reader, name)
            gate.faults = {n: f"reset {moment}"}
            ended = publishing(gate, name)
            broken = len(gate.seen) >= n
            assert ended == (-signal.SIGKILL if broken else 0)
            _check_whole_or_absent(reader, name)
            gate.faults = {}
            _through(gate, 1).publish_build(build, uploads)
        _check_one_whole_build(reader, name, build)
        if not broken:
            return
    pytest.fail("it takes more requests than are broken here")


@pytest.mark.parametrize("fault", FAULTS)
def test_promoting_again_makes_it_whole(profile: str, url: str, fault: str) -> None:
    if profile == "5.11-oss":
        pytest.skip("the open source edition does not promote")
    reader = a_store_at(url)
    for n in range(1, 2 * REQUESTS):
        name = f"build{next(NAMES)}"
        build, uploads = _build(name)
        reader.publish_build(build, uploads)
        at = parse_instant("2026-02-01T00:00:00.000Z")
        promotion = Promotion(
            status="rc", source="libs-local", target="rc-local", properties={"level": ("rc",)}, timestamp=at
        )
        with Gate(url) as gate:
            gate.silence_s = 2
            gate.faults = {n: fault}
            with suppress(StoreError):
                _through(gate, 1, read_s=_patience_s(fault)).promote(build.id, promotion)
            broken = len(gate.seen) >= n
            gate.faults = {}
            promoted = _through(gate, 1).promote(build.id, promotion)
        paths = tuple(sorted(path.replace("libs-local", "rc-local") for path in _files(name)))
        assert promoted.paths == paths
        assert reader.list(f"libs-local/{name}") == ()
        items = reader.list(f"rc-local/{name}")
        assert tuple(item.path for item in items) == paths
        assert all(item.properties["level"] == ("rc",) for item in items)
        assert [status.status for status in reader.build(build.id).statuses] == ["rc"]
        if not broken:
            return
    pytest.fail("it takes more requests than are broken here")
