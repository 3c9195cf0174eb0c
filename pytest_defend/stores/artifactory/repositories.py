"""The repositories of a server, over its REST interface.

Rules:
- One request tells what there is; only virtual ones that are asked for are asked about one by one.
- Making and changing them needs Pro and an administrator; whoever is refused is told what to do by hand.
- When a server says no, or nobody says what it did, the repository is read back: there as it should be means
  done.
- Changing sends members and default deployment alone.

Source: JFrog's REST documentation of repository configurations.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.errors import AccessDenied, Conflict, NotFound, StoreError
from pytest_defend.model.repositories import VIRTUAL, Repository
from pytest_defend.stores.answers import NeedsPro
from pytest_defend.stores.artifactory.names import encoded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import Any

    from pytest_defend.stores.artifactory.site import Site

__all__ = ["ServerRepositories"]

_NOT_TOLD = (400, 403, 404)  # open source edition, no administrator, gone meanwhile
_BY_HAND = "Let an administrator make {key} as the plan describes it, in the web interface."


class ServerRepositories:
    """Those of one Artifactory; see `Repositories`.

    Args:
        site: The server.
    """

    def __init__(self, site: Site) -> None:
        self._site = site

    def find(self, keys: Iterable[str]) -> Mapping[str, Repository]:
        """Those of these that are there, as far as this user sees them."""
        told = self._site.read("repositories", key=self._site.locator)
        listed = {str(entry["key"]): entry for entry in told}
        return {key: self._read(key, listed[key]) for key in keys if key in listed}

    def _read(self, key: str, entry: Mapping[str, Any]) -> Repository:
        listed = {**entry, "rclass": entry.get("type")}
        if str(entry.get("type")).lower() == VIRTUAL:
            place = f"repositories/{encoded(key)}"
            listed |= self._site.read(place, key=key, also=_NOT_TOLD) or {}
        return Repository.from_configuration(key, listed)

    def create(self, repository: Repository) -> None:
        """Make one."""
        document = repository.configuration()
        if self._site.project:
            document["projectKey"] = self._site.project
        self._send("PUT", repository, document)

    def update(self, repository: Repository) -> None:
        """Give a virtual one other members."""
        key = repository.key
        kept = self.find([key]).get(key)
        if kept is None:
            raise NotFound(f"repository {key}", hint=f"Looked in {self._site.locator}.")
        if kept.kind != VIRTUAL or repository.kind != VIRTUAL:
            raise self._conflict(kept)
        told = repository.configuration()
        changed = {name: told[name] for name in ("key", "rclass", "repositories", "defaultDeploymentRepo")}
        self._send("POST", repository, changed)

    def _send(self, method: str, repository: Repository, document: Mapping[str, object]) -> None:
        key = repository.key
        self._check_edition(key)
        try:
            self._site.api(method, f"repositories/{encoded(key)}", key=f"repository {key}", document=document)
        except AccessDenied as error:
            raise AccessDenied(key, error.message, hint=_BY_HAND.format(key=key)) from error
        except NeedsPro:
            raise
        except StoreError as error:
            there = self.find({key, *(repository.members or ())})
            kept = there.get(key)
            if kept is not None and kept.members is not None and kept.is_like(repository):
                return
            if kept is not None and method == "PUT":
                raise self._conflict(kept) from error
            self._check_members(repository, there, error)
            raise

    def _check_edition(self, key: str) -> None:
        if self._site.facts().edition == "oss":
            says = "the open source edition lets nobody make or change repositories over REST"
            raise NeedsPro(key, f"{key}: {says}, {self._site.locator}.", hint=_BY_HAND.format(key=key))

    def _check_members(
        self, repository: Repository, there: Mapping[str, Repository], error: StoreError
    ) -> None:
        """Say which member is missing, where that is why a server refuses."""
        for member in repository.members or ():
            if member not in there:
                hint = f"{repository.key} is to look into it, in {self._site.locator}."
                raise NotFound(f"repository {member}", hint=hint) from error

    def _conflict(self, kept: Repository) -> Conflict:
        what = " ".join(filter(None, (kept.kind, kept.package_type)))
        message = f"{kept.key} is another repository in {self._site.locator}: {what}."
        return Conflict(kept.key, message, hint="Use another key, or change it by hand.")
