"""Violations: what contradicts a ladder now, whoever brought it about.

Rules:
- A repository is missing, or is of another kind or package type than the ladder needs.
- A virtual repository shows what its group must not see, also through others, or hides what it sees; members
  that are not of the ladder are no concern of it.
- A build stands above one of its dependencies, or was made with what its group must not see; see `standing`.
- Each repository of the ladder is listed once, each build on it read once, and what is on no level any more
  looked for all at once.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pytest_defend.actions.provision import wanted
from pytest_defend.actions.standing import shelve, unfounded
from pytest_defend.errors import NotFound
from pytest_defend.model.ladderviews import LadderCheck, Trouble, Violation
from pytest_defend.model.repositories import VIRTUAL

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from pytest_defend.model.buildinfo import BuildId, BuildInfo
    from pytest_defend.model.ladder import Ladder
    from pytest_defend.model.repositories import Repository
    from pytest_defend.protocols import Store

__all__ = ["check"]

_APPLY = "Run `pytest-defend ladder apply`."


def check(ladder: Ladder, store: Store) -> LadderCheck:
    """Find everything that contradicts a ladder.

    Args:
        ladder: Checked.
        store: As it is now.

    Raises:
        StoreError: The store cannot be read.
    """
    needed = list(wanted(ladder))
    there = _with_members(store, [each.key for each in needed])
    shelves = shelve(ladder, store, there)
    builds = [build for key in shelves.builds if (build := _build(key, store)) is not None]
    unknown = [
        f"{key}: the server does not tell what it looks into."
        for key in ladder.groups
        if key in there and there[key].kind == VIRTUAL and there[key].members is None
    ]
    violations = [
        *(violation for each in needed for violation in _repository(each, there.get(each.key))),
        *(violation for key in ladder.groups for violation in _group(ladder, key, there)),
        *unfounded(ladder, builds, shelves, store),
    ]
    return LadderCheck(
        store=store.locator, builds=len(builds), violations=tuple(violations), unknown=tuple(unknown)
    )


def _with_members(store: Store, keys: Sequence[str]) -> dict[str, Repository]:
    """These repositories, and what virtual ones among them look into, and what those look into."""
    there: dict[str, Repository] = {}
    asked: set[str] = set()
    new = set(keys)
    while new:
        there |= store.repositories.find(sorted(new))
        asked |= new
        new = {member for each in there.values() for member in each.members or ()} - asked
    return there


def _repository(needed: Repository, there: Repository | None) -> Iterator[Violation]:
    if there is None:
        says = f"The {needed.kind} repository {needed.key} is not there."
        yield Violation(trouble=Trouble.MISSING, says=says, next=_APPLY, repository=needed.key)
    elif there.kind != needed.kind or there.package_type not in ("", needed.package_type):
        is_, needs = (f"{each.kind} {each.package_type}".rstrip() for each in (there, needed))
        says = f"The repository {needed.key} is {is_}; the ladder needs {needs}."
        step = "Give the ladder another key, or replace the repository by hand."
        yield Violation(trouble=Trouble.OTHER, says=says, next=step, repository=needed.key)


def _group(ladder: Ladder, key: str, there: Mapping[str, Repository]) -> Iterator[Violation]:
    """What a virtual repository shows, against what its group sees."""
    group = there.get(key)
    if group is None or group.kind != VIRTUAL or group.members is None:
        return
    shown, sees = _shown(key, there, set()), set(ladder.members(key))
    for place in ladder.places():
        repository = place.repository
        common: dict[str, Any] = {"group": key, "repository": repository, "level": place.level}
        if repository in shown and repository not in sees:
            direct = repository in (group.members or ())
            step = (
                _APPLY if direct else f"Take {repository} out of the virtual repositories {key} looks into."
            )
            says = f"{key} shows {repository}, which its group must not see."
            yield Violation(trouble=Trouble.EXPOSED, says=says, next=step, **common)
        elif repository in sees and repository not in shown:
            says = f"{key} does not show {repository}, which its group sees."
            yield Violation(trouble=Trouble.HIDDEN, says=says, next=_APPLY, **common)
    target = ladder.deployment(key)
    if target and group.default_deployment != target:
        now = group.default_deployment or "nowhere"
        says = f"Files sent to {key} go to {now}, not to {target}."
        yield Violation(trouble=Trouble.DEPLOYMENT, says=says, next=_APPLY, group=key, repository=target)


def _shown(key: str, there: Mapping[str, Repository], found: set[str]) -> set[str]:
    """Every repository one looks into, also through others."""
    for member in there[key].members or () if key in there else ():
        if member not in found:
            found.add(member)
            _shown(member, there, found)
    return found


def _build(key: BuildId, store: Store) -> BuildInfo | None:
    with suppress(NotFound):
        return store.build(key)
    return None
