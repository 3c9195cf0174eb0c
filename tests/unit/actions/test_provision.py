"""What a ladder makes and changes in a store, and what it leaves alone."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import a_clock
from ladders import a_ladder, a_package, provisioned
from pytest_defend.actions.provision import apply, plan, wanted
from pytest_defend.errors import AccessDenied
from pytest_defend.model.ladderviews import Action
from pytest_defend.model.repositories import VIRTUAL, Repository
from pytest_defend.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_defend.model.ladderviews import LadderPlan
    from pytest_defend.protocols import Store

LOCALS = ("A1", "B1", "C1", "A2", "B2", "C2", "A3", "B3", "C3")


@pytest.fixture
def store() -> Store:
    """Over dicts; what other stores do with repositories, their contract says."""
    return MemoryStore(a_clock)


def _plan(store: Store) -> LadderPlan:
    return plan(a_ladder(), store.repositories, store=store.locator)


def _actions(planned: LadderPlan) -> dict[str, Action]:
    return {step.key: step.action for step in planned.steps}


def _says(planned: LadderPlan, key: str) -> str:
    return next(step.says for step in planned.steps if step.key == key)


def test_a_new_store_gets_everything_locals_first(store: Store) -> None:
    planned = _plan(store)
    assert [step.key for step in planned.steps] == [*LOCALS, "X", "Y", "Z"]
    assert set(_actions(planned).values()) == {Action.CREATE}
    assert store.repositories.find([*LOCALS, "X"]) == {}
    assert _says(planned, "A2") == "local pypi"
    assert _says(planned, "Z") == "virtual pypi; looks into C3, C2, C1, B3, B2, A3; deploys to C1"
    done = apply(planned, store.repositories)
    assert done == replace(planned, steps=tuple(replace(step, done=True) for step in planned.steps))
    made = store.repositories.find([*LOCALS, "X", "Y", "Z"])
    assert list(made.values()) == list(wanted(a_ladder()))
    assert made["X"].description == "Sees A from level 1 up, B from level 2 up, C from level 3 up"
    assert made["A2"].description == "Level 2 of A"


def test_doing_it_again_does_nothing(store: Store) -> None:
    provisioned(store)
    planned = _plan(store)
    assert set(_actions(planned).values()) == {Action.KEEP}
    assert not any(step.done for step in apply(planned, store.repositories).steps)


def test_what_was_published_before_is_a_repository_already(store: Store) -> None:
    a_package(store, "apple", "A1")
    assert _actions(_plan(store))["A1"] is Action.KEEP
    provisioned(store)
    assert len(store.list("A1")) == 2


def test_members_are_added_and_taken_away_and_those_of_others_stay(store: Store) -> None:
    provisioned(store)
    store.repositories.create(Repository(key="mirror", package_type="pypi"))
    members = ("mirror", "A3", "A1", "B1", "B3", "B2", "C3")
    store.repositories.update(Repository(key="X", kind=VIRTUAL, members=members, default_deployment="A3"))
    planned = _plan(store)
    assert _actions(planned)["X"] is Action.CHANGE
    assert _says(planned, "X") == "adds A2; takes away B1; deploys to A1"
    apply(planned, store.repositories)
    changed = store.repositories.find(["X"])["X"]
    assert changed.members == ("A3", "A2", "A1", "B3", "B2", "C3", "mirror")
    assert changed.default_deployment == "A1"
    assert _actions(_plan(store))["X"] is Action.KEEP


def test_the_order_of_members_matters(store: Store) -> None:
    ladder = provisioned(store)
    backwards = tuple(reversed(ladder.members("X")))
    store.repositories.update(Repository(key="X", kind=VIRTUAL, members=backwards, default_deployment="A1"))
    assert _says(_plan(store), "X") == "looks into A3, A2, A1, B3, B2, C3, in this order"


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (Repository(key="A1", package_type="generic"), "is local generic; the ladder needs local pypi"),
        (
            Repository(key="A1", kind=VIRTUAL, package_type="pypi"),
            "is virtual pypi; the ladder needs local pypi",
        ),
    ],
)
def test_another_repository_is_left_alone(store: Store, other: Repository, says: str) -> None:
    store.repositories.create(other)
    planned = _plan(store)
    assert (_actions(planned)["A1"], _says(planned, "A1")) == (Action.DIFFERS, says)
    apply(planned, store.repositories)
    assert store.repositories.find(["A1"])["A1"] == other


def test_members_that_are_not_told_are_not_guessed() -> None:
    class Silent:
        def find(self, keys: Iterable[str]) -> Mapping[str, Repository]:
            return {key: Repository(key=key, kind=VIRTUAL, members=None) for key in keys if key in "XYZ"}

        def create(self, repository: Repository) -> None:
            assert repository.kind == "local"

        def update(self, repository: Repository) -> None:
            raise AssertionError(repository)

    planned = plan(a_ladder(), Silent(), store="s")
    assert _actions(planned)["X"] is Action.UNKNOWN
    assert not apply(planned, Silent()).problem


def test_what_stops_it_is_said_with_what_was_done() -> None:
    store = MemoryStore(a_clock)

    class Refusing:
        def find(self, keys: Iterable[str]) -> Mapping[str, Repository]:
            return store.repositories.find(keys)

        def create(self, repository: Repository) -> None:
            if repository.kind == VIRTUAL:
                raise AccessDenied(repository.key, "You may not.", hint="Ask.")
            store.repositories.create(repository)

        update = create

    done = apply(_plan(store), Refusing())
    assert (done.problem, done.hint) == ("You may not.", "Ask.")
    assert [step.key for step in done.steps if step.done] == list(LOCALS)
    left = [step for step in done.steps if not step.done]
    assert [step.configuration["repositories"] for step in left] == [
        list(a_ladder().members(step.key)) for step in left
    ]
