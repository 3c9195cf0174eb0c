"""The local server for tests: asked in this process, or over a real socket.

Rules:
- A server has a store of its own, two local repositories, and a clock that stands still.
- Whoever is asked for without a user is the administrator of a server that knows nobody.
"""

from __future__ import annotations

import threading
from base64 import b64encode
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import waitress
from waitress import wasyncore

from builders import a_clock
from pytest_defend.server import User, application

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from flask import Flask
    from werkzeug.test import TestResponse

__all__ = ["ADMIN", "BUILD_KIND", "READER", "USERS", "WRITER", "Artifactory", "message", "over_a_socket"]

BUILD_KIND = "application/vnd.org.jfrog.artifactory+json"
ADMIN = User(name="root", password="r00t", admin=True)
WRITER = User(name="jo", password="j0", token="jo-token")
READER = User(name="eve", password="e", rights="r")
USERS = (ADMIN, WRITER, READER)
_REPOSITORIES = {
    "libs": {},
    "more": {},
    "all": {"rclass": "virtual", "repositories": ["libs", "more"], "defaultDeploymentRepo": "more"},
    "blind": {"rclass": "virtual", "repositories": ["libs"]},
    "pypi": {"packageType": "pypi"},
}


class Artifactory:
    """A server that is asked in this process."""

    def __init__(self, folder: Path, profile: str = "7-pro", **switches: Any) -> None:
        switches = {"repositories": _REPOSITORIES, "clock": a_clock, **switches}
        self.app: Flask = application(folder, profile=profile, **switches)
        self.client = self.app.test_client()

    def ask(
        self,
        request: str,
        data: Any = None,
        *,
        user: User | None = None,
        headers: dict[str, str] | None = None,
        **more: Any,
    ) -> TestResponse:
        """Answer `METHOD path`, with the path as it is to be sent."""
        method, _, path = request.partition(" ")
        sent = {**(headers or {})}
        if user is not None:
            sent["Authorization"] = f"Basic {b64encode(f'{user.name}:{user.password}'.encode()).decode()}"
        return self.client.open(
            f"/artifactory/{path}", method=method, data=data, headers=sent, buffered=True, **more
        )

    def put(self, path: str, content: bytes = b"demo", headers: dict[str, str] | None = None) -> TestResponse:
        """Deploy a file, which must succeed."""
        answer = self.ask(f"PUT {path}", content, headers=headers)
        assert answer.status_code == 201, answer.text
        return answer

    def properties(self, path: str) -> dict[str, list[str]]:
        """The properties of a file."""
        answer = self.ask(f"GET api/storage/{path}?properties")
        return {} if answer.status_code == 404 else dict(answer.get_json()["properties"])

    def content(self, path: str) -> bytes | None:
        """The bytes of a file; None when there is none."""
        answer = self.ask(f"GET {path}")
        return answer.data if answer.status_code == 200 else None

    def publish(self, query: str = "", *, user: User | None = None, **document: Any) -> TestResponse:
        """Publish a build, `demo/1` unless told otherwise."""
        sent = {"name": "demo", "number": "1", "started": "2026-01-31T11:59:00.456+0000", **document}
        return self.ask(f"PUT api/build{query}", json=sent, content_type=BUILD_KIND, user=user)

    def build(self, path: str = "demo/1") -> dict[str, Any]:
        """A build as it is read back."""
        answer = self.ask(f"GET api/build/{path}")
        assert answer.status_code == 200, answer.text
        return dict(answer.get_json()["buildInfo"])

    def query(self, text: str, user: User | None = None) -> TestResponse:
        """Ask with the query language."""
        return self.ask("POST api/search/aql", text, content_type="text/plain", user=user)

    def rows(self, text: str) -> list[dict[str, Any]]:
        """The rows a query gives, which must succeed."""
        answer = self.query(text)
        assert answer.status_code == 200, answer.text
        return list(answer.get_json()["results"])


def message(answer: TestResponse) -> str:
    """The sentence in an error envelope, whose status is that of the answer."""
    (error,) = answer.get_json()["errors"]
    assert error["status"] == answer.status_code
    return str(error["message"])


@contextmanager
def over_a_socket(app: Flask) -> Iterator[str]:
    """The URL of a server that listens on loopback meanwhile."""
    server: Any = waitress.create_server(app, host="127.0.0.1", port=0, threads=16, ident=None)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}/artifactory"
    finally:
        # in its own thread: what is kept alive keeps its loop alive
        with suppress(OSError):  # it was awake, and has closed the trigger before it was pulled
            server.trigger.pull_trigger(lambda: wasyncore.close_all(server._map, ignore_all=True))
        thread.join(10)
        server.task_dispatcher.shutdown()
