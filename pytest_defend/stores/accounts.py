"""Who may do what in a served store, and how its repositories are configured.

Rules:
- A password is kept as its scrypt digest, a token as its sha256: neither can be read back.
- Rights are the letters Artifactory uses: `r` read, `n` annotate, `w` deploy, `d` delete, `m` manage.
- The repository `*` stands for every one.
- A repository without a configuration is a local one.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pytest_defend.model.fields import epoch_ms
from pytest_defend.stores.schema import bound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_defend.protocols import Clock
    from pytest_defend.stores.schema import Database

__all__ = ["EVERY_REPOSITORY", "RIGHTS", "Account", "Accounts"]

RIGHTS = "rnwdm"
EVERY_REPOSITORY = "*"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user: name, and whether everything is allowed."""

    name: str
    admin: bool = False


class Accounts:
    """The users, permissions and repositories of one store.

    Args:
        database: The ledger.
        clock: Says when a repository was made.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def users(self) -> tuple[Account, ...]:
        """Everybody, sorted by name."""
        rows = self._rows("SELECT name, admin FROM users ORDER BY name")
        return tuple(Account(name=name, admin=bool(admin)) for name, admin in rows)

    def add_user(self, name: str, password: str, *, admin: bool = False) -> None:
        """Make a user, or give one a new password; an empty password lets nobody in."""
        row = (name, _sealed(password) if password else "", admin)
        with self._database.writing() as database:
            database.execute(
                "INSERT INTO users VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
                " SET password = excluded.password, admin = excluded.admin",
                row,
            )

    def remove_user(self, name: str) -> None:
        """Delete a user with tokens and permissions."""
        with self._database.writing() as database:
            database.execute("DELETE FROM users WHERE name = ?", (name,))

    def by_password(self, name: str, password: str) -> Account | None:
        """The user of this name, if that is the password or a token of theirs."""
        for known, sealed, admin in self._rows(
            "SELECT name, password, admin FROM users WHERE name = ?", bound(name)
        ):
            if sealed and _opens(password, sealed):
                return Account(name=known, admin=bool(admin))
        account = self.by_token(password)
        return account if account is not None and name in ("", account.name) else None

    def by_token(self, token: str) -> Account | None:
        """The user of an access token."""
        query = "SELECT name, admin FROM tokens JOIN users ON name = user WHERE sha256 = ?"
        for name, admin in self._rows(query, _digest(token)):
            return Account(name=name, admin=bool(admin))
        return None

    def new_token(self, name: str, token: str = "") -> str:
        """Make an access token of a user, or take the given one."""
        token = token or secrets.token_urlsafe(48)
        with self._database.writing() as database:
            database.execute("INSERT OR REPLACE INTO tokens VALUES (?, ?)", (_digest(token), name))
        return token

    def permit(self, name: str, repository: str, rights: str) -> None:
        """Give a user exactly these rights on a repository."""
        with self._database.writing() as database:
            row = (name, repository, "".join(right for right in RIGHTS if right in rights))
            database.execute("INSERT OR REPLACE INTO permissions VALUES (?, ?, ?)", row)

    def rights(self, name: str, repository: str = "") -> str:
        """What a user may do in a repository; in any one when it is empty."""
        query = "SELECT repository, rights FROM permissions WHERE user = ?"
        found = {
            right
            for where, rights in self._rows(query, bound(name))
            if not repository or where in (repository, EVERY_REPOSITORY)
            for right in rights
        }
        return "".join(right for right in RIGHTS if right in found)

    def permissions(self, repository: str) -> dict[str, str]:
        """The rights on a repository, by user."""
        return {user.name: self.rights(user.name, repository) for user in self.users()}

    def repositories(self) -> dict[str, dict[str, Any]]:
        """The configurations of all repositories, by key, sorted."""
        rows = self._rows("SELECT name, configuration FROM repositories ORDER BY name")
        return {name: json.loads(text) if text else {"rclass": "local"} for name, text in rows}

    def configure(self, key: str, configuration: Mapping[str, Any]) -> None:
        """Make a repository, or change its configuration."""
        self.configure_all({key: configuration})

    def configure_all(self, configurations: Mapping[str, Mapping[str, Any]]) -> None:
        """Make repositories, or change their configurations."""
        now = epoch_ms(self._clock())
        rows = [(key, now, json.dumps(configuration)) for key, configuration in configurations.items()]
        with self._database.writing() as database:
            database.executemany(
                "INSERT INTO repositories VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE"
                " SET configuration = excluded.configuration",
                rows,
            )

    def remove_repository(self, key: str) -> None:
        """Delete a repository and every file of it."""
        with self._database.writing() as database:
            for table in ("items", "folders"):
                database.execute(f"DELETE FROM {table} WHERE repository = ?", (key,))  # noqa: S608
            database.execute("DELETE FROM permissions WHERE repository = ?", (key,))
            database.execute("DELETE FROM repositories WHERE name = ?", (key,))

    def _rows(self, query: str, *values: str | None) -> list[tuple[Any, ...]]:
        with self._database.reading_newest() as database:
            return [] if database is None else database.execute(query, values).fetchall()


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def _sealed(password: str) -> str:
    salt = secrets.token_bytes(16)
    return f"{salt.hex()}:{_stretched(password, salt)}"


def _opens(password: str, sealed: str) -> bool:
    salt, _, digest = sealed.partition(":")
    return hmac.compare_digest(_stretched(password, bytes.fromhex(salt)), digest)


def _stretched(password: str, salt: bytes) -> str:
    # a millisecond or two: this is asked with every request, on a server that is no production
    return hashlib.scrypt(password.encode("utf-8", "surrogatepass"), salt=salt, n=1 << 10, r=8, p=1).hex()
