"""What a server finds in its store when it starts: users, repositories, and the files of builds.

Rules:
- What is given is added to what the store knows, never taken away; a repository that is there stays as it is.
- On 7.x every build has its file, also one that was published into the folder directly.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_defend.errors import UsageError
from pytest_defend.server.buildfiles import build_file, shelve
from pytest_defend.server.calls import ANONYMOUS
from pytest_defend.stores.accounts import EVERY_REPOSITORY, RIGHTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pytest_defend.server.profiles import Profile
    from pytest_defend.stores.served import ServedStore

__all__ = ["User", "prepare", "somebody"]

_DEFAULT_RIGHTS = "rnw"


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody the server knows.

    Attributes:
        name: As in requests.
        password: The same.
        admin: Whether everything is allowed.
        rights: What is allowed in every repository, as in `stores.accounts`.
        token: An access token; empty for none.
    """

    name: str
    password: str
    admin: bool = False
    rights: str = _DEFAULT_RIGHTS
    token: str = ""

    @classmethod
    def parse(cls, text: str) -> User:
        """Read `NAME:PASSWORD`, `NAME:PASSWORD:admin` or `NAME:PASSWORD:RIGHTS`.

        Raises:
            UsageError: It is none of them.
        """
        name, _, rest = text.partition(":")
        password, _, rights = rest.partition(":")
        rights = rights or _DEFAULT_RIGHTS
        if not name or not password or (rights != "admin" and set(rights) - set(RIGHTS)):
            hint = f"Write NAME:PASSWORD, NAME:PASSWORD:admin or NAME:PASSWORD:{_DEFAULT_RIGHTS}."
            raise UsageError(f"This names no user: {name or 'no name'}.", hint=hint)
        return cls(name=name, password=password, admin=rights == "admin", rights=rights)


def somebody(store: ServedStore) -> bool:
    """Whether there is anybody who could say who they are."""
    return any(user.name != ANONYMOUS for user in store.accounts.users())


def prepare(
    store: ServedStore,
    users: Sequence[User],
    repositories: Mapping[str, Mapping[str, Any]],
    *,
    anonymous: bool,
    profile: Profile,
) -> None:
    """Add what the server was started with to what the store knows."""
    accounts = store.accounts
    for user in users:
        accounts.add_user(user.name, user.password, admin=user.admin)
        if not user.admin:
            accounts.permit(user.name, EVERY_REPOSITORY, user.rights)
        if user.token:
            accounts.new_token(user.name, user.token)
    if anonymous and ANONYMOUS not in {user.name for user in accounts.users()}:
        accounts.add_user(ANONYMOUS, "")
        accounts.permit(ANONYMOUS, EVERY_REPOSITORY, "r")
    known = accounts.repositories()
    own: dict[str, Mapping[str, Any]] = {}
    if profile.seven:
        own["artifactory-build-info"] = {"rclass": "local", "packageType": "buildinfo"}
    missing = {
        key: {"rclass": "local", "packageType": "generic", **configuration}
        for key, configuration in {**own, **repositories}.items()
        if key not in known
    }
    if missing:
        accounts.configure_all(missing)
    for kept in store.builds.runs() if profile.seven else ():
        if not store.files.has(build_file(kept)):
            shelve(store, kept, store.builds.document(kept), profile)
