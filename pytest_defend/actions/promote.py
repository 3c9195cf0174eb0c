"""Promote: a build rises to a level, through every level on the way, with what it needs when that is wanted.

Rules:
- The gate of every level is asked; see `ascent` for how builds rise together, `lifting` for one build.
- Two runs of one number, and a revoked build, do not rise: a store could not tell the runs apart.
- With dependencies, everything it needs below the level rises with it, level by level; each level is all or
  nothing. What was reached before a level refuses stays.
- An override is about the build that was asked for, not about what it needs.
- A dry run writes nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_defend.actions.ascent import Ascent, Rider
from pytest_defend.actions.closure import closure
from pytest_defend.actions.gate import gate
from pytest_defend.actions.heights import measure
from pytest_defend.actions.lifting import Lifter
from pytest_defend.errors import UsageError
from pytest_defend.model.climb import Climb, Deed, Step

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_defend.actions.heights import Height
    from pytest_defend.actions.snapshot import Outside
    from pytest_defend.gates import Policy
    from pytest_defend.model.buildinfo import BuildId, BuildInfo
    from pytest_defend.model.decision import Decision, Override
    from pytest_defend.protocols import Clock, Signer, Store

__all__ = ["promote"]


def promote(  # noqa: PLR0913  # each of them is a collaborator or a choice
    build: BuildId,
    *,
    level: str,
    policy: Policy,
    store: Store,
    clock: Clock,
    decision_id: Callable[[], str],
    dry_run: bool = False,
    with_dependencies: bool = False,
    direct: bool = False,
    overrides: Sequence[Override] = (),
    outside: Outside | None = None,
    signer: Signer | None = None,
    user: str = "",
) -> Climb:
    """Bring a build to a level, or say why not.

    Args:
        build: Which; without `started` the latest run of its number, the number may be `latest`.
        level: To stand on.
        policy: The ladder, and what its levels require.
        store: Where everything is.
        clock: Says when.
        decision_id: Makes an id that no other decision has.
        dry_run: Write nothing, and say what would be done.
        with_dependencies: Let everything it needs below the level rise with it.
        direct: Ask only the gate of the level, not those on the way.
        overrides: Rules somebody answers for, for this build.
        outside: Who answers what the store does not know; None for nobody.
        signer: Signs a summary of each decision; None for no summary.
        user: On whose behalf.

    Raises:
        NotFound: There is no such build.
        UsageError: There is no such level, no place for the build on the ladder, or no such rule to override.
        StoreError: The store could not do it; the same again completes it or takes it back.
    """
    goal = policy.ladder.rank(level)
    found = store.build(build)
    _check_overrides(policy, overrides)
    judge = _Judge(policy, store, clock, decision_id, str(found.id), overrides, outside)
    verifiers = outside.verifiers if outside else None
    lifter = Lifter(store, signer=signer, verifiers=verifiers, user=user)
    climber = _Climber(policy, store, Ascent(store, lifter, judge, dry_run=dry_run))
    steps = tuple(climber.steps(found, goal, with_dependencies=with_dependencies, direct=direct))
    return Climb.of(str(found.id), level, store.locator, steps, dry_run=dry_run)


def _check_overrides(policy: Policy, overrides: Sequence[Override]) -> None:
    known = {applied.key for rules in policy.levels.values() for applied in rules}
    for override in overrides:
        if override.rule not in known:
            hint = f"They have {', '.join(sorted(known))}."
            raise UsageError(f"No level has a rule {override.rule!r} to override.", hint=hint)


@dataclass(frozen=True, slots=True)
class _Judge:
    """Asks the gate; overrides go with the build they are for, where the level has their rules."""

    policy: Policy
    store: Store
    clock: Clock
    decision_id: Callable[[], str]
    build: str
    overrides: Sequence[Override]
    outside: Outside | None

    def __call__(self, build: BuildId, level: str) -> Decision:
        known = {applied.key for applied in self.policy.rules(level)}
        own = [each for each in self.overrides if str(build) == self.build and each.rule in known]
        return gate(
            build,
            level=level,
            policy=self.policy,
            store=self.store,
            now=self.clock(),
            decision_id=self.decision_id(),
            overrides=own,
            outside=self.outside,
        )


class _Climber:
    """Takes a build up, level by level."""

    def __init__(self, policy: Policy, store: Store, ascent: Ascent) -> None:
        self._ladder = policy.ladder
        self._store = store
        self._ascent = ascent

    def steps(self, build: BuildInfo, goal: int, *, with_dependencies: bool, direct: bool) -> Iterator[Step]:
        """What is done, in its order."""
        level = self._ladder.levels[goal].name
        plan = closure(build, level, self._ladder, self._store) if with_dependencies else None
        builds = plan.builds if plan else (build,)
        needs: Mapping[str, frozenset[str]] = plan.needs if plan else {}
        heights = {str(each.id): self._measured(each) for each in builds}
        own = heights.get(str(build.id)) or self._measured(build)
        if plan and plan.problems:
            yield _step(own, goal, Deed.REFUSED, plan.problems, "Promote what it needs first, by itself.")
            return
        barred = [step for each in heights.values() if (step := self._barred(each, goal)) is not None]
        if barred:
            yield from barred
            return
        lowest = min(height.rank for height in heights.values())
        ranks = [goal] if direct else list(range(lowest + 1, goal + 1))
        if own.rank >= goal:
            yield _step(own, goal, Deed.UNCHANGED)
        yield from self._levels(heights, needs, [rank for rank in ranks if rank <= goal])

    def _levels(
        self, heights: dict[str, Height], needs: Mapping[str, frozenset[str]], ranks: Sequence[int]
    ) -> Iterator[Step]:
        stopped = ""
        for rank in ranks:
            low = {key for key, height in heights.items() if height.rank < rank}
            riders = [
                Rider(height=heights[key], waits_for=needs.get(key, frozenset()) & low)
                for key in heights
                if key in low
            ]
            if stopped:
                yield from (_step(each.height, rank, Deed.LEFT, (stopped,)) for each in riders)
                continue
            steps = self._ascent.rise(riders, rank) if riders else ()
            yield from steps
            if not all(step.is_done for step in steps):
                stopped = f"It does not stand on {self._ladder.levels[rank].name}."
            elif any(step.deed is Deed.PLANNED for step in steps):
                heights |= {each.id: _as_if(each.height, rank) for each in riders}
            elif rank != ranks[-1]:
                heights |= {each.id: self._measured(self._read(each.height)) for each in riders}

    def _read(self, height: Height) -> BuildInfo:
        return self._store.build(height.build.id)

    def _measured(self, build: BuildInfo) -> Height:
        return measure(build, self._ladder, self._store)

    def _barred(self, height: Height, goal: int) -> Step | None:
        """The step of a build that may not rise whatever its gate says; None when it may."""
        build = height.build
        if height.revoked:
            step = "A revoked build never rises again: publish a new one."
            return _step(height, goal, Deed.REFUSED, (f"It was revoked: {height.revoked}",), step)
        runs = [run for run in self._store.builds(build.name) if run.id.number == build.number]
        if len(runs) > 1:
            listed = ", ".join(run.id.started for run in runs)
            reason = f"There are {len(runs)} runs of {build.name}/{build.number}, started {listed}."
            step = "Which one would rise cannot be told. Build again with a number of its own."
            return _step(height, goal, Deed.REFUSED, (reason,), step)
        return None


def _as_if(height: Height, rank: int) -> Height:
    """Where a build would be after a step of a dry run."""
    return replace(height, reached=height.reached | {rank}, begun=height.begun - {rank})


def _step(
    height: Height,
    rank: int,
    deed: Deed,
    reasons: tuple[str, ...] = (),
    next: str = "",  # noqa: A002
) -> Step:
    return Step(
        build=str(height.build.id),
        level=height.ladder.levels[rank].name,
        deed=deed,
        came=height.level,
        repository=height.repository(rank),
        paths=height.on(rank) if deed is Deed.UNCHANGED else (),
        reasons=reasons,
        next=next,
    )
