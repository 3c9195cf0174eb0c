"""Previous: the build that reached a level before, to compare a new one with.

Rules:
- It is the newest run of the name that has the level's status and was not taken down from it since.
- The newest runs are read one after the other, ten at most. When none of them is it, the files in the
  repository of the level say which runs to read: so the number of requests has a limit, however long ago
  that was.
- What files say is only a hint; the status of the run itself counts.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pytest_defend.actions.heights import standing_of
from pytest_defend.errors import NotFound
from pytest_defend.model.fields import epoch_ms
from pytest_defend.model.results import Tally
from pytest_defend.model.snapshot import PreviousFact

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from pytest_defend.model.buildinfo import BuildInfo, Module
    from pytest_defend.model.ladder import Ladder
    from pytest_defend.protocols import Run, Store

__all__ = ["previous"]

_REVOKED = "revoked"
_AT_MOST = 10
_TESTS = "defend.tests."


def previous(
    build: BuildInfo,
    runs: Sequence[Run],
    *,
    level: str,
    ladder: Ladder,
    store: Store,
    reports: Iterable[str] = (),
) -> PreviousFact | None:
    """The build of the same name that reached a level last; None when there is none.

    Args:
        build: Another one than this.
        runs: Of that name.
        level: The level.
        ladder: It belongs to.
        store: Where the builds are.
        reports: Names of archived files to find in it.

    Raises:
        StoreError: The store cannot be read.
    """
    others = [run for run in runs if (run.id.number, run.started_at) != (build.number, build.started_at)]
    others.sort(key=lambda run: run.started_at, reverse=True)
    found = next(_standing(others[:_AT_MOST], level, ladder, store), None)
    if found is None and others[_AT_MOST:]:
        hinted = _hinted(build, others[_AT_MOST:], level, ladder, store)
        found = next(_standing(hinted[:_AT_MOST], level, ladder, store), None)
    if found is None:
        return None
    stages = [module for module in found.modules if "defend.stage" in module.properties]
    return PreviousFact(
        build=str(found.id),
        tests={str(module.properties["defend.stage"]): _tally(module) for module in stages},
        reports={name: tuple(_paths(stages, name)) for name in reports},
    )


def _standing(runs: Iterable[Run], level: str, ladder: Ladder, store: Store) -> Iterator[BuildInfo]:
    for run in runs:
        try:
            build = store.build(run.id)
        except NotFound:  # deleted in between
            continue
        if _stands(build, level, ladder):
            yield build


def _stands(build: BuildInfo, level: str, ladder: Ladder) -> bool:
    said = [status.status for status in build.statuses]
    return level in said and said[-1] != _REVOKED and standing_of(build, ladder) >= ladder.rank(level)


def _hinted(build: BuildInfo, runs: Sequence[Run], level: str, ladder: Ladder, store: Store) -> list[Run]:
    """The runs that files of the packages in the repositories of the level name."""
    packages = {
        (file.path or file.name).partition("/")[0]
        for module in build.modules
        if module.is_package
        for file in module.artifacts
    }
    places = [place.repository for place in ladder.places() if place.level == level]
    named = {
        (*item.properties.get("build.number", ()), *item.properties.get("build.timestamp", ()))
        for repository in places
        for package in sorted(packages)
        for item in store.list(f"{repository}/{package}")
        if build.name in item.properties.get("build.name", ())
    }
    return [run for run in runs if (run.id.number, str(epoch_ms(run.started_at))) in named]


def _tally(module: Module) -> Tally:
    """Counts as the module says them; what is no count is none."""
    counts: dict[str, Any] = {}
    for counted in dataclasses.fields(Tally):
        said = str(module.properties.get(f"{_TESTS}{counted.name.replace('_', '-')}", ""))
        if said.isdecimal():
            counts[counted.name] = int(said)
    return Tally(**counts)


def _paths(stages: Sequence[Module], name: str) -> Iterator[str]:
    for module in stages:
        for file in module.artifacts:
            if f"/{file.name}".endswith(f"/{name}"):
                yield f"{file.repository}/{file.path or file.name}"
