"""Demote and revoke: a build comes down from the levels above one, and with it what stands on it.

Rules:
- Whoever needs the build and would stand above it is named first: nothing moves until somebody says `cascade`
  (they come down, too, those that are needed last) or `force` (they stay, and the ladder has a violation).
- What says that a build stands on a level goes first: the marks, then the status; its files follow. A reader
  never trusts what is on its way, and whoever has files above is found again: the same again finishes what
  was cut short. The copies below stay as they are.
- A revoked build is marked on all its files before it moves, and never rises again.
- A dry run writes nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.actions.consumers import consumers
from pytest_defend.actions.heights import LEVEL, REVOKED, measure, standing_of, unmark
from pytest_defend.errors import UsageError
from pytest_defend.model.climb import Climb, Deed, Step
from pytest_defend.protocols import Promotion

if TYPE_CHECKING:
    from pytest_defend.actions.heights import Height
    from pytest_defend.model.buildinfo import BuildId, BuildInfo
    from pytest_defend.model.ladder import Ladder
    from pytest_defend.protocols import Store

__all__ = ["demote", "revoke"]

_REVOKED = "revoked"
_COMMENT = 1024  # characters that a server keeps


def demote(  # noqa: PLR0913  # each of them is a collaborator or a choice
    build: BuildId,
    *,
    level: str,
    ladder: Ladder,
    store: Store,
    cascade: bool = False,
    force: bool = False,
    dry_run: bool = False,
    reason: str = "",
    user: str = "",
) -> Climb:
    """Bring a build down to a level.

    Args:
        build: Which; without `started` the latest run of its number, the number may be `latest`.
        level: The highest it may stand on afterwards.
        ladder: It stands on.
        store: Where everything is.
        cascade: Bring down what stands above it and needs it, too.
        force: Leave that where it is.
        dry_run: Write nothing, and say what would be done.
        reason: Why; kept with the status.
        user: On whose behalf.

    Raises:
        NotFound: There is no such build.
        UsageError: There is no such level, or the build has no place on the ladder.
        StoreError: The store could not do it; the same again finishes it.
    """
    rank = ladder.rank(level)
    found = store.build(build)
    descent = _Descent(ladder, store, rank, reason=reason, user=user, dry_run=dry_run)
    height = measure(found, ladder, store)
    place = ladder.place(height.home)
    if place is not None and place.rank > rank:
        message = f"{found.id} was published to {height.home}, on level {place.level}."
        raise UsageError(message, hint="It comes down to that level at most; it can be revoked.")
    steps = descent.steps(found, cascade=cascade, force=force)
    return Climb.of(str(found.id), level, store.locator, steps, dry_run=dry_run)


def revoke(  # noqa: PLR0913  # each of them is a collaborator or a choice
    build: BuildId,
    *,
    reason: str,
    ladder: Ladder,
    store: Store,
    cascade: bool = False,
    force: bool = False,
    dry_run: bool = False,
    user: str = "",
) -> Climb:
    """Say that nobody may use a build any more, and bring it down to the level it was published to.

    Args:
        build: Which; without `started` the latest run of its number, the number may be `latest`.
        reason: Why; kept on every file.
        ladder: It stands on.
        store: Where everything is.
        cascade: Bring down what stands above it and needs it, too.
        force: Leave that where it is.
        dry_run: Write nothing, and say what would be done.
        user: On whose behalf.

    Raises:
        NotFound: There is no such build.
        UsageError: There is no reason, or the build has no place on the ladder.
        StoreError: The store could not do it; the same again finishes it.
    """
    if not reason.strip():
        raise UsageError("A build is revoked for a reason.", hint="Give --reason.")
    found = store.build(build)
    height = measure(found, ladder, store)
    place = ladder.place(height.home)
    rank = place.rank if place else 0
    descent = _Descent(ladder, store, rank, reason=reason, user=user, dry_run=dry_run)
    steps = descent.steps(found, cascade=cascade, force=force, revoking=True)
    return Climb.of(str(found.id), ladder.levels[rank].name, store.locator, steps, dry_run=dry_run)


class _Descent:
    """Brings builds down to a level."""

    def __init__(
        self, ladder: Ladder, store: Store, rank: int, *, reason: str, user: str, dry_run: bool
    ) -> None:
        self._ladder = ladder
        self._store = store
        self._rank = rank
        self._reason = reason[:_COMMENT]
        self._user = user
        self._dry_run = dry_run

    def steps(
        self, build: BuildInfo, *, cascade: bool, force: bool, revoking: bool = False
    ) -> tuple[Step, ...]:
        """What is done, in its order: those that need the build first."""
        others = [self._measured(each) for each in consumers(build, self._rank, self._ladder, self._store)]
        height = self._measured(build)
        if others and not cascade and not force:
            return (*map(self._violating, others), self._refused(height, others))
        falling = others if cascade else []
        if rooted := [each for each in falling if self._is_rooted(each)]:
            return (*map(self._rooted, rooted), self._refused(height, rooted))
        return (*map(self._demoted, falling), (self._revoked if revoking else self._demoted)(height))

    def _measured(self, build: BuildInfo) -> Height:
        return measure(build, self._ladder, self._store)

    def _violating(self, height: Height) -> Step:
        reason = f"It stands on {height.level or 'its way'} and needs what would come down."
        return self._step(height, Deed.LEFT, (reason,))

    def _is_rooted(self, height: Height) -> bool:
        place = self._ladder.place(height.home)
        return place is not None and place.rank > self._rank

    def _rooted(self, height: Height) -> Step:
        reason = (
            f"It was published to {height.home}, above the level: there is nothing below to come down to."
        )
        return self._step(height, Deed.REFUSED, (reason,), "Revoke it, or leave it where it is (--force).")

    def _refused(self, height: Height, others: list[Height]) -> Step:
        named = ", ".join(f"{each.build.name}/{each.build.number}" for each in others)
        reason = f"{named} would stand above it, and need it."
        step = "Bring them down with it (--cascade), or leave them where they are (--force)."
        return self._step(height, Deed.REFUSED, (reason,), step)

    def _demoted(self, height: Height) -> Step:
        above = self._above(height)
        settled = standing_of(height.build, self._ladder) <= self._rank and self._is_marked(height)
        if not above and settled:
            return self._step(height, Deed.UNCHANGED)
        if self._dry_run:
            return self._step(height, Deed.PLANNED)
        self._bring_down(height, above)
        return self._step(height, Deed.DEMOTED)

    def _revoked(self, height: Height) -> Step:
        above = self._above(height)
        statuses = height.build.statuses
        if not above and height.revoked and statuses and statuses[-1].status == _REVOKED:
            return self._step(height, Deed.UNCHANGED, (f"It was revoked: {height.revoked}",))
        if self._dry_run:
            return self._step(height, Deed.PLANNED)
        self._store.annotate(sorted(height.items), {REVOKED: (self._reason,)})
        self._bring_down(height, above, revoking=True)
        return self._step(height, Deed.REVOKED, (self._reason,))

    def _is_marked(self, height: Height) -> bool:
        """Whether its files on the level say so; those that were published there need not."""
        return self._is_home(height) or not height.on(self._rank) or self._rank in height.reached

    def _is_home(self, height: Height) -> bool:
        return height.repository(self._rank) == height.home

    def _above(self, height: Height) -> list[int]:
        """The ranks it has files on above the level, the highest first."""
        return sorted((each for each in height.reached | height.begun if each > self._rank), reverse=True)

    def _bring_down(self, height: Height, ranks: list[int], *, revoking: bool = False) -> None:
        """Take back what says that it stands above, then its files."""
        for rank in ranks:
            unmark(height, rank, self._store)
        if standing_of(height.build, self._ladder) > self._rank:
            self._say(height, self._ladder.levels[self._rank].name)
        if revoking and [said.status for said in height.build.statuses][-1:] != [_REVOKED]:
            self._say(height, _REVOKED)
        target = height.repository(self._rank)
        for rank in ranks:
            promotion = Promotion(status="", source=height.repository(rank), target=target, fail_fast=False)
            self._store.promote(height.build.id, promotion)
        if not self._is_home(height):
            level = {LEVEL: (self._ladder.levels[self._rank].name,)}
            here = Promotion(
                status="", source=target, target=target, copy=True, fail_fast=False, properties=level
            )
            self._store.promote(height.build.id, here)

    def _say(self, height: Height, status: str) -> None:
        comment = self._reason or f"Demoted from {height.level}."
        self._store.promote(height.build.id, Promotion(status=status, comment=comment, user=self._user))

    def _step(
        self,
        height: Height,
        deed: Deed,
        reasons: tuple[str, ...] = (),
        next: str = "",  # noqa: A002
    ) -> Step:
        repository = height.repository(self._rank)
        moved = deed in (Deed.DEMOTED, Deed.REVOKED, Deed.UNCHANGED, Deed.PLANNED)
        insides = {path.partition("/")[2] for path in height.items}
        return Step(
            build=str(height.build.id),
            level=self._ladder.levels[self._rank].name,
            deed=deed,
            came=height.level,
            repository=repository,
            paths=tuple(sorted(f"{repository}/{path}" for path in insides)) if moved else (),
            reasons=reasons,
            next=next,
        )
