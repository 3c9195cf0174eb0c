"""A session with one server: what is sent again, where to, and as whom.

Rules:
- What may be repeated is sent again after a broken connection, 429 and 5xx: longer pauses with jitter,
  `Retry-After` honoured, bodies opened anew and sent whole. Nothing is sent again after the deadline.
- What may not be repeated is sent again only when no server can have seen it, or when it was told to come
  later (429). Everything else without a clear answer is `Unclear`: the caller reads back, then decides.
- 401 and 403 are never tried again: repeated bad logins lock the account.
- A redirect on the same host is followed with the same method and the whole body. Another host is told no
  credentials, and sent no body.
"""

from __future__ import annotations

import time
from functools import partial
from itertools import count
from typing import TYPE_CHECKING, NamedTuple, Self
from urllib.parse import urljoin, urlsplit

from urllib3.exceptions import HTTPError
from urllib3.util import Retry

from pytest_defend.errors import Unavailable
from pytest_defend.stores.answers import Answer, Broken, Unclear, failure
from pytest_defend.stores.credentials import Credentials
from pytest_defend.stores.http import Wire

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping
    from typing import BinaryIO

    from pytest_defend.errors import StoreError
    from pytest_defend.stores.bodies import Body, Progress

__all__ = ["Session"]

_LIMIT_BYTES = 1 << 30
_REDIRECTS = 5
_MOVED = (301, 302, 307, 308)
_LATER = (429, 500, 502, 503, 504)
_REPEATABLE = {"GET", "HEAD", "PUT", "PATCH", "DELETE"}
_REDIRECTED_ANYWHERE = {"GET", "HEAD"}
_PORTS = {"http": 80, "https": 443}


class _Request(NamedTuple):
    method: str
    url: str
    key: str
    locator: str
    headers: Mapping[str, str]
    body: bytes | Body
    into: BinaryIO | None
    also: Container[int]


class _Failed(NamedTuple):
    error: StoreError
    again: bool
    wait_s: float = 0


class Session:
    """Speaks with one server; threads may share it.

    Args:
        credentials: Who we are; nothing: whom netrc names.
        cert: CA bundle; empty for the one the environment names, else for that of requests; `system` for
            the authorities of the operating system.
        client_cert: File with the certificate and the key this client shows; empty for none.
        connect_s: Seconds until a host must have been reached, and in which it must take the next bytes.
        read_s: Seconds in which a server must send something.
        deadline_s: Seconds for one request with all its repetitions.
        tries: How often at most something is sent.
        pool: How many connections to keep.
        progress: Is told how far each file is that comes from there; None for nobody.
        clock: Seconds that only grow.
        sleep: Waits for seconds.
    """

    def __init__(  # noqa: PLR0913  # each of them is a setting
        self,
        credentials: Credentials | None = None,
        *,
        cert: str = "",
        client_cert: str = "",
        connect_s: float = 10,
        read_s: float = 60,
        deadline_s: float = 600,
        tries: int = 5,
        pool: int = 16,
        progress: Progress | None = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._credentials = credentials or Credentials()
        self._wire = Wire(cert=cert, client_cert=client_cert, timeouts_s=(connect_s, read_s), pool=pool)
        self._progress = progress
        self._deadline_s = deadline_s
        self._retry = Retry(total=tries - 1, backoff_factor=0.25, backoff_jitter=0.5, backoff_max=30)
        self._clock = clock
        self._sleep = sleep

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._wire.close()

    def pause(self, seconds: float) -> None:
        """Wait, as everything here waits."""
        self._sleep(seconds)

    def ask(  # noqa: PLR0913  # a request has so many parts
        self,
        method: str,
        url: str,
        *,
        key: str,
        locator: str,
        headers: Mapping[str, str] | None = None,
        body: bytes | Body = b"",
        into: BinaryIO | None = None,
        repeat: bool | None = None,
        also: Container[int] = (),
    ) -> Answer:
        """Send a request until it is answered.

        Args:
            method: Of HTTP.
            url: Without credentials.
            key: What it is about, for errors.
            locator: The store, for errors.
            headers: Further ones.
            body: What to send.
            into: Where the body of a 200 goes; None to have it in the answer.
            repeat: Whether the same request may be sent twice; None to let the method say.
            also: Statuses other than 2xx to return.

        Raises:
            Unclear: It may not be repeated, and may or may not have been done.
            StoreError: What any other answer means.
        """
        request = _Request(method, url, key, locator, headers or {}, body, into, also)
        repeatable = method in _REPEATABLE if repeat is None else repeat
        retry = self._retry
        end = self._clock() + self._deadline_s
        while True:
            answer = self._once(request, repeatable)
            if isinstance(answer, Answer):
                return answer
            if not answer.again:
                raise answer.error
            try:
                retry = retry.increment(method, key)
            except HTTPError:  # it was the last try
                raise answer.error from None
            wait_s = max(answer.wait_s, retry.get_backoff_time())
            if self._clock() + wait_s >= end:
                raise answer.error
            self._sleep(wait_s)

    def _once(self, request: _Request, repeatable: bool) -> Answer | _Failed:
        key, locator = request.key, request.locator
        if request.into is not None:
            request.into.seek(0)
            request.into.truncate()
        try:
            answer = self._followed(request)
        except Broken as broken:
            hint = "Check the URL, the network, the proxy and the certificates, or try again later."
            about = "" if key == locator else f"{key}: "
            message = f"{about}{locator} does not answer: {broken.reason}."
            kind = Unclear if broken.sent and not repeatable else Unavailable
            return _Failed(
                kind(key, message, hint=hint), not broken.final and (repeatable or not broken.sent)
            )
        if answer.is_fine or answer.status in request.also:
            return answer
        error = self._meaning(answer, request)
        asked_later = answer.status == 429  # noqa: PLR2004
        if answer.status in _LATER and not repeatable and not asked_later:
            error = Unclear(key, error.message, hint=error.hint)
        return _Failed(error, answer.status in _LATER and (repeatable or asked_later), answer.wait_s)

    def _meaning(self, answer: Answer, request: _Request) -> StoreError:
        error = failure(answer, request.key, request.locator, size_bytes=len(request.body))
        error.message = self._credentials.hidden(error.message)
        error.args = (error.message,)
        error.hint = self._credentials.hidden(error.hint)
        return error

    def _followed(self, request: _Request) -> Answer:
        """One try, through every redirect that may be followed."""
        at = request.url
        ours = self._headers(at)
        for hops in count():
            answer = self._wire.send(
                request.method,
                at,
                headers={**request.headers, **ours},
                body=request.body,
                into=request.into,
                told=partial(self._progress, request.key) if self._progress and request.into else None,
                limit_bytes=_LIMIT_BYTES,
            )
            target = answer.headers.get("location", "")
            if answer.status not in _MOVED or not target or hops == _REDIRECTS:
                break
            try:
                at = urljoin(at, target)
                is_ours = _is_same_host(request.url, at)
            except ValueError:
                break
            if not is_ours:
                if request.method not in _REDIRECTED_ANYWHERE:
                    break
                ours = {}
        return answer

    def _headers(self, url: str) -> dict[str, str]:
        if self._credentials:
            return self._credentials.headers
        user, password = self._wire.netrc(url) or ("", "")
        return Credentials(user=user, password=password).headers


def _is_same_host(first: str, second: str) -> bool:
    """Whether both are one host; https instead of http is, http instead of https is not.

    Raises:
        ValueError: One of them is no URL.
    """
    one, other = urlsplit(first), urlsplit(second)
    if one.hostname != other.hostname or other.scheme not in _PORTS:
        return False
    ports = [part.port or _PORTS[part.scheme] for part in (one, other)]
    upgraded = (one.scheme, other.scheme) == ("http", "https") and ports == [80, 443]
    return upgraded or (one.scheme == other.scheme and ports[0] == ports[1])
