"""What a configuration lacks, one row each."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from builders import a_build_info, a_clock
from pytest_defend.actions.doctor import doctor
from pytest_defend.errors import AccessDenied, StoreError, Unavailable
from pytest_defend.stores.memory import MemoryStore

if TYPE_CHECKING:
    from datetime import datetime


@dataclass(frozen=True)
class Facts:
    """What the server says about itself."""

    version: str = "7.104.5"
    edition: str = "pro"
    date: datetime | None = field(default_factory=a_clock)

    @property
    def numbers(self) -> tuple[int, ...]:
        return tuple(int(part) for part in self.version.split(".")[:2]) if self.version else (99, 0)


@dataclass(frozen=True)
class Repo:
    """A repository."""

    key: str = "candidates"
    kind: str = "local"


@dataclass(frozen=True)
class Told:
    """A server that tells what it is made to tell."""

    pinged: StoreError | None = None
    facts: Facts | StoreError = field(default_factory=Facts)
    seen: tuple[Repo, ...] | StoreError = (Repo(),)
    rights: frozenset[str] | None = frozenset({"read", "deploy", "annotate"})

    def ping(self) -> None:
        if self.pinged:
            raise self.pinged

    def server(self) -> Facts:
        if isinstance(self.facts, StoreError):
            raise self.facts
        return self.facts

    def repositories(self) -> tuple[Repo, ...]:
        if isinstance(self.seen, StoreError):
            raise self.seen
        return self.seen

    def permissions(self, repository: str, user: str) -> frozenset[str] | None:
        assert (repository, user) == ("candidates", "jo")
        return self.rights


def _rows(server: Told | None, *, user: str = "jo", store: MemoryStore | None = None) -> dict[str, str]:
    checks = doctor(
        store or MemoryStore(a_clock), server, repository="candidates", build="demo", user=user, clock=a_clock
    )
    for check in checks:
        assert check.answer.value == "yes" or check.hint or check.answer.value == "unknown"
    return {check.name: check.answer.value for check in checks}


ALL = (
    "connection",
    "credentials",
    "version",
    "clock",
    "repository candidates",
    "permissions",
    "builds",
    "promotion",
)


def test_everything_is_there() -> None:
    assert _rows(Told()) == dict.fromkeys(ALL, "yes")


DOWN = Unavailable("s", "s does not answer.", hint="Check it.")
DENIED = AccessDenied("s", "s refuses us.", hint="Check the token.")


@pytest.mark.parametrize(
    ("server", "wrong"),
    [
        (Told(facts=Facts(version="5.10.4")), {"version": "no"}),
        (Told(facts=Facts(version="")), {"version": "unknown"}),
        (Told(facts=Facts(edition="oss")), {"promotion": "no"}),
        (Told(facts=Facts(edition="")), {"promotion": "unknown"}),
        (Told(facts=Facts(date=None)), {"clock": "unknown"}),
        (Told(facts=Facts(date=a_clock() + timedelta(minutes=5))), {"clock": "no"}),
        (Told(facts=Facts(date=a_clock() - timedelta(minutes=5))), {"clock": "no"}),
        (Told(rights=None), {"permissions": "unknown"}),
        (Told(rights=frozenset({"read", "annotate"})), {"permissions": "no"}),
    ],
)
def test_one_thing_is_wrong(server: Told, wrong: dict[str, str]) -> None:
    assert _rows(server) == {**dict.fromkeys(ALL, "yes"), **wrong}


def test_a_token_alone_does_not_say_who_we_are() -> None:
    assert _rows(Told(), user="")["permissions"] == "unknown"


@pytest.mark.parametrize("seen", [(), (Repo(kind="virtual"),), (Repo(kind="remote"),), (Repo(key="other"),)])
def test_a_repository_that_cannot_be_deployed_to(seen: tuple[Repo, ...]) -> None:
    rows = _rows(Told(seen=seen))
    assert rows["repository candidates"] == "no"
    assert "permissions" not in rows


def test_repositories_that_are_not_told() -> None:
    assert _rows(Told(seen=DENIED))["repository candidates"] == "unknown"


def test_what_depends_on_the_connection_is_left_out() -> None:
    assert _rows(Told(pinged=DOWN)) == {"connection": "no"}
    assert _rows(Told(facts=DENIED)) == {"connection": "yes", "credentials": "no"}


def test_a_folder_has_its_builds() -> None:
    store = MemoryStore(a_clock)
    assert _rows(None, store=store) == {"builds": "yes"}
    store.publish_build(a_build_info())
    (check,) = doctor(store, None, repository="", build="demo", user="", clock=a_clock)
    assert "the latest is demo/1@" in check.says


@pytest.mark.parametrize("error", [DOWN, DENIED])
def test_builds_that_cannot_be_read(error: StoreError) -> None:
    class Broken(MemoryStore):
        def build(self, _build: Any) -> Any:
            raise error

    assert _rows(None, store=Broken(a_clock)) == {"builds": "no"}
