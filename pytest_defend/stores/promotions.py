"""How a run grows and rises in a store that keeps files by path and builds as documents.

Rules:
- A file belongs to a build by its path in the repository and its sha256; the repository may be another one
  than when it was published: promotions move files.
- Everything is looked for before anything moves.
- What is in the target already, with the same bytes, was promoted before.
- Modules are appended behind those that are there; a module is never replaced.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_defend.errors import Conflict, DefendError
from pytest_defend.model.buildinfo import Status
from pytest_defend.model.fields import started_text
from pytest_defend.stores import rules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from pytest_defend.model.buildinfo import BuildInfo, Dependency, Module
    from pytest_defend.protocols import Item, Promotion, Upload

__all__ = ["Plan", "Shelves", "appended", "digest_now", "plan", "with_status"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a promotion does to files.

    Attributes:
        moves: From where to where, by path; without those that are in the target already.
        paths: Where every file will be, sorted.
        messages: What is left out, one sentence each.
    """

    moves: tuple[tuple[str, str], ...] = ()
    paths: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shelves:
    """Where the files of a store are looked up.

    Attributes:
        find: The files with a sha256, sorted by path.
        digest: The sha256 of what is under a path; empty when nothing is.
        locator: The store.
    """

    find: Callable[[str], Sequence[Item]]
    digest: Callable[[str], str]
    locator: str


def plan(build: BuildInfo, promotion: Promotion, shelves: Shelves) -> Plan:
    """Look for the files of a build and say where they go.

    Raises:
        NotFound: A file is not there (`fail_fast`).
        Conflict: The target has other bytes under its path (`fail_fast`).
    """
    if not promotion.target and not promotion.properties:
        return Plan()
    moves: dict[str, str] = {}
    paths: set[str] = set()
    messages: list[str] = []
    for wanted, places in _files(build, promotion, shelves):
        try:
            source, target = _step(wanted, places, promotion, shelves)
        except DefendError as error:
            if promotion.fail_fast:
                raise
            messages.append(error.message)
            continue
        paths.add(target)
        if source:
            moves[source] = target
    return Plan(moves=tuple(sorted(moves.items())), paths=tuple(sorted(paths)), messages=tuple(messages))


def _step(wanted: str, places: Sequence[Item], promotion: Promotion, shelves: Shelves) -> tuple[str, str]:
    """From where (empty when it is there already) and to where one file goes."""
    if not places:
        raise rules.not_found(wanted, shelves.locator)
    item = places[0]
    target = f"{promotion.target or _repository(item)}/{_inside(item)}"
    if there := shelves.digest(target):
        rules.check_bytes(target, kept=there, offered=item.checksums.sha256)
        moved_before = promotion.copy or item.path == target
        return "" if moved_before else item.path, target
    return item.path, target


def _files(build: BuildInfo, promotion: Promotion, shelves: Shelves) -> Iterator[tuple[str, list[Item]]]:
    """Every file of the build with the places it may be taken from, the best first."""
    for module in build.modules:
        for artifact in module.artifacts:
            places = [item for item in shelves.find(artifact.sha256) if _inside(item) == artifact.path]
            name = artifact.path or artifact.name
            wanted = "/".join(filter(None, (promotion.source or artifact.repository, name)))
            yield wanted, _best(places, artifact.repository, promotion)
        for dependency in module.dependencies:
            if promotion.dependencies and _in_scope(dependency, promotion):
                places = _best(list(shelves.find(dependency.sha256)), dependency.repository, promotion)
                if places:  # what is not kept here belongs to others
                    yield dependency.id, places


def _best(places: list[Item], home: str, promotion: Promotion) -> list[Item]:
    """The places a promotion may take a file from, the best first.

    Only the source, when it is given; else where it was published, else where it should go: then it was
    promoted before, and a copy elsewhere is somebody else's.
    """
    if promotion.source:
        allowed = (promotion.source, promotion.target)
        places = [item for item in places if _repository(item) in allowed]
    ranks = {promotion.target: 2, home: 1, promotion.source: 0}
    return sorted(places, key=lambda item: (ranks.get(_repository(item), 3), item.path))


def _in_scope(dependency: Dependency, promotion: Promotion) -> bool:
    return not promotion.scopes or not set(promotion.scopes).isdisjoint(dependency.scopes)


def _repository(item: Item) -> str:
    return item.path.partition("/")[0]


def _inside(item: Item) -> str:
    return item.path.partition("/")[2]


def with_status(build: BuildInfo, promotion: Promotion, now: datetime) -> BuildInfo:
    """The document with what was reached; the same entry is not written twice."""
    if not promotion.status:
        return build
    status = Status(
        status=promotion.status,
        comment=promotion.comment,
        repository=promotion.target,
        timestamp=started_text(promotion.timestamp or now),
        ci_user=promotion.user,
    )
    return build if status in build.statuses else replace(build, statuses=(*build.statuses, status))


def appended(build: BuildInfo, modules: Sequence[Module]) -> BuildInfo:
    """The document with these modules behind its own; the document itself when it has them all.

    Raises:
        Conflict: Another module has the id of one of these.
    """
    there = {module.id: module for module in build.modules}
    for module in modules:
        if there.setdefault(module.id, module) != module:
            number = f"{build.name}/{build.number}"
            message = f"{number}, started {build.started}, has another module {module.id!r}."
            raise Conflict(number, message, hint="Append under another id: a module is never replaced.")
    known = {module.id for module in build.modules}
    added = tuple(module for module_id, module in there.items() if module_id not in known)
    return replace(build, modules=(*build.modules, *added)) if added else build


def digest_now(build: BuildInfo, upload: Upload, digest: Callable[[str], str]) -> str:
    """The sha256 of a file of a build, also where a promotion took it; empty when it is gone."""
    inside = upload.path.partition("/")[2]
    moved = [f"{status.repository}/{inside}" for status in build.statuses if status.repository]
    return next(filter(None, map(digest, (upload.path, *reversed(moved)))), "")
