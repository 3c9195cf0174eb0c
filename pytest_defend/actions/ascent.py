"""Ascent: several builds, one level: asked for at the gate, lifted together, or left where they are.

Rules:
- Every gate says yes before anything moves. A build whose only refusal is a dependency that rises with it is
  asked again when that one is on the level.
- An attempt that was cut short is completed when the gate says yes, else taken back; files that no decision
  of ours brought are left, and named.
- A refusal is a value; what the store cannot do is an error, after everything was taken back.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_defend.errors import Conflict, NotFound, StoreError, Unavailable
from pytest_defend.model.climb import Deed, Judgement, Step
from pytest_defend.protocols import Promotion

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from pytest_defend.actions.heights import Height
    from pytest_defend.actions.lifting import Lift, Lifter
    from pytest_defend.model.buildinfo import BuildId
    from pytest_defend.model.decision import Decision
    from pytest_defend.protocols import Store

__all__ = ["Ascent", "Rider"]

_DEPENDENCY_RULE = "dependency-level"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rider:
    """A build that is to rise.

    Attributes:
        height: Where it is.
        waits_for: Ids of builds that rise with it, and that it needs.
    """

    height: Height
    waits_for: frozenset[str] = field(default_factory=frozenset)

    @property
    def id(self) -> str:
        """The run."""
        return str(self.height.build.id)


class Ascent:
    """Brings builds to a level.

    Args:
        store: Where they are.
        lifter: Lifts one.
        judge: Asks the gate of a level about a build.
        dry_run: Only say what would be done.
    """

    def __init__(
        self, store: Store, lifter: Lifter, judge: Callable[[BuildId, str], Decision], *, dry_run: bool
    ) -> None:
        self._store = store
        self._lifter = lifter
        self._judge = judge
        self._dry_run = dry_run

    def rise(self, riders: Sequence[Rider], rank: int) -> tuple[Step, ...]:
        """Bring builds to a level, all or none.

        Args:
            riders: In viable order.
            rank: Of the level.

        Raises:
            StoreError: The store could not do it; doing it again completes it or takes it back.
        """
        decisions = {each.id: self._judged(each, rank) for each in riders}
        stopped = {
            each.id: step
            for each in riders
            if (step := self._stopped(each, rank, decisions[each.id], final=False))
        }
        if stopped:
            return tuple(
                stopped.get(each.id) or self._left(each, rank, decisions[each.id]) for each in riders
            )
        if self._dry_run:
            return tuple(self._planned(each, rank, decisions[each.id]) for each in riders)
        return self._lifted(riders, rank, decisions)

    def _judged(self, rider: Rider, rank: int) -> Decision:
        return self._judge(rider.height.build.id, rider.height.ladder.levels[rank].name)

    def _stopped(self, rider: Rider, rank: int, decision: Decision, *, final: bool) -> Step | None:
        """The step of a build that may not rise; None when it may."""
        excused = bool(rider.waits_for) and not final
        refusals = [
            finding
            for finding in decision.refusals
            if not (excused and finding.rule.partition(":")[0] == _DEPENDENCY_RULE)
        ]
        if not refusals:
            return None
        reasons = tuple(f"{finding.rule}: {finding.actual.removesuffix('.')}." for finding in refusals)
        deed, left = self._swept(rider, rank)
        return self._step(rider, rank, deed, decision, (*reasons, *left), refusals[0].next)

    def _left(self, rider: Rider, rank: int, decision: Decision) -> Step:
        """The step of a build that another one holds; nothing of an earlier attempt stays, either."""
        deed, left = self._swept(rider, rank)
        because = "Another build that has to rise with it was refused."
        deed = Deed.LEFT if deed is Deed.REFUSED else deed
        return self._step(rider, rank, deed, decision, (because, *left))

    def _swept(self, rider: Rider, rank: int) -> tuple[Deed, tuple[str, ...]]:
        """Take back what an attempt that was cut short has left; what became of the build, and why."""
        height = rider.height
        if rank not in height.begun:
            return Deed.REFUSED, ()
        if not height.is_announced(rank):
            return Deed.REFUSED, (f"{', '.join(height.on(rank))}: no decision brought that to the level.",)
        if self._dry_run:
            return Deed.REFUSED, ("An earlier attempt was cut short; its files would be taken back.",)
        self._lifter.clear(height, rank)
        return Deed.UNDONE, ("An earlier attempt was cut short; its files were taken back.",)

    def _planned(self, rider: Rider, rank: int, decision: Decision) -> Step:
        height = rider.height
        promotion = Promotion(
            status=height.ladder.levels[rank].name,
            source=height.home,
            target=height.repository(rank),
            copy=True,
            dry_run=True,
        )
        try:
            paths = self._store.promote(height.build.id, promotion).paths
        except (NotFound, Conflict) as error:
            return self._step(rider, rank, Deed.REFUSED, decision, (error.message,), error.hint)
        return self._step(rider, rank, Deed.PLANNED, decision, paths=paths)

    def _lifted(
        self, riders: Sequence[Rider], rank: int, decisions: Mapping[str, Decision]
    ) -> tuple[Step, ...]:
        lifts: list[Lift] = []
        rider = riders[0]
        try:
            for rider in riders:
                decision = self._judged(rider, rank) if rider.waits_for else decisions[rider.id]
                if stopped := self._stopped(rider, rank, decision, final=True):
                    return self._taken_back(riders, rank, lifts, stopped.reasons, rider, stopped)
                lifts.append(self._lifter.announce(rider.height, rank, decision))
                self._lifter.copy(lifts[-1])
            for rider, lift in zip(riders, lifts, strict=True):
                if reasons := tuple(self._lifter.problems(lift, decisions)):
                    return self._taken_back(riders, rank, lifts, reasons, rider)
        except (NotFound, Conflict) as error:
            return self._taken_back(riders, rank, lifts, (error.message,), rider, hint=error.hint)
        except Unavailable:
            raise  # nothing can be taken back now; whoever comes next does
        except StoreError as error:
            self._taken_back(riders, rank, lifts, (error.message,), rider)
            raise
        for lift in lifts:
            self._lifter.record(lift)
        for lift in lifts:
            self._lifter.mark(lift)
        return tuple(self._done(rider, lift) for rider, lift in zip(riders, lifts, strict=True))

    def _done(self, rider: Rider, lift: Lift) -> Step:
        deed = Deed.COMPLETED if lift.rank in rider.height.begun else Deed.PROMOTED
        return self._step(rider, lift.rank, deed, lift.decision, paths=lift.paths, path=lift.path)

    def _taken_back(
        self,
        riders: Sequence[Rider],
        rank: int,
        lifts: Sequence[Lift],
        reasons: tuple[str, ...],
        culprit: Rider,
        stopped: Step | None = None,
        *,
        hint: str = "",
    ) -> tuple[Step, ...]:
        """Take back what was lifted, the last first; the steps of all."""
        because = (f"{culprit.id} was refused: {' '.join(reasons)}",)
        told = {rider.id: reasons if rider is culprit else because for rider in riders}
        lifted = {str(lift.id): lift for lift in lifts}
        deeds = {
            key: (Deed.UNDONE, self._lifter.take_back(lift, told[key]))
            for key, lift in reversed(lifted.items())
        }
        steps = []
        for rider in riders:
            if rider is culprit and stopped is not None:
                steps.append(stopped)
                continue
            deed, left = deeds.get(rider.id) or self._swept(rider, rank)
            if deed is Deed.REFUSED and rider is not culprit:
                deed = Deed.LEFT
            step = (hint or _AGAIN) if rider is culprit else ""
            lift = lifted.get(rider.id)
            decision, path = (lift.decision, lift.path) if lift else (None, "")
            steps.append(self._step(rider, rank, deed, decision, (*told[rider.id], *left), step, path=path))
        return tuple(steps)

    def _step(  # noqa: PLR0913  # a step has so many parts
        self,
        rider: Rider,
        rank: int,
        deed: Deed,
        decision: Decision | None,
        reasons: tuple[str, ...] = (),
        next: str = "",  # noqa: A002
        *,
        paths: tuple[str, ...] = (),
        path: str = "",
    ) -> Step:
        height = rider.height
        return Step(
            build=rider.id,
            level=height.ladder.levels[rank].name,
            deed=deed,
            came=height.level,
            repository=height.repository(rank),
            paths=paths,
            judgement=Judgement.of(decision, path) if decision else None,
            reasons=reasons,
            next=next,
        )


_AGAIN = "Find out who changed it, and promote it again."
