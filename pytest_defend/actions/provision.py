"""Provision: the repositories a ladder needs, what is to be made or changed for that, and the doing of it.

Rules:
- Local repositories come before the virtual ones that look into them.
- Nothing is removed, and what the ladder does not own stays: another kind or package type is said and left as
  it is, and members of a virtual repository that are not of the ladder stay behind those that are.
- Doing it again does nothing. What stops it on its way is said with what was done and what is left.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_defend.errors import StoreError
from pytest_defend.model.ladderviews import Action, LadderPlan, Planned
from pytest_defend.model.repositories import LOCAL, VIRTUAL, Repository

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.model.ladder import Ladder
    from pytest_defend.protocols import Repositories

__all__ = ["apply", "plan", "wanted"]

_DOING = (Action.CREATE, Action.CHANGE)


def wanted(ladder: Ladder) -> Iterator[Repository]:
    """The repositories a ladder needs, in the order they can be made."""
    for place in ladder.places():
        description = f"Level {place.level}" + (f" of {place.subsystem}" if place.subsystem else "")
        yield Repository(key=place.repository, package_type=ladder.package_type, description=description)
    for key in ladder.groups:
        yield Repository(
            key=key,
            kind=VIRTUAL,
            package_type=ladder.package_type,
            members=ladder.members(key),
            default_deployment=ladder.deployment(key),
            description=f"Sees {_seen(ladder, key)}",
        )


def _seen(ladder: Ladder, group: str) -> str:
    sees = ladder.groups[group].sees
    return ", ".join(f"{subsystem} from level {level} up".lstrip() for subsystem, level in sees.items())


def plan(ladder: Ladder, repositories: Repositories, *, store: str) -> LadderPlan:
    """What is to be made and changed.

    Args:
        ladder: Checked.
        repositories: Those there are.
        store: Where that is, for people.

    Raises:
        StoreError: They cannot be read.
    """
    needed = list(wanted(ladder))
    there = repositories.find([each.key for each in needed])
    owned = {each.key for each in needed if each.kind == LOCAL}
    steps = tuple(_step(each, there.get(each.key), owned) for each in needed)
    return LadderPlan(store=store, steps=steps)


def _step(needed: Repository, there: Repository | None, owned: set[str]) -> Planned:
    if there is None:
        return _planned(Action.CREATE, needed, _described(needed), configuration=True)
    if there.kind != needed.kind or there.package_type not in ("", needed.package_type):
        says = f"is {_kind(there)}; the ladder needs {_kind(needed)}"
        step = "Give the ladder another key, or replace the repository by hand."
        return _planned(Action.DIFFERS, needed, says, step)
    if there.kind == LOCAL:
        return _planned(Action.KEEP, needed, _kind(there))
    if there.members is None:
        says = "the server does not tell what it looks into"
        return _planned(
            Action.UNKNOWN, needed, says, f"Let an administrator see that it is {_described(needed)}."
        )
    strangers = tuple(member for member in there.members if member not in owned)
    risen = replace(
        there,
        members=(needed.members or ()) + strangers,
        default_deployment=needed.default_deployment or there.default_deployment,
    )
    if risen == there:
        return _planned(Action.KEEP, needed, _kind(there))
    return _planned(Action.CHANGE, risen, _change(there, risen), configuration=True)


def _planned(
    action: Action, repository: Repository, says: str, step: str = "", *, configuration: bool = False
) -> Planned:
    return Planned(
        action=action,
        key=repository.key,
        kind=repository.kind,
        says=says,
        next=step,
        configuration=repository.configuration() if configuration else {},
    )


def _kind(repository: Repository) -> str:
    return f"{repository.kind} {repository.package_type}".rstrip()


def _described(repository: Repository) -> str:
    told = [_kind(repository)]
    if repository.members:
        told.append(f"looks into {', '.join(repository.members)}")
    if repository.default_deployment:
        told.append(f"deploys to {repository.default_deployment}")
    return "; ".join(told)


def _change(before: Repository, after: Repository) -> str:
    was, now = before.members or (), after.members or ()
    told = [
        *(f"adds {member}" for member in now if member not in was),
        *(f"takes away {member}" for member in was if member not in now),
    ]
    if not told and was != now:
        told = [f"looks into {', '.join(now)}, in this order"]
    if before.default_deployment != after.default_deployment:
        told.append(f"deploys to {after.default_deployment}")
    return "; ".join(told)


def apply(planned: LadderPlan, repositories: Repositories) -> LadderPlan:
    """Make and change what a plan says.

    Args:
        planned: Made just now.
        repositories: Those it was made for.

    Returns:
        The plan, with what was done; `problem` says why it stopped.
    """
    steps = list(planned.steps)
    for index, step in enumerate(steps):
        if step.action not in _DOING:
            continue
        repository = Repository.from_configuration(step.key, step.configuration)
        try:
            if step.action is Action.CREATE:
                repositories.create(repository)
            else:
                repositories.update(repository)
        except StoreError as error:
            return replace(planned, steps=tuple(steps), problem=error.message, hint=error.hint)
        steps[index] = replace(step, done=True)
    return replace(planned, steps=tuple(steps))
