from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from artifactories import ADMIN, READER, USERS, WRITER, Artifactory, message
from pytest_defend.model.checksums import Checksums
from pytest_defend.server import User

if TYPE_CHECKING:
    from collections.abc import Callable

DEMO = Checksums.of(b"demo")
NOT_DEPLOYABLE = (
    "No local repository was configured as local deployment repository for the (blind) virtual repository."
)
NOTHING = "da39a3ee5e6b4b0d3255bfef95601890afd80709"


def test_a_file_comes_back_with_its_checksums(each: Artifactory) -> None:
    told = each.put("libs/a/demo.txt", headers={"X-Checksum-Sha1": DEMO.sha1}).get_json()
    assert told == {
        "repo": "libs",
        "path": "/a/demo.txt",
        "created": "2026-01-31T12:00:00.123Z",
        "createdBy": "admin",
        "downloadUri": "http://localhost/artifactory/libs/a/demo.txt",
        "mimeType": "text/plain",
        "size": "4",
        "checksums": {"sha1": DEMO.sha1, "md5": DEMO.md5, "sha256": DEMO.sha256},
        "originalChecksums": {"sha1": DEMO.sha1},
        "uri": "http://localhost/artifactory/api/storage/libs/a/demo.txt",
    }
    answer = each.ask("GET libs/a/demo.txt")
    assert answer.data == b"demo"
    assert answer.headers["ETag"] == DEMO.sha1
    assert answer.headers["X-Checksum-Sha1"] == DEMO.sha1
    assert answer.headers["X-Checksum-Sha256"] == DEMO.sha256
    assert answer.headers["X-Checksum-Md5"] == DEMO.md5
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["X-Artifactory-Filename"] == "demo.txt"
    assert answer.headers["Server"].startswith("Artifactory/")
    assert answer.headers["X-Artifactory-Id"]
    head = each.ask("HEAD libs/a/demo.txt")
    assert (head.status_code, head.data, head.headers["Content-Length"]) == (200, b"", "4")


def test_both_context_paths_lead_to_the_same(each: Artifactory) -> None:
    assert each.client.put("/libs/a", data=b"1").status_code == 201
    assert each.client.get("/artifactory/libs/a", buffered=True).data == b"1"
    assert each.client.get("/access/api/v1/tokens").status_code == 404


@pytest.mark.parametrize(
    ("headers", "status", "content"),
    [
        ({"Range": "bytes=1-2"}, 206, b"em"),
        ({"Range": "bytes=2-"}, 206, b"mo"),
        ({"Range": "bytes=-1"}, 206, b"o"),
        ({"Range": "bytes=-9"}, 200, b"demo"),
        ({"Range": "bytes=1-99"}, 206, b"emo"),
        ({"Range": "bytes=9-"}, 416, b""),
        ({"Range": "bytes=0-0,2-2"}, 200, b"demo"),
        ({"Range": "lines=1-2"}, 200, b"demo"),
        ({"If-None-Match": DEMO.sha1}, 304, b""),
        ({"If-None-Match": f'"{DEMO.sha1}"'}, 304, b""),
        ({"If-None-Match": "other"}, 200, b"demo"),
        ({"If-Modified-Since": "Sat, 31 Jan 2026 12:00:00 GMT"}, 304, b""),
        ({"If-Modified-Since": "Sat, 31 Jan 2026 11:59:59 GMT"}, 200, b"demo"),
    ],
)
def test_a_part_of_a_file_or_none(
    server: Artifactory, headers: dict[str, str], status: int, content: bytes
) -> None:
    server.put("libs/a")
    answer = server.ask("GET libs/a", headers=headers)
    assert (answer.status_code, answer.data) == (status, content)
    assert answer.content_length in (len(content), None)


def test_an_empty_file_is_a_file(server: Artifactory) -> None:
    server.put("libs/empty", b"")
    assert server.content("libs/empty") == b""


@pytest.mark.parametrize(
    ("sent", "path"),
    [
        ("libs/a+b.txt", "/a+b.txt"),
        ("libs/a%20b/%C3%A9.txt", "/a b/é.txt"),
        ("libs/x%3By", "/x;y"),
        ("libs/./a//b", "/a/b"),
        ("libs/a%2Fb", "/a/b"),
    ],
)
def test_paths_are_taken_as_they_were_sent(server: Artifactory, sent: str, path: str) -> None:
    assert server.put(sent).get_json()["path"] == path
    assert server.content(sent) == b"demo"


@pytest.mark.parametrize("path", ["libs/../x", "libs/a%00", "libs/a/.."])
def test_a_path_that_is_none_is_refused(server: Artifactory, path: str) -> None:
    assert server.ask(f"PUT {path}", b"x").status_code == 400


@pytest.mark.parametrize("sent", ["a[b]", "a|b", "a b", "a^b", "a{b}", 'a"b', "a<b", "a\\b"])
def test_raw_characters_are_refused_by_the_container(server: Artifactory, sent: str) -> None:
    environ = {"REQUEST_URI": f"/artifactory/libs/{sent}"}
    answer = server.client.get("/", environ_overrides=environ)
    assert answer.status_code == 400
    assert "text/html" in answer.content_type


@pytest.mark.parametrize("header", ["X-Checksum-Sha1", "X-Checksum-Sha256", "X-Checksum-Md5"])
def test_a_wrong_checksum_is_a_conflict(each: Artifactory, header: str) -> None:
    answer = each.ask("PUT libs/a", b"demo", headers={header: "0" * 32})
    assert answer.status_code == 409
    assert message(answer).startswith(
        "Checksum policy 'LocalRepoChecksumPolicy: CLIENT' rejected the artifact 'libs:a'. Checksums info: "
    )
    assert each.content("libs/a") is None


def test_a_body_that_was_lost_is_told_by_the_checksum_of_nothing(server: Artifactory) -> None:
    answer = server.ask("PUT libs/a", b"", headers={"X-Checksum-Sha1": DEMO.sha1})
    assert answer.status_code == 409
    assert f"original='{DEMO.sha1}', actual='{NOTHING}'" in message(answer)


@pytest.mark.parametrize(
    ("digest", "status"), [(DEMO.sha256, 201), (DEMO.sha1, 201), (DEMO.md5, 201), ("0" * 64, 409)]
)
def test_the_kind_of_a_checksum_is_told_by_its_length(server: Artifactory, digest: str, status: int) -> None:
    assert server.ask("PUT libs/a", b"demo", headers={"X-Checksum": digest}).status_code == status


def test_a_repository_may_not_care_about_checksums(server: Artifactory) -> None:
    policy = {"rclass": "local", "checksumPolicyType": "server-generated-checksums"}
    assert server.ask("PUT api/repositories/any", json=policy).status_code == 200
    server.put("any/a", b"demo", headers={"X-Checksum-Sha1": "0" * 40})


CHECKSUM_DEPLOY: list[tuple[dict[str, str], int, str]] = [
    ({"X-Checksum-Sha256": DEMO.sha256}, 201, ""),
    ({"X-Checksum-Sha1": DEMO.sha1}, 201, ""),
    ({"X-Checksum": DEMO.sha256}, 201, ""),
    ({"X-Checksum-Sha256": "0" * 64}, 404, f"No existing file with SHA-256: {'0' * 64}"),
    ({"X-Checksum-Sha1": "0" * 40}, 404, f"No existing file with SHA-1: {'0' * 40}"),
    ({"X-Checksum-Sha1": "xyz"}, 404, "Invalid SHA-1: xyz"),
    ({"X-Checksum-Sha256": "z" * 64}, 404, f"Invalid SHA-256: {'z' * 64}"),
]


@pytest.mark.parametrize(("headers", "status", "sentence"), CHECKSUM_DEPLOY)
def test_content_that_is_there_need_not_be_sent(
    each: Artifactory, headers: dict[str, str], status: int, sentence: str
) -> None:
    each.put("libs/a")
    answer = each.ask("PUT more/b;k=v", headers={"X-Checksum-Deploy": "true", **headers})
    assert answer.status_code == status
    if status == 201:
        assert each.content("more/b") == b"demo"
        assert each.properties("more/b") == {"k": ["v"]}
    else:
        assert message(answer) == f"Checksum deploy failed. {sentence}"
        assert each.content("more/b") is None


@pytest.mark.parametrize(
    ("profile", "status", "sentence"),
    [
        (
            "5.11-pro",
            404,
            "Checksum deploy failed. no checksum header 'X-Checksum-Sha1/X-Checksum-Sha256' was found.",
        ),
        ("7-pro", 400, "Checksum values not provided"),
    ],
)
def test_a_checksum_deploy_needs_a_checksum(
    start: Callable[..., Artifactory], profile: str, status: int, sentence: str
) -> None:
    answer = start(profile).ask("PUT libs/b", headers={"X-Checksum-Deploy": "true"})
    assert (answer.status_code, message(answer)) == (status, sentence)


def test_a_path_with_the_name_of_a_checksum_is_no_file(server: Artifactory) -> None:
    assert server.ask("PUT libs/a.sha1", DEMO.sha1).status_code == 404
    server.put("libs/a")
    for kind in ("sha1", "md5", "sha256"):
        assert server.ask(f"PUT libs/a.{kind}", f"{getattr(DEMO, kind)}  a\n").status_code == 201
        assert server.ask(f"PUT libs/a.{kind}", "0" * 40).status_code == 409
        assert server.content(f"libs/a.{kind}") == getattr(DEMO, kind).encode()
    assert server.ask("PUT libs/a.sha1", "0" * 1025).status_code == 409
    assert server.ask("PUT libs/a.sha1", "").status_code == 409
    assert [row["name"] for row in server.rows("items.find()")] == ["a"]


def test_other_content_wipes_the_properties(each: Artifactory) -> None:
    each.put("libs/a;k=v", b"one")
    each.put("libs/a", b"two")
    assert each.content("libs/a") == b"two"
    assert each.properties("libs/a") == {}


@pytest.mark.parametrize(("again", "left"), [("", {"k": ["v"]}), (";n=w", {"n": ["w"]})])
def test_the_same_content_keeps_or_replaces_the_properties(
    each: Artifactory, again: str, left: dict[str, list[str]]
) -> None:
    each.put("libs/a;k=v")
    each.put(f"libs/a{again}")
    assert each.properties("libs/a") == left


@pytest.mark.parametrize(("hidden", "status"), [(False, 403), (True, 404)])
@pytest.mark.parametrize(
    ("profile", "verb"), [("5.11-pro", "overwrite"), ("5.11-oss", "overwrite"), ("7-pro", "delete/overwrite")]
)
def test_replacing_needs_the_right_to_delete(
    start: Callable[..., Artifactory], profile: str, verb: str, hidden: bool, status: int
) -> None:
    server = start(profile, users=USERS, hide_unauthorized=hidden)
    server.ask("PUT libs/a", b"one", user=WRITER)
    answer = server.ask("PUT libs/a", b"two", user=WRITER)
    assert answer.status_code == status
    sentence = f"Not enough permissions to {verb} artifact 'libs:a' (user 'jo' needs DELETE permission)."
    assert message(answer) == ("Could not locate artifact 'libs:a'." if hidden else sentence)
    one = hashlib.sha256(b"one").hexdigest()
    assert server.ask("PUT libs/a", b"one", user=WRITER).status_code == status, "nothing says it is the same"
    same = server.ask("PUT libs/a", b"one", user=WRITER, headers={"X-Checksum-Sha256": one})
    assert same.status_code == 201
    assert server.ask("PUT libs/a", b"two", user=ADMIN).status_code == 201


def test_deploying_needs_the_right_to(start: Callable[..., Artifactory]) -> None:
    server = start(users=USERS)
    answer = server.ask("PUT libs/a/b", b"x", user=READER)
    assert answer.status_code == 403
    assert message(answer) == "User eve is not permitted to deploy 'a/b' into 'libs:a/b'."


def test_properties_of_who_may_not_annotate_are_dropped_in_silence(start: Callable[..., Artifactory]) -> None:
    server = start(users=(ADMIN, User(name="mute", password="m", rights="rw")))
    mute = User(name="mute", password="m")
    assert server.ask("PUT libs/a;k=v", b"x", user=mute).status_code == 201
    assert server.ask("GET api/storage/libs/a?properties", user=ADMIN).status_code == 404


@pytest.mark.parametrize(
    ("request_", "status", "sentence"),
    [
        ("PUT nowhere/a", 404, "Could not find a local repository named nowhere to deploy to."),
        ("PUT blind/a", 405, NOT_DEPLOYABLE),
        ("GET nowhere/a", 404, "Failed to find the repository 'nowhere' specified in the request."),
        ("GET libs/a", 404, "File not found."),
        ("DELETE libs/a", 404, "Could not locate artifact 'libs:a' (Nothing to delete)."),
    ],
)
def test_what_is_not_there_is_said(each: Artifactory, request_: str, status: int, sentence: str) -> None:
    answer = each.ask(request_)
    assert (answer.status_code, message(answer)) == (status, sentence)
    assert answer.headers.get("Allow") == ("GET" if status == 405 else None)


def test_a_virtual_repository_looks_in_order_and_writes_to_its_default(each: Artifactory) -> None:
    assert each.put("all/new").get_json()["repo"] == "more"
    each.put("more/both", b"more")
    each.put("libs/both", b"libs")
    assert each.content("all/both") == b"libs"
    assert each.content("all/new") == b"demo"
    assert each.ask("GET api/storage/all/new").get_json()["repo"] == "more"
    assert b"both" in (each.content("all/") or b"")
    assert b"new" in (each.content("all/") or b"")


def test_a_folder_is_a_page_of_links(server: Artifactory) -> None:
    server.put("libs/a/b/c%3Cd")
    answer = server.ask("GET libs/a")
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://localhost/artifactory/libs/a/")
    page = server.ask("GET libs/a/b/")
    assert page.status_code == 200
    assert '<a href="c%3Cd">c&lt;d</a>' in page.text
    assert server.ask("HEAD libs/a/").status_code == 200
    assert server.ask("PUT libs/empty/").get_json()["uri"] == "http://localhost/artifactory/libs/empty/"
    assert server.ask("GET libs/empty/").status_code == 200


def test_a_file_is_no_folder(server: Artifactory) -> None:
    server.put("libs/a/b")
    answer = server.ask("PUT libs/a/b/c", b"x")
    assert (answer.status_code, message(answer)) == (400, "Expected a folder but found a file, at: libs:a/b")
    answer = server.ask("PUT libs/a", b"x")
    assert (answer.status_code, message(answer)) == (400, "Expected a file but found a folder, at: libs:a")


def test_files_and_folders_are_deleted(each: Artifactory) -> None:
    for path in ("libs/a/1", "libs/a/2", "libs/ab"):
        each.put(path)
    assert each.ask("DELETE libs/a/1").status_code == 204
    assert each.content("libs/a/1") is None
    assert each.ask("DELETE libs/a").status_code == 204
    assert [row["name"] for row in each.rows("items.find()")] == ["ab"]
    for unknown in ("nowhere/a", "all/a"):
        answer = each.ask(f"DELETE {unknown}")
        assert (answer.status_code, answer.data) == (404, b"")


@pytest.mark.parametrize(("hidden", "status"), [(False, 403), (True, 404)])
def test_deleting_needs_the_right_to(start: Callable[..., Artifactory], hidden: bool, status: int) -> None:
    server = start(users=USERS, hide_unauthorized=hidden)
    server.ask("PUT libs/a", b"x", user=WRITER)
    assert server.ask("DELETE libs/a", user=WRITER).status_code == status
    assert server.ask("DELETE libs", user=WRITER).status_code == 403
    assert server.ask("DELETE libs/a", user=ADMIN).status_code == 204


def test_a_download_may_demand_properties(server: Artifactory) -> None:
    server.put("libs/a;k=v")
    assert server.content("libs/a;k+=v") == b"demo"
    assert server.content("libs/a;other=w") == b"demo"
    answer = server.ask("GET libs/a;k+=w")
    assert answer.status_code == 404
    assert message(answer).endswith("mandatory properties do not match.")


def test_the_checksums_are_not_told_whole_to_old_clients(server: Artifactory) -> None:
    told = server.put("libs/a", headers={"User-Agent": "ArtifactoryBuildClient/2.1.0"}).get_json()
    assert "sha256" not in told["checksums"]
