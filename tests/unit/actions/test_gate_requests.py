"""What a gate costs on a server: one more request for 400 dependencies, two for each further stage."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from builders import NOW, a_bundle, a_clock, a_dist_file, an_upload
from pytest_defend.actions.gate import gate
from pytest_defend.actions.pack import Material
from pytest_defend.actions.publish import mark, publish
from pytest_defend.gates import kinds, read_policy
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.bundle import Final
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.distributions import Distribution, Edge, Installed
from pytest_defend.model.ladder import Ladder
from pytest_defend.model.origins import Certainty, Origin
from pytest_defend.model.ruling import Ruling
from pytest_defend.stores.directory import DirectoryStore
from scripted import Gate
from served import a_store_at, served

if TYPE_CHECKING:
    from pathlib import Path

LADDER = Ladder.from_table(
    {"levels": [{"name": "libs-local"}, {"name": "rc-local", "stages": ["one"]}]}, "test"
)


def _installed(name: str, count: int) -> Installed:
    needs = [f"lib{number}" for number in range(count)]
    edges = tuple(Edge(target=need, requirement=need) for need in needs)
    origins = [
        Origin(certainty=Certainty.RECORDED, file=f"{need}.whl", sha256=Checksums.of(need.encode()).sha256)
        for need in needs
    ]
    libraries = (
        Distribution(name=need, version="1.0", scopes=("runtime",), origin=origin)
        for need, origin in zip(needs, origins, strict=True)
    )
    return Installed(distributions=(Distribution(name=name, version="1.0", requires=edges), *libraries))


def _published(folder: Path, store: DirectoryStore, name: str, dependencies: int, *stages: str) -> None:
    for stage in stages:
        dist = a_dist_file(folder / name, name, content=name.encode())
        material = Material(dists=[dist], installed=_installed(name, dependencies))
        known = {"build_name": name, "package": name, "stage": stage, "run": stage}
        manifest = a_bundle(folder / name / stage, material=material, **known)
        publish(folder / name / stage, manifest, store)
        mark(manifest, store, Final(exit_status=0))


@pytest.fixture
def store(tmp_path: Path) -> DirectoryStore:
    store = DirectoryStore(tmp_path / "store", a_clock)
    store.put(an_upload("rc-local/lib7/1.0/lib7.whl", b"lib7"))
    return store


def test_requests_grow_with_dependencies_by_the_hundred_and_with_stages_by_two(
    tmp_path: Path, store: DirectoryStore
) -> None:
    _published(tmp_path, store, "few", 10, "one")
    _published(tmp_path, store, "many", 510, "one")
    _published(tmp_path, store, "staged", 10, "one", "two", "three")
    policy = read_policy(LADDER, source="test", kinds=kinds())
    asked: dict[str, list[str]] = {}
    with served(tmp_path / "store") as url, Gate(url) as counted:
        for name in ("few", "many", "staged"):
            counted.seen.clear()
            decision = gate(
                BuildId(name=name, number="latest"),
                level="rc-local",
                policy=policy,
                store=a_store_at(f"{counted.url}/artifactory"),
                now=NOW,
                decision_id="1",
            )
            assert decision.ruling is Ruling.PASS, decision.refusals
            assert decision.snapshot.dependencies[7].kept
            asked[name] = sorted(seen.line for seen in counted.seen)
    assert len(asked["few"]) == 7, asked["few"]
    assert len(asked["many"]) == len(asked["few"]) + 1  # of 250 allowed for each
    assert len(asked["staged"]) == len(asked["few"]) + 4  # a record and a journal for each further stage
    assert not [
        line for line in asked["many"] if not line.startswith(("GET ", "POST /artifactory/api/search"))
    ]
