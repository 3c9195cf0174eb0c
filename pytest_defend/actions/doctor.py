"""Doctor: can this configuration publish, mark and promote here? Says what is missing, and how to get it.

Rules:
- Only reads. One row for each thing that is needed, in the order in which a run needs them.
- A row is yes, no, or unknown; unknown is what the store does not tell, and is never taken for yes.
- When the store cannot be reached, or does not know us, what depends on that is left out.
- A ladder is one row for its repositories, and on a server one for what may be done in them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from pytest_defend.actions.provision import plan
from pytest_defend.errors import AccessDenied, DefendError, NotFound, StoreError
from pytest_defend.model.answer import Answer
from pytest_defend.model.buildinfo import BuildId
from pytest_defend.model.ladderviews import Action
from pytest_defend.model.views import Check

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from datetime import datetime

    from pytest_defend.model.ladder import Ladder
    from pytest_defend.protocols import Clock, Store

__all__ = ["Server", "doctor"]

_OLDEST = (5, 11)
_SKEW_S = 60
_NEEDED = ("read", "deploy", "annotate")
_CLIMBING = (*_NEEDED, "delete")  # what rises is taken back when it is not what was judged


class _Facts(Protocol):
    @property
    def version(self) -> str: ...
    @property
    def edition(self) -> str: ...
    @property
    def numbers(self) -> tuple[int, ...]: ...
    @property
    def date(self) -> datetime | None: ...


class _Repository(Protocol):
    @property
    def key(self) -> str: ...
    @property
    def kind(self) -> str: ...


class Server(Protocol):
    """A server that can be asked about itself."""

    def ping(self) -> None:
        """See that it is up."""

    def server(self) -> _Facts:
        """Version, edition and clock."""

    def repositories(self) -> Sequence[_Repository]:
        """The repositories this user sees."""

    def permissions(self, repository: str, user: str) -> frozenset[str] | None:
        """What the user may do there; None when it is not told."""


def doctor(
    store: Store,
    server: Server | None,
    *,
    repository: str,
    build: str,
    user: str,
    clock: Clock,
    ladder: Callable[[], Ladder] | None = None,
) -> tuple[Check, ...]:
    """Examine a configuration.

    Args:
        store: That runs publish to.
        server: The same, when it is a server.
        repository: Key of the repository packages go to.
        build: Name of the build.
        user: Who publishes; empty when only a token says it.
        clock: The time here.
        ladder: Reads the ladder; None when there is none.
    """
    if server is None:
        return (_builds(store, build), *_ladder(store, None, user, ladder))
    return tuple(_of_server(store, server, repository, build, user, clock, ladder))


def _of_server(
    store: Store,
    server: Server,
    repository: str,
    build: str,
    user: str,
    clock: Clock,
    ladder: Callable[[], Ladder] | None,
) -> Iterator[Check]:
    try:
        server.ping()
    except StoreError as error:
        yield _no("connection", error)
        return
    yield Check(name="connection", answer=Answer.YES, says=f"{store.locator} answers")
    try:
        facts = server.server()
    except StoreError as error:
        yield _no("credentials", error)
        return
    yield Check(name="credentials", answer=Answer.YES, says=f"accepted{f', user {user}' if user else ''}")
    yield _version(facts)
    yield _clock(facts, clock)
    yield from _repository(server, repository, user)
    yield _builds(store, build)
    yield _promotion(facts)
    yield from _ladder(store, server, user, ladder)


def _no(name: str, error: StoreError) -> Check:
    return Check(name=name, answer=Answer.NO, says=error.message, hint=error.hint)


def _version(facts: _Facts) -> Check:
    shown = f"{facts.version or 'of unknown version'}{f', {facts.edition}' if facts.edition else ''}"
    if not facts.version:
        return Check(name="version", answer=Answer.UNKNOWN, says="the server does not say its version")
    if facts.numbers < _OLDEST:
        return Check(
            name="version", answer=Answer.NO, says=shown, hint="Upgrade to Artifactory 5.11 or newer."
        )
    return Check(name="version", answer=Answer.YES, says=shown)


def _clock(facts: _Facts, clock: Clock) -> Check:
    if facts.date is None:
        return Check(name="clock", answer=Answer.UNKNOWN, says="the server does not say its time")
    skew_s = round(abs((clock() - facts.date).total_seconds()))
    says = f"{skew_s} s apart"
    if skew_s > _SKEW_S:
        hint = "Set the clocks by NTP: builds are ordered by when they started here."
        return Check(name="clock", answer=Answer.NO, says=says, hint=hint)
    return Check(name="clock", answer=Answer.YES, says=says)


def _repository(server: Server, repository: str, user: str) -> Iterator[Check]:
    name = f"repository {repository}"
    try:
        kinds = {one.key: one.kind for one in server.repositories()}
        rights = server.permissions(repository, user) if user and repository in kinds else None
    except StoreError as error:
        yield Check(name=name, answer=Answer.UNKNOWN, says=error.message, hint=error.hint)
        return
    kind = kinds.get(repository, "")
    if kind not in ("local", "federated"):
        says = f"it is {kind}" if kind else "it is not there, or not to be seen"
        hint = "Create a local repository of this key, or name another one with --defend-repository."
        yield Check(name=name, answer=Answer.NO, says=says, hint=hint)
        return
    yield Check(name=name, answer=Answer.YES, says=f"{kind}")
    if rights is None:
        says = "the server does not tell what we may do there; publishing will show"
        yield Check(name="permissions", answer=Answer.UNKNOWN, says=says)
        return
    missing = [right for right in _NEEDED if right not in rights]
    says = f"{', '.join(sorted(rights)) or 'none'} in {repository}"
    hint = f"Let an administrator grant {', '.join(missing)} to {user} there." if missing else ""
    answer = Answer.NO if missing else Answer.YES
    yield Check(name="permissions", answer=answer, says=says, hint=hint)


def _builds(store: Store, build: str) -> Check:
    try:
        latest = store.build(BuildId(name=build, number="latest"))
    except NotFound:
        return Check(name="builds", answer=Answer.YES, says=f"can be read; none of {build} yet")
    except AccessDenied as error:
        return _no("builds", error)
    except StoreError as error:
        return Check(name="builds", answer=Answer.NO, says=error.message, hint=error.hint)
    return Check(name="builds", answer=Answer.YES, says=f"can be read; the latest is {latest.id}")


def _promotion(facts: _Facts) -> Check:
    if facts.edition == "oss":
        hint = "Promotion needs Artifactory Pro; publishing and marking do not."
        return Check(name="promotion", answer=Answer.NO, says="not in this edition", hint=hint)
    if not facts.edition:
        return Check(name="promotion", answer=Answer.UNKNOWN, says="the server does not say its edition")
    return Check(name="promotion", answer=Answer.YES, says=f"in {facts.edition}")


def _ladder(
    store: Store, server: Server | None, user: str, read: Callable[[], Ladder] | None
) -> Iterator[Check]:
    if read is None:
        return
    try:
        ladder = read()
        steps = plan(ladder, store.repositories, store=store.locator).steps
    except DefendError as error:
        yield Check(name="ladder", answer=Answer.NO, says=error.message, hint=error.hint)
        return
    wrong = [step for step in steps if step.action not in (Action.KEEP, Action.UNKNOWN)]
    if wrong:
        told = [
            f"{step.key} {'is not there' if step.action is Action.CREATE else step.says}" for step in wrong
        ]
        hint = "Run `pytest-defend ladder apply`."
        yield Check(name="ladder", answer=Answer.NO, says="; ".join(told), hint=hint)
    elif unknown := [step.key for step in steps if step.action is Action.UNKNOWN]:
        says = f"the server does not tell what {', '.join(unknown)} look into"
        yield Check(name="ladder", answer=Answer.UNKNOWN, says=says)
    else:
        yield Check(name="ladder", answer=Answer.YES, says=f"all {len(steps)} repositories are there")
    absent = {step.key for step in wrong}
    places = [place.repository for place in ladder.places() if place.repository not in absent]
    if server is not None and places:
        yield _climbing(server, user, places)


def _climbing(server: Server, user: str, repositories: Sequence[str]) -> Check:
    """What we may do where builds rise to."""
    name = "ladder permissions"
    missing, silent = [], []
    for repository in repositories:
        try:
            rights = server.permissions(repository, user) if user else None
        except StoreError as error:
            return Check(name=name, answer=Answer.UNKNOWN, says=error.message, hint=error.hint)
        if rights is None:
            silent.append(repository)
        elif lacking := [right for right in _CLIMBING if right not in rights]:
            missing.append(f"{', '.join(lacking)} in {repository}")
    if missing:
        hint = f"Let an administrator grant them to {user}: promotions need them."
        return Check(name=name, answer=Answer.NO, says=f"lacking: {'; '.join(missing)}", hint=hint)
    if silent:
        says = f"the server does not tell those in {', '.join(silent)}; promoting will show"
        return Check(name=name, answer=Answer.UNKNOWN, says=says)
    says = f"{', '.join(_CLIMBING)} in {', '.join(repositories)}"
    return Check(name=name, answer=Answer.YES, says=says)
