"""What there is to know about a server before it is used: for those who ask why something does not work.

Rules:
- Only reads. What the server does not tell this user is None or empty, never a guess.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pytest_defend.errors import AccessDenied, NotFound, StoreError
from pytest_defend.model.repositories import VIRTUAL, Repository
from pytest_defend.stores.answers import NeedsPro
from pytest_defend.stores.artifactory.names import encoded

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_defend.stores.artifactory.site import ServerFacts, Site

__all__ = ["Inspection"]

_RIGHTS = {"r": "read", "w": "deploy", "n": "annotate", "d": "delete", "m": "manage"}


class Inspection:
    """Asks a server about itself."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def ping(self) -> None:
        """See that it is up; says nothing about credentials since version 7.

        Raises:
            Unavailable: It is not.
        """
        self._site.api("GET", "system/ping", key=self._site.locator)

    def server(self) -> ServerFacts:
        """Version, edition and clock.

        Raises:
            AccessDenied: The credentials are not valid.
            StoreError: It is no Artifactory.
        """
        return self._site.facts()

    def repositories(self) -> tuple[Repository, ...]:
        """The repositories this user sees, sorted by key; what virtual ones look into is not told."""
        query = f"?project={encoded(self._site.project)}" if self._site.project else ""
        found = self._site.read(f"repositories{query}", key=self._site.locator)
        return tuple(sorted(map(_listed, found), key=lambda repository: repository.key))

    def permissions(self, repository: str, user: str) -> frozenset[str] | None:
        """What a user may do in a repository, as far as it was given to the user by name.

        Returns:
            Of `read`, `deploy`, `annotate`, `delete`, `manage`; None when the server does not tell.
        """
        place = f"storage/{encoded(repository)}?permissions"
        try:
            found = self._site.read(place, key=repository)
        except (AccessDenied, NeedsPro, NotFound):
            return None
        except StoreError as error:
            if "HTTP 400" in error.message:  # of a virtual repository
                return None
            raise
        letters = found.get("principals", {}).get("users", {}).get(user, ())
        return frozenset(_RIGHTS[letter] for letter in letters if letter in _RIGHTS)


def _listed(entry: Mapping[str, Any]) -> Repository:
    kind = str(entry.get("type", "")).lower()
    return Repository(
        key=entry["key"],
        kind=kind,
        package_type=str(entry.get("packageType", "")).lower(),
        members=None if kind == VIRTUAL else (),
    )
