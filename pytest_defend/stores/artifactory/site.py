"""One Artifactory: where its calls are, and how their answers are read.

Rules:
- A base without a path is that of the platform: Artifactory is below it at `/artifactory`.
- What should be JSON and is none, or only half of it, was cut off: asked again when reading, then an error.
- Version and edition are asked for once; a server that does not tell is taken for a new one.
"""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from pytest_defend.errors import StoreError, Unavailable, UsageError
from pytest_defend.stores.artifactory.names import encoded, matrix

if TYPE_CHECKING:
    from collections.abc import Container, Mapping, Sequence
    from datetime import datetime
    from typing import BinaryIO

    from pytest_defend.stores.answers import Answer
    from pytest_defend.stores.bodies import Body
    from pytest_defend.stores.session import Session

__all__ = ["ServerFacts", "Site"]

_READINGS = 3
_BELOW = "/artifactory"  # where Artifactory is below its platform
_SINCE_PATCH = (6, 1)
_NEWEST = (7, 999)
_PRO = {"pro", "rest", "properties", "build", "aql", "enterprise", "enterprise plus"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerFacts:
    """What a server says about itself."""

    version: str
    """Empty when it does not say."""
    edition: str
    """`oss` or `pro`; empty when it does not say."""
    addons: tuple[str, ...]
    license: str
    date: datetime | None
    """Its clock, from its answer; None when it does not say."""

    @property
    def numbers(self) -> tuple[int, ...]:
        """The version as numbers; that of a new server when it does not say."""
        found = re.match(r"(\d+)\.(\d+)", self.version)
        return (int(found[1]), int(found[2])) if found else _NEWEST

    @property
    def patches(self) -> bool:
        """Whether properties can be set as JSON."""
        return self.numbers >= _SINCE_PATCH


class Site:
    """One server.

    Args:
        url: Of Artifactory, or of the platform it belongs to.
        session: Speaks with it.
        project: Key of the JFrog project; empty for none.

    Raises:
        UsageError: It is no URL, or holds credentials.
    """

    def __init__(self, url: str, session: Session, *, project: str = "") -> None:
        self._base = _base(url)
        self._session = session
        self._project = project
        self._facts: ServerFacts | None = None
        self._asking = threading.Lock()

    @property
    def locator(self) -> str:
        """Its URL."""
        return self._base

    @property
    def project(self) -> str:
        """The key of the project."""
        return self._project

    def pause(self, seconds: float) -> None:
        """Wait."""
        self._session.pause(seconds)

    def api(
        self,
        method: str,
        path: str,
        *,
        key: str,
        document: object = None,
        repeat: bool | None = None,
        also: Container[int] = (),
    ) -> Answer:
        """Call the REST interface.

        Args:
            method: Of HTTP.
            path: Below `/api/`, encoded, with its query.
            key: What it is about, for errors.
            document: Sent as JSON; None for nothing.
            repeat: As `Session.ask` has it.
            also: Statuses other than 2xx to return.
        """
        body = b"" if document is None else json.dumps(document).encode()
        headers = {"Accept": "application/json, */*"}
        if document is not None:
            headers["Content-Type"] = "application/json"
        url = f"{self._base}/api/{path}"
        return self._session.ask(
            method,
            url,
            key=key,
            locator=self._base,
            headers=headers,
            body=body,
            repeat=repeat,
            also=also,
        )

    @property
    def platform(self) -> str:
        """URL of the platform Artifactory belongs to, where its other services are; empty when unknown."""
        return self._base.removesuffix(_BELOW) if self._base.endswith(_BELOW) else ""

    def service(
        self, method: str, path: str, *, key: str, body: bytes = b"", also: Container[int] = ()
    ) -> Answer:
        """Call another service of the platform; only reading is ever repeated.

        Args:
            method: Of HTTP.
            path: Below the platform's URL, encoded.
            key: What it is about, for errors.
            body: JSON to send.
            also: Statuses other than 2xx to return.
        """
        headers = {"Accept": "application/json", **({"Content-Type": "application/json"} if body else {})}
        url = f"{self.platform}/{path}"
        return self._session.ask(
            method,
            url,
            key=key,
            locator=self.platform,
            headers=headers,
            body=body,
            repeat=method == "GET",
            also=also,
        )

    def build_api(
        self,
        method: str,
        path: str,
        *,
        key: str,
        document: object = None,
        also: Container[int] = (),
        **query: str,
    ) -> Answer:
        """Call `/api/build`, in the project; only reading is ever repeated."""
        given = {**query, "project": self._project}
        text = "&".join(f"{name}={encoded(value)}" for name, value in given.items() if value)
        where = f"build{path}" + (f"?{text}" if text else "")
        return self.api(method, where, key=key, document=document, repeat=method == "GET", also=also)

    def file(  # a request has so many parts
        self,
        method: str,
        path: str,
        *,
        properties: Mapping[str, Sequence[str]] | None = None,
        headers: Mapping[str, str] | None = None,
        body: bytes | Body = b"",
        into: BinaryIO | None = None,
        also: Container[int] = (),
    ) -> Answer:
        """Do something with a file at its place."""
        parts = "/".join(map(encoded, path.split("/")))
        url = f"{self._base}/{parts}{matrix(properties or {})}"
        return self._session.ask(
            method, url, key=path, locator=self._base, headers=headers, body=body, into=into, also=also
        )

    def query(self, text: str, *, key: str) -> Any:
        """The answer to a query in AQL."""
        for reading in range(_READINGS):
            answer = self._session.ask(
                "POST",
                f"{self._base}/api/search/aql",
                key=key,
                locator=self._base,
                headers={"Content-Type": "text/plain"},
                body=text.encode(),
                repeat=True,
            )
            try:
                return answer.document()
            except ValueError:  # an error midway cuts the answer off, with status 200
                self.pause(reading)
        raise self.cut_off(key)

    def read(self, path: str, *, key: str, also: Container[int] = ()) -> Any:
        """A JSON document of the REST interface; None with a status of `also`."""
        for reading in range(_READINGS):
            answer = self.api("GET", path, key=key, also=also)
            if not answer.is_fine:
                return None
            try:
                return answer.document()
            except ValueError:
                self.pause(reading)
        raise self.cut_off(key)

    def facts(self) -> ServerFacts:
        """What the server says about itself; asked once."""
        with self._asking:
            if self._facts is None:
                self._facts = self._asked_facts()
            return self._facts

    def _asked_facts(self) -> ServerFacts:
        answer = self.api("GET", "system/version", key=self._base, also=(403, 404))
        try:
            said = answer.document() if answer.is_fine else {}
        except ValueError:  # a page of HTML: something else stands there
            hint = "Check that the URL is that of an Artifactory (https://.../artifactory)."
            raise StoreError(self._base, f"{self._base} is no Artifactory.", hint=hint) from None
        addons = tuple(str(name).lower() for name in said.get("addons") or ())
        licence = str(said.get("license") or "")
        edition = "pro" if _PRO & {*addons, licence.lower()} else "oss" if "version" in said else ""
        return ServerFacts(
            version=str(said.get("version") or ""),
            edition=edition,
            addons=addons,
            license=licence,
            date=_date(answer.headers.get("date", "")),
        )

    def cut_off(self, key: str) -> Unavailable:
        """The error of an answer that is no JSON."""
        message = f"{key}: the answer of {self._base} is no whole JSON document."
        return Unavailable(
            key, message, hint="Check the URL and what stands before the server; try again later."
        )


def _base(url: str) -> str:
    try:
        parts = urlsplit(url)
    except ValueError:
        raise UsageError(f"{url!r} is no URL.", hint="Write https://example.org/artifactory.") from None
    if parts.username is not None or parts.password is not None:
        hint = "Set DEFEND_ACCESS_TOKEN, or DEFEND_USER and DEFEND_PASSWORD, instead."
        raise UsageError("The URL of the store holds credentials.", hint=hint)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise UsageError(f"{url!r} is no URL of a server.", hint="Write https://example.org/artifactory.")
    path = parts.path.rstrip("/") or _BELOW
    return f"{parts.scheme}://{parts.netloc}{path}"


def _date(text: str) -> datetime | None:
    try:
        return parsedate_to_datetime(text)
    except (TypeError, ValueError):
        return None
