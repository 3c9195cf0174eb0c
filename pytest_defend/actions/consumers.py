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

from pytest_defend.actions.closure import batches, made_by, used_by
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
    above = {str(each.id): each for each in _above(build, rank, ladder, store)}
    found = {str(build.id): build}
    makers = dict.fromkeys(made_by(build), str(build.id))
    grows = True
    while grows:
        new = {key: each for key, each in above.items() if not makers.keys().isdisjoint(used_by(each))}
        above = {key: each for key, each in above.items() if key not in new}
        found |= new
        makers |= {sha256: key for key, each in new.items() for sha256 in made_by(each)}
        grows = bool(new)
    needs = {
        key: {makers[sha256] for sha256 in used_by(each) if sha256 in makers} - {key}
        for key, each in found.items()
    }
    ordered = [key for batch in batches(needs) for key in batch]
    ordered += sorted(key for key in found if key not in ordered)  # those of a circle go down together
    return tuple(found[key] for key in reversed(ordered) if found[key] is not build)


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
