from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import PATH, STARTED, a_build_info, an_upload
from pytest_defend.errors import Conflict, Corrupt, NotFound, StoreError, Unavailable
from pytest_defend.model.buildinfo import Artifact, BuildId, Module
from pytest_defend.model.checksums import Checksums
from pytest_defend.model.fields import parse_instant

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.protocols import Store


def _names(store: Store, name: str = "") -> list[str]:
    return [str(run.id) for run in store.builds(name)]


def test_a_build_comes_back_as_it_was_published(store: Store) -> None:
    build = a_build_info(extra={"foreign": [1, None]}, properties={"a": "\udc80"})
    store.publish_build(build, [an_upload(properties={"build.name": ("demo",)})])
    assert store.build(BuildId(name="demo", number="1")) == build
    assert store.stat(PATH).properties == {"build.name": ("demo",)}
    with store.open(PATH) as file:
        assert file.read() == b"demo"
    (run,) = store.builds()
    assert run.id == build.id
    assert run.started_at == build.started_at


def test_a_build_needs_no_files(store: Store) -> None:
    build = a_build_info(modules=())
    store.publish_build(build)
    assert store.build(build.id) == build
    assert store.list("") == ()


@pytest.mark.parametrize("started", [STARTED, "2026-01-31T11:59:00.456Z", "2026-01-31T12:59:00.456+01:00"])
def test_the_same_run_again_changes_nothing(store: Store, started: str) -> None:
    build = a_build_info()
    store.publish_build(build, [an_upload(properties={"level": ("dev",)})])
    store.annotate([PATH], {"level": ("rc",)})
    store.publish_build(a_build_info(started=started), [an_upload(properties={"level": ("dev",)})])
    assert store.stat(PATH).properties == {"level": ("rc",)}
    assert _names(store) == [f"demo/1@{STARTED}"]
    assert store.build(build.id) == build


def test_another_run_of_a_number_is_refused(store: Store) -> None:
    store.publish_build(a_build_info())
    with pytest.raises(Conflict) as caught:
        store.publish_build(a_build_info(started="2026-01-31T11:59:00.457+0000"), [an_upload()])
    message = str(caught.value)
    assert caught.value.key == "demo/1"
    assert STARTED in message
    assert store.locator in message
    assert "Run again under another number (--defend-build NAME/NUMBER)." in message
    assert _names(store) == [f"demo/1@{STARTED}"]
    assert store.list("") == ()


def test_another_document_of_a_run_is_refused(store: Store) -> None:
    build = a_build_info()
    store.publish_build(build)
    with pytest.raises(Conflict, match="with another document"):
        store.publish_build(a_build_info(url="https://ci.example/2"), [an_upload()])
    assert store.build(build.id) == build
    assert store.list("") == ()


def test_a_file_a_run_did_not_have_is_refused(store: Store) -> None:
    store.publish_build(a_build_info(), [an_upload()])
    with pytest.raises(Conflict, match=r"without libs-local/late"):
        store.publish_build(a_build_info(), [an_upload(), an_upload("libs-local/late", b"late")])
    with pytest.raises(Conflict, match="never replaced"):
        store.publish_build(a_build_info(), [an_upload(content=b"other")])
    assert [item.path for item in store.list("")] == [PATH]


def test_nothing_is_seen_of_a_build_with_a_file_that_is_kept_with_other_bytes(store: Store) -> None:
    kept = store.put(an_upload("r/1", b"first"))
    with pytest.raises(Conflict) as caught:
        store.publish_build(
            a_build_info(),
            [an_upload("r/0"), an_upload("r/1", b"second", properties={"a": ("1",)}), an_upload("r/2")],
        )
    assert hashlib.sha256(b"first").hexdigest() in str(caught.value)
    assert hashlib.sha256(b"second").hexdigest() in str(caught.value)
    assert store.builds() == ()
    assert store.list("") == (kept,)


def test_nothing_is_seen_of_a_build_with_a_file_that_is_not_what_it_says(store: Store) -> None:
    lie = replace(Checksums.of(b"demo"), sha256="0" * 64)
    with pytest.raises(Corrupt):
        store.publish_build(a_build_info(), [an_upload("r/0"), an_upload("r/1", checksums=lie)])
    assert store.builds() == ()
    assert store.list("") == ()


def test_nothing_is_seen_of_a_build_with_a_file_that_is_gone(store: Store, tmp_path: Path) -> None:
    gone = replace(an_upload("r/1"), open=lambda: (tmp_path / "gone").open("rb"))
    with pytest.raises(Unavailable):
        store.publish_build(a_build_info(), [an_upload("r/0"), gone])
    assert store.builds() == ()
    assert store.list("") == ()
    store.publish_build(a_build_info(), [an_upload("r/0"), an_upload("r/1")])
    assert [item.path for item in store.list("")] == ["r/0", "r/1"]


def test_a_file_given_twice_is_one_file(store: Store) -> None:
    twice = [an_upload(properties={"a": ("1",)}), an_upload(properties={"a": ("2",), "b": ("3",)})]
    store.publish_build(a_build_info(), twice)
    assert [item.properties for item in store.list("")] == [{"a": ("1", "2"), "b": ("3",)}]
    with pytest.raises(Conflict, match="never replaced"):
        store.publish_build(a_build_info(number="2"), [an_upload("r/1", b"1"), an_upload("r/1", b"2")])
    assert _names(store) == [f"demo/1@{STARTED}"]
    assert len(store.list("")) == 1


def test_a_file_may_belong_to_several_builds(store: Store) -> None:
    store.publish_build(a_build_info(), [an_upload(properties={"build.number": ("1",)})])
    store.publish_build(a_build_info(number="2"), [an_upload(properties={"build.number": ("2",)})])
    assert store.stat(PATH).properties == {"build.number": ("1", "2")}


def test_properties_nobody_can_keep_refuse_the_build(store: Store) -> None:
    with pytest.raises(StoreError, match="cannot have the property"):
        store.publish_build(a_build_info(), [an_upload("r/0"), an_upload(properties={"": ("1",)})])
    assert store.builds() == ()
    assert store.list("") == ()


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": ""}, "needs a name and a number"),
        ({"name": " "}, "needs a name and a number"),
        ({"number": ""}, "needs a name and a number"),
        ({"name": "\udc80"}, "no valid Unicode"),
        ({"number": "\udc80"}, "no valid Unicode"),
        ({"started": ""}, "started: '' is no instant"),
        ({"started": "yesterday"}, "started: 'yesterday' is no instant"),
        ({"started": "2026-02-30T00:00:00.000Z"}, "started: day is out of range"),
    ],
)
def test_a_build_that_is_none_is_refused(store: Store, changes: dict[str, str], problem: str) -> None:
    with pytest.raises(StoreError, match=problem):
        store.publish_build(a_build_info(**changes), [an_upload()])
    assert store.builds() == ()
    assert store.list("") == ()


def _publish(store: Store, name: str, number: str, started: str) -> None:
    store.publish_build(a_build_info(name=name, number=number, started=started))


def test_runs_are_listed_by_name_then_started(store: Store) -> None:
    _publish(store, "b", "1", "2026-01-01T00:00:00.000+0000")
    _publish(store, "a", "9", "2026-01-03T00:00:00.000+0000")
    _publish(store, "a", "10", "2026-01-03T00:00:00.000+0200")  # two hours before 9
    _publish(store, "a", "8", "2026-01-02T00:00:00.000Z")
    _publish(store, "a", "11", "2026-01-03T00:00:00.000Z")  # with 9
    numbers = [f"{run.id.name}/{run.id.number}" for run in store.builds()]
    assert numbers == ["a/8", "a/10", "a/11", "a/9", "b/1"]
    assert [run.id.number for run in store.builds("a")] == ["8", "10", "11", "9"]
    assert store.builds("c") == ()
    assert store.builds("\udc80") == ()
    assert store.build(BuildId(name="a", number="latest")).number == "9"
    assert store.build(BuildId(name="b", number="latest")).number == "1"


def test_a_run_has_whole_milliseconds(store: Store) -> None:
    _publish(store, "a", "1", "2026-01-03T00:00:00.123456+0000")
    (run,) = store.builds()
    assert run.started_at == parse_instant("2026-01-03T00:00:00.123+0000")
    _publish(store, "a", "1", "2026-01-03T00:00:00.123+0000")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("demo/1", True),
        ("demo/latest", True),
        (f"demo/1@{STARTED}", True),
        ("demo/1@2026-01-31T12:59:00.456+01:00", True),
        ("demo/1@2026-01-31T11:59:00.457+0000", False),
        (f"demo/2@{STARTED}", False),
        (f"demo/latest@{STARTED}", False),
        ("demo/2", False),
        ("other/1", False),
        ("other/latest", False),
    ],
)
def test_a_build_is_found_by_its_locator(store: Store, text: str, found: bool) -> None:
    store.publish_build(a_build_info())
    build = BuildId.parse(text)
    if found:
        assert store.build(build) == a_build_info()
        return
    with pytest.raises(NotFound, match="Looked in") as caught:
        store.build(build)
    assert caught.value.key == text
    assert store.locator in str(caught.value)


@pytest.mark.parametrize(
    "build",
    [
        BuildId(name="", number="1"),
        BuildId(name="", number="latest"),
        BuildId(name="demo", number=""),
        BuildId(name="demo", number="1", started="yesterday"),
        BuildId(name="\udc80", number="1"),
    ],
)
def test_a_locator_of_nothing_finds_nothing(store: Store, build: BuildId) -> None:
    store.publish_build(a_build_info())
    with pytest.raises(NotFound):
        store.build(build)


@pytest.mark.parametrize(
    "name", ["a/b", "a/b @ c", "@scope/pkg", "ünï 日本語 🎉", "a%2Fb", "it's; DROP", " x "]
)
@pytest.mark.parametrize("number", ["1", "2026-01-31T00:00:00", "#1 / β", "latest-1"])
def test_build_names_and_numbers_are_free(store: Store, name: str, number: str) -> None:
    build = a_build_info(name=name, number=number)
    store.publish_build(build)
    assert store.build(build.id) == build
    assert store.build(BuildId(name=name, number="latest")) == build
    assert [run.id for run in store.builds(name)] == [build.id]


def test_many_files_are_one_build(store: Store) -> None:
    count = 300
    contents = [str(number % 100).encode() for number in range(count)]
    uploads = [
        an_upload(f"libs-local/many/{number:05d}", content, properties={"n": (str(number),), "all": ("x",)})
        for number, content in enumerate(contents)
    ]
    module = Module(
        id="many",
        artifacts=tuple(
            Artifact(name=upload.path, sha256=upload.checksums.sha256, sha1=upload.checksums.sha1)
            for upload in uploads
        ),
    )
    build = a_build_info(modules=(module,))
    store.publish_build(build, uploads)
    store.publish_build(build, uploads)
    items = store.list("libs-local/many")
    assert [item.path for item in items] == [upload.path for upload in uploads]
    assert [item.properties["n"] for item in items] == [(str(number),) for number in range(count)]
    assert store.build(build.id) == build
    found = store.find({upload.checksums.sha256 for upload in uploads})
    assert sorted(len(group) for group in found.values()) == [3] * 100
