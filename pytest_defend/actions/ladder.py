"""Ladder: levels, rules and groups as people read them, and how many packages stand where.

Rules:
- A level requires its own rules, and those of the ladder that it does not write otherwise.
- Rules that hold without being written are named once.
- A package counts once for each version: a folder `NAME/VERSION` with a file in it, not in a folder below.
- A store is asked once for each repository that is there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pytest_defend.model.ladderviews import GroupView, LadderView, LevelView, Rung

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.gates import Policy
    from pytest_defend.model.ladder import Ladder, Level
    from pytest_defend.protocols import Item, Store

__all__ = ["package_of", "show"]

_PARTS = 4  # repository, name, version, file


def show(policy: Policy, store: Store | None = None) -> LadderView:
    """The ladder of a policy in words.

    Args:
        policy: Its rules were understood.
        store: Counted in; None not to count.

    Raises:
        StoreError: The store cannot be read.
    """
    ladder = policy.ladder
    counted = _counted(ladder, store) if store else {}
    written = {level.name: _written(ladder, level) for level in ladder.levels}
    always = {
        applied.key: None
        for level, rules in policy.levels.items()
        for applied in rules
        if applied.key not in written[level]
    }
    groups = tuple(
        GroupView(key=key, sees=group.sees, members=ladder.members(key), deploys=group.deploys)
        for key, group in ladder.groups.items()
    )
    return LadderView(
        source=policy.source,
        levels=tuple(
            LevelView(
                name=name,
                rules=tuple(_sentence(rule, value) for rule, value in rules.items()),
                rungs=tuple(_rungs(ladder, name, counted)),
            )
            for name, rules in written.items()
        ),
        always=tuple(always),
        subsystems=ladder.subsystems,
        groups=groups,
        store=store.locator if store else "",
    )


def _rungs(ladder: Ladder, level: str, counted: Mapping[str, tuple[int, int]]) -> Iterator[Rung]:
    for place in ladder.places():
        if place.level == level:
            packages, highest = counted.get(place.repository, (None, None))
            yield Rung(
                repository=place.repository, subsystem=place.subsystem, packages=packages, highest=highest
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


def _written(ladder: Ladder, level: Level) -> dict[str, Any]:
    """Every rule that is written for a level, with its parameters."""
    short = {"required-stages": list(level.stages), "property": dict(level.properties)}
    return {**ladder.rules, **{name: value for name, value in short.items() if value}, **level.rules}


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
