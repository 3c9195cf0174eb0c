"""Servers that do what a test says: canned answers, and a gate that breaks one request on its way."""

from __future__ import annotations

import contextlib
import http.client
import socket
import struct
import threading
import time
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

__all__ = ["FAULTS", "Canned", "Gate", "Scripted", "Seen"]


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it arrived."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def line(self) -> str:
        return f"{self.method} {self.target}"


@dataclass(frozen=True, slots=True)
class Canned:
    """An answer, or what happens instead of one."""

    status: int = 200
    body: bytes | str = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    instead: Callable[[BaseHTTPRequestHandler], None] | None = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, visit: type[BaseHTTPRequestHandler]) -> None:
        super().__init__(("127.0.0.1", 0), visit)
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01})

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self._thread.join()
        self.server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Broken connections are what these servers are for."""


class _Visit(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def parse_request(self) -> bool:
        fine = super().parse_request()
        if fine:
            self.raw_target = self.requestline.split(" ")[1]
        return fine

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self.answer
        raise AttributeError(name)

    def answer(self) -> None:
        raise AssertionError

    def read_body(self) -> bytes:
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def log_message(self, *_: object) -> None:
        """Tests are silent."""


class _ScriptedVisit(_Visit):
    server: Scripted

    def answer(self) -> None:
        seen = Seen(self.command, self.raw_target, dict(self.headers), self.read_body())
        with self.server.lock:
            self.server.seen.append(seen)
            answers = self.server.answers
            canned = answers.pop(0) if len(answers) > 1 else answers[0]
        if callable(canned):
            canned = canned(seen)
        if canned.instead is not None:
            canned.instead(self)
            self.close_connection = True
            return
        body = canned.body.encode() if isinstance(canned.body, str) else canned.body
        self.send_response(canned.status)
        for name, value in {"Content-Length": str(len(body)), **canned.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        if canned.headers.get("Content-Length", str(len(body))) != str(len(body)):
            self.close_connection = True


class Scripted(_Server):
    """Gives its answers one by one; the last one stays."""

    def __init__(self, *answers: Canned | Callable[[Seen], Canned]) -> None:
        super().__init__(_ScriptedVisit)
        self.answers = list(answers)
        self.seen: list[Seen] = []
        self.lock = threading.Lock()

    @property
    def lines(self) -> list[str]:
        return [seen.line for seen in self.seen]


def reset(visit: BaseHTTPRequestHandler) -> None:
    """Close so that the client sees a reset."""
    with contextlib.suppress(OSError):
        visit.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        visit.connection.close()


class _GateVisit(_Visit):
    server: Gate

    def answer(self) -> None:
        body = self.read_body()
        seen = Seen(self.command, self.raw_target, dict(self.headers), body)
        self.server.before(seen)
        with self.server.lock:
            self.server.seen.append(seen)
            fault = self.server.faults.pop(len(self.server.seen), None)
        if self.server.latency_s:
            time.sleep(self.server.latency_s)
        if fault in ("timeout", "reset before", "500", "502", "429"):
            self.server.broken()
            self._broken(str(fault))
            return
        altered = fault == "altered" and body
        status, headers, answer = self._forwarded(body[:-1] + bytes([body[-1] ^ 1]) if altered else body)
        if self.server.after is not None and self.command not in ("GET", "HEAD"):
            self.server.after()
        if fault == "reset after":
            self.server.broken()
            self._broken("reset before")
            return
        self.send_response(status)
        for name, value in headers:
            if name.lower() not in ("connection", "transfer-encoding", "content-length", "server", "date"):
                self.send_header(name, value)
        if status not in (204, 304):
            self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        if fault == "truncated":
            self.wfile.write(answer[: len(answer) // 2])
            self.wfile.flush()
            self._broken("reset before")
            return
        if self.command != "HEAD":
            self.wfile.write(answer)

    def _broken(self, fault: str) -> None:
        self.close_connection = True
        if fault == "timeout":
            self.server.released.wait(self.server.silence_s)
        if fault in ("timeout", "reset before"):
            reset(self)
            return
        bodies = {"500": b"", "502": b"<html><title>502 Bad Gateway</title></html>", "429": b"slow down"}
        self.send_response(int(fault))
        if fault == "429":
            self.send_header("Retry-After", "0")
        self.send_header("Content-Length", str(len(bodies[fault])))
        self.send_header("Connection", "close")  # said, so that nothing else is sent there meanwhile
        self.end_headers()
        self.wfile.write(bodies[fault])

    def _forwarded(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = http.client.HTTPConnection(*self.server.behind, timeout=60)
        try:
            headers = {name: value for name, value in self.headers.items() if name.lower() != "connection"}
            connection.request(self.command, self.raw_target, body=body or None, headers=headers)
            response = connection.getresponse()
            return response.status, response.getheaders(), response.read()
        finally:
            connection.close()


FAULTS = ("timeout", "reset before", "reset after", "500", "502", "429", "truncated")


class Gate(_Server):
    """Stands before a server and breaks the requests it is told to, counted from 1.

    Args:
        behind: URL of the server.
        latency_s: What every request costs.
    """

    def __init__(self, behind: str, *, latency_s: float = 0) -> None:
        super().__init__(_GateVisit)
        parts = urlsplit(behind)
        self.behind = (str(parts.hostname), parts.port or 80)
        self.latency_s = latency_s
        self.faults: dict[int, str] = {}
        self.seen: list[Seen] = []
        self.lock = threading.Lock()
        self.silence_s = 0.0
        self.released = threading.Event()
        self.before: Callable[[Seen], object] = lambda _: None
        self.after: Callable[[], None] | None = None
        self.broken: Callable[[], object] = lambda: None
