"""Everything that may contradict a ladder, each found with what to do about it."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from builders import a_clock, an_upload
from ladders import a_ladder, a_package, climb, content, needs, provisioned
from pytest_defend.actions.violations import check
from pytest_defend.model.ladderviews import Trouble, Violation
from pytest_defend.model.repositories import VIRTUAL, Repository
from pytest_defend.protocols import Promotion
from pytest_defend.stores.directory import DirectoryStore
from pytest_defend.stores.memory import MemoryStore

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from pytest_defend.model.ladder import Ladder
    from pytest_defend.protocols import Item, Store

# X sees no more of B and C than it has to, in ladders that are about something else
WATCHING = {"groups": {"X": {"sees": {"A": "1", "B": "1", "C": "1"}, "deploys": "A"}}}


def _only(store: Store, ladder: Ladder) -> Violation:
    (violation,) = check(ladder, store).violations
    assert violation.next
    return violation


def _troubles(store: Store, ladder: Ladder) -> list[tuple[str, str]]:
    found = check(ladder, store).violations
    return [(violation.trouble.value, violation.group or violation.repository) for violation in found]


@pytest.fixture
def store() -> Store:
    """Over dicts: what is found does not depend on where it is kept."""
    return MemoryStore(a_clock)


def test_a_ladder_that_is_kept_has_no_violations(store: Store) -> None:
    ladder = provisioned(store)
    banana = a_package(store, "banana", "B1")
    climb(store, banana, "B2", "B3")
    apple = a_package(store, "apple", "A1", needs("banana"), needs("requests"))
    climb(store, apple, "A2", "A3")
    checked = check(ladder, store)
    assert (checked.violations, checked.unknown, checked.builds) == ((), (), 2)
    assert checked.store == store.locator


def test_a_build_above_its_dependency(store: Store) -> None:
    ladder = provisioned(store, a_ladder(**WATCHING))
    banana = a_package(store, "banana", "B1")
    climb(store, banana, "B2")
    climb(store, a_package(store, "apple", "A1", needs("banana")), "A2", "A3")
    assert _only(store, ladder) == Violation(
        trouble=Trouble.ABOVE,
        says="apple/1 stands on level 3, above banana:1.0 on 2.",
        next="Run `pytest-defend promote banana/1 --level 3`, or demote apple/1.",
        build="apple/1",
        level="3",
        dependency="banana:1.0",
        dependency_level="2",
        repository="B2",
    )


def test_a_folder_is_checked_in_the_same_way(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "store", a_clock)
    assert {each.trouble for each in check(a_ladder(), store).violations} == {Trouble.MISSING}
    ladder = provisioned(store, a_ladder(**WATCHING))
    a_package(store, "banana", "B1")
    climb(store, a_package(store, "apple", "A1", needs("banana")), "A2")
    assert _only(store, ladder).trouble is Trouble.ABOVE


def test_a_dependency_that_came_down_again(store: Store) -> None:
    ladder = provisioned(store, a_ladder(**WATCHING))
    banana = a_package(store, "banana", "B1")
    climb(store, banana, "B2")
    climb(store, a_package(store, "apple", "A1", needs("banana")), "A2")
    assert check(ladder, store).violations == ()
    store.promote(banana.id, Promotion(status="", source="B2", target="B1"))
    assert _only(store, ladder).trouble is Trouble.ABOVE


@pytest.mark.parametrize("where", ["", "attic"])
def test_a_dependency_that_is_on_no_level_any_more(store: Store, where: str) -> None:
    ladder = provisioned(store, a_ladder(**WATCHING))
    a_package(store, "apple", "A1", needs("banana", repository="B1"))
    if where:
        store.put(an_upload(f"{where}/banana-1.0.whl", content("banana")))
    violation = _only(store, ladder)
    assert violation.trouble is Trouble.GONE
    assert violation.says.startswith("apple/1 stands on level 1; its dependency banana:1.0 (sha256 "), (
        violation.says
    )
    assert violation.says.endswith(
        " is on no level, only in attic." if where else " is on no level any more."
    )
    assert violation.repository == where


@pytest.mark.parametrize(
    ("name", "rules", "gone"),
    [
        ("banana", {}, True),  # other bytes than those on the ladder
        ("requests", {}, False),
        ("banana", {"dependency-level": {"internal": ["b*"]}}, True),
        ("banana", {"dependency-level": {"internal": ["c*"]}}, False),
        ("cherry", {"dependency-level": {"internal": ["c*"]}}, True),
        ("cherry", {"dependency-level": True}, False),
    ],
)
def test_which_dependencies_are_of_the_ladder(
    store: Store, name: str, rules: dict[str, Any], *, gone: bool
) -> None:
    ladder = provisioned(store, a_ladder(**WATCHING, rules=rules))
    a_package(store, "banana", "B1")
    a_package(store, "apple", "A1", needs(name, sha256="0" * 64))
    assert [violation.trouble for violation in check(ladder, store).violations] == [Trouble.GONE] * gone


def test_rules_of_one_level_may_name_what_is_of_the_ladder(store: Store) -> None:
    levels = [
        {"name": "1", "rules": {"dependency-level": {"internal": ["c*"]}}},
        {"name": "2"},
        {"name": "3"},
    ]
    ladder = provisioned(store, a_ladder(**WATCHING, levels=levels))
    a_package(store, "apple", "A1", needs("cherry"))
    assert _only(store, ladder).trouble is Trouble.GONE


def test_a_dependency_without_a_digest_is_found_by_name_and_version(store: Store) -> None:
    ladder = provisioned(store, a_ladder(**WATCHING))
    a_package(store, "banana", "B1")
    climb(store, a_package(store, "apple", "A1", needs("banana", sha256="")), "A2")
    assert _only(store, ladder).trouble is Trouble.ABOVE


def test_what_was_only_tested_with_does_not_count(store: Store) -> None:
    ladder = provisioned(store, a_ladder(**WATCHING))
    a_package(store, "banana", "B1")
    apple = a_package(store, "apple", "A1")
    climb(store, apple, "A2", "A3")
    tested = replace(
        apple.modules[1], id="apple:1.0/stage/more", artifacts=(), dependencies=(needs("banana"),)
    )
    store.append(apple.id, [tested])
    assert check(ladder, store).violations == ()


@pytest.mark.parametrize(
    ("level", "says", "step"),
    [
        (
            "1",
            "apple/1 was made with banana:1.0 on level 1; its group X sees B from level 2 up.",
            "Run `pytest-defend promote banana/1 --level 2`, or build apple/1 again with what X sees.",
        ),
        ("2", "", ""),
    ],
)
def test_a_build_made_with_what_its_group_must_not_see(
    store: Store, level: str, says: str, step: str
) -> None:
    ladder = provisioned(store)
    banana = a_package(store, "banana", "B1")
    climb(store, banana, *(f"B{each}" for each in range(2, int(level) + 1)))
    a_package(store, "apple", "A1", needs("banana"))
    found = [(each.trouble, each.group, each.says, each.next) for each in check(ladder, store).violations]
    assert found == ([(Trouble.UNSEEN, "X", says, step)] if says else [])


def test_a_subsystem_that_a_group_does_not_see_at_all(store: Store) -> None:
    ladder = provisioned(store, a_ladder(groups={"X": {"sees": {"A": "1"}, "deploys": "A"}}))
    a_package(store, "banana", "B1")
    a_package(store, "apple", "A1", needs("banana"))
    violation = _only(store, ladder)
    assert violation.says == "apple/1 was made with banana:1.0 on level 1; its group X sees nothing of B."
    assert violation.next == "Build apple/1 again with what X sees."


def test_one_group_of_several_is_enough(store: Store) -> None:
    groups = {
        name: {"sees": {"A": "1", **more}, "deploys": "A"} for name, more in (("X", {}), ("W", {"B": "1"}))
    }
    ladder = provisioned(store, a_ladder(groups=groups))
    a_package(store, "banana", "B1")
    a_package(store, "apple", "A1", needs("banana"))
    assert check(ladder, store).violations == ()


def test_repositories_that_are_missing_or_others(store: Store) -> None:
    ladder = a_ladder()
    store.repositories.create(Repository(key="A1", package_type="generic"))
    store.repositories.create(Repository(key="X", package_type="pypi"))
    found = check(ladder, store).violations
    assert [each.repository for each in found if each.trouble is Trouble.OTHER] == ["A1", "X"]
    assert [each.repository for each in found if each.trouble is Trouble.MISSING] == [
        *("B1", "C1", "A2", "B2", "C2", "A3", "B3", "C3", "Y", "Z")
    ]
    assert {each.says for each in found} >= {
        "The repository X is local pypi; the ladder needs virtual pypi.",
        "The virtual repository Y is not there.",
    }


def _changed(store: Store, ladder: Ladder, *, add: str = "", drop: str = "", deploys: str = "A1") -> None:
    members = tuple(each for each in (*ladder.members("X"), add) if each not in ("", drop))
    store.repositories.update(Repository(key="X", kind=VIRTUAL, members=members, default_deployment=deploys))


def test_a_virtual_repository_that_shows_other_levels_than_its_group_sees(store: Store) -> None:
    ladder = provisioned(store)
    _changed(store, ladder, add="B1")
    exposed = _only(store, ladder)
    assert (exposed.trouble, exposed.says) == (Trouble.EXPOSED, "X shows B1, which its group must not see.")
    assert exposed.next == "Run `pytest-defend ladder apply`."
    _changed(store, ladder, drop="C3", deploys="A2")
    assert _troubles(store, ladder) == [("hidden", "X"), ("deployment", "X")]


def test_what_is_shown_through_another_virtual_repository(store: Store) -> None:
    ladder = provisioned(store)
    store.repositories.create(
        Repository(key="nested", kind=VIRTUAL, package_type="pypi", members=("C1", "Y"))
    )
    _changed(store, ladder, add="nested")
    found = check(ladder, store).violations
    assert [(each.trouble.value, each.repository) for each in found] == [
        ("exposed", "B1"),
        ("exposed", "C1"),
        ("exposed", "C2"),
    ]
    assert found[0].next == "Take B1 out of the virtual repositories X looks into."


def test_members_that_are_not_of_the_ladder_are_no_concern_of_it(store: Store) -> None:
    ladder = provisioned(store)
    store.repositories.create(Repository(key="mirror", package_type="pypi"))
    _changed(store, ladder, add="mirror")
    assert check(ladder, store).violations == ()


def test_what_the_server_does_not_tell_is_unknown() -> None:
    store = MemoryStore(a_clock)
    ladder = provisioned(store)

    class Silent(MemoryStore):
        @property
        def repositories(self) -> Any:
            class Told:
                def find(self, keys: Iterable[str]) -> Mapping[str, Repository]:
                    found = store.repositories.find(keys)
                    return {
                        key: replace(each, members=None) if each.kind == VIRTUAL else each
                        for key, each in found.items()
                    }

            return Told()

    checked = check(ladder, Silent(a_clock))
    assert checked.violations == ()
    assert checked.unknown[0] == "X: the server does not tell what it looks into."


def test_files_without_a_build_and_builds_without_a_document_are_passed_over(store: Store) -> None:
    ladder = provisioned(store)
    told = {"build.name": ("ghost",), "build.number": ("1",), "build.timestamp": ("no number",)}
    store.put(an_upload("A1/ghost/1.0/ghost-1.0.whl", b"ghost", properties=told))
    store.put(an_upload("A1/loose/1.0/loose-1.0.whl", b"loose"))
    assert check(ladder, store).builds == 0
    # a file that says it is of a build which knows nothing of it
    build = a_package(store, "banana", "attic", needs("gone", repository="C1"))
    told = {"build.name": (build.name,), "build.number": (build.number,)}
    store.put(an_upload("A3/banana/1.0/banana-1.0.whl", b"other", properties=told))
    checked = check(ladder, store)
    assert (checked.builds, checked.violations) == (1, ())


def test_a_build_that_was_published_elsewhere_is_of_the_subsystem_it_stands_in(store: Store) -> None:
    ladder = provisioned(store)
    a_package(store, "banana", "B1")
    climb(store, a_package(store, "apple", "attic", needs("banana")), "A1")
    violation = _only(store, ladder)
    assert (violation.trouble, violation.group) == (Trouble.UNSEEN, "X")


class _Counting(MemoryStore):
    """Counts what it is asked."""

    def __init__(self) -> None:
        super().__init__(a_clock)
        self.asked: Counter[str] = Counter()

    def list(self, prefix: str) -> Sequence[Item]:
        if prefix:  # not what a store over dicts asks itself
            self.asked[f"list {prefix}"] += 1
        return super().list(prefix)

    def build(self, build: Any) -> Any:
        self.asked["build"] += 1
        return super().build(build)

    def find(self, sha256s: Iterable[str]) -> Mapping[str, Sequence[Item]]:
        self.asked["find"] += 1
        return super().find(sha256s)


def test_each_repository_and_build_is_asked_for_once() -> None:
    store = _Counting()
    ladder = provisioned(store)
    for name in ("banana", "blueberry"):
        climb(
            store,
            a_package(store, name, "B1", *(needs(f"gone-{n}", repository="C1") for n in range(300))),
            "B2",
        )
    store.asked.clear()
    assert len(check(ladder, store).violations) == 600
    assert store.asked == {
        **{f"list {place.repository}": 1 for place in ladder.places()},
        "build": 2,
        "find": 1,
    }
