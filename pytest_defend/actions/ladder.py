"""Ladder: levels, rules and groups as people read them, and how many packages stand where.

Rules:
- A level requires its own rules, and those of the ladder that it does not write otherwise.
- A package counts once for each version: a folder `NAME/VERSION` with a file in it, not in a folder below.
- A store is asked once for each repository that is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_defend.model.ladderviews import GroupView, LadderView, LevelView, Rung

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.model.ladder import Ladder, Level
    from pytest_defend.protocols import Item, Store

__all__ = ["package_of", "show"]

_PARTS = 4  # repository, name, version, file


def show(ladder: Ladder, *, source: str, store: Store | None = None) -> LadderView:
    """The ladder in words.

    Args:
        ladder: Checked.
        source: Where it was read.
        store: Counted in; None not to count.

    Raises:
        StoreError: The store cannot be read.
    """
    counted = _counted(ladder, store) if store else {}
    levels = []
    for level in ladder.levels:
        rungs = []
        for place in ladder.places():
            if place.level == level.name:
                packages, highest = counted.get(place.repository, (None, None))
                rung = Rung(
                    repository=place.repository, subsystem=place.subsystem, packages=packages, highest=highest
                )
                rungs.append(rung)
        levels.append(LevelView(name=level.name, rules=tuple(_rules(ladder, level)), rungs=tuple(rungs)))
    groups = tuple(
        GroupView(key=key, sees=group.sees, members=ladder.members(key), deploys=group.deploys)
        for key, group in ladder.groups.items()
    )
    return LadderView(
        source=source,
        levels=tuple(levels),
        subsystems=ladder.subsystems,
        groups=groups,
        store=store.locator if store else "",
    )


def package_of(item: Item) -> tuple[str, str] | None:
    """Name and version of the package that a file is of; None for what lies elsewhere, as evidence does."""
    parts = item.path.split("/")
    return (parts[1], parts[2]) if len(parts) == _PARTS else None


def _counted(ladder: Ladder, store: Store) -> dict[str, tuple[int, int]]:
    """How many packages are in each repository, and how many of them are no higher."""
    there = store.repositories.find(place.repository for place in ladder.places())
    counted: dict[str, tuple[int, int]] = {}
    higher: set[tuple[str, str]] = set()
    for place in sorted(ladder.places(), key=lambda place: -place.rank):
        if place.repository in there:
            here = set(filter(None, map(package_of, store.list(place.repository))))
            counted[place.repository] = len(here), len(here - higher)
            higher |= here
    return counted


def _rules(ladder: Ladder, level: Level) -> Iterator[str]:
    short = {"required-stages": list(level.stages), "property": dict(level.properties)}
    own = {name: value for name, value in short.items() if value} | dict(level.rules)
    for name, value in {**ladder.rules, **own}.items():
        yield _sentence(name, value)


def _sentence(name: str, value: Any) -> str:
    """A rule and its parameters in words; `severity` says when it does not refuse."""
    if value is False:
        return f"{name}: off"
    if value is True or not isinstance(value, Mapping):
        return name if value is True else f"{name}: {_words(value)}"
    severity = value.get("severity", "enforce")
    told = {key: each for key, each in value.items() if key not in ("severity", "reason")}
    words = f"{name}: {_words(told)}" if told else name
    return words if severity == "enforce" else f"{words} ({'off' if severity == 'off' else 'only warns'})"


def _words(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_words(each)}" for key, each in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_words, value))
    return str(value).lower() if isinstance(value, bool) else str(value)
