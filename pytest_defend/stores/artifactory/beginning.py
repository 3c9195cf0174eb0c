"""Which of several that begin one build at the same moment may.

Rules:
- A server has no way to create a build only when there is none. The files of a run, which name their build
  in their properties, are its announcement: all of them are there before anybody looks for those of others.
- Who sees nobody else begins. Who sees others waits for what they do: the run that started first a short
  time, every other one a longer time. Whose turn comes and finds a build is refused.
- What was announced long ago is of one that died, or of one that will see us when it looks.
- Who saw others, or was held up between looking and publishing, looks once more afterwards: of two runs the
  one that started later withdraws.
"""

from __future__ import annotations

import random
import time
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from pytest_defend.errors import Conflict, NotFound, StoreError
from pytest_defend.model.buildinfo import BuildId, BuildInfo
from pytest_defend.model.fields import epoch_ms

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from pytest_defend.protocols import Item, Run
    from pytest_defend.stores.artifactory.catalogue import Catalogue
    from pytest_defend.stores.artifactory.ledger import Ledger
    from pytest_defend.stores.artifactory.publication import Named, Placed
    from pytest_defend.stores.artifactory.site import Site

__all__ = ["Beginning"]

_FIRST = 2  # how often the run that started first looks again, and the others do
_OTHERS = 10
_LONG_AGO = timedelta(minutes=1)


class Beginning:
    """Makes a build visible when nobody else does.

    Args:
        site: The server.
        catalogue: Its files.
        ledger: Its builds.
        settle_s: How long another one may take between looking and publishing.
    """

    def __init__(self, site: Site, catalogue: Catalogue, ledger: Ledger, *, settle_s: float) -> None:
        self._site = site
        self._catalogue = catalogue
        self._ledger = ledger
        self._settle_s = settle_s

    def begin(self, build: BuildInfo, placed: Placed) -> None:
        """Publish a build whose files are there.

        Raises:
            Conflict: Another run has the number, or was published with another document.
            Unclear: It cannot be found out whether the build is visible.
        """
        looked_at = time.monotonic()
        others = self._announced(build, placed.items)
        for turn in range(self._turns(build, others) if others else 0):
            if self._ledger.kept(build) is not None:
                return
            self._site.pause(self._settle_s)
            looked_at = time.monotonic()
            if turn >= _FIRST and not self._announced(build, placed.items):
                break  # whoever it was has withdrawn
        if placed.items and self._ledger.kept(build) is not None:  # sending them takes time
            return
        self._ledger.publish(build)
        if others or time.monotonic() - looked_at > self._settle_s:
            self._settle(build)
        if others:
            with suppress(StoreError):  # it is visible; who was refused may have taken marks along
                placed.confirm()

    def named(self, build: BuildInfo, paths: Iterable[str]) -> Named:
        """The files of a run that another one of its number names, and the properties they need for it.

        Raises:
            StoreError: It cannot be found out.
        """
        try:
            return {path: {} for path in paths} if self._ledger.kept(build) is not None else {}
        except Conflict:
            there = self._ledger.build(BuildId(name=build.name, number=build.number))
        places = {(made.repository, made.path) for module in there.modules for made in module.artifacts}
        if not all(map(all, places)):  # of a client that does not say where files are
            return {path: {} for path in paths}
        needed = {
            "build.name": (there.name,),
            "build.number": (there.number,),
            "build.timestamp": (there.timestamp,),
        }
        return {path: needed for path in paths if tuple(path.split("/", 1)) in places}

    def _announced(self, build: BuildInfo, own: Mapping[str, Item]) -> Sequence[Item]:
        """The files of others that name this build, and were sent not long ago."""
        if not any(build.number in item.properties.get("build.number", ()) for item in own.values()):
            return ()  # a publication that does not announce itself
        there = self._catalogue.of_build(build.name, build.number)
        newest = max((item.created for item in there), default=None)
        return [
            item
            for item in there
            if item.path not in own and newest is not None and newest - item.created < _LONG_AGO
        ]

    def _turns(self, build: BuildInfo, others: Collection[Item]) -> int:
        """How often to look whether another one has begun."""
        stamps = [item.properties.get("build.timestamp", ()) for item in others]
        started = {int(values[0]) for values in stamps if len(values) == 1 and values[0].isdecimal()}
        own = int(build.timestamp)
        if started and own < min(started):
            return _FIRST
        if not started or own == min(started):  # nobody is first: chance decides
            return random.randint(_FIRST, _OTHERS)  # noqa: S311
        return _OTHERS

    def _settle(self, build: BuildInfo) -> None:
        """See that the build is the only one of its number.

        Raises:
            Conflict: It is not; it was withdrawn where it could be.
        """
        self._site.pause(self._settle_s)
        for turn in range(_OTHERS):
            others = self._twins(build)
            if not others:
                self._ledger.kept(build)  # of the same moment, another document may have replaced it
                return
            if all(run.started_at < build.started_at for run in others):
                self._withdraw(build, others)
            if turn < _OTHERS - 1:
                self._site.pause(self._settle_s)
        raise self._refusal(build, others, "delete one of them")

    def _twins(self, build: BuildInfo) -> list[Run]:
        return [
            run
            for run in self._ledger.runs(build.name)
            if run.id.number == build.number and epoch_ms(run.started_at) != int(build.timestamp)
        ]

    def _withdraw(self, build: BuildInfo, others: Sequence[Run]) -> None:
        """Delete this run: the latest is what its number means.

        Raises:
            Conflict: Unless another one was withdrawn meanwhile.
        """
        try:
            kept = [self._ledger.build(run.id) for run in others]
        except NotFound:
            return
        with suppress(StoreError):  # the open source edition deletes no builds
            self._ledger.delete_latest(build.id)
            for other in kept:
                if not self._ledger.has_run(other.id):  # the server took the wrong one
                    self._ledger.publish(other)
        if self._ledger.has_run(build.id):
            raise self._refusal(build, others, "delete one of them")
        raise self._refusal(build, others, "this one was withdrawn")

    def _refusal(self, build: BuildInfo, others: Sequence[Run], what: str) -> Conflict:
        number = f"{build.name}/{build.number}"
        message = (
            f"{number} is kept in {self._site.locator}, started {others[0].id.started}; another one began it"
            f" at the same moment as this run, started {build.started}: {what}."
        )
        return Conflict(
            number, message, hint="Publish again (pytest-defend publish) when one of them is there."
        )
