from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from artifactories import ADMIN, READER, USERS, WRITER, Artifactory, message
from pytest_defend.model.checksums import Checksums
from pytest_defend.server import User
from pytest_defend.server.grammars import matrix, path_of, property_names, property_query, split_matrix

if TYPE_CHECKING:
    from collections.abc import Callable

DEMO = Checksums.of(b"demo")
AT = "2026-01-31T12:00:00.123Z"
STORAGE = "http://localhost/artifactory/api/storage"


def test_a_file_is_described(each: Artifactory) -> None:
    each.put("libs/a/demo.json")
    assert each.ask("GET api/storage/libs/a/demo.json").get_json() == {
        "repo": "libs",
        "path": "/a/demo.json",
        "created": AT,
        "createdBy": "admin",
        "lastModified": AT,
        "modifiedBy": "admin",
        "lastUpdated": AT,
        "downloadUri": "http://localhost/artifactory/libs/a/demo.json",
        "mimeType": "application/json",
        "size": "4",
        "checksums": {"sha1": DEMO.sha1, "md5": DEMO.md5, "sha256": DEMO.sha256},
        "originalChecksums": {},
        "uri": f"{STORAGE}/libs/a/demo.json",
    }


def test_a_folder_is_described(each: Artifactory) -> None:
    each.put("libs/a/1")
    each.put("libs/a/b/2")
    told = each.ask("GET api/storage/libs/a").get_json()
    assert told["children"] == [{"uri": "/b", "folder": True}, {"uri": "/1", "folder": False}]
    assert (told["repo"], told["path"], told["uri"]) == ("libs", "/a", f"{STORAGE}/libs/a")
    root = each.ask("GET api/storage/libs").get_json()
    assert (root["path"], root["children"]) == ("/", [{"uri": "/a", "folder": True}])
    assert each.ask("GET api/storage/all").status_code == 200


def test_what_is_not_there_is_no_item(each: Artifactory) -> None:
    for path in ("libs/a", "nowhere/a"):
        answer = each.ask(f"GET api/storage/{path}")
        assert (answer.status_code, message(answer)) == (404, "Unable to find item")


def test_who_may_not_read_is_told_so_in_bare_text(start: Callable[..., Artifactory]) -> None:
    blind = User(name="blind", password="b", rights="w")
    server = start(users=(ADMIN, blind))
    server.ask("PUT libs/a", b"x", user=ADMIN)
    answer = server.ask("GET api/storage/libs/a", user=blind)
    assert (answer.status_code, answer.text) == (403, "Request for 'libs:a' is forbidden for user 'blind'.")
    answer = server.ask("GET libs/a", user=blind)
    assert message(answer) == "Download request for repo:path 'libs:a' is forbidden for user 'blind'."
    hiding = start(hide_unauthorized=True)
    assert message(hiding.ask("GET api/storage/libs/a", user=blind)) == "Resource not found"
    assert message(hiding.ask("GET libs/a", user=blind)) == "File not found."


LISTS = [
    ("", ["/1"]),
    ("&deep=1", ["/1", "/b/2", "/b/c/3"]),
    ("&deep=1&depth=2", ["/1", "/b/2"]),
    ("&deep=1&depth=many", ["/1", "/b/2", "/b/c/3"]),
    ("&listFolders=1", ["/1", "/b"]),
    ("&deep=1&listFolders=1", ["/1", "/b", "/b/2", "/b/c", "/b/c/3"]),
    ("&includeRootPath=1", ["/", "/1"]),
]


@pytest.mark.parametrize(("query", "uris"), LISTS)
def test_a_folder_is_listed(server: Artifactory, query: str, uris: list[str]) -> None:
    for path in ("1", "b/2", "b/c/3"):
        server.put(f"libs/a/{path}")
    told = server.ask(f"GET api/storage/libs/a?list{query}").get_json()
    assert [file["uri"] for file in told["files"]] == uris
    first = next(file for file in told["files"] if file["uri"] == "/1")
    assert first == {
        "uri": "/1",
        "size": 4,
        "lastModified": AT,
        "folder": False,
        "sha1": DEMO.sha1,
        "sha2": DEMO.sha256,
    }
    assert all(file["size"] == -1 for file in told["files"] if file["folder"])


def test_a_list_may_tell_when_properties_changed(server: Artifactory) -> None:
    server.put("libs/a/1;k=v")
    (file,) = server.ask("GET api/storage/libs/a?list&mdTimestamps=1").get_json()["files"]
    assert file["mdTimestamps"] == {"properties": AT}
    assert server.ask("GET api/storage/libs/a/1?list").status_code == 400


def test_sides_of_an_item(server: Artifactory) -> None:
    server.put("libs/a/1")
    told = server.ask("GET api/storage/libs/a?lastModified").get_json()
    assert told["lastModified"] == "2026-01-31T12:00:00.123+0000"
    assert server.ask("GET api/storage/libs/a/1?lastModified").status_code == 200
    assert server.ask("GET api/storage/all/a?lastModified").status_code == 400
    server.content("libs/a/1")
    told = server.ask("GET api/storage/libs/a/1?stats").get_json()
    assert (told["downloadCount"], told["lastDownloaded"]) == (1, 1769860800123)


def test_permissions_are_shown_to_who_manages(start: Callable[..., Artifactory]) -> None:
    server = start(users=USERS)
    server.ask("PUT libs/a", b"x", user=ADMIN)
    told = server.ask("GET api/storage/libs/a?permissions", user=ADMIN).get_json()
    assert told["principals"]["users"] == {"eve": ["r"], "jo": ["r", "n", "w"]}
    assert server.ask("GET api/storage/libs/a?permissions", user=WRITER).status_code == 403


def test_who_is_nobody_gets_no_list(start: Callable[..., Artifactory]) -> None:
    server = start(users=USERS, anonymous=True)
    server.ask("PUT libs/a/1", b"x", user=ADMIN)
    assert server.ask("GET api/storage/libs/a").status_code == 200
    assert server.ask("GET api/storage/libs/a?list").status_code == 403


# --- properties ---------------------------------------------------------------------------------


def test_no_properties_no_file_and_none_of_those_are_one_answer(each: Artifactory) -> None:
    each.put("libs/a")
    each.put("libs/b;k=v")
    for path in ("libs/a?properties", "libs/none?properties", "libs/b?properties=other"):
        answer = each.ask(f"GET api/storage/{path}")
        assert (answer.status_code, message(answer)) == (404, "No properties could be found.")
    answer = each.ask("GET api/storage/libs/b?properties=other,k")
    assert answer.get_json() == {"properties": {"k": ["v"]}, "uri": f"{STORAGE}/libs/b"}
    assert answer.headers["Cache-Control"] == "no-store"
    assert each.ask("GET libs/b?properties").get_json()["properties"] == {"k": ["v"]}


SETS = [
    ("k=v", {"k": ["v"]}),
    ("k=v,w", {"k": ["v", "w"]}),
    ("k=v;l=w", {"k": ["v"], "l": ["w"]}),
    ("k=v%7Cl=w", {"k": ["v"], "l": ["w"]}),
    ("k=", {"k": [""]}),
    ("k", {"k": [""]}),
    ("k=1;k=2", {"k": ["2"]}),
    ("a=b=c;k=v", {"k": ["v"]}),
    ("k=a%5C%3Db%5C%3Bc%5C%2Cd%5C%7Ce%5Cf%20g%2Bh%20%C3%A9", {"k": ["a=b;c,d|e\\f g+h é"]}),
    ("k=a+b", {"k": ["a b"]}),
    ("=v;k=w", {"k": ["w"]}),
]


@pytest.mark.parametrize(("query", "properties"), SETS)
def test_the_grammar_of_the_query(server: Artifactory, query: str, properties: dict[str, list[str]]) -> None:
    server.put("libs/a")
    assert server.ask(f"PUT api/storage/libs/a?properties={query}").status_code == 204
    assert server.properties("libs/a") == properties


MATRICES = [
    (";k=v", {"k": ["v"]}),
    (";k=v;k=w", {"k": ["v", "w"]}),
    (";k=v,w", {"k": ["v,w"]}),
    (";k", {"k": [""]}),
    (";k=", {"k": [""]}),
    (";=v", {}),
    (";;k=v;", {"k": ["v"]}),
    (";k=a=b", {"k": ["a=b"]}),
    (";k=a%3Bb", {"k": ["a;b"]}),
    (";k=a+b%2Bc", {"k": ["a b+c"]}),
    (";a%20b=v", {"a%20b": ["v"]}),
    (";k=a/b", {"k": ["a/b"]}),
    (";k=a%3Db%3Bc%2Cd%7Ce%5Cf%20g%2Bh%20%C3%A9", {"k": ["a=b;c,d|e\\f g+h é"]}),
    (";k=%C3%A9%0A", {"k": ["é\n"]}),
]


@pytest.mark.parametrize(("sent", "properties"), MATRICES)
def test_the_grammar_of_the_matrix(each: Artifactory, sent: str, properties: dict[str, list[str]]) -> None:
    each.put(f"libs/a{sent}")
    assert each.properties("libs/a") == properties


def test_parameters_may_follow_the_repository(server: Artifactory) -> None:
    server.put("libs;k=v/a;l=w")
    assert server.properties("libs/a") == {"k": ["v"], "l": ["w"]}


def test_setting_replaces_some_and_keeps_others(server: Artifactory) -> None:
    server.put("libs/a;k=1;l=1")
    server.ask("PUT api/storage/libs/a?properties=k=2,3;m=4")
    assert server.properties("libs/a") == {"k": ["2", "3"], "l": ["1"], "m": ["4"]}
    assert server.ask("DELETE api/storage/libs/a?properties=k,none").status_code == 204
    assert server.properties("libs/a") == {"l": ["1"], "m": ["4"]}


@pytest.mark.parametrize(("query", "reached"), [("", True), ("&recursive=1", True), ("&recursive=0", False)])
def test_a_folder_passes_its_properties_on(server: Artifactory, query: str, reached: bool) -> None:
    server.put("libs/a/b/c")
    assert server.ask(f"PUT api/storage/libs/a?properties=k=v{query}").status_code == 204
    assert server.properties("libs/a") == {"k": ["v"]}
    expected = {"k": ["v"]} if reached else {}
    assert server.properties("libs/a/b") == expected
    assert server.properties("libs/a/b/c") == expected


def test_properties_are_patched(server: Artifactory) -> None:
    server.put("libs/a;gone=1;kept=1")
    props = {"k": "a=b;c|d", "l": ["1", "2"], "gone": None, "n": 5}
    assert server.ask("PATCH api/metadata/libs/a", json={"props": props}).status_code == 204
    assert server.properties("libs/a") == {"k": ["a=b;c|d"], "l": ["1", "2"], "kept": ["1"], "n": ["5"]}
    assert (
        server.ask("PATCH api/metadata/libs?recursiveProperties=0", json={"props": {"r": "1"}}).status_code
        == 204
    )
    assert "r" not in server.properties("libs/a")


@pytest.mark.parametrize("sent", [b"{", b"[]", b"{}", b'{"props": []}', b'{"props": {"k": {}}}'])
def test_what_is_no_patch_is_refused(server: Artifactory, sent: bytes) -> None:
    server.put("libs/a")
    assert server.ask("PATCH api/metadata/libs/a", sent).status_code == 400


def test_version_5_knows_no_patch(start: Callable[..., Artifactory]) -> None:
    assert start("5.11-pro").ask("PATCH api/metadata/libs/a", json={"props": {}}).status_code == 404


def test_setting_needs_the_right_to_and_a_file(start: Callable[..., Artifactory]) -> None:
    server = start(users=USERS)
    server.ask("PUT libs/a", b"x", user=WRITER)
    assert server.ask("PUT api/storage/libs/a?properties=k=v", user=READER).status_code == 403
    assert server.ask("PUT api/storage/libs/b?properties=k=v", user=WRITER).status_code == 404
    assert server.ask("PUT api/storage/libs/a?properties=k=v", user=WRITER).status_code == 204


few = settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


@few
@given(text=st.text())
def test_every_text_is_read_by_the_grammars(text: str) -> None:
    for properties in (matrix(text), property_query(text)):
        assert all(isinstance(value, str) for values in properties.values() for value in values)
    property_names(text)
    path, parameters = split_matrix(text)
    assert len(path) + len(parameters) <= len(text)
    assert "//" not in path_of(path)


@few
@given(text=st.text(st.characters(min_codepoint=32, max_codepoint=126)))
def test_no_path_and_no_parameter_breaks_the_server(server: Artifactory, text: str) -> None:
    sent = text.replace(" ", "").replace("\\", "")
    for request in (
        "PUT libs/",
        "GET libs/",
        "DELETE libs/x",
        "GET api/storage/",
        "PUT api/storage/libs?properties=",
    ):
        method, _, path = request.partition(" ")
        environ = {"REQUEST_URI": f"/{path}{sent}", "QUERY_STRING": sent if "?" in path else ""}
        answer = server.client.open("/", method=method, data=b"x", environ_overrides=environ, buffered=True)
        assert answer.status_code < 500, answer.text
