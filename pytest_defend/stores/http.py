"""HTTP: the one place where bytes come from and go to a network.

Rules:
- A `Fetcher` only GETs, which may be asked again: 3 tries, longer pauses with jitter, `Retry-After` honoured.
  Nothing waits past the deadline of its `Fetcher`; a body that drips is cut off there.
- A `Wire` sends one request once and follows nothing; what is sent again, and where to, is decided above.
- Credentials are sent, never shown: no URL that leaves here, in a page or in an error, holds one, and
  another host is not told them. netrc is asked on purpose, never behind the back of the caller.
- A body is read up to a limit; what is larger is an error, never a part of it.
- Proxies come from the environment; certificates as pip's users have them.
- Only `StoreError` and its children escape a `Fetcher`, only these and `Broken` a `Wire`.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import TYPE_CHECKING, Any, Self

import requests
from requests.adapters import HTTPAdapter
from requests.utils import get_netrc_auth
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as SocketTimeout
from urllib3.util import Retry

from pytest_defend import __version__
from pytest_defend.model.urls import strip_user_information
from pytest_defend.stores import certificates, pages, tries
from pytest_defend.stores.answers import Answer, Broken
from pytest_defend.stores.pages import Page, unavailable

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    from pytest_defend.stores.bodies import Body

__all__ = ["Fetcher", "Page", "Wire"]

_OK = 200
_RETRY = Retry(total=2, backoff_factor=0.5, backoff_jitter=0.5, allowed_methods={"GET"})
# requests lets errors of what it stands on escape: a URL without a host, bytes that are no header.
_FAILURES = (requests.RequestException, HTTPError, OSError, ValueError)
_FINAL = (requests.TooManyRedirects, requests.exceptions.SSLError, ValueError)  # of URLs: a ValueError, too
_WORDS: dict[type[Exception], str] = {
    **dict.fromkeys((requests.Timeout, SocketTimeout), "it does not answer in time"),
    requests.TooManyRedirects: "it redirects in circles",
}


class _Late(Exception):
    """The deadline has passed."""


class Fetcher:
    """Gets pages over HTTP and from disk; threads may share it.

    Args:
        cert: CA bundle; empty for the one the environment names, else for that of requests.
        connect_s: Seconds until a host must have been reached.
        read_s: Seconds in which a server must send something.
        deadline_s: Seconds from now after which everything stops.
        clock: Seconds that only grow.
        sleep: Waits for seconds.
    """

    def __init__(
        self,
        *,
        cert: str = "",
        connect_s: float = 5,
        read_s: float = 15,
        deadline_s: float = 60,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._bundle = certificates.chosen_bundle(cert)
        self._timeouts = (connect_s, read_s)
        self._deadline_s = deadline_s
        self._end = clock() + deadline_s
        self._clock = clock
        self._sleep = sleep
        self._session = _session()
        self._session.hooks["response"].append(self._check_time)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def get(self, url: str, *, headers: Mapping[str, str], limit_bytes: int) -> Page:
        """The page at a URL: `http:`, `https:` or `file:`, where a folder means its `index.html`.

        Args:
            url: With credentials, if it needs them.
            headers: What to ask a server for: `Accept`, or a `Range`, whose answer says whether it is one.
            limit_bytes: How large the page may be, unpacked.

        Raises:
            NotFound: There is nothing.
            AccessDenied: There may be something, but not for us.
            Unavailable: Everything else, the deadline included.
        """
        shown = strip_user_information(url)
        if url[:5].lower() == "file:":
            return pages.read_file(url, shown, limit_bytes)
        retry = _RETRY
        while True:
            try:
                return self._once(url, shown, headers, limit_bytes)
            except tries.Later as later:
                again = later
            try:
                retry = retry.increment("GET", shown)
            except HTTPError:  # it was the last try
                break
            wait_s = max(again.wait_s, retry.get_backoff_time())
            if wait_s >= self._left_s():
                break
            self._sleep(wait_s)
        hint = "Check the network and the proxy, or try again later."
        raise unavailable(shown, again.reason, hint, retry_after_s=round(again.wait_s) or None)

    def _once(self, url: str, shown: str, headers: Mapping[str, str], limit_bytes: int) -> Page:
        """One try."""
        failure: Exception
        try:
            bare, credentials = pages.split(url)
            self._check_time()
            connect_s, read_s = (min(timeout, max(self._left_s(), 0.001)) for timeout in self._timeouts)
            response = self._session.get(
                bare,
                auth=credentials,
                headers=headers,
                stream=True,
                timeout=(connect_s, read_s),
                verify=self._bundle or True,
            )
            with closing(response):
                tries.check_status(response.status_code, response.raw, shown, of_part="Range" in headers)
                content = tries.received(
                    response.raw, None, limit_bytes, lambda size, _: self._check(size, limit_bytes, shown)
                )
            return Page(
                url=strip_user_information(response.url),
                content_type=response.headers.get("Content-Type", ""),
                content=content,
                part=tries.part(response.status_code, response.raw),
            )
        except _Late:
            over = f"the {self._deadline_s:g} seconds for all pages are over"
            failure = unavailable(shown, over, "Allow more time.")
        except _FAILURES as error:
            failure = self._failure(error, shown)
        raise failure  # out here it has no context: other people's messages show credentials

    def _check(self, size_bytes: int, limit_bytes: int, shown: str) -> None:
        self._check_time()
        pages.check_size(size_bytes, limit_bytes, shown)

    def _failure(self, error: Exception, shown: str) -> Exception:
        if problem := certificates.bundle_problem(self._bundle):
            return unavailable(shown, *problem)
        if _is_final(error):
            return unavailable(shown, _reason(error), "Correct the URL or the CA bundle.")
        return tries.Later(_reason(error))

    def _left_s(self) -> float:
        return self._end - self._clock()

    def _check_time(self, *_: object, **__: object) -> None:
        if self._left_s() <= 0:
            raise _Late


def _session() -> requests.Session:
    session = requests.Session()
    session.max_redirects = 10
    session.headers["User-Agent"] = f"pytest-defend/{__version__}"
    return session


def _is_final(error: Exception) -> bool:
    return isinstance(error, _FINAL) and not certificates.is_cut_off(error)


def _reason(error: BaseException) -> str:
    words = next((words for kind, words in _WORDS.items() if isinstance(error, kind)), "")
    return certificates.tls_problem(error) or pages.reason(error, words)


class _Adapter(HTTPAdapter):
    """Trusts whom `trust` trusts, when there is one; else the bundle that is named with a request."""

    def __init__(self, pool: int, trust: ssl.SSLContext | None) -> None:
        self._trust: dict[str, Any] = {"ssl_context": trust} if trust else {}
        super().__init__(pool_connections=pool, pool_maxsize=pool)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **kwargs: Any) -> None:
        super().init_poolmanager(connections, maxsize, block, **kwargs, **self._trust)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Any:
        return super().proxy_manager_for(proxy, **kwargs, **self._trust)

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:
        super().cert_verify(conn, url, verify, cert)  # type: ignore[no-untyped-call]
        if self._trust:  # it knows its authorities: those of requests would be trusted as well
            conn.ca_certs = conn.ca_cert_dir = None


class Wire:
    """Sends requests, each once; threads may share it.

    Args:
        cert: As of a `Fetcher`; `system` for the authorities of the operating system.
        client_cert: File with the certificate and the key this client shows; empty for none.
        timeouts_s: Until a host must have been reached, and in which it must send or take something.
        pool: How many connections to keep.
    """

    def __init__(self, *, cert: str, client_cert: str, timeouts_s: tuple[float, float], pool: int) -> None:
        self._bundle = certificates.chosen_bundle(cert)
        trust = certificates.system_trust(cert)
        self._client_cert = client_cert
        self._timeouts_s = timeouts_s
        self._session = _session()
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, _Adapter(pool, trust))

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def netrc(self, url: str) -> tuple[str, str] | None:
        """User and password that the netrc file of the user has for this host."""
        return get_netrc_auth(url)

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | Body = b"",
        into: BinaryIO | None = None,
        told: Callable[[int, int], object] | None = None,
        limit_bytes: int,
    ) -> Answer:
        """One request, one answer.

        Args:
            method: Of HTTP.
            url: Without credentials.
            headers: Credentials included.
            body: What to send.
            into: Where the body of a 200 goes; None to have it in the answer.
            told: Is told how many bytes have gone there, of how many; None for nobody.
            limit_bytes: How large the body of the answer may be.

        Raises:
            Broken: There is no whole answer.
            StoreError: The body could not be read from its source.
        """
        failure: Exception
        try:
            response = self._session.request(
                method,
                url,
                headers=dict(headers),
                data=body or None,
                auth=lambda request: request,  # without one, requests replaces our header by netrc's
                stream=True,
                allow_redirects=False,
                timeout=self._timeouts_s,
                verify=self._bundle or True,
                cert=self._client_cert or None,
            )
            with closing(response):
                sink = into if response.status_code == _OK else None
                content = tries.received(response.raw, sink, limit_bytes, told)
            return Answer(
                method=method,
                url=strip_user_information(url),
                status=response.status_code,
                headers={name.lower(): value for name, value in response.headers.items()},
                body=content,
                wait_s=tries.asked_wait_s(response.raw),
            )
        except _FAILURES as error:
            problem, _ = certificates.bundle_problem(self._bundle, self._client_cert) or ("", "")
            final = bool(problem) or _is_final(error)
            failure = Broken(problem or _reason(error), final=final, sent=not tries.never_reached(error))
        raise failure  # out here it has no context: other people's messages show credentials
