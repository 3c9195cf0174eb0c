"""A bundle becomes a build in a store, once; the mark comes last."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from builders import PATH, STARTED, a_bundle, a_clock, a_dist_file, an_upload
from pytest_defend.actions.pack import Material
from pytest_defend.actions.publish import mark, open_bundle, publish
from pytest_defend.actions.stages import stage_property
from pytest_defend.errors import Conflict, Corrupt, InvalidDocument, NotFound, Unavailable, UsageError
from pytest_defend.model.bundle import FINAL, JOURNAL, MANIFEST, Final, Manifest
from pytest_defend.model.fields import parse_instant
from pytest_defend.model.results import Result
from pytest_defend.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from pytest_defend.protocols import Store

DIST = "libs-local/demo/1.0/demo-1.0.tar.gz"
LATER = parse_instant("2026-02-01T00:00:00.000+0000")


def a_run(
    folder: Path, name: str = "run", *, content: bytes = b"demo", **journal: Any
) -> tuple[Path, Manifest]:
    material = Material(dists=[a_dist_file(folder / f"dist-{name}", content=content)])
    return folder / name, a_bundle(folder / name, material=material, **journal)


class ReadOnly(MemoryStore):
    """Fails at every attempt to write."""

    def refuse(self, *_: object, **__: object) -> Any:
        pytest.fail("a dry run wrote")

    put = annotate = publish_build = refuse


def test_publishing_puts_the_build_and_its_files(tmp_path: Path, store: Store) -> None:
    folder, manifest = a_run(tmp_path)
    published = publish(folder, manifest, store)
    assert store.build(manifest.build.id) == manifest.build
    assert published.build == f"demo/1@{STARTED}"
    assert (published.store, published.stage, published.dry_run) == (store.locator, "tests", False)
    assert published.new == tuple(file.path for file in manifest.files)
    assert published.kept == ()
    assert published.url == ""
    assert published.size_bytes == sum(file.checksums.size_bytes for file in manifest.files)
    for file in manifest.files:
        item = store.stat(file.path)
        assert item.checksums == file.checksums
        assert item.properties == {
            "build.name": ("demo",),
            "build.number": ("1",),
            "build.timestamp": (manifest.build.timestamp,),
        }


def test_what_is_published_has_the_page_the_store_says(tmp_path: Path) -> None:
    folder, manifest = a_run(tmp_path)
    store = MemoryStore(a_clock)
    assert publish(folder, manifest, store, dry_run=True, page=str).url == ""
    assert publish(folder, manifest, store, page=str).url == str(manifest.build.id)


def test_the_page_is_that_of_the_build_a_stage_joins(tmp_path: Path) -> None:
    store = MemoryStore(a_clock)
    first = publish(*a_run(tmp_path), store, page=str)
    later = publish(
        *a_run(tmp_path, "second", run="r2", stage="it", started=LATER),
        store,
        page=str,
    )
    assert later.url == first.url != ""


def test_publishing_again_changes_nothing(tmp_path: Path, store: Store) -> None:
    folder, manifest = a_run(tmp_path)
    publish(folder, manifest, store)
    before = store.list("")
    again = publish(folder, manifest, store)
    assert (again.new, again.size_bytes) == ((), 0)
    assert again.kept == tuple(sorted(file.path for file in manifest.files))
    assert store.list("") == before


def test_another_build_may_share_the_package(tmp_path: Path, store: Store) -> None:
    publish(*a_run(tmp_path), store)
    folder, manifest = a_run(tmp_path, "second", build_number="2", run="r2", started=LATER)
    assert publish(folder, manifest, store).kept == (DIST,)
    assert store.stat(DIST).properties["build.number"] == ("1", "2")


@pytest.mark.parametrize("dry_run", [False, True])
def test_other_bytes_under_a_version_are_refused_with_both_digests(
    tmp_path: Path, store: Store, dry_run: bool
) -> None:
    first, second = a_run(tmp_path), a_run(tmp_path, "second", content=b"other", build_number="2", run="r2")
    publish(*first, store)
    with pytest.raises(Conflict) as refused:
        publish(*second, store, dry_run=dry_run)
    kept, offered = (manifest.files[0].checksums.sha256 for _, manifest in (first, second))
    assert str(refused.value) == (
        f"{DIST} is kept with sha256 {kept}; this build has {offered}. "
        "A published version is never replaced: build and publish a new version."
    )
    assert refused.value.key == DIST
    with pytest.raises(NotFound):
        store.build(second[1].build.id)


@pytest.mark.parametrize("dry_run", [False, True])
def test_another_run_of_the_same_number_is_refused(tmp_path: Path, store: Store, dry_run: bool) -> None:
    publish(*a_run(tmp_path), store)
    second = a_run(tmp_path, "second", run="r2", started=LATER)
    with pytest.raises(Conflict, match=r"demo/1.*--defend-build NAME/NUMBER") as refused:
        publish(*second, store, dry_run=dry_run)
    assert STARTED in str(refused.value)


def test_a_dry_run_only_reads(tmp_path: Path) -> None:
    folder, manifest = a_run(tmp_path)
    published = publish(folder, manifest, ReadOnly(a_clock), dry_run=True)
    assert published.dry_run
    assert published.new == tuple(file.path for file in manifest.files)


def test_a_dry_run_knows_what_is_there(tmp_path: Path, store: Store) -> None:
    folder, manifest = a_run(tmp_path)
    store.put(an_upload(DIST, b"demo"))
    before = store.list("")
    published = publish(folder, manifest, store, dry_run=True)
    assert published.kept == (DIST,)
    assert DIST not in published.new
    assert store.list("") == before
    assert store.builds() == ()


def test_a_bundle_that_was_altered_is_not_published(tmp_path: Path, store: Store) -> None:
    folder, manifest = a_run(tmp_path)
    journal = folder / JOURNAL
    journal.write_bytes(journal.read_bytes().replace(b"[1,2,3]", b"[3,2,1]"))
    with pytest.raises(Corrupt):
        publish(folder, manifest, store)
    journal.unlink()
    with pytest.raises(Unavailable):
        publish(folder, manifest, store)
    assert store.list("") == ()
    assert store.builds() == ()


def marks(store: Store) -> set[Sequence[str]]:
    return {item.properties.get(stage_property("tests"), ()) for item in store.list("")}


@pytest.mark.parametrize(
    ("final", "result", "marked"),
    [(0, Result.PASSED, "passed"), (1, Result.FAILED, "failed"), (None, Result.INCOMPLETE, "failed")],
)
def test_the_mark_comes_last_and_is_on_every_file(
    tmp_path: Path, store: Store, final: int | None, result: Result, marked: str
) -> None:
    folder, manifest = a_run(tmp_path)
    publish(folder, manifest, store)
    assert marks(store) == {()}
    verdict = mark(manifest, store, None if final is None else Final(exit_status=final))
    assert verdict.result is result
    assert marks(store) == {(marked,)}


def test_marking_again_replaces_the_mark(tmp_path: Path, store: Store) -> None:
    folder, manifest = a_run(tmp_path)
    publish(folder, manifest, store)
    mark(manifest, store, None)
    mark(manifest, store, Final(exit_status=0))
    assert marks(store) == {("passed",)}


def test_what_is_not_there_cannot_be_marked(tmp_path: Path, store: Store) -> None:
    _, manifest = a_run(tmp_path)
    with pytest.raises(NotFound):
        mark(manifest, store, Final(exit_status=0))


def test_a_bundle_is_opened_with_its_last_word(tmp_path: Path) -> None:
    folder, manifest = a_run(tmp_path)
    assert open_bundle(folder) == (manifest, None)
    (folder / FINAL).write_bytes(Final(exit_status=3).to_bytes())
    assert open_bundle(folder) == (manifest, Final(exit_status=3))


def altered(folder: Path, **changes: Any) -> None:
    path = folder / MANIFEST
    document = json.loads(path.read_bytes())
    document.update(changes)
    path.write_text(json.dumps(document))


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("../../etc/passwd", r"files\[0\]\.name: '../../etc/passwd' is a place outside the bundle"),
        ("/etc/passwd", r"files\[0\]\.name: '/etc/passwd' is a place outside the bundle"),
        ("a/../../b", r"files\[0\]\.name"),
    ],
)
def test_a_manifest_that_names_files_of_this_machine_is_refused(
    tmp_path: Path, name: str, problem: str
) -> None:
    folder, manifest = a_run(tmp_path)
    altered(folder, files=[{**manifest.files[0].to_dict(), "name": name}])
    with pytest.raises(InvalidDocument, match=problem):
        open_bundle(folder)


def test_a_manifest_of_another_version_or_without_an_instant_is_refused(tmp_path: Path) -> None:
    folder, manifest = a_run(tmp_path)
    build = {**manifest.build.to_dict(), "started": "yesterday"}
    altered(folder, format="pytest-defend/bundle/2", build=build)
    with pytest.raises(InvalidDocument, match=r"format: is 'pytest-defend/bundle/2'; this .* build\.started"):
        open_bundle(folder)


def test_a_manifest_or_last_word_that_is_damaged_is_refused(tmp_path: Path) -> None:
    folder, _ = a_run(tmp_path)
    (folder / FINAL).write_bytes(b"{")
    with pytest.raises(InvalidDocument, match="Final document"):
        open_bundle(folder)
    (folder / MANIFEST).write_bytes(b"[]")
    with pytest.raises(InvalidDocument, match="Manifest document"):
        open_bundle(folder)
    (folder / MANIFEST).unlink()
    with pytest.raises(FileNotFoundError):
        open_bundle(folder)


def test_a_manifest_cannot_place_a_file_outside_the_store(tmp_path: Path, store: Store) -> None:
    folder, manifest = a_run(tmp_path)
    altered(folder, files=[{**manifest.files[0].to_dict(), "path": "libs-local/../../x"}])
    with pytest.raises(UsageError, match="is no path in a store"):
        publish(folder, open_bundle(folder)[0], store)


def test_properties_of_the_user_are_on_the_package_while_the_stage_has_passed(
    tmp_path: Path, store: Store
) -> None:
    folder, manifest = a_run(tmp_path, properties=("smoketestA=true", "team=red", "team=blue"))
    publish(folder, manifest, store)
    package = PATH

    mark(manifest, store, Final(exit_status=0))
    kept = store.stat(package).properties
    assert (kept["smoketestA"], kept["team"]) == (("true",), ("blue", "red"))
    others = [item for item in store.list("") if item.path != package]
    assert others
    assert not any("smoketestA" in item.properties for item in others)

    mark(manifest, store, Final(exit_status=1))
    assert not {"smoketestA", "team"} & store.stat(package).properties.keys()
