from __future__ import annotations

import io
import tarfile
import zipfile
from typing import TYPE_CHECKING

import pytest

from artifactories import ADMIN, USERS, WRITER, Artifactory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def _paths(server: Artifactory) -> list[str]:
    rows = server.rows("items.find()")
    return ["/".join(part for part in (row["repo"], row["path"], row["name"]) if part != ".") for row in rows]


def _fill(server: Artifactory) -> None:
    server.put("libs/a/1;k=v", b"1")
    server.put("libs/a/b/2", b"2")


WAYS = [
    ("libs/a/1", "/more/x", ["libs/a/b/2", "more/x"]),
    ("libs/a/1", "/more", ["libs/a/b/2", "more/1"]),
    ("libs/a/1", "/libs/a/b", ["libs/a/b/1", "libs/a/b/2"]),
    ("libs/a", "/more/x", ["more/x/1", "more/x/b/2"]),
    ("libs/a", "more/x", ["more/x/1", "more/x/b/2"]),
    ("libs/a", "/more", ["more/a/1", "more/a/b/2"]),
    ("libs/a", "/all/x", ["more/x/1", "more/x/b/2"]),
    ("libs/a/1", "/more/with%20space", ["libs/a/b/2", "more/with space"]),
]


@pytest.mark.parametrize(("source", "target", "after"), WAYS)
def test_files_and_folders_move(server: Artifactory, source: str, target: str, after: list[str]) -> None:
    _fill(server)
    answer = server.ask(f"POST api/move/{source}?to={target}")
    assert answer.status_code == 200
    (message,) = answer.get_json()["messages"]
    assert message["level"] == "INFO"
    assert message["message"].startswith(f"moving {source.replace('/', ':', 1)} to ")
    assert "artifacts and" in message["message"]
    assert _paths(server) == after


def test_properties_travel_along(server: Artifactory) -> None:
    _fill(server)
    server.ask("POST api/copy/libs/a?to=/more/a")
    assert _paths(server) == ["libs/a/1", "libs/a/b/2", "more/a/1", "more/a/b/2"]
    assert server.properties("libs/a/1") == server.properties("more/a/1") == {"k": ["v"]}


def test_a_dry_run_moves_nothing(server: Artifactory) -> None:
    _fill(server)
    answer = server.ask("POST api/move/libs/a?to=/more/a&dry=1")
    assert answer.status_code == 200
    assert answer.get_json()["messages"][0]["message"].startswith("Dry Run for moving")
    assert _paths(server) == ["libs/a/1", "libs/a/b/2"]


def test_what_is_there_is_replaced(server: Artifactory) -> None:
    _fill(server)
    server.put("more/1;old=1", b"other")
    server.ask("POST api/move/libs/a/1?to=/more/1")
    assert server.content("more/1") == b"1"
    assert server.properties("more/1") == {"k": ["v"]}


@pytest.mark.parametrize(
    ("source", "target", "status"),
    [
        ("libs/none", "/more/x", 404),
        ("nowhere/a", "/more/x", 404),
        ("libs/a", "", 400),
        ("libs/a", "/nowhere/x", 404),
        ("libs/a", "/blind/x", 405),
        ("libs/a", "/libs/a/b", 400),
        ("libs/a/1", "/libs/a/1", 400),
        ("libs/a", "/more/../x", 400),
    ],
)
def test_what_cannot_move_is_told_in_messages(
    server: Artifactory, source: str, target: str, status: int
) -> None:
    _fill(server)
    before = _paths(server)
    answer = server.ask(f"POST api/move/{source}?to={target}")
    assert answer.status_code == status
    assert answer.get_json()["messages"][0]["level"] == "ERROR"
    assert _paths(server) == before


def test_moving_needs_rights(start: Callable[..., Artifactory]) -> None:
    server = start(users=USERS)
    server.ask("PUT libs/a", b"1", user=ADMIN)
    server.ask("PUT more/a", b"2", user=ADMIN)
    answer = server.ask("POST api/move/libs/a?to=/more/b", user=WRITER)
    sentence = "User doesn't have permissions to move 'libs:a'. Needs delete permissions."
    assert answer.get_json()["messages"] == [{"level": "ERROR", "message": sentence}]
    assert answer.status_code == 403
    answer = server.ask("POST api/copy/libs/a?to=/more/a", user=WRITER)
    assert "override 'more:a'. Needs delete" in answer.get_json()["messages"][0]["message"]
    assert server.ask("POST api/copy/libs/a?to=/more/b", user=WRITER).status_code == 200
    mixed = server.ask("POST api/copy/libs?to=/more", user=WRITER)
    assert mixed.status_code == 200


# --- archives -----------------------------------------------------------------------------------

FILES = {"one.txt": b"1", "sub/two.txt": b"2"}


def _zipped(files: Mapping[str, bytes]) -> bytes:
    kept = io.BytesIO()
    with zipfile.ZipFile(kept, "w") as archive:
        archive.writestr("sub/", "")
        for name, content in files.items():
            archive.writestr(name, content)
    return kept.getvalue()


def _tarred(files: Mapping[str, bytes], mode: str = "w:gz") -> bytes:
    kept = io.BytesIO()
    with tarfile.open(fileobj=kept, mode=mode) as archive:  # type: ignore[call-overload]
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return kept.getvalue()


@pytest.mark.parametrize("header", ["X-Explode-Archive", "X-Explode-Archive-Atomic"])
@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", _zipped(FILES)),
        ("a.tar.gz", _tarred(FILES)),
        ("a.tgz", _tarred(FILES)),
        ("a.tar", _tarred(FILES, "w")),
    ],
)
def test_an_archive_is_unpacked(server: Artifactory, header: str, name: str, content: bytes) -> None:
    answer = server.ask(f"PUT libs/x/{name};k=v", content, headers={header: "true"})
    assert (answer.status_code, answer.content_type) == (200, "text/plain")
    assert _paths(server) == ["libs/x/one.txt", "libs/x/sub/two.txt"]
    assert server.content("libs/x/sub/two.txt") == b"2"
    assert server.properties("libs/x/one.txt") == {"k": ["v"]}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.zip", b"no archive"),
        ("a.tar.gz", b"no archive"),
        ("a.zip", _zipped({"../out": b"1"})),
        ("a.tar", _tarred({"/out": b"1"}, "w")),
        ("a.tar", _tarred({"a": b"1", "a/b": b"1"}, "w")),
    ],
)
def test_what_cannot_be_unpacked_leaves_nothing(server: Artifactory, name: str, content: bytes) -> None:
    answer = server.ask(f"PUT libs/x/{name}", content, headers={"X-Explode-Archive": "true"})
    assert answer.status_code == 400
    assert _paths(server) == []


@pytest.mark.parametrize(
    ("header", "status", "paths"),
    [
        ("X-Explode-Archive", 200, ["libs/x/one.txt", "libs/x/sub/two.txt"]),
        ("X-Explode-Archive-Atomic", 403, ["libs/x/one.txt"]),
    ],
)
def test_what_may_not_be_replaced_is_left_out_or_refuses_all(
    start: Callable[..., Artifactory], header: str, status: int, paths: list[str]
) -> None:
    server = start(users=USERS)
    server.ask("PUT libs/x/one.txt", b"other", user=ADMIN)
    answer = server.ask("PUT libs/x/a.zip", _zipped(FILES), user=WRITER, headers={header: "true"})
    assert answer.status_code == status
    found = server.query("items.find()", user=ADMIN).get_json()["results"]
    assert [f"{row['repo']}/{row['path']}/{row['name']}" for row in found] == paths
    assert server.ask("GET libs/x/one.txt", user=ADMIN).data == b"other"
