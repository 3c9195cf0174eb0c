"""Several jobs begin the same build at the same moment: one of them does, and nobody's files are lost."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from threading import Barrier, Event
from typing import TYPE_CHECKING, Any

import pytest

from builders import a_build_info, a_clock, an_upload
from pytest_defend.errors import Conflict
from pytest_defend.model.buildinfo import Artifact, BuildId, Module
from pytest_defend.stores.artifactory import ArtifactoryStore
from pytest_defend.stores.session import Session
from scripted import Gate, Seen
from served import a_store_at, served

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_defend.model.buildinfo import BuildInfo
    from pytest_defend.protocols import Store, Upload

pytestmark = pytest.mark.slow

NAMES = count()
JOBS = 4
SHARED = b"the package all of them tested" * 200


@pytest.fixture(scope="module", params=["5.11-oss", "5.11-pro", "7-pro"])
def profile(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def url(profile: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served(tmp_path_factory.mktemp("served"), profile=profile) as url:
        yield url


def _a_run(name: str, job: int, *, started_ms: int) -> tuple[BuildInfo, list[Upload]]:
    """What a job publishes: the package every job has, and a report of its own."""
    build = a_build_info(name=name, started=f"2026-01-31T11:59:00.{started_ms:03d}+0000", modules=())
    identity = {
        "build.name": (name,),
        "build.number": (build.number,),
        "build.timestamp": (build.timestamp,),
    }
    contents = {f"{name}/package": SHARED, f"{name}/evidence/{job}": f"{name} {job}".encode()}
    uploads = [an_upload(f"libs-local/{path}", each, properties=identity) for path, each in contents.items()]
    artifacts = tuple(
        Artifact(
            name=path.rpartition("/")[2],
            path=path,
            repository="libs-local",
            sha256=upload.checksums.sha256,
        )
        for path, upload in zip(contents, uploads, strict=True)
    )
    return replace(build, modules=(Module(id=f"job-{job}", artifacts=artifacts),)), uploads


def _check_one(reader: Store, name: str, kept: Sequence[BuildInfo]) -> None:
    """Exactly one run of the number is there, that of the job that was told so, with all of its files."""
    (build,) = kept
    assert [run.id.number for run in reader.builds(name)] == [build.number]
    assert reader.build(BuildId(name=name, number=build.number)) == build
    (module,) = build.modules
    for artifact in module.artifacts:
        with reader.open(f"libs-local/{artifact.path}") as file:
            assert file.read()
    items = {item.path: item.properties for item in reader.list(f"libs-local/{name}")}
    assert items.keys() == {f"libs-local/{artifact.path}" for artifact in module.artifacts}
    assert all(build.timestamp in properties["build.timestamp"] for properties in items.values())


@pytest.mark.parametrize("apart_ms", [1, 0], ids=["other moments", "one moment"])
def test_one_of_several_threads_begins(url: str, apart_ms: int) -> None:
    name = f"threads{next(NAMES)}"
    start = Barrier(JOBS)

    def begin(job: int) -> BuildInfo | None:
        build, uploads = _a_run(name, job, started_ms=456 + job * apart_ms)
        store = ArtifactoryStore(url, Session(), a_clock, workers=2, settle_s=0.1)
        start.wait()
        try:
            store.publish_build(build, uploads)
        except Conflict:
            return None
        return build

    with ThreadPoolExecutor(JOBS) as pool:
        kept = [build for build in pool.map(begin, range(JOBS)) if build is not None]
    _check_one(a_store_at(url), name, kept)


CHILD = """
import sys
url, name, job, apart_ms, *sys.path[:0] = sys.argv[1:]
from builders import a_clock
from pytest_defend.errors import Conflict
from pytest_defend.stores.artifactory import ArtifactoryStore
from pytest_defend.stores.session import Session
from test_beginnings import _a_run
build, uploads = _a_run(name, int(job), started_ms=456 + int(job) * int(apart_ms))
store = ArtifactoryStore(url, Session(), a_clock, workers=2, settle_s=0.1)
print("ready", flush=True)
sys.stdin.readline()
try:
    store.publish_build(build, uploads)
except Conflict:
    print("refused", flush=True)
else:
    print("kept", flush=True)
"""


def test_one_of_several_processes_begins(url: str) -> None:
    name, jobs = f"processes{next(NAMES)}", 3
    command = [sys.executable, "-c", CHILD, url, name]
    paths = [str(Path(__file__).parent), *sys.path]
    children = [
        subprocess.Popen(
            [*command, str(job), "1", *paths], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for job in range(jobs)
    ]
    for child in children:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
    for child in children:
        assert child.stdin is not None
        child.stdin.write("go\n")
        child.stdin.flush()
    said = [child.communicate(timeout=60)[0].strip() for child in children]
    kept = [_a_run(name, job, started_ms=456 + job)[0] for job in range(jobs) if said[job] == "kept"]
    assert sorted(said) == ["kept", *["refused"] * (jobs - 1)]
    _check_one(a_store_at(url), name, kept)


class _Held(Gate):
    """Keeps the build-info back until it is told to let it go."""

    def __init__(self, behind: str) -> None:
        super().__init__(behind)
        self.arrived, self.go = Event(), Event()

    def hold(self, seen: Seen) -> None:
        if seen.method == "PUT" and seen.target.startswith("/artifactory/api/build"):
            self.arrived.set()
            assert self.go.wait(30)


@contextmanager
def _held_publication(url: str, build: BuildInfo, uploads: list[Upload]) -> Iterator[list[Any]]:
    """A publication that is held up after it has looked, while the block does something else."""
    outcome: list[Any] = []

    def publish() -> None:
        session = Session(sleep=lambda _: None)
        store = ArtifactoryStore(f"{gate.url}/artifactory", session, a_clock, settle_s=0.01)
        try:
            store.publish_build(build, uploads)
        except Conflict as error:
            outcome.append(error)

    with _Held(url) as gate, ThreadPoolExecutor(1) as pool:
        gate.before = gate.hold
        job = pool.submit(publish)
        assert gate.arrived.wait(30)
        yield outcome
        gate.go.set()
        job.result(60)


def test_who_was_held_up_withdraws(url: str, profile: str) -> None:
    """Longer than anybody waits: it publishes a second run, sees so, and takes it back where it can."""
    reader, name = a_store_at(url), f"held{next(NAMES)}"
    first, files = _a_run(name, 0, started_ms=456)
    late, late_files = _a_run(name, 1, started_ms=457)
    with _held_publication(url, late, late_files) as outcome:
        reader.publish_build(first, files)
    (error,) = outcome
    assert "another one began it at the same moment" in error.message
    runs = [run.id.started for run in reader.builds(name)]
    if profile == "5.11-oss":
        assert "delete one of them" in error.message
        assert runs == [first.started, late.started]
    else:
        assert "this one was withdrawn" in error.message
        assert runs == [first.started]
        assert [item.path for item in reader.list(f"libs-local/{name}/evidence")] == [files[1].path]
    assert reader.build(first.id) == first


def test_who_sees_files_of_one_that_died_begins(url: str) -> None:
    reader, name = a_store_at(url), f"died{next(NAMES)}"
    _, left = _a_run(name, 0, started_ms=456)
    for upload in left:
        reader.put(upload)
    build, uploads = _a_run(name, 1, started_ms=457)
    reader.publish_build(build, uploads)
    assert [run.id for run in reader.builds(name)] == [build.id]
    assert len(reader.list(f"libs-local/{name}/evidence")) == 2
