"""Consumers: the builds above a level that need a build, however far away.

Rules:
- A consumer is known by the sha256 of its dependencies, never by a name; only what its packages need counts.
- Those that stand above the level are found by their files in the repositories of the ladder, one request for
  each repository, and read once each. A build that began before the one it is about, by more than clocks
  differ, cannot need it and is not read.
- The order is viable for going down: who needs a build comes before it.
"""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_defend.actions.closure import batches
from pytest_defend.errors import NotFound
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.fields import epoch_ms, instant_from_ms, started_text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pytest_defend.model.buildinfo import BuildInfo
    from pytest_defend.model.ladder import Ladder
    from pytest_defend.protocols import Item, Store

__all__ = ["consumers"]

_CLOCKS = timedelta(days=1)  # machines of one company agree better than that


def consumers(build: BuildInfo, rank: int, ladder: Ladder, store: Store) -> tuple[BuildInfo, ...]:
    """Builds with files above a level that need a build, or need one that does; the topmost first.

    Args:
        build: That they need.
        rank: Of the level.
        ladder: They stand on.
        store: Where they are.

    Raises:
        StoreError: The store cannot be read.
    """
    above = list(_above(build, rank, ladder, store))
    found = {str(build.id): build}
    grows = True
    while grows:
        made = {sha256 for each in found.values() for sha256 in _made(each)}
        new = {
            str(each.id): each
            for each in above
            if str(each.id) not in found and not made.isdisjoint(_used(each))
        }
        found |= new
        grows = bool(new)
    needs = {
        key: {
            other
            for other, made in found.items()
            if other != key and not set(_made(made)).isdisjoint(_used(each))
        }
        for key, each in found.items()
    }
    ordered = [key for batch in batches(needs) for key in batch]
    ordered += sorted(key for key in found if key not in ordered)  # those of a circle go down together
    return tuple(found[key] for key in reversed(ordered) if found[key] is not build)


def _made(build: BuildInfo) -> Iterator[str]:
    return (
        file.sha256
        for module in build.modules
        if module.is_package
        for file in module.artifacts
        if file.sha256
    )


def _used(build: BuildInfo) -> Iterator[str]:
    return (
        used.sha256
        for module in build.modules
        if module.is_package
        for used in module.dependencies
        if used.sha256
    )


def _above(build: BuildInfo, rank: int, ladder: Ladder, store: Store) -> Iterator[BuildInfo]:
    began = build.started_at - _CLOCKS
    named: dict[BuildId, None] = {}
    for place in ladder.places():
        if place.rank > rank:
            items = store.list(place.repository)
            named |= dict.fromkeys(each for item in items for each in _named(item, epoch_ms(began)))
    for key in named:
        with suppress(NotFound):
            found = store.build(key)
            if found.id != build.id:
                yield found


def _named(item: Item, began_ms: int) -> Sequence[BuildId]:
    """The build a file names; none when it is too old."""
    said = [item.properties.get(f"build.{name}", ()) for name in ("name", "number", "timestamp")]
    names, numbers, stamps = said
    exact = len(stamps) == 1 and stamps[0].isdecimal()
    if exact and int(stamps[0]) < began_ms:
        return ()
    started = started_text(instant_from_ms(int(stamps[0]))) if exact else ""
    return [BuildId(name=name, number=number, started=started) for name in names for number in numbers]
