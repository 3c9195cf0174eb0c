from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from builders import a_build_info, an_upload
from pytest_defend.errors import Conflict, NotFound, StoreError
from pytest_defend.model.repositories import VIRTUAL, Repository
from pytest_defend.protocols import Promotion

if TYPE_CHECKING:
    from pytest_defend.protocols import Store

A1 = Repository(key="A1", package_type="pypi", description="level 1 of A")
A2 = Repository(key="A2", package_type="pypi")
X = Repository(
    key="X", kind=VIRTUAL, package_type="pypi", members=("A2", "A1"), default_deployment="A1", description="x"
)
KEYS = ("A1", "A2", "X", "more")


@pytest.fixture
def ladder(store: Store) -> Store:
    for repository in (A1, A2, X):
        store.repositories.create(repository)
    return store


def _told(store: Store) -> dict[str, Repository]:
    """What a store says, without package types where it does not say them."""
    found = store.repositories.find(KEYS)
    return {key: replace(each, package_type=each.package_type or "pypi") for key, each in found.items()}


def test_nothing_is_there_at_first(store: Store) -> None:
    assert store.repositories.find(KEYS) == {}


def test_what_was_made_is_found_by_its_key(ladder: Store) -> None:
    assert _told(ladder) == {"A1": A1, "A2": A2, "X": X}
    assert list(ladder.repositories.find(["X"])) == ["X"]


def test_the_same_again_changes_nothing(ladder: Store) -> None:
    for repository in (replace(A1, description="told otherwise"), X):
        ladder.repositories.create(repository)
    assert _told(ladder) == {"A1": A1, "A2": A2, "X": X}


@pytest.mark.parametrize(
    "other",
    [
        replace(X, key="A1", members=("A2",), default_deployment=""),
        replace(X, package_type="generic"),
        replace(X, members=("A1",)),
        replace(X, default_deployment="A2"),
    ],
)
def test_another_one_of_the_key_is_a_conflict(ladder: Store, other: Repository) -> None:
    with pytest.raises(Conflict, match="is another repository in"):
        ladder.repositories.create(other)
    assert _told(ladder) == {"A1": A1, "A2": A2, "X": X}


def test_a_virtual_one_is_given_other_members(ladder: Store) -> None:
    changed = replace(
        X, members=("A2",), default_deployment="", description="not sent", package_type="generic"
    )
    ladder.repositories.update(changed)
    assert _told(ladder)["X"] == replace(X, members=("A2",), default_deployment="")
    ladder.repositories.update(X)
    ladder.repositories.update(X)
    assert _told(ladder)["X"] == X


def test_a_member_has_to_be_there(ladder: Store) -> None:
    stranger = replace(X, members=("A1", "more"))
    with pytest.raises(NotFound, match="repository more"):
        ladder.repositories.update(stranger)
    with pytest.raises(NotFound, match="repository more"):
        ladder.repositories.create(replace(stranger, key="Y"))
    assert _told(ladder) == {"A1": A1, "A2": A2, "X": X}


def test_only_what_is_there_is_updated(ladder: Store) -> None:
    with pytest.raises(NotFound, match="repository more"):
        ladder.repositories.update(replace(X, key="more"))
    with pytest.raises(Conflict, match="A1 is another repository"):
        ladder.repositories.update(replace(X, key="A1", members=(), default_deployment=""))


def test_no_repository_has_a_key_that_is_none(store: Store) -> None:
    with pytest.raises(StoreError):
        store.repositories.create(Repository(key="no/key"))
    assert store.repositories.find(["no/key"]) == {}


def test_files_go_to_a_local_member(ladder: Store) -> None:
    if "artifactory" in ladder.locator:
        pytest.skip("what may be a default deployment is for the server to say")
    with pytest.raises(StoreError, match="no local member"):
        ladder.repositories.update(replace(X, members=("A2",)))


def test_a_repository_that_files_are_in_is_there(store: Store) -> None:
    before = store.repositories.find(["libs-local"])
    store.publish_build(a_build_info(), [an_upload()])
    found = store.repositories.find(["libs-local"])["libs-local"]
    assert found.kind == "local"
    if not before:
        store.repositories.create(Repository(key="libs-local", package_type="pypi"))
        assert store.repositories.find(["libs-local"])["libs-local"].package_type == "pypi"
    assert len(store.list("libs-local")) == 1


def test_a_virtual_repository_keeps_no_files(ladder: Store) -> None:
    upload = an_upload("X/demo/1.0/demo-1.0.tar.gz")
    with pytest.raises(StoreError, match="X") as refused:
        ladder.put(upload)
    assert "virtual" in str(refused.value)
    with pytest.raises(StoreError, match="X"):
        ladder.publish_build(a_build_info(), [upload])
    assert ladder.builds() == ()
    assert ladder.list("X") == ()


def test_no_build_rises_into_a_virtual_repository(ladder: Store) -> None:
    if "artifactory" in ladder.locator:
        pytest.skip("what becomes of such a promotion is for the server to say")
    ladder.publish_build(a_build_info(), [an_upload()])
    with pytest.raises(StoreError):
        ladder.promote(a_build_info().id, Promotion(status="risen", target="X", copy=True))
    assert ladder.build(a_build_info().id).statuses == ()
    assert ladder.list("X") == ()
