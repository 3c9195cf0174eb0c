"""The ladder: levels in rising order, each a local repository of each subsystem, and who sees which of them.

Rules:
- A level is higher than those before it; an artifact stands on the highest level whose repository holds it.
- Without subsystems there is one repository for each level. With them the repository of a level is named by a
  template, `{subsystem}{level}` unless said otherwise.
- A group is a virtual repository: of each subsystem it sees one level and everything above it.
- What a level requires is written as rules; what they mean is for `gates` to say.

The TOML form of this document is `[tool.pytest-defend.ladder]`; see `docs/reference/ladder.md`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import InvalidDocument, UsageError
from pytest_defend.model.fields import Document, named

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

__all__ = ["Group", "Ladder", "Level", "Place"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Level(Document):
    """One rung."""

    name: str
    """What people call it; unique."""
    repository: str = ""
    """Key of its repository; `{subsystem}` and `{level}` are filled in. Empty for the ladder's template."""
    stages: tuple[str, ...] = ()
    """Stages that must have passed; short for the rule `required-stages`."""
    properties: Mapping[str, str] = field(default_factory=dict)
    """Properties its packages must have; short for the rule `property`."""
    rules: Mapping[str, Any] = field(default_factory=dict)
    """What else it requires: parameters by name of the rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group(Document):
    """A virtual repository that a code base resolves from."""

    sees: Mapping[str, str]
    """The lowest level it sees, by subsystem; in a ladder without subsystems the subsystem is `""`."""
    deploys: str = ""
    """The subsystem whose lowest repository it deploys to; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place(Document):
    """Where on the ladder a repository stands."""

    repository: str
    level: str
    rank: int
    """0 for the lowest level."""
    subsystem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder(Document):
    """Every level, group and rule."""

    levels: tuple[Level, ...] = ()
    subsystems: tuple[str, ...] = ()
    """Parts of a system that rise by themselves, each with its own repositories; empty for one."""
    repositories: str = ""
    """Template of repository keys; empty for `{level}`, with subsystems for `{subsystem}{level}`."""
    groups: Mapping[str, Group] = field(default_factory=dict)
    """By key of the virtual repository."""
    rules: Mapping[str, Any] = field(default_factory=dict)
    """Required by every level."""
    package_type: str = named("package-type", default="pypi")
    """Of the repositories, when they are created."""

    @classmethod
    def from_table(cls, table: object, where: str) -> Ladder:
        """Read the TOML table, and check that it makes sense.

        Args:
            table: As parsed.
            where: What it is, for errors: `pyproject.toml [tool.pytest-defend.ladder]`.

        Raises:
            InvalidDocument: It has another shape, or contradicts itself; every problem is named.
        """
        try:
            ladder = cls.from_dict(_plain(table))
        except InvalidDocument as error:
            raise InvalidDocument(where, error.problems) from error
        if problems := list(ladder.problems()):
            raise InvalidDocument(where, problems)
        return ladder

    def problems(self) -> Iterator[tuple[str, str]]:
        """Where the document contradicts itself, and how."""
        if not self.levels:
            yield "levels", "names no level"
        yield from _twice("levels", [level.name for level in self.levels])
        yield from _twice("subsystems", list(self.subsystems))
        for index, level in enumerate(self.levels):
            if not level.name:
                yield f"levels[{index}].name", "is empty"
            elif problem := self._template_problem(level):
                yield f"levels[{index}].repository", problem
        if not list(self._template_problems()):
            repositories = [place.repository for place in self.places()]
            yield from _twice("repositories", repositories)
            yield from self._group_problems(frozenset(repositories))

    def _template_problems(self) -> Iterator[str]:
        yield from filter(None, map(self._template_problem, self.levels))

    def _template_problem(self, level: Level) -> str:
        template = self._template(level)
        try:
            filled = template.format(subsystem="s", level="l")
        except (KeyError, IndexError, ValueError, AttributeError):
            return f"{template!r} has other fields than {{subsystem}} and {{level}}"
        if not filled or "/" in filled:
            return f"{template!r} names no repository"
        if len(self.subsystems) > 1 and "{subsystem}" not in template:
            return f"{template!r} is one repository for all subsystems; put {{subsystem}} into it"
        return ""

    def _group_problems(self, repositories: frozenset[str]) -> Iterator[tuple[str, str]]:
        known = self.subsystems or ("",)
        names = [level.name for level in self.levels]
        for key, group in self.groups.items():
            where = f"groups.{key}"
            if key in repositories:
                yield where, "is the key of a level's repository too"
            if not group.sees:
                yield f"{where}.sees", "names no level"
            for subsystem, level in group.sees.items():
                if subsystem not in known:
                    yield f"{where}.sees.{subsystem}", f"is no subsystem; there are {_listed(known)}"
                if level not in names:
                    yield f"{where}.sees.{subsystem}", f"{level!r} is no level; there are {_listed(names)}"
            if group.deploys and group.deploys not in known:
                yield f"{where}.deploys", f"{group.deploys!r} is no subsystem; there are {_listed(known)}"
            elif group.deploys and names and group.sees.get(group.deploys) != names[0]:
                yield f"{where}.deploys", f"{group.deploys!r} is not seen from its lowest level, {names[0]!r}"

    def _template(self, level: Level) -> str:
        return (
            level.repository or self.repositories or ("{subsystem}{level}" if self.subsystems else "{level}")
        )

    def level(self, name: str) -> Level:
        """The level of that name.

        Raises:
            UsageError: There is none.
        """
        return self.levels[self.rank(name)]

    def rank(self, name: str) -> int:
        """How high a level is; 0 for the lowest.

        Raises:
            UsageError: There is no such level.
        """
        names = [level.name for level in self.levels]
        if name not in names:
            raise UsageError(f"The ladder has no level {name!r}.", hint=f"It has {_listed(names)}.")
        return names.index(name)

    def below(self, name: str) -> Level | None:
        """The level under another one; None under the lowest."""
        rank = self.rank(name)
        return self.levels[rank - 1] if rank else None

    def above(self, rank: int) -> Level | None:
        """The level over that rank (-1 for what is on no level yet); None over the highest."""
        return self.levels[rank + 1] if rank + 1 < len(self.levels) else None

    def repository(self, level: str, subsystem: str = "") -> str:
        """Key of the repository of a level."""
        return self._template(self.level(level)).format(subsystem=subsystem, level=level)

    def places(self) -> Iterator[Place]:
        """Every repository of the ladder, the lowest level first."""
        for rank, level in enumerate(self.levels):
            for subsystem in self.subsystems or ("",):
                repository = self._template(level).format(subsystem=subsystem, level=level.name)
                yield Place(repository=repository, level=level.name, rank=rank, subsystem=subsystem)

    def place(self, repository: str) -> Place | None:
        """Where a repository stands; None for one that is not of the ladder."""
        return next((place for place in self.places() if place.repository == repository), None)

    def highest(self, paths: Iterable[str]) -> Place | None:
        """The highest place of files under these paths (`repository/...`); None when none is on it."""
        found = [self.place(path.partition("/")[0]) for path in paths]
        return max(filter(None, found), key=lambda place: place.rank, default=None)

    def members(self, group: str) -> tuple[str, ...]:
        """Repositories a group resolves from, as it asks them: by subsystem, the highest first.

        Raises:
            UsageError: There is no such group.
        """
        if group not in self.groups:
            raise UsageError(f"The ladder has no group {group!r}.", hint=f"It has {_listed(self.groups)}.")
        sees = self.groups[group].sees
        seen = [
            place
            for place in self.places()
            if place.subsystem in sees and place.rank >= self.rank(sees[place.subsystem])
        ]
        order = list(sees)
        seen.sort(key=lambda place: (order.index(place.subsystem), -place.rank))
        return tuple(place.repository for place in seen)

    def deployment(self, group: str) -> str:
        """Key of the repository a group deploys to: the lowest of its subsystem; empty for none."""
        deploys = self.groups[group].deploys
        return self.repository(self.levels[0].name, deploys) if deploys else ""


def _plain(value: Any) -> Any:
    """A parsed TOML value as JSON could hold it: dates become texts."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, (date, time)) else value


def _twice(where: str, names: list[str]) -> Iterator[tuple[str, str]]:
    for name in sorted({name for name in names if names.count(name) > 1}):
        yield where, f"{name!r} is there twice"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(repr(name) for name in names) or "none"
