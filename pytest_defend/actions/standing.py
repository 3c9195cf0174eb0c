"""Standing: on which level builds and their dependencies stand, and which of them have no ground below.

Rules:
- A build stands on the highest level that keeps one of its packages, a dependency on the highest that keeps
  its file: by sha256; by name and version where the build-info has no digest.
- A dependency is the ladder's when its file is or was in one of its repositories, or the rule
  `dependency-level` names it in `internal`; without such names, when a package of its name is on the ladder.
- Only what a package needs to run counts, not what it was tested with.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from pytest_defend.actions.ladder import package_of
from pytest_defend.gates.selection import is_like
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.fields import instant_from_ms, started_text
from pytest_defend.model.ladderviews import Trouble, Violation
from pytest_defend.model.repositories import LOCAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_defend.model.buildinfo import BuildInfo, Dependency
    from pytest_defend.model.ladder import Ladder, Place
    from pytest_defend.model.repositories import Repository
    from pytest_defend.protocols import Item, Store

__all__ = ["Shelves", "shelve", "unfounded"]

_DIGITS = 12  # of a digest people compare by eye


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelves:
    """What the repositories of a ladder keep.

    Attributes:
        by_sha256: Where a content is, and as what.
        by_id: The same for `name:version`.
        files: Where a file is, by its path within a repository and sha256.
        builds: Those that the properties of packages name.
    """

    by_sha256: dict[str, list[tuple[Place, Item]]] = field(default_factory=dict)
    by_id: dict[str, list[tuple[Place, Item]]] = field(default_factory=dict)
    files: dict[tuple[str, str], list[Place]] = field(default_factory=dict)
    builds: dict[BuildId, None] = field(default_factory=dict)

    def names(self) -> set[str]:
        """The packages there are."""
        return {each.partition(":")[0] for each in self.by_id}


def shelve(ladder: Ladder, store: Store, there: Mapping[str, Repository]) -> Shelves:
    """List the repositories of a ladder.

    Args:
        ladder: Whose.
        store: Where.
        there: The repositories that are there.

    Raises:
        StoreError: One cannot be listed.
    """
    shelves = Shelves()
    for place in ladder.places():
        if place.repository not in there or there[place.repository].kind != LOCAL:
            continue
        for item in store.list(place.repository):
            if (package := package_of(item)) is None:
                continue
            name, version = package
            sha256 = item.checksums.sha256
            shelves.by_sha256.setdefault(sha256, []).append((place, item))
            shelves.by_id.setdefault(f"{canonicalize_name(name)}:{version}", []).append((place, item))
            shelves.files.setdefault((item.path.partition("/")[2], sha256), []).append(place)
            shelves.builds.update(dict.fromkeys(_named(item)))
    return shelves


def _named(item: Item) -> Iterator[BuildId]:
    """The builds a file may be of; of several that made the same bytes, each with the number of each."""
    names, numbers, instants = (
        item.properties.get(f"build.{what}", ()) for what in ("name", "number", "timestamp")
    )
    for name, number in product(names, numbers):
        exact = len(instants) == 1 and instants[0].isdecimal()
        yield BuildId(
            name=name,
            number=number,
            started=started_text(instant_from_ms(int(instants[0]))) if exact else "",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Need:
    """A dependency of a build, and where both stand."""

    build: BuildInfo
    place: Place
    subsystem: str
    dependency: Dependency
    ground: Place | None
    item: Item | None

    @property
    def name(self) -> str:
        """Of the build."""
        return f"{self.build.name}/{self.build.number}"


def unfounded(
    ladder: Ladder, builds: Sequence[BuildInfo], shelves: Shelves, store: Store
) -> Iterator[Violation]:
    """Builds that stand above a dependency, or were made with one that their group must not see.

    Args:
        ladder: Where they stand.
        builds: Those of `shelves`.
        shelves: What the ladder keeps.
        store: Asked where else it keeps what is on no level.

    Raises:
        StoreError: It cannot be read.
    """
    needs = [need for build in builds for need in _needs(ladder, build, shelves)]
    internal = _Internal(ladder, shelves)
    lost = [need.dependency for need in needs if need.ground is None and internal.has(need.dependency)]
    digests = {dependency.sha256 for dependency in lost} - {""}
    elsewhere = store.find(sorted(digests)) if digests else {}
    groups = _groups(ladder)
    for need in needs:
        if need.ground is not None:
            yield from _above(need, need.ground)
            yield from _unseen(ladder, need, need.ground, groups.get(need.subsystem, ()))
        elif internal.has(need.dependency):
            yield _gone(need, elsewhere.get(need.dependency.sha256, ()))


def _needs(ladder: Ladder, build: BuildInfo, shelves: Shelves) -> Iterator[_Need]:
    packages = [module for module in build.modules if module.is_package]
    made = [artifact for module in packages for artifact in module.artifacts]
    standing = [
        place for artifact in made for place in shelves.files.get((artifact.path, artifact.sha256), ())
    ]
    if not standing:
        return
    place = max(standing, key=lambda place: place.rank)
    home = next(filter(None, (ladder.place(artifact.repository) for artifact in made)), place)
    used = {dependency.id: dependency for module in packages for dependency in module.dependencies}
    for dependency in sorted(used.values(), key=lambda each: each.id):
        kept = shelves.by_sha256 if dependency.sha256 else shelves.by_id
        found = kept.get(dependency.sha256 or dependency.id, [])
        ground, item = max(found, key=lambda one: one[0].rank, default=(None, None))
        yield _Need(
            build=build,
            place=place,
            subsystem=home.subsystem,
            dependency=dependency,
            ground=ground,
            item=item,
        )


class _Internal:
    """Says which dependencies that are on no level should be on one."""

    def __init__(self, ladder: Ladder, shelves: Shelves) -> None:
        self._repositories = {place.repository for place in ladder.places()}
        self._names = shelves.names()
        rules = (ladder.rules, *(level.rules for level in ladder.levels))
        told = [rule.get("dependency-level") for rule in rules]
        self._patterns = tuple(
            str(pattern) for each in told if isinstance(each, Mapping) for pattern in each.get("internal", ())
        )

    def has(self, dependency: Dependency) -> bool:
        """Whether it is the ladder's."""
        name = canonicalize_name(dependency.id.partition(":")[0])
        if dependency.repository in self._repositories:
            return True
        if self._patterns:
            return any(is_like(pattern, name) for pattern in self._patterns)
        return name in self._names


def _groups(ladder: Ladder) -> dict[str, tuple[str, ...]]:
    """The groups of the code of each subsystem."""
    found: dict[str, tuple[str, ...]] = {}
    for key, group in ladder.groups.items():
        if group.deploys:
            found[group.deploys] = (*found.get(group.deploys, ()), key)
    return found


def _above(need: _Need, ground: Place) -> Iterator[Violation]:
    if ground.rank >= need.place.rank:
        return
    yield Violation(
        trouble=Trouble.ABOVE,
        says=f"{need.name} stands on level {need.place.level}, above {need.dependency.id} on {ground.level}.",
        next=f"{_promote(need.item, need.place.level)}, or demote {need.name}.",
        build=need.name,
        level=need.place.level,
        dependency=need.dependency.id,
        dependency_level=ground.level,
        repository=ground.repository,
    )


def _unseen(ladder: Ladder, need: _Need, ground: Place, groups: Sequence[str]) -> Iterator[Violation]:
    """With several groups of one subsystem, it is enough that one of them sees it."""
    if not groups:
        return
    lowest = {group: ladder.groups[group].sees.get(ground.subsystem, "") for group in groups}
    if any(level and ladder.rank(level) <= ground.rank for level in lowest.values()):
        return
    group, level = next(iter(lowest.items()))
    whose = ground.subsystem or "it"
    sees = f"sees {whose} from level {level} up" if level else f"sees nothing of {whose}"
    promote = f"{_promote(need.item, level)}, or build" if level else "Build"
    used = f"{need.dependency.id} on level {ground.level}"
    yield Violation(
        trouble=Trouble.UNSEEN,
        says=f"{need.name} was made with {used}; its group {group} {sees}.",
        next=f"{promote} {need.name} again with what {group} sees.",
        build=need.name,
        level=need.place.level,
        dependency=need.dependency.id,
        dependency_level=ground.level,
        group=group,
        repository=ground.repository,
    )


def _promote(item: Item | None, level: str) -> str:
    """The command that lifts a dependency, as far as its build is known."""
    told = item.properties if item is not None else {}
    name, number = (next(iter(told.get(f"build.{what}", ())), "") for what in ("name", "number"))
    if not name or not number:
        return f"Promote it to level {level}"
    return f"Run `pytest-defend promote {name}/{number} --level {level}`"


def _gone(need: _Need, kept: Sequence[Item]) -> Violation:
    sha256 = need.dependency.sha256[:_DIGITS]
    what = f"{need.dependency.id} (sha256 {sha256})" if sha256 else need.dependency.id
    where = ", ".join(sorted({item.path.partition("/")[0] for item in kept}))
    only = f", only in {where}" if where else " any more"
    return Violation(
        trouble=Trouble.GONE,
        says=f"{need.name} stands on level {need.place.level}; its dependency {what} is on no level{only}.",
        next=f"Publish that file to the ladder again, or demote {need.name}.",
        build=need.name,
        level=need.place.level,
        dependency=need.dependency.id,
        repository=where,
    )
