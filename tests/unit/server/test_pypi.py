from __future__ import annotations

import hashlib
import io
from typing import TYPE_CHECKING, Any

import pytest

from artifactories import ADMIN, READER, USERS, WRITER, Artifactory, message

if TYPE_CHECKING:
    from collections.abc import Callable

    from werkzeug.test import TestResponse

WHEEL = "Demo_Pkg-1.0-py3-none-any.whl"
SIMPLE = "application/vnd.pypi.simple.v1+json"
SHA256 = hashlib.sha256(b"wheel").hexdigest()


def _upload(
    server: Artifactory, repository: str = "pypi", content: bytes = b"wheel", **changes: Any
) -> TestResponse:
    user = changes.pop("user", None)
    form = {
        ":action": "file_upload",
        "protocol_version": "1",
        "name": "Demo.Pkg",
        "version": "1.0",
        "requires_python": ">=3.9",
        "sha256_digest": hashlib.sha256(content).hexdigest(),
        "content": (io.BytesIO(content), WHEEL),
        **changes,
    }
    return server.ask(f"POST api/pypi/{repository}", form, user=user)


def test_an_upload_is_kept_and_shown(start: Callable[..., Artifactory]) -> None:
    server = start("5.11-pro")
    assert _upload(server).status_code == 200
    assert server.content(f"pypi/Demo.Pkg/1.0/{WHEEL}") == b"wheel"
    assert server.properties(f"pypi/Demo.Pkg/1.0/{WHEEL}") == {
        "pypi.name": ["Demo.Pkg"],
        "pypi.normalized.name": ["demo-pkg"],
        "pypi.requires.python": [">=3.9"],
        "pypi.version": ["1.0"],
    }
    page = server.ask("GET api/pypi/pypi/simple/demo-pkg/")
    assert page.content_type.startswith("text/html")
    href = f'href="../../packages/Demo.Pkg/1.0/{WHEEL}#sha256={SHA256}"'
    assert f'<a {href} data-requires-python="&gt;=3.9" rel="internal">{WHEEL}</a>' in page.text
    assert server.content(f"api/pypi/pypi/packages/Demo.Pkg/1.0/{WHEEL}") == b"wheel"
    part = server.ask(f"GET api/pypi/pypi/packages/Demo.Pkg/1.0/{WHEEL}", headers={"Range": "bytes=1-2"})
    assert part.data == b"he"
    assert '<a href="demo-pkg/"' in server.ask("GET api/pypi/pypi/simple/").text


def test_pages_end_with_a_slash(server: Artifactory) -> None:
    _upload(server)
    for path in ("api/pypi/pypi/simple", "api/pypi/pypi/simple/demo-pkg"):
        answer = server.ask(f"GET {path}")
        assert (answer.status_code, answer.headers["Location"]) == (
            302,
            f"http://localhost/artifactory/{path}/",
        )


def test_a_plain_file_is_shown_as_well(server: Artifactory) -> None:
    server.put("pypi/any/where/demo-2.0.tar.gz")
    server.put("pypi/any/where/notes.txt")
    assert "demo-2.0.tar.gz" in server.ask("GET api/pypi/pypi/simple/Demo/").text
    assert "notes" not in server.ask("GET api/pypi/pypi/simple/").text
    assert server.ask("GET api/pypi/pypi/simple/none/").status_code == 404
    assert server.ask("GET api/pypi/nowhere/simple/").status_code == 404
    assert server.ask("GET api/pypi/pypi/packages/none").status_code == 404


def test_the_members_of_a_virtual_repository_are_looked_into_in_order(server: Artifactory) -> None:
    server.put("more/d/demo-1.0.tar.gz", b"more")
    server.put("more/d/demo-2.0.tar.gz", b"two")
    server.put("libs/d/demo-1.0.tar.gz", b"libs")
    page = server.ask("GET api/pypi/all/simple/demo/").text
    assert page.count("<a ") == 2
    assert hashlib.sha256(b"libs").hexdigest() in page
    assert server.content("api/pypi/all/packages/d/demo-1.0.tar.gz") == b"libs"
    assert _upload(server, "all").status_code == 200
    assert server.content(f"more/Demo.Pkg/1.0/{WHEEL}") == b"wheel"


@pytest.mark.parametrize(
    ("option", "accept", "kind"),
    [
        (True, f"{SIMPLE}, text/html;q=0.1", SIMPLE),
        (True, "text/html", "text/html"),
        (True, "*/*", "text/html"),
        (False, f"{SIMPLE}, text/html;q=0.1", "text/html"),
    ],
)
def test_json_is_an_option(start: Callable[..., Artifactory], option: bool, accept: str, kind: str) -> None:
    server = start(pypi_json=option)
    _upload(server)
    for path in ("simple/", "simple/demo-pkg/"):
        answer = server.ask(f"GET api/pypi/pypi/{path}", headers={"Accept": accept})
        assert answer.content_type.startswith(kind)
    if kind == SIMPLE:
        (file,) = answer.get_json()["files"]
        assert file == {
            "filename": WHEEL,
            "url": f"../../packages/Demo.Pkg/1.0/{WHEEL}",
            "hashes": {"sha256": SHA256},
            "size": 5,
            "upload-time": "2026-01-31T12:00:00.123Z",
            "requires-python": ">=3.9",
        }


@pytest.mark.parametrize(
    "changes",
    [
        {":action": "submit"},
        {"sha256_digest": "0" * 64},
        {"md5_digest": "0" * 32},
        {"name": ""},
    ],
    ids=str,
)
def test_what_is_no_upload_is_refused(server: Artifactory, changes: dict[str, Any]) -> None:
    assert _upload(server, **changes).status_code == 400
    assert server.ask("POST api/pypi/pypi", {":action": "file_upload"}).status_code == 400
    assert server.ask("GET api/pypi/pypi/simple/").text.count("<a ") == 0


def test_replacing_an_upload_needs_the_right_to_delete(start: Callable[..., Artifactory]) -> None:
    server = start(users=USERS)
    assert _upload(server, user=WRITER).status_code == 200
    assert _upload(server, user=WRITER).status_code == 200, "the same bytes"
    answer = _upload(server, content=b"other", user=WRITER)
    assert answer.status_code == 403
    assert "overwrite artifact" in message(answer), "what twine looks for"
    assert _upload(server, user=READER).status_code == 403
    assert _upload(server, content=b"other", user=ADMIN).status_code == 200
