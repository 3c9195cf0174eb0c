"""What becomes of a promotion when a store does something else than it was asked for."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from builders import a_clock, an_upload
from climbing import a_candidate, a_policy, climbed, deeds, names_on, packages_of, the_build
from pytest_defend.actions.demote import demote
from pytest_defend.errors import AccessDenied, Conflict, Unavailable
from pytest_defend.model.buildinfo import Artifact, Module
from pytest_defend.model.decision import Ruling
from pytest_defend.protocols import Promotion
from pytest_defend.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.model.buildinfo import BuildId
    from pytest_defend.protocols import Promoted


class _Twisted(MemoryStore):
    """Answers a promotion as a test wants it."""

    twist: Any = None

    def promote(self, build: BuildId, promotion: Promotion) -> Promoted:
        answer = super().promote(build, promotion)
        return self.twist(build, promotion, answer) if self.twist else answer


@pytest.fixture
def store() -> _Twisted:
    return _Twisted(a_clock)


def _is_copy(promotion: Promotion) -> bool:
    return promotion.copy and not promotion.dry_run and not promotion.status and not promotion.properties


def _a_file_elsewhere(store: MemoryStore) -> None:
    upload = an_upload("reports/demo/1.0/evidence/more/r/x", b"more")
    artifact = Artifact(
        name="x", path="demo/1.0/evidence/more/r/x", repository="reports", sha256=upload.checksums.sha256
    )
    store.append(
        the_build(),
        [Module(id="demo:1.0/more", properties={"defend.kind": "evidence"}, artifacts=(artifact,))],
        [upload],
    )


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_file_in_another_repository_is_named(tmp_path: Path, store: _Twisted, dry_run: bool) -> None:
    a_candidate(tmp_path, store)
    _a_file_elsewhere(store)
    before = store.list(""), store.build(the_build())
    climb = climbed(store, dry_run=dry_run)
    assert deeds(climb) == [("demo", "b", "refused")]
    assert climb.steps[0].reasons == ("a/demo/1.0/evidence/more/r/x is not in the store.",)
    assert (store.list(""), store.build(the_build())) == before


def test_a_store_that_would_promote_something_else_is_stopped(tmp_path: Path, store: _Twisted) -> None:
    a_candidate(tmp_path, store)
    store.twist = lambda _, promotion, answer: (
        replace(answer, paths=(*answer.paths, "b/other/file")) if promotion.dry_run else answer
    )
    climb = climbed(store)
    assert deeds(climb) == [("demo", "b", "refused")]
    assert "would promote something else: b/other/file." in climb.steps[0].reasons[0]
    assert store.list("b") == ()


def test_a_copy_that_lacks_a_file_is_taken_back(tmp_path: Path, store: _Twisted) -> None:
    a_candidate(tmp_path, store)
    inside = "demo/1.0/demo-1.0.tar.gz"

    def lose(_: BuildId, promotion: Promotion, answer: Promoted) -> Promoted:
        if _is_copy(promotion):
            store._items.pop(f"b/{inside}")
        return answer

    store.twist = lose
    climb = climbed(store)
    assert deeds(climb) == [("demo", "b", "undone")]
    assert climb.steps[0].reasons == (f"b/{inside} is not there.",)
    assert store.list("b") == ()


def test_a_status_somebody_wrote_meanwhile_takes_it_back(tmp_path: Path, store: _Twisted) -> None:
    a_candidate(tmp_path, store)

    def write(build: BuildId, promotion: Promotion, answer: Promoted) -> Promoted:
        if _is_copy(promotion):
            store.twist = None
            store.promote(build, Promotion(status="c"))
        return answer

    store.twist = write
    climb = climbed(store)
    assert deeds(climb) == [("demo", "b", "undone")]
    assert "got another status after the gate had looked at it" in climb.steps[0].reasons[0]
    assert store.list("b") == ()


def test_what_is_not_permitted_is_an_error_after_everything_was_taken_back(
    tmp_path: Path, store: _Twisted
) -> None:
    a_candidate(tmp_path, store, "lib")
    a_candidate(tmp_path, store, "app", "lib")

    def refuse(build: BuildId, promotion: Promotion, answer: Promoted) -> Promoted:
        if _is_copy(promotion) and build.name == "app":
            raise AccessDenied("b", "b is not for you.")
        return answer

    store.twist = refuse
    with pytest.raises(AccessDenied):
        climbed(store, "app", with_dependencies=True)
    assert store.list("b") == ()


def test_the_build_that_could_not_be_copied_is_named(tmp_path: Path, store: _Twisted) -> None:
    a_candidate(tmp_path, store, "lib")
    a_candidate(tmp_path, store, "app", "lib")

    def refuse(build: BuildId, promotion: Promotion, answer: Promoted) -> Promoted:
        if _is_copy(promotion) and build.name == "lib":
            raise Conflict("b/lib", "b/lib is kept with other bytes.")
        return answer

    store.twist = refuse
    climb = climbed(store, "app", with_dependencies=True)
    assert deeds(climb) == [("lib", "b", "undone"), ("app", "b", "left")]
    assert climb.steps[0].reasons == ("b/lib is kept with other bytes.",)


def test_a_store_that_is_gone_is_left_as_it_is_and_finished_later(tmp_path: Path, store: _Twisted) -> None:
    a_candidate(tmp_path, store)

    def go(_: BuildId, promotion: Promotion, answer: Promoted) -> Promoted:
        if _is_copy(promotion):
            raise Unavailable("memory", "It is gone.")
        return answer

    store.twist = go
    with pytest.raises(Unavailable):
        climbed(store)
    assert names_on(store, "b") == set(packages_of())
    store.twist = None
    assert deeds(climbed(store)) == [("demo", "b", "completed")]


def test_a_dependency_that_does_not_rise_with_it_holds_it_after_all(tmp_path: Path, store: _Twisted) -> None:
    a_candidate(tmp_path, store, "lib")
    a_candidate(tmp_path, store, "mid", "lib", "stranger")
    a_candidate(tmp_path, store, "app", "mid")
    policy = a_policy(rules={"dependency-level": {"third-party": ["mirror"]}})
    climb = climbed(store, "app", with_dependencies=True, policy=policy)
    assert deeds(climb) == [("lib", "b", "undone"), ("mid", "b", "refused"), ("app", "b", "left")]
    assert "stranger:1.0" in climb.steps[1].reasons[0]
    assert all(climb.steps[place].reasons[0].startswith("mid/1@") for place in (0, 2))
    assert store.list("b") == ()


def test_marks_of_an_attempt_are_taken_back_with_it(tmp_path: Path, store: _Twisted) -> None:
    a_candidate(tmp_path, store)
    store.twist = lambda _, promotion, answer: _gone() if _is_copy(promotion) else answer
    with pytest.raises(Unavailable):
        climbed(store)
    store.twist = None
    store.annotate(["b/demo/1.0/demo-1.0.tar.gz"], {"defend.level": ("b",)})
    store.annotate(
        [item.path for item in store.list("a/demo/1.0/evidence")], {"defend.stage.tests": ("failed",)}
    )
    dry = climbed(store, dry_run=True)
    assert deeds(dry) == [("demo", "b", "refused")]
    assert dry.steps[0].reasons[-1] == "An earlier attempt was cut short; its files would be taken back."
    assert deeds(climbed(store)) == [("demo", "b", "undone")]
    assert store.list("b") == ()
    assert all("defend.level" not in item.properties for item in store.list("a"))


def _gone() -> Promoted:
    raise Unavailable("memory", "It is gone.")


def test_a_file_that_names_builds_that_are_not_there(tmp_path: Path, store: _Twisted) -> None:
    """Of several builds a file names, the one that made it counts."""
    a_candidate(tmp_path, store, "lib")
    paths = [item.path for item in store.list("a/lib")]
    told = {
        "build.name": ("gone", "lib"),
        "build.number": ("1",),
        "build.timestamp": ("soon", *store.stat(paths[0]).properties["build.timestamp"]),
    }
    store.annotate(paths, told)
    a_candidate(tmp_path, store, "app", "lib")
    climb = climbed(store, "app", with_dependencies=True)
    assert deeds(climb) == [("lib", "b", "promoted"), ("app", "b", "promoted")]
    assert climb.ruling is Ruling.PASS


def test_a_build_from_long_before_is_no_consumer(tmp_path: Path, store: _Twisted) -> None:
    a_candidate(tmp_path, store, "lib")
    a_candidate(tmp_path, store, "app", "lib")
    climbed(store, "app", with_dependencies=True)
    old = {"build.timestamp": ("1000",)}
    store.annotate([item.path for item in store.list("b/app")], old)
    assert deeds(demote(the_build("lib"), level="a", ladder=a_policy().ladder, store=store)) == [
        ("lib", "a", "demoted")
    ]


def test_what_went_up_directly_comes_down_to_a_level_it_never_had(tmp_path: Path, store: _Twisted) -> None:
    a_candidate(tmp_path, store)
    climbed(store, level="c", direct=True)
    ladder = a_policy().ladder
    assert deeds(demote(the_build(), level="b", ladder=ladder, store=store)) == [("demo", "b", "demoted")]
    assert {item.properties["defend.level"] for item in store.list("b")} == {("b",)}
    assert store.list("c") == ()
    assert deeds(demote(the_build(), level="b", ladder=ladder, store=store)) == [("demo", "b", "unchanged")]
