"""How builds come down, and what comes down with them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from builders import a_clock
from climbing import a_candidate, a_policy, climbed, deeds, names_on, packages_of, the_build
from pytest_defend.actions.demote import demote, revoke
from pytest_defend.errors import UsageError
from pytest_defend.model.decision import Ruling
from pytest_defend.protocols import Promotion
from pytest_defend.stores.memory import MemoryStore

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.model.climb import Climb
    from pytest_defend.protocols import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """With `app`, which needs `lib`, which needs `base`, all of them on C."""
    store = MemoryStore(a_clock)
    a_candidate(tmp_path, store, "base")
    a_candidate(tmp_path, store, "lib", "base")
    a_candidate(tmp_path, store, "app", "lib")
    assert climbed(store, "app", level="c", with_dependencies=True).ruling is Ruling.PASS
    return store


def _demoted(store: Store, name: str = "base", level: str = "a", **choices: Any) -> Climb:
    return demote(the_build(name), level=level, ladder=a_policy().ladder, store=store, **choices)


def _revoked(store: Store, name: str = "base", **choices: Any) -> Climb:
    return revoke(the_build(name), reason="leaks", ladder=a_policy().ladder, store=store, **choices)


def _statuses(store: Store, name: str) -> list[str]:
    return [status.status for status in store.build(the_build(name)).statuses]


def test_a_build_nobody_needs_comes_down(store: Store) -> None:
    climb = _demoted(store, "app", level="b")
    assert deeds(climb) == [("app", "b", "demoted")]
    assert climb.steps[0].came == "c"
    assert names_on(store, "c") == {*packages_of("base"), *packages_of("lib")}
    assert set(packages_of("app")) <= names_on(store, "b") & names_on(store, "a")
    assert {item.properties["defend.level"] for item in store.list("b/app")} == {("b",)}
    assert _statuses(store, "app") == ["b", "c", "b"]
    assert deeds(_demoted(store, "app", level="b")) == [("app", "b", "unchanged")]
    assert deeds(climbed(store, "app", level="c")) == [("app", "c", "promoted")]


def test_down_to_where_it_was_published(store: Store) -> None:
    _demoted(store, "app")
    assert store.list("b/app") == store.list("c/app") == ()
    assert all("defend.level" not in item.properties for item in store.list("a/app"))
    assert deeds(climbed(store, "app", level="b")) == [("app", "b", "promoted")]


def test_who_stands_above_is_named_first(store: Store) -> None:
    before = store.list("")
    climb = _demoted(store)
    assert deeds(climb) == [("app", "a", "left"), ("lib", "a", "left"), ("base", "a", "refused")]
    assert climb.steps[-1].reasons == ("app/1, lib/1 would stand above it, and need it.",)
    assert "--cascade" in climb.steps[-1].next
    assert climb.ruling is Ruling.FAIL
    assert store.list("") == before


def test_a_cascade_takes_them_along_who_needs_first(store: Store) -> None:
    planned = _demoted(store, cascade=True, dry_run=True)
    assert deeds(planned) == [(name, "a", "planned") for name in ("app", "lib", "base")]
    climb = _demoted(store, cascade=True)
    assert deeds(climb) == [(name, "a", "demoted") for name in ("app", "lib", "base")]
    assert store.list("b") == store.list("c") == ()


def test_force_leaves_them(store: Store) -> None:
    assert deeds(_demoted(store, force=True)) == [("base", "a", "demoted")]
    assert names_on(store, "c") == {*packages_of("lib"), *packages_of("app")}


def test_those_below_the_level_do_not_count(store: Store) -> None:
    _demoted(store, "app", level="b")
    assert deeds(_demoted(store, "lib", level="b")) == [("lib", "b", "demoted")]


def test_not_below_where_it_was_published(tmp_path: Path, store: Store) -> None:
    a_candidate(tmp_path, store, "late", "lib", repository="b")
    with pytest.raises(UsageError, match="was published to b, on level b"):
        _demoted(store, "late")
    climb = _demoted(store, "lib", cascade=True)
    assert deeds(climb) == [("late", "a", "refused"), ("lib", "a", "refused")]
    assert "published to b" in climb.steps[0].reasons[0]


def test_what_was_cut_short_is_finished(store: Store) -> None:
    """As a crash leaves it: unmarked, moved in part, the status still there."""
    store.annotate([item.path for item in store.list("c/app")], {"defend.level": ()})
    store.promote(the_build("app"), Promotion(status="", source="c", target="b", fail_fast=False))
    assert deeds(_demoted(store, "app")) == [("app", "a", "demoted")]
    assert store.list("b/app") == store.list("c/app") == ()
    assert _statuses(store, "app")[-1] == "a"


def test_a_revoked_build_never_rises_again(store: Store) -> None:
    climb = _revoked(store, cascade=True)
    assert deeds(climb) == [("app", "a", "demoted"), ("lib", "a", "demoted"), ("base", "a", "revoked")]
    assert {item.properties["defend.revoked"] for item in store.list("a/base")} == {("leaks",)}
    assert _statuses(store, "base")[-2:] == ["a", "revoked"]
    refused = climbed(store, "base")
    assert deeds(refused) == [("base", "b", "refused")]
    assert refused.steps[0].reasons == ("It was revoked: leaks",)
    assert deeds(_revoked(store)) == [("base", "a", "unchanged")]


def test_the_mark_alone_does_not_lift_a_revocation(store: Store) -> None:
    _revoked(store, "app")
    store.annotate([item.path for item in store.list("a/app")], {"defend.revoked": ()})
    assert climbed(store, "app").steps[0].reasons == ("It was revoked: leaks",)


def test_a_dependency_that_was_revoked_holds_others(store: Store) -> None:
    _revoked(store, cascade=True)
    climb = climbed(store, "app", with_dependencies=True)
    assert deeds(climb) == [("base", "b", "refused")]


def test_revoking_needs_a_reason_and_a_dry_run_writes_nothing(store: Store) -> None:
    with pytest.raises(UsageError, match="revoked for a reason"):
        revoke(the_build("app"), reason=" ", ladder=a_policy().ladder, store=store)
    before = store.list("")
    assert deeds(_revoked(store, "app", dry_run=True)) == [("app", "a", "planned")]
    assert store.list("") == before
