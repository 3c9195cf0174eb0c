"""One request, with everything the parts of the server need to answer it.

Rules:
- Paths are taken from the request as it was sent: a slash in a build name is `%2F`, a semicolon in a file
  name `%3B`, and both are lost once a server has decoded the path.
- Whoever asks is known before anything is answered.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from pytest_defend.server.refusals import Refused

if TYPE_CHECKING:
    from collections.abc import Mapping

    from flask import Request

    from pytest_defend.protocols import Clock
    from pytest_defend.server.profiles import Profile
    from pytest_defend.stores.accounts import Account
    from pytest_defend.stores.served import ServedStore

__all__ = ["ANONYMOUS", "Call", "Shop"]

ANONYMOUS = "anonymous"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shop:
    """What the server was started with.

    Attributes:
        store: What it serves.
        profile: Which Artifactory it is.
        clock: Says what time it is.
        open: Whether everybody may do everything.
        anonymous: Whether who has no credentials is somebody; may read unless the store says otherwise.
        hide_unauthorized: Whether what one may not read does not exist.
        pypi_json: Whether the package index speaks JSON to who asks for it.
    """

    store: ServedStore
    profile: Profile
    clock: Clock
    open: bool
    anonymous: bool = False
    hide_unauthorized: bool = False
    pypi_json: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request.

    Attributes:
        shop: The server.
        request: As flask has it.
        raw: Path below the context path, as it was sent.
        base: URL of the context path.
        user: Who asks.
        named: The parts of the path that have names, decoded.
    """

    shop: Shop
    request: Request
    raw: str
    base: str
    user: Account
    named: Mapping[str, str] = field(default_factory=dict)

    @property
    def store(self) -> ServedStore:
        """What is served."""
        return self.shop.store

    @property
    def profile(self) -> Profile:
        """Which Artifactory this is."""
        return self.shop.profile

    @property
    def query(self) -> str:
        """The query string as it was sent."""
        return str(self.request.environ.get("QUERY_STRING", ""))

    def has(self, name: str) -> bool:
        """Whether the query names a parameter, with a value or without."""
        return name in dict(parse_qsl(self.query, keep_blank_values=True))

    def asked(self, name: str, default: str = "") -> str:
        """The value of a parameter of the query."""
        return dict(parse_qsl(self.query, keep_blank_values=True)).get(name, default)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Whether a parameter of the query is on."""
        text = self.asked(name)
        return text.lower() in ("1", "true") if text else default

    def body(self) -> Any:
        """The JSON document that was sent.

        Raises:
            Refused: It is none.
        """
        try:
            return json.loads(self.request.get_data(), parse_constant=_no_number)
        except (ValueError, RecursionError) as error:
            raise Refused(400, f"Unexpected content: {error}") from error

    def need_pro(self) -> None:
        """Refuse what the open-source edition does not do."""
        if not self.profile.pro:
            raise Refused.pro_only()

    def need_admin(self) -> None:
        """Refuse who is no administrator."""
        if not self.user.admin:
            raise Refused(403, "")

    def may(self, right: str, repository: str = "") -> bool:
        """Whether the user has a right on a repository; on any one when it is empty."""
        if self.user.admin:
            return True
        return right in self.store.accounts.rights(self.user.name, repository)

    def need(self, right: str, repository: str, message: str, *, hidden: str = "") -> None:
        """Refuse who has not this right.

        Args:
            right: `r`, `n`, `w`, `d` or `m`.
            repository: Where.
            message: What is said then.
            hidden: What is said when unauthorised resources are hidden; empty to say the same.
        """
        if self.may(right, repository):
            return
        if self.shop.hide_unauthorized and hidden:
            raise Refused(404, hidden)
        if self.user.name == ANONYMOUS:
            raise Refused.unauthorized("Authentication is required")
        raise Refused(403, message)

    def readable(self, repository: str) -> bool:
        """Whether the user may read there."""
        return self.may("r", repository)


def _no_number(text: str) -> None:
    problem = f"{text} is no number"
    raise ValueError(problem)
