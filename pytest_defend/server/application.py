"""The server as a whole: a flask application, and waitress to serve it.

Rules:
- Every request goes one way: who is it, which route, the view, or the refusal.
- Whatever goes wrong is an answer in Artifactory's shape.
- The ledger stays open while the server is there; `serve` closes it at its end.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from contextlib import closing
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import waitress
from flask import Flask, Response, request
from waitress import wasyncore

from pytest_defend.errors import Conflict, DefendError, NotFound, StoreError, UsageError
from pytest_defend.server.calls import ANONYMOUS, Call, Shop
from pytest_defend.server.credentials import account_of
from pytest_defend.server.preparation import User, prepare, somebody
from pytest_defend.server.profiles import PROFILES
from pytest_defend.server.refusals import UNEXPECTED, Refused, refusal_answer
from pytest_defend.server.routes import chosen
from pytest_defend.stores.accounts import Account
from pytest_defend.stores.served import ServedStore

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from pytest_defend.protocols import Clock

__all__ = ["Application", "application", "serve"]

logger = logging.getLogger(__name__)

CONTEXT = "artifactory"
_UNSPEAKABLE = frozenset('^[]{}|\\"<> ')
_LARGEST_BODY = 1 << 44
_THREADS = 16
_TAKEN_BYTES = 1 << 16  # at a time: waitress would take 8 KB, and look at every socket after each


class Application(Flask):
    """The server as a WSGI application.

    Args:
        store: What it serves.
    """

    def __init__(self, store: ServedStore) -> None:
        super().__init__(__name__, static_folder=None)
        self.store = store

    def close(self) -> None:
        """Let go of the store."""
        self.store.close()


def application(  # noqa: PLR0913  # each is one switch of the server
    store_folder: Path,
    *,
    profile: str = "7-pro",
    users: Sequence[User] = (),
    repositories: Mapping[str, Mapping[str, Any]] | None = None,
    anonymous: bool = False,
    hide_unauthorized: bool = False,
    pypi_json: bool = False,
    clock: Clock | None = None,
    interfere: Callable[[Any], Response | None] | None = None,
) -> Application:
    """The server as a WSGI application; close it when it is not needed any more.

    Args:
        store_folder: What is served; made when it is missing.
        profile: One of `PROFILES`.
        users: Added to those the store knows.
        repositories: Configurations by key, as `PUT /api/repositories/{key}` takes them; made when missing.
        anonymous: Whether who has no credentials may read.
        hide_unauthorized: Whether what one may not read does not exist.
        pypi_json: Whether the package index speaks JSON to who asks for it.
        clock: Says what time it is.
        interfere: Asked before every request; what it answers is the answer. See `mishaps`.

    Raises:
        UsageError: There is no such profile.
    """
    if profile not in PROFILES:
        raise UsageError(f"{profile!r} is no profile.", hint=f"Choose one of {', '.join(PROFILES)}.")
    clock = clock or _now
    store = ServedStore(store_folder, clock)
    prepare(store, users, repositories or {}, anonymous=anonymous, profile=PROFILES[profile])
    shop = Shop(
        store=store,
        profile=PROFILES[profile],
        clock=clock,
        open=not somebody(store),
        anonymous=anonymous,
        hide_unauthorized=hide_unauthorized,
        pypi_json=pypi_json,
    )
    app = Application(store)
    app.config["MAX_FORM_MEMORY_SIZE"] = None  # descriptions of packages are long

    @app.before_request
    def view() -> Response:
        """Before any routing: flask knows the decoded path only, and the path as it was sent counts."""
        interference = interfere(request) if interfere is not None else None
        return interference if interference is not None else _answer(shop)

    @app.errorhandler(500)
    def unexpected(_: Exception) -> Response:
        """A fault of ours, in the words of Artifactory; flask has logged it."""
        return refusal_answer(Refused(500, UNEXPECTED))

    return app


def serve(  # noqa: PLR0913  # each is one switch of the server
    store_folder: Path,
    *,
    host: str = "127.0.0.1",
    port: int = 8081,
    profile: str = "7-pro",
    users: Sequence[User] = (),
    repositories: Mapping[str, Mapping[str, Any]] | None = None,
    anonymous: bool = False,
    hide_unauthorized: bool = False,
    pypi_json: bool = False,
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve a store until it is interrupted.

    Args:
        store_folder: What is served; made when it is missing.
        host: Address to bind.
        port: The same; 0 for any that is free.
        profile: This, and what follows but the last, as in `application`.
        users: Who may ask.
        repositories: Made when missing.
        anonymous: Whether others may read.
        hide_unauthorized: Whether what one may not read does not exist.
        pypi_json: Whether the package index speaks JSON.
        ready: Told the URL once connections are taken.

    Raises:
        UsageError: Others could reach it and nobody is asked who they are, or the address is not free.
    """
    app = application(
        store_folder,
        profile=profile,
        users=users,
        repositories=repositories,
        anonymous=anonymous,
        hide_unauthorized=hide_unauthorized,
        pypi_json=pypi_json,
    )
    with closing(app):
        if not _is_loopback(host) and not somebody(app.store):
            hint = "Name users (NAME:PASSWORD), or bind 127.0.0.1."
            raise UsageError(f"Everybody who reaches {host} could change this store.", hint=hint)
        _run(app, host, _listening(host, port), ready)


def _run(app: Application, host: str, listening: socket.socket, ready: Callable[[str], None] | None) -> None:
    open_sockets: dict[int, Any] = {}
    server = waitress.create_server(
        app,
        map=open_sockets,
        sockets=[listening],
        threads=_THREADS,
        recv_bytes=_TAKEN_BYTES,
        max_request_body_size=_LARGEST_BODY,
        ident=None,
    )
    try:
        if ready is not None:
            ready(f"http://{_shown(host)}:{listening.getsockname()[1]}/{CONTEXT}")
        server.run()
    finally:
        wasyncore.close_all(open_sockets, ignore_all=True)
        server.task_dispatcher.shutdown()


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        problem = f"{host}:{port} cannot be bound: {error.strerror}."
        raise UsageError(problem, hint="Choose another port.") from error


def _now() -> datetime:
    return datetime.now(UTC)


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _answer(shop: Shop) -> Response:
    """Answer the request at hand."""
    try:
        answer = _viewed(shop)
    except Refused as refused:
        answer = refusal_answer(refused)
    except UsageError as error:
        answer = refusal_answer(Refused(400, error.message))
    except NotFound as error:
        answer = refusal_answer(Refused(404, error.message))
    except Conflict as error:
        answer = refusal_answer(Refused(409, error.message))
    except StoreError as error:
        logger.warning("%s", error)
        answer = refusal_answer(Refused(500, error.message))
    except DefendError as error:
        answer = refusal_answer(Refused(400, error.message))
    answer.headers["Server"] = f"Artifactory/{shop.profile.version}"
    answer.headers["X-Artifactory-Id"] = "pytest-defend"
    answer.headers["X-Artifactory-Node-Id"] = "serve"
    return answer


def _viewed(shop: Shop) -> Response:
    raw = str(request.environ["REQUEST_URI"]).partition("?")[0]
    raw = raw.partition("://")[2].partition("/")[2] or raw  # a proxy is asked for whole URLs
    if _UNSPEAKABLE & set(raw):
        return Response("<html><body><h1>HTTP Status 400 - Bad Request</h1></body></html>", 400)
    raw = raw.lstrip("/")
    base = request.host_url.rstrip("/")
    if raw == CONTEXT or raw.startswith(f"{CONTEXT}/"):
        raw, base = raw[len(CONTEXT) + 1 :], f"{base}/{CONTEXT}"
    route, named = chosen(request.method, raw, shop.profile)
    known = not (route.free and shop.profile.seven)
    user = account_of(request, shop) if known else Account(name=ANONYMOUS)
    call = Call(shop=shop, request=request, raw=raw, base=base, user=user, named=named)
    return route.view(call)
