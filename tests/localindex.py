"""A package index on loopback: the files of a folder, in the dialects that real indexes speak.

Rules:
- The folder is read at every request: a file that is put there later is offered from then on.
- JSON is answered to those who ask for it and only where the index speaks it, else HTML.
- Every request is counted by its path, refused ones too; `parts` counts the parts of files that were given.

Sources: https://packaging.python.org/en/latest/specifications/simple-repository-api/,
https://peps.python.org/pep-0658/
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import zipfile
from collections import Counter
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Self
from urllib.parse import quote, unquote, urlsplit

from wheels import sha256

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["Dialect", "LocalIndex"]

_JSON = "application/vnd.pypi.simple.v1+json"
_HTML = "text/html; charset=utf-8"
_SUFFIXES = (".whl", ".tar.gz", ".zip")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """What an index says, and to whom."""

    json: bool = True
    """Whether it speaks JSON (PEP 691) besides HTML (PEP 503)."""
    hashes: bool = True
    """Whether it says the sha256 of a file."""
    metadata: bool = True
    """Whether it offers the metadata of a wheel as a file of its own (PEP 658)."""
    credentials: str = ""
    """`user:password` that it asks for; empty for none."""
    parts: bool = True
    """Whether it gives parts of files (RFC 9110, range requests)."""


class LocalIndex:
    """An index that runs as long as its context.

    Args:
        folder: Of the files it offers.
        dialect: How.
    """

    def __init__(self, folder: Path, dialect: Dialect | None = None) -> None:
        self.folder = folder
        self.dialect = dialect or Dialect()
        self.counts: Counter[str] = Counter()
        self.parts = 0
        folder.mkdir(parents=True, exist_ok=True)
        index = self

        class Answering(_Answering):
            asked = index

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01})

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def host(self) -> str:
        """`127.0.0.1:PORT`"""
        return f"127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        """Of its root page, without credentials."""
        return f"http://{self.host}/simple/"

    def files(self, project: str) -> list[Path]:
        """Those of a project, sorted by name."""
        return [path for path in self._all() if _project(path.name) == project]

    def projects(self) -> list[str]:
        """The names of what it offers, normalised and sorted."""
        return sorted({_project(path.name) for path in self._all()})

    def _all(self) -> list[Path]:
        return sorted(path for path in self.folder.iterdir() if path.name.endswith(_SUFFIXES))


class _Answering(BaseHTTPRequestHandler):
    asked: LocalIndex

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base's
        """Say nothing: what a test prints is its result."""

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.asked.counts[path] += 1
        credentials = self.asked.dialect.credentials
        wanted = f"Basic {base64.b64encode(credentials.encode()).decode()}"
        if credentials and self.headers.get("Authorization") != wanted:
            self._send(HTTPStatus.UNAUTHORIZED, b"", "text/plain")
            return
        parts = path.strip("/").split("/")
        if parts == ["simple"]:
            self._page(self._root())
        elif parts[0] == "simple" and self.asked.files(parts[1]):
            self._page(self._project(parts[1]))
        elif parts[0] == "files" and (data := self._file(parts[1])) is not None:
            self._some(data)
        else:
            self._send(HTTPStatus.NOT_FOUND, b"", "text/plain")

    def _some(self, data: bytes) -> None:
        """A file, or the part of it that is asked for."""
        asked = re.fullmatch(r"bytes=(\d*)-(\d*)", self.headers.get("Range", ""))
        if asked is None or not self.asked.dialect.parts:
            self._send(HTTPStatus.OK, data, "application/octet-stream")
            return
        first, last = asked.groups()
        start = int(first) if first else max(len(data) - int(last), 0)
        end = min(int(last) + 1, len(data)) if first and last else len(data)
        self.asked.parts += 1
        place = {"Content-Range": f"bytes {start}-{end - 1}/{len(data)}"}
        self._send(HTTPStatus.PARTIAL_CONTENT, data[start:end], "application/octet-stream", place)

    def _send(
        self, status: HTTPStatus, data: bytes, kind: str, headers: Mapping[str, str] | None = None
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if status is HTTPStatus.UNAUTHORIZED:
            self.send_header("WWW-Authenticate", 'Basic realm="tests"')
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def _page(self, page: dict[str, object]) -> None:
        """A page of JSON, or the same as HTML."""
        if self.asked.dialect.json and _JSON in self.headers.get("Accept", ""):
            self._send(HTTPStatus.OK, json.dumps(page).encode(), _JSON)
        else:
            self._send(HTTPStatus.OK, _as_html(page).encode(), _HTML)

    def _root(self) -> dict[str, object]:
        projects = [{"name": name} for name in self.asked.projects()]
        return {"meta": {"api-version": "1.0"}, "projects": projects}

    def _project(self, name: str) -> dict[str, object]:
        files = [self._offer(path) for path in self.asked.files(name)]
        return {"meta": {"api-version": "1.0"}, "name": name, "files": files}

    def _offer(self, path: Path) -> dict[str, object]:
        dialect = self.asked.dialect
        offer: dict[str, object] = {"filename": path.name, "url": f"../../files/{quote(path.name)}"}
        offer["hashes"] = {"sha256": sha256(path)} if dialect.hashes else {}
        if dialect.metadata and path.suffix == ".whl":
            offer["core-metadata"] = {"sha256": hashlib.sha256(_metadata(path)).hexdigest()}
        return offer

    def _file(self, name: str) -> bytes | None:
        path = self.asked.folder / name
        if path.is_file():
            return path.read_bytes()
        wheel = path.with_suffix("")
        if self.asked.dialect.metadata and path.suffix == ".metadata" and wheel.is_file():
            return _metadata(wheel)
        return None


def _as_html(page: dict[str, object]) -> str:
    links = []
    projects, files = page.get("projects", ()), page.get("files", ())
    assert isinstance(projects, list | tuple)
    assert isinstance(files, list | tuple)
    links += [f'<a href="{project["name"]}/">{project["name"]}</a>' for project in projects]
    for offer in files:
        digest = offer["hashes"].get("sha256")
        more = ""
        if metadata := offer.get("core-metadata"):
            says = f"sha256={metadata['sha256']}"
            more = f' data-dist-info-metadata="{says}" data-core-metadata="{says}"'
        target = html.escape(offer["url"] + (f"#sha256={digest}" if digest else ""))
        links.append(f'<a href="{target}"{more}>{html.escape(offer["filename"])}</a>')
    body = "<br>\n".join(links)
    return f"<!DOCTYPE html>\n<html><head><title>index</title></head>\n<body>\n{body}\n</body></html>\n"


def _metadata(wheel: Path) -> bytes:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        return archive.read(name)


def _project(file: str) -> str:
    """The project that a file is of: of a wheel all up to the first dash, of an sdist all up to the last."""
    stem = file.partition("-")[0] if file.endswith(".whl") else file.rpartition("-")[0]
    return re.sub(r"[-_.]+", "-", stem).lower()
