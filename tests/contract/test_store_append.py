from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import NOW, PATH, STARTED, a_build_info, an_upload
from pytest_defend.errors import Conflict, Corrupt, NotFound
from pytest_defend.model.buildinfo import Artifact, BuildId, Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.protocols import Promotion

if TYPE_CHECKING:
    from pytest_defend.protocols import Store

DEMO = BuildId(name="demo", number="1")
SMOKE = Module(
    id="demo/smoke", type="generic", artifacts=(Artifact(name="junit.xml", path="smoke/junit.xml"),)
)


def _modules(store: Store, build: BuildId = DEMO) -> list[str]:
    return [module.id for module in store.build(build).modules]


def test_a_module_is_added_behind_those_that_are_there(store: Store) -> None:
    build = a_build_info()
    store.publish_build(build, [an_upload()])
    store.append(DEMO, [SMOKE], [an_upload("reports/smoke/junit.xml", b"<x/>", properties={"a": ("1",)})])
    assert store.build(DEMO) == replace(build, modules=(*build.modules, SMOKE))
    assert store.stat("reports/smoke/junit.xml").properties == {"a": ("1",)}
    with store.open("reports/smoke/junit.xml") as file:
        assert file.read() == b"<x/>"
    assert [run.id for run in store.builds()] == [build.id]


def test_the_same_module_again_changes_nothing(store: Store) -> None:
    store.publish_build(a_build_info())
    upload = an_upload("reports/smoke/junit.xml", properties={"level": ("dev",)})
    store.append(DEMO, [SMOKE, SMOKE], [upload])
    store.annotate([upload.path], {"level": ("rc",)})
    before = store.build(DEMO)
    store.append(DEMO, [SMOKE], [upload])
    assert store.build(DEMO) == before
    assert store.stat(upload.path).properties == {"level": ("rc",)}


def test_modules_that_are_there_are_passed_over(store: Store) -> None:
    store.publish_build(a_build_info())
    store.append(DEMO, [SMOKE])
    store.append(DEMO, [replace(SMOKE, id="demo/load"), SMOKE])
    assert _modules(store) == ["demo:1.0", "demo/smoke", "demo/load"]


def test_another_module_of_an_id_is_refused(store: Store) -> None:
    store.publish_build(a_build_info())
    store.append(DEMO, [SMOKE])
    other = replace(SMOKE, type="python")
    for modules in ([other], [replace(SMOKE, id="new"), other]):
        with pytest.raises(Conflict, match="has another module 'demo/smoke'"):
            store.append(DEMO, modules, [an_upload("reports/other")])
    with pytest.raises(Conflict, match="has another module 'twice'"):
        store.append(DEMO, [replace(SMOKE, id="twice"), replace(other, id="twice")])
    assert _modules(store) == ["demo:1.0", "demo/smoke"]
    assert store.list("reports") == ()


def test_nothing_is_seen_of_an_append_that_fails(store: Store) -> None:
    store.publish_build(a_build_info())
    kept = store.put(an_upload("r/1", b"first"))
    lie = replace(Checksums.of(b"demo"), sha256="0" * 64)
    with pytest.raises(Conflict, match="never replaced"):
        store.append(DEMO, [SMOKE], [an_upload("r/0"), an_upload("r/1", b"second")])
    with pytest.raises(Corrupt):
        store.append(DEMO, [SMOKE], [an_upload("r/0"), an_upload("r/2", checksums=lie)])
    assert _modules(store) == ["demo:1.0"]
    assert store.list("") == (kept,)


def test_a_module_that_is_there_without_its_file_is_a_conflict(store: Store) -> None:
    store.publish_build(a_build_info())
    store.append(DEMO, [SMOKE])
    with pytest.raises(Conflict, match="without reports/late"):
        store.append(DEMO, [SMOKE], [an_upload("reports/late")])
    assert store.list("") == ()


def test_files_alone_may_be_added(store: Store) -> None:
    store.publish_build(a_build_info())
    store.append(DEMO, [], [an_upload("reports/late")])
    assert [item.path for item in store.list("")] == ["reports/late"]
    assert store.build(DEMO) == a_build_info()


@pytest.mark.parametrize("text", ["demo/2", "other/1", "demo/1@2026-01-31T11:59:00.457+0000", "other/latest"])
def test_a_run_that_is_not_there_is_not_found(store: Store, text: str) -> None:
    with pytest.raises(NotFound):
        store.append(BuildId.parse(text), [SMOKE])
    store.publish_build(a_build_info())
    with pytest.raises(NotFound):
        store.append(BuildId.parse(text), [SMOKE], [an_upload()])
    assert store.list("") == ()


@pytest.mark.parametrize(
    "text", ["demo/1", "demo/latest", f"demo/1@{STARTED}", "demo/1@2026-01-31T11:59:00.456Z"]
)
def test_a_run_is_found_as_it_is_read(store: Store, text: str) -> None:
    store.publish_build(a_build_info())
    store.append(BuildId.parse(text), [SMOKE])
    assert _modules(store) == ["demo:1.0", "demo/smoke"]


def test_publishing_again_after_an_append_changes_nothing(store: Store) -> None:
    store.publish_build(a_build_info(), [an_upload()])
    store.append(DEMO, [SMOKE])
    store.publish_build(a_build_info(), [an_upload()])
    assert _modules(store) == ["demo:1.0", "demo/smoke"]
    grown = store.build(DEMO)
    with pytest.raises(Conflict, match="with another document"):
        store.publish_build(grown, [an_upload()])
    with pytest.raises(Conflict, match="with another document"):
        store.publish_build(a_build_info(modules=()))


def test_appending_again_after_a_promotion_changes_nothing(store: Store) -> None:
    upload = an_upload("dev/smoke/junit.xml")
    made = replace(SMOKE.artifacts[0], repository="dev", sha256=upload.checksums.sha256)
    module = replace(SMOKE, artifacts=(made,))
    store.publish_build(a_build_info(modules=()))
    store.append(DEMO, [module], [upload])
    store.promote(DEMO, Promotion(status="rc", source="dev", target="rc"))
    before = store.build(DEMO)
    store.append(DEMO, [module], [upload])
    assert store.build(DEMO) == before
    assert [item.path for item in store.list("")] == ["rc/smoke/junit.xml"]


def test_of_many_that_append_at_once_nobody_loses_anything(store: Store) -> None:
    store.publish_build(a_build_info(), [an_upload()])

    def append(number: int) -> None:
        module = Module(id=f"demo/stage{number}")
        store.append(DEMO, [module], [an_upload(f"reports/{number}", str(number).encode())])

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(append, [*range(32), *range(32)]))
    assert sorted(_modules(store)) == sorted(["demo:1.0", *(f"demo/stage{number}" for number in range(32))])
    assert len(store.list("reports")) == 32
    assert store.stat(PATH).created == NOW
