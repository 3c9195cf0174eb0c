"""Snapshot: what the store, and the world outside of it, say about a build at one moment.

Rules:
- The build is read by its exact `started`; which one that is, is found out first.
- Files are looked up by folder: one request for each folder of a package in each repository it can be in.
  Evidence and decisions lie in that folder, too. Dependencies are looked up by their digests, in batches.
- So the number of requests depends on neither files nor stages, and on dependencies only by batches of 400.
- Nothing is judged. What the world outside cannot say is missing.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_defend.actions.heights import LEVEL, inside, standing_of
from pytest_defend.actions.previous import previous
from pytest_defend.errors import NotFound, UsageError
from pytest_defend.model.bundle import JOURNAL, RECORD
from pytest_defend.model.fields import parse_instant
from pytest_defend.model.snapshot import DependencyFact, FileFact, KeptFile, Snapshot, StageFact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from concurrent.futures import Executor
    from datetime import datetime

    from pytest_defend.gates import Needs, Policy
    from pytest_defend.model.buildinfo import BuildId, BuildInfo, Dependency, Module
    from pytest_defend.model.ladder import Ladder
    from pytest_defend.model.snapshot import ExternalAnswer
    from pytest_defend.protocols import Item, Run, Store, Verifier

__all__ = ["Outside", "take"]

_AT_ONCE = 8
_BESIDE = ("evidence", "decisions")  # folders of a package that hold what is said about it
_ENVELOPES = ".intoto.jsonl"
_TOLD = ("build.", "defend.")  # properties of a dependency that say where it comes from


@dataclass(frozen=True, slots=True, kw_only=True)
class Outside:
    """What a gate asks besides the store; what nobody answers is unknown.

    Attributes:
        ask: Runs a command of the policy on the snapshot; it answers whatever happens.
        key: The public keys, as PEM, that a text of the policy names; a `DefendError` when there are none.
        verifiers: The keys of a PEM text; a `UsageError` when there are none.
    """

    ask: Callable[[str, Snapshot], ExternalAnswer] | None = None
    key: Callable[[str], str] | None = None
    verifiers: Callable[[str], Sequence[Verifier]] | None = None


def take(
    build: BuildId,
    *,
    level: str,
    policy: Policy,
    store: Store,
    taken: datetime,
    needs: Needs,
    outside: Outside | None = None,
) -> Snapshot:
    """Look at a build.

    Args:
        build: Which; without `started` the latest run of its number, the number may be `latest`.
        level: The level it should reach.
        policy: The ladder, and what is kept of the policy.
        store: Where the build is.
        taken: Now.
        needs: What the rules of the level want to see.
        outside: Who answers what the store does not know; None for nobody.

    Raises:
        NotFound: There is no such build.
        UsageError: The ladder has no such level, or no repository the build could go to.
        StoreError: The store cannot be read.
    """
    ladder = policy.ladder
    ladder.rank(level)
    runs = store.builds(build.name)
    found = store.build(_exact(build, runs))
    subsystem = _subsystem(found, ladder)
    with ThreadPoolExecutor(_AT_ONCE) as pool:  # none of them waits for another
        needed = pool.submit(_found, found, store)
        before = pool.submit(
            previous, found, runs, level=level, ladder=ladder, store=store, reports=needs.reports
        )
        files = tuple(_files(found, _repositories(ladder, subsystem), store, pool))
    snapshot = Snapshot(
        taken=taken,
        store=store.locator,
        level=level,
        build=found,
        policy=policy.fact,
        subsystem=subsystem,
        standing=_standing(found, files, ladder),
        runs=tuple(run.id.started for run in runs if run.id.number == found.number),
        files=files,
        stages=tuple(_stages(found, files)),
        dependencies=tuple(_dependencies(found, needed.result())),
        previous=before.result(),
        envelopes=tuple(_place(file) for file in files if file.path.endswith(_ENVELOPES)),
    )
    return _asked(snapshot, needs, outside or Outside())


def _exact(build: BuildId, runs: Sequence[Run]) -> BuildId:
    """The run that is meant, by its `started`; what the store does not list is asked for as it was named."""
    latest = build.number == "latest" and not build.started
    named = [run for run in runs if latest or run.id.number == build.number]
    if build.started:
        named = [run for run in named if _is(build.started, run)]
    return max(named, key=lambda run: run.started_at).id if named else build


def _is(started: str, run: Run) -> bool:
    try:
        return parse_instant(started) == run.started_at
    except ValueError:
        return False


def _subsystem(build: BuildInfo, ladder: Ladder) -> str:
    """Whose repositories the packages of a build are in.

    Raises:
        UsageError: They are in no repository of the ladder, or in those of several subsystems.
    """
    if not ladder.subsystems:
        return ""
    known = [module for module in build.modules if module.is_package and module.artifacts]
    modules = known or build.modules
    repositories = sorted({file.repository for module in modules for file in module.artifacts})
    found = {place.subsystem for place in map(ladder.place, repositories) if place}
    if len(found) == 1:
        return found.pop()
    shown = ", ".join(repositories) or "no repository"
    if found:
        message = f"{build.id} was published to {shown}, which belong to several subsystems of the ladder."
        raise UsageError(message, hint="Publish one build for each subsystem.")
    message = f"{build.id} was published to {shown}, which no subsystem of the ladder has."
    hint = (
        f"Publish to one of {', '.join(place.repository for place in ladder.places())} (--defend-repository)."
    )
    raise UsageError(message, hint=hint)


def _repositories(ladder: Ladder, subsystem: str) -> tuple[str, ...]:
    """Those of the ladder that files of the subsystem can be in."""
    return tuple(place.repository for place in ladder.places() if place.subsystem == subsystem)


def _files(build: BuildInfo, ladder: Sequence[str], store: Store, pool: Executor) -> Iterator[FileFact]:
    named = [(module, file) for module in build.modules for file in module.artifacts]
    folders = _folders((file.repository, inside(file)) for _, file in named)
    wanted = {f"{repository}/{folder}" for own, folder in folders for repository in (own, *ladder)}
    there = {item.path: item for items in pool.map(store.list, sorted(wanted)) for item in items}
    for module, file in named:
        place = inside(file)
        paths = sorted({f"{repository}/{place}" for repository in (file.repository, *ladder)})
        kept = tuple(_kept(there[path]) for path in paths if path in there)
        yield FileFact(path=f"{file.repository}/{place}", module=module.id, sha256=file.sha256, kept=kept)


def _folders(files: Iterable[tuple[str, str]]) -> set[tuple[str, str]]:
    """As few folders as hold all files; a file that lies in no folder stands for itself."""
    found = {(repository, _folder(path)) for repository, path in files}
    return {
        (repository, folder)
        for repository, folder in found
        if not any((repository, above) in found for above in _above(folder))
    }


def _folder(path: str) -> str:
    """The folder of the package that a file belongs to."""
    parts = path.split("/")
    beside = [parts.index(name, 1) for name in _BESIDE if name in parts[1:-1]]
    return "/".join(parts[: min(beside, default=len(parts) - 1)]) or path


def _above(folder: str) -> Iterator[str]:
    while "/" in folder:
        folder = folder.rpartition("/")[0]
        yield folder


def _kept(item: Item, told: tuple[str, ...] = ("",)) -> KeptFile:
    properties = {name: values for name, values in item.properties.items() if name.startswith(told)}
    return KeptFile(path=item.path, sha256=item.checksums.sha256, created=item.created, properties=properties)


def _place(file: FileFact) -> str:
    """Where to read a file: where it was published, if anything is there; else where it is still intact."""
    paths = [kept.path for kept in file.kept]
    intact = [kept.path for kept in file.intact]
    return file.path if file.path in paths or not intact else intact[0]


def _standing(build: BuildInfo, files: Sequence[FileFact], ladder: Ladder) -> str:
    """The level that all packages stand on for good: the lowest of theirs."""
    packages = {module.id for module in build.modules if module.is_package}
    standing = [file for file in files if file.module in packages] or files
    reached = standing_of(build, ladder)
    lowest = min((_rank(file, reached, ladder) for file in standing), default=-1)
    return ladder.levels[lowest].name if lowest >= 0 else ""


def _rank(file: FileFact, reached: int, ladder: Ladder) -> int:
    """Rank of the level a file stands on: where it was published to, or where a promotion was finished."""
    ranks = [-1]
    for kept in file.intact:
        place = ladder.place(kept.path.partition("/")[0])
        if place is not None:
            finished = kept.properties.get(LEVEL) == (place.level,) and place.rank <= reached
            ranks += [place.rank] if finished or kept.path == file.path else []
    return max(ranks)


def _stages(build: BuildInfo, files: Sequence[FileFact]) -> Iterator[StageFact]:
    for module in build.modules:
        if "defend.stage" not in module.properties:
            continue
        stage = str(module.properties["defend.stage"])
        own = {file.path: file for file in files if file.module == module.id}
        named = {file.name: own[f"{file.repository}/{inside(file)}"] for file in module.artifacts}
        yield StageFact(
            stage=stage,
            run=str(module.properties.get("defend.run", "")),
            module=module.id,
            mark=_mark(own.values(), f"defend.stage.{stage}"),
            record=_place(named[RECORD]) if RECORD in named else "",
            journal=_place(named[JOURNAL]) if JOURNAL in named else "",
        )


def _mark(files: Iterable[FileFact], name: str) -> str:
    """What all files of a stage say under a property; empty when one of them says something else."""
    said = {
        next((kept.properties.get(name, ()) for kept in file.kept if kept.path == _place(file)), ())
        for file in files
    }
    values = said.pop() if len(said) == 1 else ()
    return values[0] if len(values) == 1 else ""


def _needed(build: BuildInfo) -> Iterator[tuple[Module, Dependency]]:
    return ((module, each) for module in build.modules if module.is_package for each in module.dependencies)


def _found(build: BuildInfo, store: Store) -> Mapping[str, Sequence[Item]]:
    """The files of the dependencies, by sha256."""
    wanted = sorted({each.sha256 for _, each in _needed(build) if each.sha256})
    return store.find(wanted) if wanted else {}


def _dependencies(build: BuildInfo, found: Mapping[str, Sequence[Item]]) -> Iterator[DependencyFact]:
    for module, each in _needed(build):
        kept = sorted(found.get(each.sha256, ()), key=lambda item: item.path)
        yield DependencyFact(
            id=each.id,
            module=module.id,
            sha256=each.sha256,
            scopes=each.scopes,
            kept=tuple(_kept(item, _TOLD) for item in kept),
        )


def _asked(snapshot: Snapshot, needs: Needs, outside: Outside) -> Snapshot:
    """The same, with the keys and answers of the world outside."""
    keys: dict[str, str] = {}
    if outside.key is not None:
        for text in needs.keys:
            with suppress(UsageError, NotFound):
                keys[text] = outside.key(text)
    snapshot = replace(snapshot, keys=keys)
    if outside.ask is None:
        return snapshot
    return replace(snapshot, external={each: outside.ask(each, snapshot) for each in needs.commands})
