"""One try of a request: what it may use, what it brings, and what its failure means.

Rules:
- Nothing here says what a library says: its messages show URLs and headers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError
from urllib3.util import Retry

from pytest_defend.errors import AccessDenied, NotFound
from pytest_defend.stores.pages import unavailable

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import BinaryIO

    from urllib3.response import BaseHTTPResponse

__all__ = [
    "Later",
    "asked_wait_s",
    "check_status",
    "never_reached",
    "part",
    "received",
]

_CHUNK = 64 * 1024
_DIGITS = 16  # a size with more is none
_FINE = (200, 203)
_PART = 206
_GONE = (404, 410)
_REFUSED = (401, 403, 407)
_PASSING = (429, 500, 502, 503, 504)


class Later(Exception):
    """This try failed, another one may not.

    Attributes:
        reason: Part of a sentence.
        wait_s: What the server asked to wait; 0 when it did not.
    """

    def __init__(self, reason: str, wait_s: float = 0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.wait_s = wait_s


def asked_wait_s(raw: BaseHTTPResponse) -> float:
    """Seconds the server asks to wait; 0 when it does not."""
    try:
        return Retry().get_retry_after(raw) or 0
    except (HTTPError, ValueError, OverflowError):  # neither seconds nor a date
        return 0


def check_status(status: int, raw: BaseHTTPResponse, shown: str, *, of_part: bool = False) -> None:
    """Refuse a page that is none, and a part of one that was not asked for.

    Raises:
        Later: Asking again may help.
        NotFound: There is nothing.
        AccessDenied: There may be something, but not for us.
        Unavailable: It is something else.
    """
    if status in _GONE:
        raise NotFound(shown)
    if status in _REFUSED:
        hint = "Put credentials that may read it into the URL or into netrc."
        raise AccessDenied(shown, f"{shown} may not be read (HTTP {status}).", hint=hint)
    if status in _PASSING:
        raise Later(f"it answers HTTP {status}", asked_wait_s(raw))
    if status not in _FINE and not (of_part and status == _PART):
        raise unavailable(shown, f"it answers HTTP {status}", "Check the URL.")


def part(status: int, raw: BaseHTTPResponse) -> str:
    """Which part an answer is, as `Content-Range` has it; empty for no part."""
    return raw.headers.get("Content-Range", "unknown") if status == _PART else ""


def received(
    raw: BaseHTTPResponse,
    into: BinaryIO | None,
    limit_bytes: int,
    told: Callable[[int, int], object] | None = None,
) -> bytes:
    """The body of an answer, or nothing when it went `into` a file; `told` hears how far it is.

    `read1` waits for no full chunk, so that a slow body is noticed.

    Raises:
        ValueError: It is larger than allowed.
    """
    parts: list[bytes] = []
    size = 0
    while chunk := raw.read1(_CHUNK, decode_content=True):
        size += len(chunk)
        if told is not None:
            told(size, max(size, _announced(raw)))
        if into is not None:
            into.write(chunk)
            continue
        if size > limit_bytes:
            problem = f"the answer is larger than {limit_bytes} bytes"
            raise ValueError(problem)
        parts.append(chunk)
    return b"".join(parts)


def _announced(raw: BaseHTTPResponse) -> int:
    """How many bytes there will be; 0 when the server does not say."""
    text = raw.headers.get("Content-Length", "")
    return int(text) if text.isascii() and text.isdecimal() and len(text) < _DIGITS else 0


def never_reached(error: BaseException) -> bool:
    """Whether no byte of the request can have arrived."""
    cause: BaseException | None = error
    reasons = [cause, *(argument for argument in error.args if isinstance(argument, BaseException))]
    return any(
        isinstance(getattr(cause, "reason", cause), NewConnectionError | ConnectTimeoutError)
        for cause in reasons
    )
