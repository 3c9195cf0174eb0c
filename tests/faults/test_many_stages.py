"""Thirty-two jobs add different stages to one build at once: nothing anybody said is lost.

By hand twenty times on every store: `MANY_STAGES=20 pytest -n0 tests/faults/test_many_stages.py`.
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Barrier
from typing import TYPE_CHECKING

import pytest

from builders import a_bundle, a_clock, a_dist_file
from pytest_defend.actions.pack import Material
from pytest_defend.actions.publish import mark, publish
from pytest_defend.actions.show import show
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.bundle import Final
from pytest_defend.model.fields import parse_instant
from pytest_defend.stores.artifactory import ArtifactoryStore
from pytest_defend.stores.directory import DirectoryStore
from pytest_defend.stores.session import Session
from served import served

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from pytest_defend.model.bundle import Manifest
    from pytest_defend.protocols import Store

pytestmark = pytest.mark.slow
JOBS = 32
TIMES = int(os.environ.get("MANY_STAGES", "0"))
LATER = parse_instant("2026-02-01T00:00:00.000+0000")


@pytest.fixture(scope="module")
def jobs(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[Path, Manifest]]:
    """The records of as many jobs, each with a stage of its own, all of one package."""
    folder = tmp_path_factory.mktemp("jobs")
    made = []
    for number in range(JOBS):
        material = Material(dists=[a_dist_file(folder / f"dist-{number}")])
        run = folder / f"r{number}"
        manifest = a_bundle(run, material=material, run=f"r{number}", stage=f"s{number:02d}", started=LATER)
        made.append((run, manifest))
    return made


def _numbered(manifest: Manifest, number: str) -> Manifest:
    return replace(manifest, build=replace(manifest.build, number=number))


def _together(jobs: list[tuple[Path, Manifest]], number: str, store_of: Callable[[], Store]) -> None:
    """Every job at the same moment, as a process of its own would."""
    start = Barrier(JOBS)

    def work(job: tuple[Path, Manifest]) -> None:
        manifest, store = _numbered(job[1], number), store_of()
        start.wait()
        publish(job[0], manifest, store)
        mark(manifest, store, Final(exit_status=0))

    with ThreadPoolExecutor(JOBS) as pool:
        list(pool.map(work, jobs))


def _assert_whole(jobs: list[tuple[Path, Manifest]], number: str, store: Store) -> None:
    """Every module, report and property is there."""
    build = BuildId(name="demo", number=number)
    assert [run.id.number for run in store.builds("demo")].count(number) == 1
    stages = {stage.name: stage.mark for stage in show(build, store).stages}
    assert stages == {manifest.stage: "passed" for _, manifest in jobs}
    ids = [module.id for module in store.build(build).modules]
    assert sorted(ids) == sorted({"demo:1.0", *(f"demo:1.0/stage/{name}" for name in stages)})
    for _, manifest in jobs:
        for file in manifest.files:
            assert store.stat(file.path).checksums == file.checksums
    (package,) = {
        file.path for _, manifest in jobs for file in manifest.files if "/evidence/" not in file.path
    }
    properties = store.stat(package).properties
    assert {f"defend.stage.{name}" for name in stages} <= properties.keys()


@pytest.mark.parametrize("attempt", range(TIMES or 4))
def test_in_a_folder(jobs: list[tuple[Path, Manifest]], tmp_path: Path, attempt: int) -> None:
    folder = tmp_path / "store"
    _together(jobs, str(attempt), lambda: DirectoryStore(folder, a_clock))
    _assert_whole(jobs, str(attempt), DirectoryStore(folder, a_clock))


@pytest.mark.parametrize("attempt", range(TIMES or 1))
@pytest.mark.parametrize("profile", ["5.11-oss", "5.11-pro", "7-pro"] if TIMES else ["5.11-pro", "7-pro"])
def test_on_a_server(jobs: list[tuple[Path, Manifest]], tmp_path: Path, profile: str, attempt: int) -> None:
    number = str(attempt + 1)
    with served(tmp_path / "served", profile=profile) as url:

        def store() -> Store:
            """As a job has it: one that waits when others are busy."""
            return ArtifactoryStore(url, Session(), a_clock)

        # one job begins the build, as in most pipelines; test_beginnings.py has several that do
        first = _numbered(jobs[0][1], number)
        publish(jobs[0][0], first, store())
        _together(jobs, number, store)
        _assert_whole(jobs, number, store())
