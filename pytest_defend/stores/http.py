"""HTTP: the one place where bytes come from a network.

Rules:
- Only GET, which may be asked again: 3 tries, longer pauses with jitter, `Retry-After` honoured. Nothing
  waits past the deadline of its `Fetcher`; a body that drips is cut off there.
- Credentials come from the URL, then from netrc. They are sent, never shown: no URL that leaves here, in a
  page or in an error, holds one, and another host is not told them.
- A page is read up to a limit; what is larger is an error, never a part of it.
- Proxies come from the environment; certificates as pip's users have them.
- Only `StoreError` and its children escape.
"""

from __future__ import annotations

import os
import time
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import url2pathname

import requests
from urllib3.exceptions import HTTPError
from urllib3.exceptions import TimeoutError as SocketTimeout
from urllib3.util import Retry

from pytest_defend import __version__
from pytest_defend.errors import AccessDenied, NotFound, Unavailable
from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Fetcher", "Page"]

_CHUNK = 64 * 1024
_REDIRECTS = 10
_BUNDLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE")
_TYPES = {".htm": "text/html", ".html": "text/html", ".json": "application/json"}
_FINE = (200, 203)
_GONE = (404, 410)
_REFUSED = (401, 403, 407)
_PASSING = (429, 500, 502, 503, 504)
_RETRY = Retry(total=2, backoff_factor=0.5, backoff_jitter=0.5, allowed_methods={"GET"})
# requests lets errors of what it stands on escape: a URL without a host, bytes that are no header.
_FAILURES = (requests.RequestException, HTTPError, OSError, ValueError)
_FINAL = (requests.TooManyRedirects, requests.exceptions.SSLError, ValueError)  # of URLs: a ValueError, too
_WORDS: dict[type[Exception], str] = {
    requests.Timeout: "it does not answer in time",
    SocketTimeout: "it does not answer in time",
    requests.TooManyRedirects: "it redirects in circles",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What was found at a URL.

    Attributes:
        url: Where it was in the end, after every redirect, without credentials.
        content_type: As the server says it, parameters included; empty when it does not.
        content: All of it.
    """

    url: str
    content_type: str
    content: bytes = field(repr=False)


class _Later(Exception):
    """This try failed, another one may not.

    Attributes:
        reason: Part of a sentence.
        wait_s: What the server asked to wait; 0 when it did not.
    """

    def __init__(self, reason: str, wait_s: float = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s


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
        self._bundle = cert or next(filter(None, map(os.environ.get, _BUNDLES)), "")
        self._timeouts = (connect_s, read_s)
        self._deadline_s = deadline_s
        self._end = clock() + deadline_s
        self._clock = clock
        self._sleep = sleep
        self._session = requests.Session()
        self._session.max_redirects = _REDIRECTS
        self._session.headers["User-Agent"] = f"pytest-defend/{__version__}"
        self._session.hooks["response"].append(self._check_time)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection."""
        self._session.close()

    def get(self, url: str, *, accept: str, limit_bytes: int) -> Page:
        """The page at a URL: `http:`, `https:` or `file:`, where a folder means its `index.html`.

        Args:
            url: With credentials, if it needs them.
            accept: Value of the `Accept` header.
            limit_bytes: How large the page may be, unpacked.

        Raises:
            NotFound: There is nothing.
            AccessDenied: There may be something, but not for us.
            Unavailable: Everything else, the deadline included.
        """
        shown = strip_user_information(url)
        if url[:5].lower() == "file:":
            return _read_file(url, shown, limit_bytes)
        retry = _RETRY
        while True:
            try:
                return self._once(url, shown, accept, limit_bytes)
            except _Later as later:
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
        raise _unavailable(shown, again.reason, hint, retry_after_s=round(again.wait_s) or None)

    def _once(self, url: str, shown: str, accept: str, limit_bytes: int) -> Page:
        """One try."""
        failure: Exception
        try:
            bare, credentials = _split(url)
            self._check_time()
            connect_s, read_s = (min(timeout, max(self._left_s(), 0.001)) for timeout in self._timeouts)
            response = self._session.get(
                bare,
                auth=credentials,
                headers={"Accept": accept},
                stream=True,
                timeout=(connect_s, read_s),
                verify=self._bundle or True,
            )
            with closing(response):
                _check_status(response, shown)
                content = b"".join(self._body(response.raw, shown, limit_bytes))
            return Page(
                url=strip_user_information(response.url),
                content_type=response.headers.get("Content-Type", ""),
                content=content,
            )
        except _Late:
            reason = f"the {self._deadline_s:g} seconds for all pages are over"
            failure = _unavailable(shown, reason, "Allow more time.")
        except _FAILURES as error:
            failure = self._failure(error, shown)
        raise failure  # out here it has no context: other people's messages show credentials

    def _body(self, raw: Any, shown: str, limit_bytes: int) -> Iterator[bytes]:
        """The body as it comes in: `read1` waits for no full chunk, so that a slow one is noticed."""
        size = 0
        while chunk := raw.read1(_CHUNK, decode_content=True):
            self._check_time()
            size += len(chunk)
            _check_size(size, limit_bytes, shown)
            yield chunk

    def _failure(self, error: Exception, shown: str) -> Exception:
        if self._bundle and not os.path.exists(self._bundle):  # noqa: PTH110  # Path raises on odd texts
            reason = f"the CA bundle {self._bundle} does not exist"
            hint = f"Correct {', '.join(_BUNDLES)} or `cert` in the configuration of pip."
            return _unavailable(shown, reason, hint)
        if isinstance(error, _FINAL):
            return _unavailable(shown, _reason(error), "Correct the URL or the CA bundle.")
        return _Later(_reason(error))

    def _left_s(self) -> float:
        return self._end - self._clock()

    def _check_time(self, *_: object, **__: object) -> None:
        if self._left_s() <= 0:
            raise _Late


def _unavailable(shown: str, reason: str, hint: str, *, retry_after_s: int | None = None) -> Unavailable:
    return Unavailable(shown, f"{shown} cannot be read: {reason}.", hint=hint, retry_after_s=retry_after_s)


def _split(url: str) -> tuple[str, tuple[str, str] | None]:
    """The URL without its user information, and that.

    Raises:
        ValueError: It is no URL.
    """
    parts = urlsplit(url)
    user_information, at, host = parts.netloc.rpartition("@")
    if not at:
        return url, None
    user, _, password = user_information.partition(":")
    return urlunsplit(parts._replace(netloc=host)), (unquote(user), unquote(password))


def _check_status(response: requests.Response, shown: str) -> None:
    status = response.status_code
    if status in _GONE:
        raise NotFound(shown)
    if status in _REFUSED:
        hint = "Put credentials that may read it into the URL or into netrc."
        raise AccessDenied(shown, f"{shown} may not be read (HTTP {status}).", hint=hint)
    if status in _PASSING:
        raise _Later(f"it answers HTTP {status}", _asked_to_wait_s(response))
    if status not in _FINE:
        raise _unavailable(shown, f"it answers HTTP {status}", "Check the URL.")


def _asked_to_wait_s(response: requests.Response) -> float:
    try:
        return _RETRY.get_retry_after(response.raw) or 0
    except (HTTPError, ValueError, OverflowError):  # neither seconds nor a date
        return 0


def _check_size(size_bytes: int, limit_bytes: int, shown: str) -> None:
    if size_bytes > limit_bytes:
        reason = f"it is larger than {limit_bytes} bytes"
        raise _unavailable(shown, reason, "Check that the URL is that of an index.")


def _reason(error: BaseException) -> str:
    """What the system says of it; never what a library says, which shows URLs and headers."""
    words = next((words for kind, words in _WORDS.items() if isinstance(error, kind)), type(error).__name__)
    cause: BaseException | None = error
    for _ in range(10):  # a chain may be a circle
        if isinstance(cause, OSError) and cause.strerror:
            return str(cause.strerror)
        cause = cause and (cause.__cause__ or cause.__context__)
    return words


def _read_file(url: str, shown: str, limit_bytes: int) -> Page:
    try:
        parts = urlsplit(url)
        path = Path(url2pathname(parts.path))
        if parts.netloc not in ("", "localhost"):
            raise Unavailable(
                shown, f"{shown} cannot be read: it is on another host.", hint="Write file:///."
            )
        if path.is_dir():
            path /= "index.html"
        if not path.exists():
            raise NotFound(shown)
        if not path.is_file():  # a pipe would never end
            raise _unavailable(shown, "it is no file", "Check the URL.")
        with path.open("rb") as file:
            content = file.read(limit_bytes + 1)
        _check_size(len(content), limit_bytes, shown)
        return Page(url=path.as_uri(), content_type=_TYPES.get(path.suffix.lower(), ""), content=content)
    except PermissionError:
        message = f"{shown} may not be read."
        raise AccessDenied(shown, message, hint="Check who owns the file.") from None
    except (OSError, ValueError) as error:
        raise _unavailable(shown, _reason(error), "Check the URL.") from None
