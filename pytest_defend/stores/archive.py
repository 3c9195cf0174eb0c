"""The builds of a store as a server knows them: several runs of a number, projects, changed documents.

Rules:
- A run is name + number + `started` in milliseconds, in one project.
- A document is changed in one transaction: nothing another one adds meanwhile is lost.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_defend.errors import Conflict
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.fields import epoch_ms, instant_from_ms
from pytest_defend.protocols import Run
from pytest_defend.stores import rules, runs
from pytest_defend.stores.schema import bound

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence

    from pytest_defend.model.buildinfo import BuildInfo
    from pytest_defend.protocols import Clock
    from pytest_defend.stores.schema import Database

__all__ = ["Archive", "Kept"]

_KEPT = """
    SELECT name, number, started, started_ms, project, published_ms, created_by FROM builds
    WHERE (? = '' OR name = ?) AND (? = '' OR number = ?) AND (? IS NULL OR project = ?)
    ORDER BY name, started_ms, number
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A run that is kept.

    Attributes:
        run: Its identity.
        project: Key of the project it belongs to; empty for none.
        published_ms: When it was kept.
        user: Who published it.
    """

    run: Run
    project: str
    published_ms: int
    user: str

    @property
    def started_ms(self) -> int:
        """Its `started` in milliseconds."""
        return epoch_ms(self.run.started_at)


class Archive:
    """The builds of one store.

    Args:
        database: The ledger.
        clock: Says when something was published.
        locator: The store, as shown to people.
    """

    def __init__(self, database: Database, clock: Clock, *, locator: str) -> None:
        self._database = database
        self._clock = clock
        self._locator = locator

    def runs(self, name: str = "", number: str = "", project: str | None = None) -> tuple[Kept, ...]:
        """The runs that match, sorted by name, then `started`; empty matches all, None all projects."""
        with self._database.reading_newest() as database:
            return () if database is None else _kept(database, name, number, project)

    def document(self, kept: Kept) -> BuildInfo:
        """The document of a run.

        Raises:
            NotFound: It is gone.
            Corrupt: It is not what was written.
        """
        with self._database.reading_newest() as database:
            there, run = self._found(database, kept)
            return runs.read_document(there, run, locator=self._locator, project=kept.project)

    def publish(self, build: BuildInfo, *, project: str, user: str, replacing: bool) -> Kept:
        """Keep a run.

        Args:
            build: Its document.
            project: Where it belongs.
            user: Who publishes.
            replacing: Whether the same run may be there, and is lost then.

        Raises:
            Conflict: The same run is there.
            StoreError: No store could keep it.
        """
        rules.check_build(build)
        number = f"{build.name}/{build.number}"
        with self._database.writing() as database:
            same = [
                kept
                for kept in _kept(database, build.name, build.number, project)
                if kept.started_ms == int(build.timestamp)
            ]
            if same and not replacing:
                raise Conflict(number, f"{number}, started {build.started}, is there.")
            _remove(database, same)
            now = epoch_ms(self._clock())
            runs.new_run(database, build, published_ms=now, project=project, created_by=user)
            started_at = instant_from_ms(int(build.timestamp))
            return Kept(
                run=Run(id=build.id, started_at=started_at), project=project, published_ms=now, user=user
            )

    def change(self, kept: Kept, change: Callable[[BuildInfo], BuildInfo]) -> BuildInfo:
        """Write what `change` makes of a document.

        Raises:
            NotFound: The run is gone.
        """
        with self._database.writing() as database:
            _, run = self._found(database, kept)
            document = runs.read_document(database, run, locator=self._locator, project=kept.project)
            changed = change(document)
            runs.rewrite_run(database, run, changed, project=kept.project)
        return changed

    def remove(self, kept: Sequence[Kept]) -> None:
        """Delete runs."""
        with self._database.writing() as database:
            _remove(database, kept)

    def rename(self, name: str, new: str, project: str) -> None:
        """Give every run of a name another one."""
        with self._database.writing() as database:
            for kept in _kept(database, name, "", project):
                document = runs.read_document(database, kept.run, locator=self._locator, project=kept.project)
                _remove(database, [kept])
                runs.new_run(
                    database,
                    replace(document, name=new),
                    published_ms=kept.published_ms,
                    project=kept.project,
                    created_by=kept.user,
                )

    def _found(self, database: sqlite3.Connection | None, kept: Kept) -> tuple[sqlite3.Connection, Run]:
        known = kept.run.id
        if database is None or not any(
            kept.run == other.run for other in _kept(database, known.name, known.number, kept.project)
        ):
            raise rules.not_found(known, self._locator)
        return database, kept.run


def _kept(database: sqlite3.Connection, name: str, number: str, project: str | None) -> tuple[Kept, ...]:
    name_, number_ = bound(name), bound(number)
    rows = database.execute(_KEPT, (name_, name_, number_, number_, project, project))
    return tuple(
        Kept(
            run=Run(
                id=BuildId(name=name, number=number, started=started), started_at=instant_from_ms(started_ms)
            ),
            project=owner,
            published_ms=published_ms,
            user=user,
        )
        for name, number, started, started_ms, owner, published_ms, user in rows
    )


def _remove(database: sqlite3.Connection, kept: Sequence[Kept]) -> None:
    rows = [(one.run.id.name, one.run.id.number, one.started_ms, one.project) for one in kept]
    database.executemany(
        "DELETE FROM builds WHERE name = ? AND number = ? AND started_ms = ? AND project = ?", rows
    )
