"""Kill a promotion at every step: the same again completes it or takes it back, and says which.

At no moment does a reader of the level see a part of a build: neither in the listing, nor by the marks, nor
in the index of the virtual repository.

A process that dies before a call leaves what one leaves that dies after the call before it: in this process
one of both is enough. `PROMOTION_FAULTS=all` breaks every request of a promotion over HTTP, before and after
it is done, also with a dependency, and kills a real process at every request that changes something;
`PROMOTION_PROFILE` chooses the server.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import suppress
from itertools import count, cycle
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from builders import a_clock
from climbing import a_candidate, a_policy, climbed, names_on, packages_of, served_ladder, the_build
from pytest_defend.actions.demote import demote
from pytest_defend.errors import StoreError
from pytest_defend.model.decision import Ruling
from pytest_defend.stores.artifactory import ArtifactoryStore
from pytest_defend.stores.memory import MemoryStore
from pytest_defend.stores.session import Session
from scripted import Gate
from served import a_store_at

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_defend.model.climb import Climb
    from pytest_defend.protocols import Store
    from scripted import Seen

ALL = os.environ.get("PROMOTION_FAULTS") == "all"
PROFILE = os.environ.get("PROMOTION_PROFILE", "7-pro")
NAMES = count()
MOMENTS = ("before", "after")


class _Killed(BaseException):
    """The process is gone."""


class _Mortal:
    """A store whose user dies at one of its calls.

    Args:
        store: The real one.
        last: After which call, from 1; 0 for none.
        look: Called after every call.
    """

    def __init__(self, store: Store, last: int, look: Callable[[], None]) -> None:
        self._store, self._last, self._look = store, last, look
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        value = getattr(self._store, name)
        if not callable(value):
            return value

        def call(*given: Any, **named: Any) -> Any:
            self.calls += 1
            answer = value(*given, **named)
            self._look()
            if self.calls == self._last:
                raise _Killed
            return answer

        return call


class _Reader:
    """Whoever uses level B.

    Args:
        store: Through which it looks.
        names: Of the builds it looks at.
        index: The files an index shows of a package; None where there is no index.
    """

    def __init__(
        self, store: Store, names: tuple[str, ...], index: Callable[[str], set[str]] | None = None
    ) -> None:
        self._store, self._names, self._index = store, names, index

    def look(self) -> None:
        """Fail when a part of a build can be seen."""
        for name in self._names:
            whole = set(packages_of(name))
            there = [item for item in self._store.list(f"b/{name}") if item.path.rpartition("/")[2] in whole]
            names = {item.path.rpartition("/")[2] for item in there}
            marked = {
                item.path.rpartition("/")[2]
                for item in there
                if item.properties.get("defend.level") == ("b",)
            }
            assert names in (set(), whole)
            assert marked in (set(), whole)
            if self._index is not None:
                assert self._index(name) in (set(), whole)


def _promote(store: Any, names: tuple[str, ...]) -> Climb:
    return climbed(store, names[-1], with_dependencies=len(names) > 1)


def _check_whole(store: Store, climb: Climb, names: tuple[str, ...], begun: set[str]) -> None:
    """Everything is there once, and the report says how it came about."""
    assert climb.ruling is Ruling.PASS, climb
    told = {step.build.partition("/")[0]: step.deed for step in climb.steps}
    for name in names:
        build = store.build(the_build(name))
        files = {f"b/{file.path}" for module in build.modules for file in module.artifacts}
        assert {item.path for item in store.list(f"b/{name}")} == files
        assert {item.properties["defend.level"] for item in store.list(f"b/{name}")} == {("b",)}
        assert [status.status for status in build.statuses] == ["b"]
        expected = ("completed",) if name in begun else ("promoted", "unchanged", None)
        assert told.get(name) in expected, (name, told, begun)


def _stands(store: Store, name: str) -> bool:
    items = store.list(f"b/{name}")
    return bool(items) and all("defend.level" in item.properties for item in items)


def _begun(store: Store, names: tuple[str, ...]) -> set[str]:
    """Builds with files on the level that do not stand on it yet."""
    return {name for name in names if store.list(f"b/{name}") and not _stands(store, name)}


def _candidates(folder: Path, store: Store, size: int) -> tuple[str, ...]:
    """Builds that need each other in a row, the last one all before it."""
    number = next(NAMES)
    names = tuple(f"p{number}{part}" for part in "xyz"[:size])
    for place, name in enumerate(names):
        a_candidate(folder, store, name, *names[:place])
    return names


def _spoil(store: Store, name: str) -> None:
    """The gate says no from now on."""
    paths = [item.path for item in store.list(f"a/{name}/1.0/evidence")]
    store.annotate(paths, {"defend.stage.tests": ("failed",)})


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("spoilt", [False, True], ids=["completed", "undone"])
def test_killed_at_any_call(tmp_path: Path, size: int, spoilt: bool) -> None:
    for last in count(1):
        store = MemoryStore(a_clock)
        names = _candidates(tmp_path, store, size)
        reader = _Reader(store, names)
        mortal = _Mortal(store, last, reader.look)
        with suppress(_Killed):
            _promote(mortal, names)
        died, begun = mortal.calls == last, _begun(store, names)
        if spoilt and not all(_stands(store, name) for name in names):
            _spoil(store, names[-1])
            standing = {name for name in names if _stands(store, name)}
            climb = _promote(_Mortal(store, 0, reader.look), names)
            assert climb.ruling is Ruling.FAIL
            assert {step.build.partition("/")[0] for step in climb.steps if step.deed == "undone"} == begun
            assert names_on(store, "b") == {file for name in standing for file in packages_of(name)}
        else:
            climb = _promote(_Mortal(store, 0, reader.look), names)
            _check_whole(store, climb, names, begun)
        if not died:
            return


def test_a_demotion_killed_at_any_call(tmp_path: Path) -> None:
    for last in count(1):
        store = MemoryStore(a_clock)
        names = _candidates(tmp_path, store, 2)
        _promote(store, names)
        reader = _Reader(store, names)
        mortal: Any = _Mortal(store, last, reader.look)
        with suppress(_Killed):
            _demote(mortal, names)
        died = mortal.calls == last
        _demote(store, names)
        reader.look()
        assert store.list("b") == ()
        assert {store.build(the_build(name)).statuses[-1].status for name in names} == {"a"}
        if not died:
            return


def _demote(store: Store, names: tuple[str, ...]) -> Climb:
    return demote(the_build(names[0]), level="a", ladder=a_policy().ladder, store=store, cascade=True)


# Over HTTP.


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with served_ladder(tmp_path_factory.mktemp("served"), PROFILE) as url:
        yield url


def _index(url: str, name: str) -> set[str]:
    """What pip would find of a package through the virtual repository."""
    try:
        with urllib.request.urlopen(f"{url}/api/pypi/group/simple/{name}/") as answer:
            page = answer.read().decode()
    except urllib.error.HTTPError:
        return set()
    return {file for file in packages_of(name) if f">{file}<" in page}


def _through(gate: Gate) -> ArtifactoryStore:
    session = Session(sleep=lambda seconds: time.sleep(min(seconds, 0.01)), tries=1)
    return ArtifactoryStore(f"{gate.url}/artifactory", session, a_clock, workers=2, settle_s=0.01)


def _changes(seen: Seen) -> bool:
    return seen.method not in ("GET", "HEAD") and "/search/aql" not in seen.line


class _Trial:
    """One promotion through a gate, with a reader at the other side."""

    def __init__(self, folder: Path, url: str, size: int) -> None:
        self.store = a_store_at(url)
        self.names = _candidates(folder, self.store, size)
        self.reader = _Reader(self.store, self.names, lambda name: _index(url, name))

    def check(self, url: str) -> None:
        """The same again completes it."""
        begun = _begun(self.store, self.names)
        self.reader.look()
        with Gate(url) as gate:
            gate.before = lambda seen: self.reader.look() if _changes(seen) else None
            climb = _promote(_through(gate), self.names)
        _check_whole(self.store, climb, self.names, begun)


def _plan(url: str, folder: Path, size: int) -> list[bool]:
    """Every request of a promotion: whether it changes anything."""
    trial = _Trial(folder, url, size)
    with Gate(url) as gate:
        _promote(_through(gate), trial.names)
        return [_changes(seen) for seen in gate.seen]


def _faults(plan: list[bool]) -> Iterator[tuple[int, str]]:
    """Which request breaks, and when; else than with `all` those that change something, by turns."""
    if ALL:
        yield from ((n, moment) for n in range(1, len(plan) + 1) for moment in MOMENTS)
        return
    changes = [n for n, changes in enumerate(plan, start=1) if changes]
    yield from zip(changes, cycle(MOMENTS), strict=False)


@pytest.mark.slow
@pytest.mark.parametrize("size", [1, 2] if ALL else [1])
def test_broken_at_any_request(tmp_path: Path, url: str, size: int) -> None:
    for n, moment in _faults(_plan(url, tmp_path, size)):
        trial = _Trial(tmp_path, url, size)
        with Gate(url) as gate:
            gate.faults = {n: f"reset {moment}"}
            with suppress(StoreError):
                _promote(_through(gate), trial.names)
        trial.check(url)


CHILD = """
import sys
sys.path[:0] = sys.argv[3:]
from builders import a_clock
from climbing import climbed
from pytest_defend.stores.artifactory import ArtifactoryStore
from pytest_defend.stores.session import Session
store = ArtifactoryStore(sys.argv[1], Session(), a_clock, workers=2, settle_s=0.01)
climbed(store, sys.argv[2], with_dependencies=True)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="no SIGKILL there")
def test_a_process_that_is_killed(tmp_path: Path, url: str) -> None:
    size = 2 if ALL else 1
    changes = [n for n, changes in enumerate(_plan(url, tmp_path, size), start=1) if changes]
    meant = [(n, moment) for n in changes for moment in MOMENTS]
    for n, moment in meant if ALL else meant[len(meant) // 2 :][:1]:
        trial = _Trial(tmp_path, url, size)
        with Gate(url) as gate:
            gate.faults = {n: f"reset {moment}"}
            given = [f"{gate.url}/artifactory", trial.names[-1], str(Path(__file__).parents[1]), *sys.path]
            child = subprocess.Popen([sys.executable, "-c", CHILD, *given])
            gate.broken = child.kill
            child.wait(60)
        trial.check(url)
