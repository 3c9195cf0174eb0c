"""A repository as servers describe it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from pytest_defend.model.repositories import VIRTUAL, Repository

LOCAL = Repository(key="A1", package_type="pypi", description="level 1")
X = Repository(key="X", kind=VIRTUAL, package_type="pypi", members=("A2", "A1"), default_deployment="A1")


@pytest.mark.parametrize("repository", [LOCAL, X, replace(X, package_type="generic", members=())])
def test_a_configuration_is_read_as_it_was_written(repository: Repository) -> None:
    assert Repository.from_configuration(repository.key, repository.configuration()) == repository
    assert Repository.from_dict(repository.to_dict()) == repository


def test_what_is_sent_is_what_the_server_calls_it() -> None:
    assert X.configuration() == {
        "key": "X",
        "rclass": "virtual",
        "packageType": "pypi",
        "repoLayoutRef": "simple-default",
        "repositories": ["A2", "A1"],
        "defaultDeploymentRepo": "A1",
    }
    assert Repository(key="m", package_type="maven").configuration() == {
        "key": "m",
        "rclass": "local",
        "packageType": "maven",
    }


@pytest.mark.parametrize(
    ("told", "read"),
    [
        ({}, Repository(key="r")),
        ({"rclass": "LOCAL", "packageType": "Pypi"}, Repository(key="r", package_type="pypi")),
        ({"rclass": "remote"}, Repository(key="r", kind="remote")),
        ({"rclass": "virtual"}, Repository(key="r", kind="virtual", members=None)),
        ({"rclass": "virtual", "repositories": ["a"]}, Repository(key="r", kind="virtual", members=("a",))),
    ],
)
def test_what_is_not_told_is_not_guessed(told: dict[str, Any], read: Repository) -> None:
    assert Repository.from_configuration("r", told) == read


@pytest.mark.parametrize(
    ("other", "like"),
    [
        (replace(X, description="told otherwise"), True),
        (replace(X, package_type=""), True),
        (replace(X, members=None, default_deployment=""), True),
        (replace(X, package_type="generic"), False),
        (replace(X, members=("A1", "A2")), False),
        (replace(X, default_deployment="A2"), False),
        (replace(X, kind="local"), False),
    ],
)
def test_two_are_alike_as_far_as_that_is_told(other: Repository, *, like: bool) -> None:
    assert X.is_like(other) is like
    assert other.is_like(X) is like
