"""What a configuration lacks, one row each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from builders import a_build_info, a_clock
from ladders import a_ladder, provisioned
from pytest_defend.actions.doctor import doctor
from pytest_defend.errors import AccessDenied, StoreError, Unavailable, UsageError
from pytest_defend.model.repositories import Repository
from pytest_defend.stores.memory import MemoryStore

if TYPE_CHECKING:
    from datetime import datetime

    from pytest_defend.model.ladder import Ladder


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


CLIMBING = frozenset({"read", "deploy", "annotate", "delete"})


@dataclass(frozen=True)
class Permitting(Told):
    """A server that says what we may do in each repository."""

    by_key: dict[str, frozenset[str] | None] = field(default_factory=dict)
    lost: StoreError | None = None

    def permissions(self, repository: str, user: str) -> frozenset[str] | None:
        assert user == "jo"
        if repository == "A1" and self.lost:
            raise self.lost
        return self.by_key.get(repository, CLIMBING)


def _ladder_rows(server: Told | None, *, store: MemoryStore, user: str = "jo") -> dict[str, tuple[str, str]]:
    checks = doctor(
        store, server, repository="candidates", build="d", user=user, clock=a_clock, ladder=a_ladder
    )
    return {each.name: (each.answer.value, each.says) for each in checks if each.name.startswith("ladder")}


def test_a_ladder_whose_repositories_are_there_and_can_be_climbed() -> None:
    store = MemoryStore(a_clock)
    provisioned(store)
    assert _ladder_rows(None, store=store) == {"ladder": ("yes", "all 12 repositories are there")}
    assert _ladder_rows(Permitting(), store=store) == {
        "ladder": ("yes", "all 12 repositories are there"),
        "ladder permissions": (
            "yes",
            "read, deploy, annotate, delete in A1, B1, C1, A2, B2, C2, A3, B3, C3",
        ),
    }


def test_repositories_of_a_ladder_that_are_missing_or_others() -> None:
    store = MemoryStore(a_clock)
    for key in ("A1", "X"):
        store.repositories.create(Repository(key=key, package_type="pypi"))
    answer, says = _ladder_rows(Permitting(), store=store)["ladder"]
    assert answer == "no"
    assert says.startswith("B1 is not there; C1 is not there; ")
    assert "X is local pypi; the ladder needs virtual pypi; " in says
    assert _ladder_rows(Permitting(), store=store)["ladder permissions"][1].endswith(" in A1")
    assert "ladder permissions" not in _ladder_rows(Permitting(), store=MemoryStore(a_clock))


@pytest.mark.parametrize(
    ("server", "user", "answer", "says"),
    [
        (
            Permitting(by_key={"A2": frozenset({"read", "deploy"}), "B3": frozenset()}),
            "jo",
            "no",
            "lacking: annotate, delete in A2; read, deploy, annotate, delete in B3",
        ),
        (
            Permitting(by_key={"A2": None}),
            "jo",
            "unknown",
            "the server does not tell those in A2; promoting will show",
        ),
        (
            Permitting(),
            "",
            "unknown",
            "the server does not tell those in A1, B1, C1, A2, B2, C2, A3, B3, C3; promoting will show",
        ),
        (Permitting(lost=DOWN), "jo", "unknown", "s does not answer."),
    ],
)
def test_what_may_not_be_done_on_a_ladder(server: Permitting, user: str, answer: str, says: str) -> None:
    store = MemoryStore(a_clock)
    provisioned(store)
    assert _ladder_rows(server, store=store, user=user)["ladder permissions"] == (answer, says)


def test_a_ladder_that_cannot_be_read_is_a_row_too() -> None:
    def read() -> Ladder:
        raise UsageError("There is no ladder.", hint="Write one.")

    store = MemoryStore(a_clock)
    checks = doctor(store, None, repository="", build="d", user="", clock=a_clock, ladder=read)
    assert [(each.name, each.answer.value, each.says, each.hint) for each in checks[1:]] == [
        ("ladder", "no", "There is no ladder.", "Write one.")
    ]


def test_members_of_a_group_that_are_not_told_are_unknown() -> None:
    store = MemoryStore(a_clock)
    provisioned(store)

    class Silent(MemoryStore):
        @property
        def repositories(self) -> Any:
            class Told:
                def find(self, keys: Any) -> dict[str, Repository]:
                    found = store.repositories.find(keys)
                    return {key: replace(each, members=each.members and None) for key, each in found.items()}

            return Told()

    assert _ladder_rows(None, store=Silent(a_clock)) == {
        "ladder": ("unknown", "the server does not tell what X, Y, Z look into")
    }
