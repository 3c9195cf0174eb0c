"""Lifting: builds are copied to a level, looked at again, and only then said to stand there; or taken back.

Rules:
- Every step may be done again: what is there already stays. What was cut short is completed or taken back by
  whoever comes next.
- The decision is kept first, then the server is asked what it would do, then the files are copied, then every
  file is read again. The status and then the marks come last: without them a build does not stand on a level.
- A mismatch takes back what was copied, and leaves a record of it. Copies below are never touched.
- Several builds rise together or not at all: all are copied and looked at before the first is marked.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from pytest_defend.actions.closure import maker
from pytest_defend.actions.heights import LEVEL, inside, measure, unmark
from pytest_defend.actions.papers import Paper, abort_module, decision_paper, summary_paper
from pytest_defend.errors import Conflict, NotFound
from pytest_defend.protocols import Promotion

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Iterator, Sequence

    from pytest_defend.actions.heights import Height
    from pytest_defend.model.buildinfo import BuildId, BuildInfo, Module
    from pytest_defend.model.decision import Decision
    from pytest_defend.protocols import Item, Signer, Store, Verifier

__all__ = ["Lift", "Lifter"]

_VERSION_DEPTH = 3  # `repository/name/version`
_AGAIN = "Promote it again; if this comes back, somebody changes it at the same time."


@dataclass(slots=True, kw_only=True)
class Lift:
    """One build on its way to one level.

    Attributes:
        height: Where it was.
        rank: Of the level it goes to.
        decision: The yes it goes on.
        paths: Of its files there, sorted; known once the store was asked.
        added: The modules that were added on the way.
        build: As it was after its decision was kept.
        path: Of the decision in the store.
    """

    height: Height
    rank: int
    decision: Decision
    paths: tuple[str, ...] = ()
    added: list[Module] = field(default_factory=list)
    build: BuildInfo
    path: str = ""

    @property
    def id(self) -> BuildId:
        """The run."""
        return self.height.build.id

    @property
    def target(self) -> str:
        """The repository it goes to."""
        return self.height.repository(self.rank)

    @property
    def level(self) -> str:
        """The level it goes to."""
        return self.height.ladder.levels[self.rank].name


class Lifter:
    """Lifts builds.

    Args:
        store: Where they are.
        signer: Signs summaries of decisions; None for none.
        verifiers: The keys of a PEM text; None to trust nobody.
        user: On whose behalf.
    """

    def __init__(
        self,
        store: Store,
        *,
        signer: Signer | None = None,
        verifiers: Callable[[str], Sequence[Verifier]] | None = None,
        user: str = "",
    ) -> None:
        self._store = store
        self._signer = signer
        self._verifiers = verifiers
        self._user = user

    def announce(self, height: Height, rank: int, decision: Decision) -> Lift:
        """Keep the decision, and ask the store what it would do.

        Raises:
            NotFound: A file is not there with its bytes.
            Conflict: Others are in its place, or the store would promote something else.
            StoreError: The store could not do it.
        """
        paper = decision_paper(decision.snapshot.build, decision)
        seen = decision.snapshot.build  # what the gate has looked at, whatever was read before
        lift = Lift(height=height, rank=rank, decision=decision, build=seen, path=paper.path)
        self._preview(lift)  # before anything is written
        self._add(lift, paper)
        self._preview(lift)
        return lift

    def _add(self, lift: Lift, paper: Paper) -> None:
        paper.keep(lift.build, self._store)
        lift.added.append(paper.module)
        lift.build = replace(lift.build, modules=(*lift.build.modules, paper.module))

    def _preview(self, lift: Lift) -> None:
        ours = _targets(lift.build, lift.target)
        theirs = self._store.promote(lift.id, self._promotion(lift, status=lift.level, dry_run=True))
        if theirs.paths != ours or theirs.messages:
            other = sorted({*theirs.paths} ^ {*ours}) or theirs.messages
            message = f"{lift.id}: {self._store.locator} would promote something else: {', '.join(other)}."
            raise Conflict(str(lift.id), message, hint=_AGAIN)
        lift.paths = ours

    def copy(self, lift: Lift) -> None:
        """Bring the files to the level, without a mark.

        Raises:
            StoreError: The store could not do it, or not all of it.
        """
        self._store.promote(lift.id, self._promotion(lift))

    def _promotion(self, lift: Lift, *, status: str = "", dry_run: bool = False) -> Promotion:
        return Promotion(
            status=status,
            source=lift.height.home,
            target=lift.target,
            copy=True,
            fail_fast=True,
            dry_run=dry_run,
            user=self._user,
        )

    def problems(self, lift: Lift, together: Container[str] = ()) -> Iterator[str]:
        """What is not as it was decided, one sentence each; looks at everything again.

        Args:
            lift: A build that was copied.
            together: Ids of the builds that rise with it, and have no mark yet.

        Raises:
            StoreError: The store cannot be read.
        """
        runs = [run for run in self._store.builds(lift.build.name) if run.id.number == lift.build.number]
        if len(runs) > 1:
            yield f"{lift.build.name}/{lift.build.number} was published again: there are {len(runs)} runs."
            return
        now = self._store.build(lift.id)
        if replace(now, statuses=()) != replace(lift.build, statuses=()):
            yield f"{lift.id} was changed after the gate had looked at it."
        elif now.statuses != lift.build.statuses:
            yield f"{lift.id} got another status after the gate had looked at it."
        yield from self._file_problems(lift)
        yield from self._dependency_problems(lift, together)

    def _file_problems(self, lift: Lift) -> Iterator[str]:
        """Every file of the build on the level, and in the folders of the build whatever else names it."""
        wanted = {
            f"{lift.target}/{inside(file)}": file.sha256
            for module in lift.build.modules
            for file in module.artifacts
        }
        folders = sorted({"/".join(path.split("/")[:_VERSION_DEPTH]) for path in wanted})
        there = {item.path: item for folder in folders for item in self._store.list(folder)}
        for path, sha256 in sorted(wanted.items()):
            if path not in there:
                yield f"{path} is not there."
            elif there[path].checksums.sha256 != sha256:
                yield f"{path} holds other bytes than were published."
        for path, item in there.items():
            own = lift.build.name in item.properties.get("build.name", ())
            if own and lift.build.number in item.properties.get("build.number", ()) and path not in wanted:
                yield f"{path} says it is of the build, which does not name it."

    def _dependency_problems(self, lift: Lift, together: Container[str]) -> Iterator[str]:
        """Dependencies that stood high enough when it was decided, and do not now, or not yet."""
        ladder = lift.height.ladder
        stood = {
            each.sha256: each.id
            for each in lift.decision.snapshot.dependencies
            if (place := ladder.highest(kept.path for kept in each.kept)) and place.rank >= lift.rank
        }
        kept = self._store.find(sorted(stood)) if stood else {}
        for sha256, name in stood.items():
            items = kept.get(sha256, ())
            place = ladder.highest(item.path for item in items)
            if place is None or place.rank < lift.rank:
                now = place.level if place else "no level"
                yield f"{name} came down to {now} after the gate had looked at it."
            elif not any(LEVEL in item.properties for item in items) and (
                unfinished := self._unfinished(items, lift, together)
            ):
                yield f"{name} is on its way to {lift.level}: promote {unfinished} first."

    def _unfinished(self, items: Sequence[Item], lift: Lift, together: Container[str]) -> str:
        """The build of a file, when a promotion of it to this level or a higher one was cut short."""
        if len(items) == 1:  # a promotion copies: this one was published there, and nobody need be asked
            return ""
        made = maker(items, self._store)
        if made is None or str(made.id) in together:
            return ""
        height = measure(made, lift.height.ladder, self._store)
        begun = any(rank >= lift.rank and height.is_announced(rank) for rank in height.begun)
        return f"{made.name}/{made.number}" if begun and height.rank < lift.rank else ""

    def record(self, lift: Lift) -> None:
        """Add the signed summary where there is a key, and write the status.

        Raises:
            StoreError: The store could not do it; doing it again is safe.
        """
        if self._signer is not None:
            self._add(lift, self._summary(lift, self._signer))
        said = [status.status for status in lift.build.statuses]
        status = "" if said[-1:] == [lift.level] else lift.level  # written before it was cut short
        self._store.promote(lift.id, self._promotion(lift, status=status))
        lift.paths = _targets(lift.build, lift.target)

    def mark(self, lift: Lift) -> None:
        """Say on every file that the build stands on the level: from now on it does.

        Raises:
            StoreError: The store could not do it; doing it again is safe.
        """
        self._store.promote(lift.id, replace(self._promotion(lift), properties={LEVEL: (lift.level,)}))

    def _summary(self, lift: Lift, signer: Signer) -> Paper:
        return summary_paper(lift.build, lift.decision, self._store, signer, self._verifiers)

    def take_back(self, lift: Lift, reasons: Sequence[str]) -> tuple[str, ...]:
        """Undo a copy, and record why.

        Returns:
            What cannot be taken away, one sentence each: a store moves what a build names, with its bytes.

        Raises:
            StoreError: The store could not do it; doing it again is safe.
        """
        ladder = lift.height.ladder
        with suppress(NotFound):
            if lift.rank in measure(self._store.build(lift.id), ladder, self._store).reached:
                return ("Another promotion brought it there meanwhile: nothing was taken back.",)
        self.clear(measure(lift.build, ladder, self._store), lift.rank)
        with suppress(NotFound, Conflict):  # somebody replaced the build itself
            self._store.append(lift.id, [abort_module(lift.build, lift.decision, reasons)])
        folders = sorted({"/".join(path.split("/")[:_VERSION_DEPTH]) for path in lift.paths})
        there = {item.path for folder in folders for item in self._store.list(folder)}
        left = [path for path in lift.paths if path in there]
        return tuple(f"{path} could not be taken away: remove it by hand." for path in left)

    def clear(self, height: Height, rank: int) -> None:
        """Take the files of a build from a level it has not reached; what is below stays as it is.

        Raises:
            StoreError: The store could not do it; doing it again is safe.
        """
        unmark(height, rank, self._store)
        if height.on(rank):
            promotion = Promotion(
                status="", source=height.repository(rank), target=height.home, fail_fast=False
            )
            self._store.promote(height.build.id, promotion)


def _targets(build: BuildInfo, repository: str) -> tuple[str, ...]:
    return tuple(
        sorted({f"{repository}/{inside(file)}" for module in build.modules for file in module.artifacts})
    )
