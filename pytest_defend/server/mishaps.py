"""What goes wrong between a client and an Artifactory, for the tests of clients.

Rules:
- A mishap is handed to `application(interfere=...)`; it answers some requests itself and lets the others by.
- It happens a number of times, and then no more.

Source: wire behaviour of Artifactory, its proxies and its sibling services; `docs/reference/server.md`.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from flask import Response

from pytest_defend.server.refusals import as_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from flask import Request

__all__ = [
    "Mishap",
    "code_envelope",
    "empty_refusal",
    "proxy_page",
    "redirect",
    "starting",
    "throttled",
    "truncated",
]


class Mishap:
    """Some requests, answered by something else.

    Args:
        answer: What is answered.
        method: Only requests of this method; empty for all.
        path: Only requests whose path holds this.
        after: How many of them pass first.
        times: How many of them are answered.
    """

    def __init__(
        self,
        answer: Callable[[Request], Response],
        *,
        method: str = "",
        path: str = "",
        after: int = 0,
        times: int = 1,
    ) -> None:
        self._answer = answer
        self._method = method
        self._path = path
        self._chosen = range(after, after + times)
        self._seen = 0
        self._lock = threading.Lock()

    def __call__(self, request: Request) -> Response | None:
        """The answer to a request it happens to."""
        uri = str(request.environ["REQUEST_URI"])
        if (self._method and request.method != self._method) or self._path not in uri:
            return None
        with self._lock:
            seen, self._seen = self._seen, self._seen + 1
        return self._answer(request) if seen in self._chosen else None


def _html(status: int, title: str) -> Response:
    head = f"<html>\n<head><title>{status} {title}</title></head>\n"
    page = f"{head}<body><h1>{status} {title}</h1></body>\n</html>\n"
    return Response(page, status=status, content_type="text/html")


def starting(_: Request) -> Response:
    """An Artifactory that is not up yet."""
    return _html(503, "Artifactory is starting up")


def proxy_page(status: int, title: str = "Bad Gateway") -> Callable[[Request], Response]:
    """The page of a proxy before it: 502, or 413 for a body that is too large."""
    return lambda _: _html(status, title)


def code_envelope(_: Request) -> Response:
    """What the side services of 7.x say: a `code` in words where `status` was a number."""
    return as_json({"errors": [{"code": "UNAUTHORIZED", "message": "bad credentials"}]}, status=401)


def empty_refusal(_: Request) -> Response:
    """A 403 that says nothing."""
    return Response(status=403)


def throttled(retry_after_s: int) -> Callable[[Request], Response]:
    """A cloud that has had enough for the moment."""
    headers = {"Retry-After": str(retry_after_s)}
    return lambda _: Response(status=429, headers=headers)


def redirect(request: Request) -> Response:
    """A redirect to the same address: most clients follow it without the body."""
    return Response(status=301, headers={"Location": request.url})


def truncated(_: Request) -> Response:
    """A streamed answer that ended in the middle, with status 200."""
    return Response('{\n"results" : [ {\n  "repo" : "libs', content_type="application/json")
