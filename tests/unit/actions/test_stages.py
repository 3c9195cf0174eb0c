"""What a later run adds to a build that is there, and when it may not."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from builders import PATH, a_bundle, a_clock, a_dist_file
from pytest_defend.actions.fetch import fetch
from pytest_defend.actions.pack import Material
from pytest_defend.actions.publish import mark, publish
from pytest_defend.actions.show import show
from pytest_defend.actions.stages import package_of
from pytest_defend.errors import Conflict, Corrupt, NotFound
from pytest_defend.model.buildinfo import Artifact, BuildId, Module, Vcs
from pytest_defend.model.bundle import Final
from pytest_defend.model.fields import parse_instant
from pytest_defend.protocols import Promotion
from pytest_defend.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.model.bundle import Manifest
    from pytest_defend.protocols import Store

LATER = parse_instant("2026-02-01T00:00:00.000+0000")
DEMO = BuildId(name="demo", number="1")
HERE, ELSEWHERE = (Vcs(url="https://git.example/demo.git", revision=digit * 40) for digit in "ab")


def a_run(
    folder: Path,
    run: str,
    stage: str = "tests",
    *,
    content: bytes | None = b"demo",
    vcs: Vcs = HERE,
) -> tuple[Path, Manifest]:
    """A bundle of build `demo/1`; without content it has no files under test."""
    dists = [] if content is None else [a_dist_file(folder / f"dist-{run}", content=content)]
    material = Material(dists=dists)
    started: dict[str, Any] = {"started": LATER} if run != "r1" else {}
    manifest = a_bundle(folder / run, material=material, run=run, stage=stage, **started)
    return folder / run, replace(manifest, build=replace(manifest.build, vcs=(vcs,)))


def _modules(store: Store) -> list[str]:
    return [module.id for module in store.build(DEMO).modules]


@pytest.fixture
def first(tmp_path: Path, store: Store) -> Manifest:
    """A build with the stage `tests`, published and marked."""
    folder, manifest = a_run(tmp_path, "r1")
    publish(folder, manifest, store)
    mark(manifest, store, Final(exit_status=0))
    return manifest


def test_a_later_stage_joins_the_build(tmp_path: Path, store: Store, first: Manifest) -> None:
    folder, manifest = a_run(tmp_path, "r2", "smoke")
    published = publish(folder, manifest, store)
    assert published.build == str(first.build.id)
    mark(manifest, store, Final(exit_status=0))
    assert _modules(store) == ["demo:1.0", "demo:1.0/stage/tests", "demo:1.0/stage/smoke"]
    assert {(stage.name, stage.mark) for stage in show(DEMO, store).stages} == {
        ("tests", "passed"),
        ("smoke", "passed"),
    }
    package = store.stat("libs-local/demo/1.0/demo-1.0.tar.gz").properties
    assert (package["defend.stage.tests"], package["defend.stage.smoke"]) == (("passed",), ("passed",))
    evidence = store.list("libs-local/demo/1.0/evidence/smoke")
    assert evidence
    assert {item.properties["build.timestamp"] for item in evidence} == {(first.build.timestamp,)}
    assert [run.id for run in store.builds()] == [first.build.id]


@pytest.mark.usefixtures("first")
def test_the_same_run_again_changes_nothing(tmp_path: Path, store: Store) -> None:
    folder, manifest = a_run(tmp_path, "r2", "smoke")
    publish(folder, manifest, store)
    before = store.build(DEMO), store.list("")
    again = publish(folder, manifest, store)
    assert (again.new, again.size_bytes) == ((), 0)
    assert (store.build(DEMO), store.list("")) == before


@pytest.mark.usefixtures("first")
def test_a_run_without_files_puts_its_evidence_beside_the_package(tmp_path: Path, store: Store) -> None:
    """Whenever it was packed: where it goes is said when it is published."""
    folder, manifest = a_run(tmp_path, "r2", "smoke", content=None)
    assert {file.path.split("/")[2] for file in manifest.files} == {"1"}, (
        "the number, as long as nobody knows"
    )
    published = publish(folder, manifest, store)
    mark(manifest, store, Final(exit_status=0))
    assert _modules(store) == ["demo:1.0", "demo:1.0/stage/tests", "demo:1.0/stage/smoke"]
    evidence = store.list("libs-local/demo/1.0/evidence/smoke")
    assert {item.path for item in evidence} == {*published.new}
    assert all(item.properties["defend.stage.smoke"] == ("passed",) for item in evidence)
    (stage,) = [each for each in store.build(DEMO).modules if each.id.endswith("smoke")]
    assert {f"{made.repository}/{made.path}" for made in stage.artifacts} == {*published.new}
    assert {chain[-1] for used in stage.dependencies for chain in used.requested_by} <= {stage.id}
    before = store.list("")
    assert publish(folder, manifest, store).new == ()
    assert store.list("") == before


@pytest.mark.usefixtures("first")
def test_papers_of_a_build_are_no_package(tmp_path: Path, store: Store) -> None:
    paper = Artifact(name="a.zip", type="zip", path="a/1/a.zip", repository="libs-local", sha256="0" * 64)
    papers = Module(id="a:1", properties={"defend.kind": "decision"}, artifacts=(paper,))
    store.append(DEMO, [papers])
    assert package_of(store.build(DEMO), "a") == ("demo", "1.0")
    assert [file.path for file in fetch(DEMO, tmp_path / "out", store)] == [PATH]


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_run_of_another_source_is_refused(tmp_path: Path, store: Store, dry_run: bool) -> None:
    folder, manifest = a_run(tmp_path, "r2", "smoke", content=None, vcs=ELSEWHERE)
    with pytest.raises(Conflict, match=r"is of revision a+, this run of b+.*--defend-artifact-from"):
        publish(folder, manifest, store, dry_run=dry_run)


@pytest.mark.usefixtures("first")
def test_a_run_of_another_source_joins_when_it_tested_the_very_files(tmp_path: Path, store: Store) -> None:
    publish(*a_run(tmp_path, "r2", "smoke", vcs=ELSEWHERE), store)
    assert "demo:1.0/stage/smoke" in _modules(store)


@pytest.mark.usefixtures("first")
def test_other_bytes_of_a_file_are_another_build(tmp_path: Path, store: Store) -> None:
    with pytest.raises(Conflict, match=r"has demo-1\.0\.tar\.gz with sha256 .* A published version"):
        publish(*a_run(tmp_path, "r2", "smoke", content=b"other"), store)
    assert _modules(store) == ["demo:1.0", "demo:1.0/stage/tests"]


@pytest.mark.usefixtures("first")
@pytest.mark.parametrize("on_exists", ["fail", "resume"])
def test_a_stage_that_reached_its_end_is_refused(tmp_path: Path, store: Store, on_exists: str) -> None:
    with pytest.raises(Conflict, match=r"has stage tests already, of run r1\. .*--defend-on-exists new-run"):
        publish(*a_run(tmp_path, "r2"), store, on_exists=on_exists)


@pytest.mark.usefixtures("first")
def test_a_new_run_of_a_stage_stands_beside_the_first(tmp_path: Path, store: Store) -> None:
    folder, manifest = a_run(tmp_path, "r2")
    publish(folder, manifest, store, on_exists="new-run")
    publish(folder, manifest, store, on_exists="new-run")
    assert _modules(store) == ["demo:1.0", "demo:1.0/stage/tests", "demo:1.0/stage/tests/r2"]
    assert [stage.run for stage in show(DEMO, store).stages] == ["r1", "r2"]


def test_a_stage_without_a_last_word_is_resumed(tmp_path: Path, store: Store) -> None:
    publish(*a_run(tmp_path, "r1"), store)  # and its process was killed
    second = a_run(tmp_path, "r2")
    with pytest.raises(Conflict, match="has stage tests already"):
        publish(*second, store)
    publish(*second, store, on_exists="resume")
    mark(second[1], store, Final(exit_status=0))
    assert [(stage.run, stage.mark) for stage in show(DEMO, store).stages] == [("r1", ""), ("r2", "passed")]


def test_many_stages_at_once_lose_nothing(tmp_path: Path, store: Store) -> None:
    names = [f"stage-{number}" for number in range(8)]
    runs = [a_run(tmp_path, f"r{number + 2}", name) for number, name in enumerate(names)]
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda run: publish(run[0], run[1], store), runs))
    assert len({one.build for one in done}) == 1
    stages = {module.properties.get("defend.stage") for module in store.build(DEMO).modules} - {None}
    assert stages == set(names)


def test_a_further_package_joins(tmp_path: Path, store: Store, first: Manifest) -> None:
    del first
    material = Material(dists=[a_dist_file(tmp_path / "more", "extra", "2.0", b"extra")])
    manifest = a_bundle(tmp_path / "r2", material=material, run="r2", stage="extra", started=LATER)
    manifest = replace(manifest, build=replace(manifest.build, vcs=(HERE,)))
    publish(tmp_path / "r2", manifest, store)
    assert {"demo:1.0", "extra:2.0", "extra:2.0/stage/extra"} <= set(_modules(store))


@pytest.mark.usefixtures("first")
def test_the_files_of_a_build_are_fetched_as_they_were(tmp_path: Path, store: Store) -> None:
    (file,) = fetch(DEMO, tmp_path / "new" / "dist", store)
    assert file.path == "libs-local/demo/1.0/demo-1.0.tar.gz"
    assert (tmp_path / "new/dist/demo-1.0.tar.gz").read_bytes() == b"demo"


def test_a_build_without_files_has_nothing_to_fetch(tmp_path: Path, store: Store) -> None:
    publish(*a_run(tmp_path, "r1", content=None), store)
    with pytest.raises(NotFound, match=r"A distribution file of demo/1"):
        fetch(DEMO, tmp_path / "dist", store)


def test_a_file_that_is_not_what_was_recorded_is_not_written(tmp_path: Path) -> None:
    class Lying(MemoryStore):
        def open(self, path: str) -> Any:
            return super().open(next(item.path for item in self.list("") if item.path != path))

    store = Lying(a_clock)
    publish(*a_run(tmp_path, "r1"), store)
    with pytest.raises(Corrupt):
        fetch(DEMO, tmp_path / "dist", store)
    assert list((tmp_path / "dist").iterdir()) == []


def test_a_stage_without_files_marks_the_package_of_its_build(
    tmp_path: Path, store: Store, first: Manifest
) -> None:
    folder, manifest = a_run(tmp_path, "r2", "smoke", content=None)
    publish(folder, manifest, store)
    mark(manifest, store, Final(exit_status=0))
    package = store.stat("libs-local/demo/1.0/demo-1.0.tar.gz").properties
    assert package["defend.stage.smoke"] == ("passed",)
    mark(manifest, store, Final(exit_status=1))
    package = store.stat("libs-local/demo/1.0/demo-1.0.tar.gz").properties
    assert package["defend.stage.smoke"] == ("failed",)
    evidence = first.files[-1].path
    assert "defend.stage.smoke" not in store.stat(evidence).properties


def test_a_package_is_marked_wherever_promotions_took_it(
    tmp_path: Path, store: Store, first: Manifest
) -> None:
    store.promote(first.build.id, Promotion(status="qa", target="qa-local", copy=True))
    folder, manifest = a_run(tmp_path, "r2", "smoke", content=None)
    publish(folder, manifest, store)
    mark(manifest, store, Final(exit_status=0))
    for repository in ("libs-local", "qa-local"):
        package = store.stat(f"{repository}/demo/1.0/demo-1.0.tar.gz").properties
        assert package["defend.stage.smoke"] == ("passed",)
