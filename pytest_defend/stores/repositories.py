"""The repositories of stores that keep them themselves: in a ledger, or in this process.

Rules:
- A repository that was never configured is a local one, there because files are; made, it is configured.
- A member is there before the virtual repository that looks into it; files go to a local member.
- What a server was told of a repository besides stays as it is.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import Conflict, NotFound, StoreError
from pytest_defend.model.fields import epoch_ms
from pytest_defend.model.repositories import LOCAL, VIRTUAL, Repository

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import TypeAlias

    from pytest_defend.protocols import Clock
    from pytest_defend.stores.schema import Database

    _Decide: TypeAlias = Callable[[Repository, Mapping[str, Repository], str], Repository | None]

__all__ = ["HeldRepositories", "LedgerRepositories"]

_KEY = re.compile(r"(?!.*-cache$)[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_READ = "SELECT name, configuration FROM repositories ORDER BY name"
_WRITE = """
    INSERT INTO repositories VALUES (?, ?, ?)
    ON CONFLICT (name) DO UPDATE SET configuration = excluded.configuration
"""


class LedgerRepositories:
    """Those of a directory store; see `Repositories`.

    Args:
        database: The ledger.
        clock: Says when one was made.
        locator: The store.
    """

    def __init__(self, database: Database, clock: Clock, *, locator: str) -> None:
        self._database = database
        self._clock = clock
        self._locator = locator

    def find(self, keys: Iterable[str]) -> Mapping[str, Repository]:
        """Those of these that are there."""
        with self._database.reading_newest() as database:
            there = {} if database is None else _parsed(database.execute(_READ))
        return {key: there[key][1] for key in keys if key in there}

    def create(self, repository: Repository) -> None:
        """Make one."""
        self._change(repository, _made)

    def update(self, repository: Repository) -> None:
        """Give a virtual one other members."""
        self._change(repository, _changed)

    def _change(self, repository: Repository, decide: _Decide) -> None:
        with self._database.reading_newest() as database:  # a store is not made for a refusal
            there = {} if database is None else _parsed(database.execute(_READ))
        decide(repository, {key: kept for key, (_, kept) in there.items()}, self._locator)
        with self._database.writing() as database:
            there = _parsed(database.execute(_READ))
            known = {key: kept for key, (_, kept) in there.items()}
            risen = decide(repository, known, self._locator)
            if risen is not None:
                told = there[risen.key][0] if risen.key in there else {}
                row = (risen.key, epoch_ms(self._clock()), json.dumps({**told, **risen.configuration()}))
                database.execute(_WRITE, row)


def _parsed(rows: Iterable[tuple[Any, ...]]) -> dict[str, tuple[dict[str, Any], Repository]]:
    """What is kept of each, as it stands there and as we read it."""
    told = {str(name): json.loads(text) if text else {} for name, text in rows}
    return {name: (kept, Repository.from_configuration(name, kept)) for name, kept in told.items()}


class HeldRepositories:
    """Those of a store in this process; see `Repositories`.

    Args:
        used: Says which repositories have files.
        locator: The store.
    """

    def __init__(self, used: Callable[[], Iterable[str]], *, locator: str) -> None:
        self._used = used
        self._locator = locator
        self._made: dict[str, Repository] = {}

    def find(self, keys: Iterable[str]) -> Mapping[str, Repository]:
        """Those of these that are there."""
        there = self._there()
        return {key: there[key] for key in keys if key in there}

    def create(self, repository: Repository) -> None:
        """Make one."""
        self._keep(_made(repository, self._there(), self._locator))

    def update(self, repository: Repository) -> None:
        """Give a virtual one other members."""
        self._keep(_changed(repository, self._there(), self._locator))

    def _there(self) -> dict[str, Repository]:
        return {key: Repository(key=key) for key in self._used()} | self._made

    def _keep(self, risen: Repository | None) -> None:
        if risen is not None:
            self._made[risen.key] = risen


def _made(repository: Repository, there: Mapping[str, Repository], locator: str) -> Repository | None:
    """What is to be kept of a new one; None when it is there."""
    key = repository.key
    if not _KEY.fullmatch(key) or repository.kind not in (LOCAL, VIRTUAL):
        message = f"{key!r} is no key of a local or virtual repository."
        hint = "Use letters, digits, '.', '_' and '-', at most 64, not ending in '-cache'."
        raise StoreError(key, message, hint=hint)
    _check_members(repository, there, locator)
    kept = there.get(key)
    if kept is None:
        return repository
    if not kept.is_like(repository):
        raise _conflict(kept, locator)
    return None if kept.package_type or not repository.package_type else repository


def _changed(repository: Repository, there: Mapping[str, Repository], locator: str) -> Repository | None:
    """What is to be kept of one that is there; None when nothing changes."""
    kept = there.get(repository.key)
    if kept is None:
        raise NotFound(f"repository {repository.key}", hint=f"Looked in {locator}.")
    if kept.kind != VIRTUAL or repository.kind != VIRTUAL:
        raise _conflict(kept, locator)
    _check_members(repository, there, locator)
    risen = replace(kept, members=repository.members, default_deployment=repository.default_deployment)
    return None if risen == kept else risen


def _check_members(repository: Repository, there: Mapping[str, Repository], locator: str) -> None:
    members = repository.members or ()
    for member in members:
        if member not in there:
            raise NotFound(f"repository {member}", hint=f"{repository.key} is to look into it, in {locator}.")
    target = repository.default_deployment
    if target and (target not in members or there[target].kind != LOCAL):
        message = f"{repository.key} cannot deploy to {target}, which is no local member of it."
        raise StoreError(repository.key, message, hint="Let the group see the level it deploys to.")


def _conflict(kept: Repository, locator: str) -> Conflict:
    what = " ".join(filter(None, (kept.kind, kept.package_type)))
    message = f"{kept.key} is another repository in {locator}: {what}."
    return Conflict(kept.key, message, hint="Use another key, or change it by hand.")
