"""Closure: which builds have to rise with a build, and in which order.

Rules:
- An edge goes from a build to the build that made a dependency of its packages; it is known by the sha256 of
  the dependency's file, never by its name.
- Only what stands below the level has to rise; what is not on the ladder is third-party. A file on the level
  that has no mark, and was not published there, is on its way: its build has to rise, too.
- The order is viable: a build comes after everything it needs. Builds of one batch need none of each other;
  in a batch they are sorted.
- Builds that need each other have no viable order: they are named in one sentence.
- One query of the store for each step away from the build, not for each dependency.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import product
from typing import TYPE_CHECKING, TypeVar

from pytest_defend.actions.heights import LEVEL
from pytest_defend.errors import NotFound
from pytest_defend.model.buildinfo import BuildId, BuildInfo
from pytest_defend.model.fields import instant_from_ms, started_text

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence

    from pytest_defend.model.buildinfo import Dependency
    from pytest_defend.model.ladder import Ladder
    from pytest_defend.protocols import Item, Store

__all__ = ["Closure", "batches", "closure", "cycle", "made_by", "maker", "used_by"]

Key = TypeVar("Key", bound="Hashable")


@dataclass(frozen=True, slots=True, kw_only=True)
class Closure:
    """What has to rise.

    Attributes:
        batches: Builds in viable order, the build that was asked for last.
        problems: Why there is no such order, or why it cannot be done; one sentence each.
        needs: The ids of the builds each of them needs, by its own.
    """

    batches: tuple[tuple[BuildInfo, ...], ...]
    problems: tuple[str, ...] = ()
    needs: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def builds(self) -> tuple[BuildInfo, ...]:
        """All of them, in order."""
        return tuple(build for batch in self.batches for build in batch)


def batches(needs: Mapping[Key, Iterable[Key]]) -> tuple[tuple[Key, ...], ...]:
    """Everything in batches, each after what it needs; what is part of a cycle, or needs one, is left out.

    Args:
        needs: What each needs; what is no key itself has no needs and is in no batch.
    """
    left = {key: {other for other in others if other in needs} for key, others in needs.items()}
    done: list[tuple[Key, ...]] = []
    while ready := sorted((key for key, others in left.items() if not others), key=str):
        done.append(tuple(ready))
        left = {key: others.difference(ready) for key, others in left.items() if others}
    return tuple(done)


def cycle(needs: Mapping[Key, Iterable[Key]]) -> tuple[Key, ...]:
    """Some that need each other, in a circle, beginning with the first by name; empty when there are none."""
    ordered = {key for batch in batches(needs) for key in batch}
    left = {key: sorted((o for o in needs[key] if o in needs and o not in ordered), key=str) for key in needs}
    walk = sorted((key for key in needs if key not in ordered), key=str)[:1]
    while walk:  # whoever is left needs somebody who is left: the walk must meet itself
        following = left[walk[-1]][0]
        if following in walk:
            return _from_first(walk[walk.index(following) :])
        walk.append(following)
    return ()


def _from_first(circle: Sequence[Key]) -> tuple[Key, ...]:
    first = min(range(len(circle)), key=lambda place: str(circle[place]))
    return (*circle[first:], *circle[:first])


def closure(build: BuildInfo, level: str, ladder: Ladder, store: Store) -> Closure:
    """The builds below a level that a build needs, however far away, and itself.

    Args:
        build: That is to rise.
        level: To stand on.
        ladder: Says what is below it.
        store: Where they are.

    Raises:
        UsageError: The ladder has no such level.
        StoreError: The store cannot be read.
    """
    rank = ladder.rank(level)
    found = {str(build.id): build}
    makers = dict.fromkeys(made_by(build), build)
    needs: dict[str, set[str]] = {}
    problems: dict[str, None] = {}
    frontier = [build]
    while frontier:
        low = _low(frontier, rank, ladder, store)
        following: list[BuildInfo] = []
        for consumer in frontier:
            needed = needs.setdefault(str(consumer.id), set())
            for dependency in _dependencies(consumer):
                items = low.get(dependency.sha256)
                if not items:
                    continue
                made = makers.get(dependency.sha256) or maker(items, store)
                if made is None:
                    problems[_orphan(consumer, dependency, items)] = None
                elif made.id != consumer.id and not _is_home(made, rank, ladder):
                    needed.add(str(made.id))
                    if str(made.id) not in found:
                        found[str(made.id)] = made
                        makers |= dict.fromkeys(made_by(made), made)
                        following.append(made)
        frontier = following
    if circle := cycle(needs):
        named = " needs ".join(key.rpartition("@")[0] for key in (*circle, circle[0]))
        problems[f"No order is viable: {named}."] = None
    return Closure(
        batches=tuple(tuple(found[key] for key in batch) for batch in batches(needs)),
        problems=tuple(problems),
        needs={key: frozenset(others) for key, others in needs.items()},
    )


def maker(items: Sequence[Item], store: Store) -> BuildInfo | None:
    """The build that made a file; None when none of those it names has it among the files of its packages.

    Args:
        items: The places of the file, all with the same bytes.
        store: Where they are.

    Raises:
        StoreError: The store cannot be read.
    """
    for build in dict.fromkeys(_named(items)):
        try:
            kept = store.build(build)
        except NotFound:
            continue
        if items[0].checksums.sha256 in made_by(kept):
            return kept
    return None


def _named(items: Sequence[Item]) -> Iterator[BuildId]:
    """Every build the properties of a file may mean; those with a timestamp first."""
    for item in items:
        names, numbers, stamps = (
            item.properties.get(name, ()) for name in ("build.name", "build.number", "build.timestamp")
        )
        for name, number, stamp in product(names, numbers, (*stamps, "")):
            if not stamp or stamp.isdecimal():
                started = started_text(instant_from_ms(int(stamp))) if stamp else ""
                yield BuildId(name=name, number=number, started=started)


def made_by(build: BuildInfo) -> frozenset[str]:
    """The sha256 of every file of the packages of a build."""
    modules = (module for module in build.modules if module.is_package)
    return frozenset(file.sha256 for module in modules for file in module.artifacts if file.sha256)


def used_by(build: BuildInfo) -> frozenset[str]:
    """The sha256 of everything its packages need to run, as far as it is known."""
    return frozenset(used.sha256 for used in _dependencies(build))


def _dependencies(build: BuildInfo) -> Iterator[Dependency]:
    modules = (module for module in build.modules if module.is_package)
    return (used for module in modules for used in module.dependencies if used.sha256)


def _low(
    builds: Iterable[BuildInfo], rank: int, ladder: Ladder, store: Store
) -> Mapping[str, Sequence[Item]]:
    """The places of those dependencies that are on the ladder and below the level, by sha256."""
    wanted = {sha256 for build in builds for sha256 in used_by(build)}
    kept = store.find(sorted(wanted)) if wanted else {}
    low = {}
    for sha256, items in kept.items():
        places = [(item, ladder.place(item.path.partition("/")[0])) for item in items]
        known = [(item, place) for item, place in places if place is not None]
        stands = any(
            place.rank >= rank and item.properties.get(LEVEL) == (place.level,) for item, place in known
        )
        if known and not stands:
            low[sha256] = items
    return low


def _is_home(build: BuildInfo, rank: int, ladder: Ladder) -> bool:
    """Whether a build was published to the level, or above it."""
    made = (file for module in build.modules if module.is_package for file in module.artifacts)
    places = [ladder.place(file.repository) for file in made]
    return any(place is not None and place.rank >= rank for place in places)


def _orphan(consumer: BuildInfo, dependency: Dependency, items: Sequence[Item]) -> str:
    path = items[0].path
    return f"{dependency.id}, which {consumer.name}/{consumer.number} needs, is {path}: no build made it."
