from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import NOW, PATH, STARTED, a_build_info, an_upload
from pytest_defend.errors import Conflict, NotFound, StoreError
from pytest_defend.model.buildinfo import Artifact, BuildId, Dependency, Module, Status
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.fields import parse_instant, started_text
from pytest_defend.protocols import Promoted, Promotion

if TYPE_CHECKING:
    from pytest_defend.protocols import Store

DEMO = BuildId(name="demo", number="1")
RISEN = "rc-local/demo/1.0/demo-1.0.tar.gz"
RC = Promotion(status="rc", source="libs-local", target="rc-local")


def _publish(store: Store, **properties: tuple[str, ...]) -> None:
    store.publish_build(a_build_info(), [an_upload(properties=properties)])


def _paths(store: Store) -> list[str]:
    return [item.path for item in store.list("")]


def _statuses(store: Store) -> list[str]:
    return [status.status for status in store.build(DEMO).statuses]


def test_the_files_of_a_build_move_with_their_properties(store: Store) -> None:
    _publish(store, level=("dev",), kept=("k",))
    before = store.stat(PATH)
    promotion = replace(RC, properties={"level": ("rc", "beta")})
    assert store.promote(DEMO, promotion) == Promoted(paths=(RISEN,), messages=())
    properties = {"level": ("beta", "rc"), "kept": ("k",)}
    assert store.list("") == (replace(before, path=RISEN, properties=properties),)
    with store.open(RISEN) as file:
        assert file.read() == b"demo"


def test_the_status_is_read_with_the_build(store: Store) -> None:
    _publish(store)
    at = parse_instant("2026-02-01T00:00:00.000Z")
    store.promote(DEMO, replace(RC, comment="good", user="jo", timestamp=at))
    told = Status(
        status="rc", comment="good", repository="rc-local", timestamp=started_text(at), ci_user="jo"
    )
    # who did it is known to servers only
    statuses = [replace(status, user="") for status in store.build(DEMO).statuses]
    assert replace(store.build(DEMO), statuses=()) == a_build_info()
    assert statuses == [told]
    store.promote(DEMO, Promotion(status="released"))
    released = replace(store.build(DEMO).statuses[1], user="")
    assert released == Status(status="released", timestamp=started_text(NOW))
    assert [run.id for run in store.builds()] == [a_build_info().id]


def test_a_copy_leaves_the_source(store: Store) -> None:
    _publish(store, level=("dev",))
    assert store.promote(DEMO, replace(RC, copy=True, properties={"level": ("rc",)})).paths == (RISEN,)
    assert _paths(store) == [PATH, RISEN]
    assert store.stat(PATH).properties == {"level": ("dev",)}
    assert store.stat(RISEN).properties == {"level": ("rc",)}


def test_a_dry_run_changes_nothing(store: Store) -> None:
    _publish(store)
    promotion = replace(RC, dry_run=True, properties={"a": ("1",)})
    assert store.promote(DEMO, promotion) == Promoted(paths=(RISEN,), messages=())
    assert _paths(store) == [PATH]
    assert store.stat(PATH).properties == {}
    assert store.build(DEMO) == a_build_info()


def test_without_a_target_the_files_stay(store: Store) -> None:
    _publish(store)
    assert store.promote(DEMO, Promotion(status="ok")) == Promoted(paths=(), messages=())
    promotion = Promotion(status="ok", properties={"ok": ("yes",)})
    assert store.promote(DEMO, promotion).paths == (PATH,)
    assert store.stat(PATH).properties == {"ok": ("yes",)}


def test_without_a_status_none_is_written(store: Store) -> None:
    _publish(store)
    store.promote(DEMO, replace(RC, status="", comment="lost"))
    assert store.build(DEMO) == a_build_info()
    assert _paths(store) == [RISEN]


@pytest.mark.parametrize("copy", [False, True])
def test_the_same_promotion_again_succeeds(store: Store, copy: bool) -> None:
    _publish(store)
    promotion = replace(RC, copy=copy, timestamp=NOW, properties={"a": ("1",)})
    first = store.promote(DEMO, promotion)
    before = store.list(""), store.build(DEMO)
    assert store.promote(DEMO, promotion) == first
    assert (store.list(""), store.build(DEMO)) == before


def test_a_file_that_is_in_the_target_with_the_same_bytes_keeps_its_properties(store: Store) -> None:
    _publish(store, a=("1",))
    store.put(an_upload(RISEN, properties={"a": ("2",), "b": ("3",)}))
    assert store.promote(DEMO, RC).paths == (RISEN,)
    assert _paths(store) == [RISEN]
    assert store.stat(RISEN).properties == {"a": ("1", "2"), "b": ("3",)}


def test_a_build_rises_step_by_step(store: Store) -> None:
    _publish(store)
    for target in ("rc-local", "release-local", "libs-local"):
        store.promote(DEMO, Promotion(status=target, target=target))
        assert [path.partition("/")[0] for path in _paths(store)] == [target]
    assert _statuses(store) == ["rc-local", "release-local", "libs-local"]


def test_a_file_of_the_same_bytes_under_another_path_is_no_part_of_the_build(store: Store) -> None:
    _publish(store)
    store.put(an_upload("libs-local/other/demo-1.0.tar.gz"))
    store.put(an_upload("mirror/demo/1.0/demo-1.0.tar.gz"))
    assert store.promote(DEMO, Promotion(status="rc", target="rc-local")).paths == (RISEN,)
    assert _paths(store) == [
        "libs-local/other/demo-1.0.tar.gz",
        "mirror/demo/1.0/demo-1.0.tar.gz",
        RISEN,
    ]


def _two(store: Store, *there: str) -> None:
    """A build of two files, of which only those are kept."""
    contents = {"a": b"a", "b": b"b"}
    artifacts = tuple(
        Artifact(name=name, path=name, repository="dev", sha256=Checksums.of(content).sha256)
        for name, content in contents.items()
    )
    uploads = [an_upload(f"dev/{name}", contents[name]) for name in there]
    store.publish_build(a_build_info(modules=(Module(id="m", artifacts=artifacts),)), uploads)


def test_a_missing_file_refuses_before_anything_moves(store: Store) -> None:
    _two(store, "a")
    with pytest.raises(NotFound) as caught:
        store.promote(DEMO, Promotion(status="rc", target="rc"))
    assert caught.value.key == "dev/b"
    assert _paths(store) == ["dev/a"]
    assert _statuses(store) == []


def test_a_missing_file_is_left_out_when_that_is_asked_for(store: Store) -> None:
    _two(store, "b")
    promoted = store.promote(DEMO, Promotion(status="rc", target="rc", fail_fast=False))
    assert promoted == Promoted(paths=("rc/b",), messages=("dev/a is not in the store.",))
    assert _paths(store) == ["rc/b"]
    assert _statuses(store) == ["rc"]


def test_other_bytes_in_the_target_are_never_replaced(store: Store) -> None:
    _two(store, "a", "b")
    store.put(an_upload("rc/a", b"other"))
    with pytest.raises(Conflict, match="never replaced"):
        store.promote(DEMO, Promotion(status="rc", target="rc"))
    assert _paths(store) == ["dev/a", "dev/b", "rc/a"]
    assert _statuses(store) == []
    promoted = store.promote(DEMO, Promotion(status="rc", target="rc", fail_fast=False))
    assert promoted.paths == ("rc/b",)
    assert len(promoted.messages) == 1
    assert "rc/a" in promoted.messages[0]
    assert _paths(store) == ["dev/a", "rc/a", "rc/b"]


def test_the_source_is_the_only_place_that_counts(store: Store) -> None:
    _publish(store)
    with pytest.raises(NotFound, match=r"elsewhere/demo/1\.0/demo-1\.0\.tar\.gz"):
        store.promote(DEMO, replace(RC, source="elsewhere"))


@pytest.mark.parametrize(
    ("promotion", "moved"),
    [
        (Promotion(status="rc", target="rc"), []),
        (Promotion(status="rc", target="rc", dependencies=True), ["rc/lib.whl", "rc/tool.whl"]),
        (Promotion(status="rc", target="rc", dependencies=True, scopes=("runtime",)), ["rc/lib.whl"]),
        (Promotion(status="rc", target="rc", dependencies=True, scopes=("none",)), []),
        (Promotion(status="rc", source="dev", target="rc", dependencies=True), []),
    ],
)
def test_dependencies_move_when_they_are_asked_for(
    store: Store, promotion: Promotion, moved: list[str]
) -> None:
    for name in ("lib", "tool"):
        store.put(an_upload(f"third/{name}.whl", name.encode()))
    scopes = {"lib": ("runtime", "test"), "tool": ("test",), "far": ("runtime",)}
    used = tuple(
        Dependency(id=f"{name}:1", scopes=scopes[name], sha256=Checksums.of(name.encode()).sha256)
        for name in scopes
    )
    store.publish_build(a_build_info(modules=(Module(id="m", dependencies=used),)))
    assert store.promote(DEMO, promotion).paths == tuple(moved)
    assert [path for path in _paths(store) if path.startswith("rc/")] == moved


@pytest.mark.parametrize("text", ["demo/2", "other/1", "demo/1@2026-01-31T11:59:00.457+0000"])
def test_a_run_that_is_not_there_is_not_found(store: Store, text: str) -> None:
    with pytest.raises(NotFound):
        store.promote(BuildId.parse(text), RC)
    _publish(store)
    with pytest.raises(NotFound):
        store.promote(BuildId.parse(text), RC)
    assert _paths(store) == [PATH]


def test_properties_nobody_can_keep_refuse_the_promotion(store: Store) -> None:
    _publish(store)
    with pytest.raises(StoreError, match="cannot have the property"):
        store.promote(DEMO, replace(RC, properties={"": ("1",)}))
    assert _paths(store) == [PATH]


def test_publishing_again_after_a_promotion_changes_nothing(store: Store) -> None:
    _publish(store)
    store.promote(DEMO, RC)
    before = store.list(""), store.build(DEMO)
    _publish(store)
    assert (store.list(""), store.build(DEMO)) == before
    with pytest.raises(Conflict, match="without libs-local/late"):
        store.publish_build(a_build_info(), [an_upload(), an_upload("libs-local/late")])
    with pytest.raises(Conflict, match=f"started {STARTED.replace('+', '.')}"):
        store.publish_build(a_build_info(started="2026-01-31T11:59:00.457+0000"))
