"""What the ladder of a project says of its runs.

Rules:
- A project without a ladder is not asked anything.
- A policy that is kept in the store is read when it is needed; one of the project is read when the run
  begins, so that a mistake in it ends the run before the tests.
- A policy that cannot be read any more is a gap: nothing is eligible.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.errors import DefendError
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.facts import Gap

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from pytest_defend.actions.pack import Ended
    from pytest_defend.assembly.recording import Recording
    from pytest_defend.model.eligibility import Eligibility
    from pytest_defend.protocols import Store
    from pytest_defend.settings import Project, Settings

__all__ = ["check_policy", "foreseeing", "has_policy", "tell_eligibility"]

_STORE = "store:"


def has_policy(settings: Settings, project: Project) -> bool:
    """Whether there is a ladder."""
    return bool(settings.policy) or "ladder" in project.table


def check_policy(settings: Settings, project: Project) -> None:
    """Say at once, not when everything has run, that a policy is not understood.

    Args:
        settings: Resolved.
        project: Whose policy it is.

    Raises:
        UsageError: The project's policy cannot be read.
        InvalidDocument: It is not understood; every problem is named.
    """
    if has_policy(settings, project) and not settings.policy.startswith(_STORE):
        from pytest_defend.assembly.policy import open_policy

        open_policy(settings, project, None)


def foreseeing(run: Recording, gaps: list[Gap]) -> Callable[[Ended], Sequence[Eligibility]] | None:
    """What says whether a run that has ended is eligible for its next level; None without a ladder.

    Args:
        run: The run.
        gaps: Where what cannot be read is noted.
    """
    if not has_policy(run.settings, run.project):
        return None
    from pytest_defend.actions.eligibility import foreseen
    from pytest_defend.assembly.decisions import new_decision
    from pytest_defend.assembly.policy import open_policy

    try:
        policy = open_policy(run.settings, run.project, run.store())
    except DefendError as error:
        gaps.append(Gap(topic="policy", problem=f"Nothing is eligible: {error}"))
        return None
    now, _ = new_decision()

    def foresee(ended: Ended) -> Sequence[Eligibility]:
        told = foreseen(ended, policy, now)
        return () if told is None else (told,)

    return foresee


def tell_eligibility(build: str, settings: Settings, project: Project, store: Store) -> Eligibility | None:
    """Ask the gate of the next level about a build whose stage is marked, and write down what it says.

    Args:
        build: `NAME/NUMBER@STARTED`.
        settings: Resolved.
        project: Whose ladder it is.
        store: Where the build is.

    Returns:
        None without a ladder, or a level above.

    Raises:
        DefendError: The policy cannot be read, or the build not be judged.
    """
    if not has_policy(settings, project):
        return None
    from pytest_defend.actions.eligibility import tell
    from pytest_defend.assembly.decisions import new_decision
    from pytest_defend.assembly.policy import open_policy, outside

    policy = open_policy(settings, project, store)
    now, decision_id = new_decision()
    return tell(
        BuildId.parse(build),
        policy=policy,
        store=store,
        now=now,
        decision_id=decision_id,
        outside=outside(project, store),
    )
