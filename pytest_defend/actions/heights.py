"""Heights: on which levels the files of a build are, and which of them it has reached for good.

Rules:
- A build has reached the level it was published to, and every level where its packages are with their bytes
  and the mark `defend.level`, as long as its statuses do not say that it came down since.
- Files on another level are an attempt that was cut short, or somebody else's doing; a decision of ours
  among the modules of the build tells the two apart.
- Files are known by path and bytes: equal bytes under two paths are two files.
- All of it is one query of the store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pytest_defend.errors import UsageError
from pytest_defend.protocols import Promotion

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_defend.model.buildinfo import Artifact, BuildInfo, Module
    from pytest_defend.model.ladder import Ladder
    from pytest_defend.protocols import Item, Store

__all__ = ["LEVEL", "REVOKED", "Height", "inside", "measure", "standing_of", "unmark"]

LEVEL = "defend.level"
"""Property of files, and of decisions as modules: which level."""
REVOKED = "defend.revoked"
"""Property of files: why nobody may use them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Height:
    """Where a build is.

    Attributes:
        build: As it was read.
        ladder: It stands on.
        subsystem: Whose repositories it rises through.
        home: Key of the repository its packages were published to.
        items: Its files with their bytes, wherever they are on the ladder, by path.
        reached: Ranks of the levels it stands on for good.
        begun: Ranks of the other levels with files of it.
        revoked: Why nobody may use it; empty when it was not revoked.
    """

    build: BuildInfo
    ladder: Ladder
    subsystem: str
    home: str
    items: Mapping[str, Item]
    reached: frozenset[int]
    begun: frozenset[int]
    revoked: str

    @property
    def rank(self) -> int:
        """Of the highest level it stands on for good; -1 for none."""
        return max(self.reached, default=-1)

    @property
    def level(self) -> str:
        """The name of that level; empty for none."""
        return self.ladder.levels[self.rank].name if self.reached else ""

    def repository(self, rank: int) -> str:
        """The repository it has on a level."""
        return self.ladder.repository(self.ladder.levels[rank].name, self.subsystem)

    def is_announced(self, rank: int) -> bool:
        """Whether a decision of ours, a yes, was about to bring it to a level."""
        return any(_is_yes(module, self.ladder.levels[rank].name) for module in self.build.modules)

    def on(self, rank: int) -> tuple[str, ...]:
        """The paths of its files on a level, sorted."""
        repository = self.repository(rank)
        return tuple(sorted(path for path in self.items if path.partition("/")[0] == repository))


def inside(artifact: Artifact) -> str:
    """The path of a file within its repository; other clients leave the path out."""
    return artifact.path or artifact.name


def measure(build: BuildInfo, ladder: Ladder, store: Store) -> Height:
    """Find out where a build is.

    Args:
        build: As it is in the store.
        ladder: That it rises on.
        store: Where its files are.

    Raises:
        UsageError: Its packages are in no repository, in several, or in one of no subsystem.
        StoreError: The store cannot be read.
    """
    home = _home(build)
    subsystem = _subsystem(build, home, ladder)
    named = {(inside(file), file.sha256) for module in build.modules for file in module.artifacts}
    found = store.find(sorted({sha256 for _, sha256 in named if sha256})) if named else {}
    repositories = {place.repository for place in ladder.places() if place.subsystem == subsystem} | {home}
    items = {
        item.path: item
        for places in found.values()
        for item in places
        if (item.path.partition("/")[2], item.checksums.sha256) in named
        and item.path.partition("/")[0] in repositories
    }
    return _height(build, ladder, subsystem, home, items)


def _height(build: BuildInfo, ladder: Ladder, subsystem: str, home: str, items: Mapping[str, Item]) -> Height:
    packages = {inside(file) for module in build.modules if module.is_package for file in module.artifacts}
    standing = standing_of(build, ladder)
    reached, begun = set(), set()
    for rank, level in enumerate(ladder.levels):
        repository = ladder.repository(level.name, subsystem)
        there = {path: item for path, item in items.items() if path.partition("/")[0] == repository}
        whole = all(f"{repository}/{path}" in there for path in packages)
        marked = all(
            there[f"{repository}/{path}"].properties.get(LEVEL) == (level.name,) for path in packages if whole
        )
        if whole and (repository == home or (marked and rank <= standing)):
            reached.add(rank)
        elif there:
            begun.add(rank)
    return Height(
        build=build,
        ladder=ladder,
        subsystem=subsystem,
        home=home,
        items=items,
        reached=frozenset(reached),
        begun=frozenset(begun),
        revoked=_revoked(build, items.values()),
    )


def standing_of(build: BuildInfo, ladder: Ladder) -> int:
    """The rank of the level its newest status names; -1 when none names a level."""
    names = [level.name for level in ladder.levels]
    ranks = [names.index(status.status) for status in build.statuses if status.status in names]
    return ranks[-1] if ranks else -1


def unmark(height: Height, rank: int, store: Store) -> None:
    """Take the mark of a level from the files of a build there; it would go down with them.

    Raises:
        StoreError: The store could not do it; doing it again is safe.
    """
    repository = height.repository(rank)
    if any(LEVEL in height.items[path].properties for path in height.on(rank)):
        gone = Promotion(
            status="",
            source=repository,
            target=repository,
            copy=True,
            fail_fast=False,
            properties={LEVEL: ()},
        )
        store.promote(height.build.id, gone)


def _home(build: BuildInfo) -> str:
    made = [file for module in build.modules if module.is_package for file in module.artifacts]
    homes = sorted({file.repository for file in made})
    if len(homes) != 1:
        where = f"in {', '.join(homes)}" if homes else "nowhere: it has none"
        hint = (
            "Publish a build with its packages in one repository." if homes else "Publish one with a package."
        )
        raise UsageError(f"{build.name}/{build.number} has its packages {where}.", hint=hint)
    return homes[0]


def _subsystem(build: BuildInfo, home: str, ladder: Ladder) -> str:
    place = ladder.place(home)
    if place is None and ladder.subsystems:
        hint = "Publish to the lowest level (--defend-repository); see pytest-defend ladder show."
        raise UsageError(
            f"{build.name}/{build.number} was published to {home}, which is of no subsystem.", hint=hint
        )
    return place.subsystem if place else ""


def _revoked(build: BuildInfo, items: Iterable[Item]) -> str:
    """By its files or, when somebody took the property away, by its newest status."""
    said = [" ".join(item.properties[REVOKED]) for item in items if REVOKED in item.properties]
    if not said and build.statuses and build.statuses[-1].status == "revoked":
        said = [build.statuses[-1].comment or "no reason is kept"]
    return said[0] if said else ""


def _is_yes(module: Module, level: str) -> bool:
    said = (str(module.properties.get(name, "")) for name in ("defend.kind", LEVEL, "defend.ruling"))
    return tuple(said) == ("decision", level, "pass")
