"""The ladder on a server: provisioned and checked with few requests, whoever may do it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import pytest

from ladders import a_ladder, a_package, a_policy, climb, needs, provisioned
from pytest_defend.actions.ladder import show
from pytest_defend.actions.provision import plan
from pytest_defend.actions.violations import check
from pytest_defend.model.ladderviews import Action, Trouble
from served import a_store_at, served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from pytest_defend.stores.artifactory import ArtifactoryStore

_ASKED: Counter[str] = Counter()


def _count(request: Any) -> None:
    path = request.path.partition("/artifactory/")[2]
    _ASKED[f"{request.method} {'/'.join(path.split('/')[:2])}"] += 1


@pytest.fixture(params=["5.11-pro", "7-pro"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[ArtifactoryStore]:
    with served(tmp_path, profile=request.param, repositories={}, interfere=_count) as url:
        yield a_store_at(url)


def test_a_ladder_is_made_and_checked_with_few_requests(store: ArtifactoryStore) -> None:
    ladder = provisioned(store)
    planned = plan(ladder, store.repositories, store="s")
    assert {step.action for step in planned.steps} == {Action.KEEP}
    a_package(store, "banana", "B1")
    apple = a_package(store, "apple", "A1", needs("banana"), needs("gone", repository="C1"))
    climb(store, apple, "A2")
    _ASKED.clear()
    checked = check(ladder, store)
    assert [each.trouble for each in checked.violations] == [Trouble.ABOVE, Trouble.UNSEEN, Trouble.GONE]
    asked = Counter(_ASKED)
    # what there is, what each group looks into, each repository, each build, and what is on no level
    assert asked.pop("GET api/repositories") == 1 + 3
    assert asked.pop("POST api/search") == 9 + 1
    assert asked.pop("GET api/build") >= 2
    assert sum(asked.values()) <= 1, asked
    counted = show(a_policy(ladder), store)
    assert [rung.packages for level in counted.levels for rung in level.rungs] == [1, 1, 0, 1, *[0] * 5]


def test_nothing_is_there_before_it_is_made(store: ArtifactoryStore) -> None:
    found = check(a_ladder(), store).violations
    assert [each.trouble for each in found] == [Trouble.MISSING] * 12
