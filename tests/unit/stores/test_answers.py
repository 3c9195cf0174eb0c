"""Every shape of an answer that was recorded from a server or from what stands before one."""

from __future__ import annotations

import json

import pytest

from pytest_defend.errors import AccessDenied, Conflict, Corrupt, NotFound, StoreError, Unavailable
from pytest_defend.stores.answers import Answer, NeedsPro, failure, said


def _answer(status: int, body: str, *, method: str = "PUT", **headers: str) -> Answer:
    return Answer(method=method, url="u", status=status, headers=headers, body=body.encode(), wait_s=0)


def _envelope(status: int, message: str) -> str:
    return json.dumps({"errors": [{"status": status, "message": message}]})


EMPTY = "da39a3ee5e6b4b0d3255bfef95601890afd80709"
POLICY = (
    "Checksum policy 'LocalRepoChecksumPolicy: CLIENT' rejected the artifact 'conan-local:a/conanfile.py'. "
    "Checksums info: ChecksumsInfo{checksums={SHA-1=ChecksumInfo{type=SHA-1, original='9e1daa42', "
    "actual='%s'}, MD5=x}}"
)
NOT_PERMITTED = (
    "User token:user is not permitted to deploy 'job/17-1551222119073.json' into "
    "'artifactory-build-info:job/17-1551222119073.json'."
)
GONE = "Cannot find builds by the name 'WinService' and the number '20230417.4' and buildRepo 'x'."
PRO = "This REST API is available only in Artifactory Pro (see: http://www.jfrog.com/addons.php)."


@pytest.mark.parametrize(
    ("status", "body", "kind", "words"),
    [
        (403, _envelope(403, NOT_PERMITTED), AccessDenied, "is not permitted to deploy"),
        (
            400,
            _envelope(400, "Unable to find artifacts of build 'b' #1: aborting promotion."),
            StoreError,
            "#1",
        ),
        (404, _envelope(404, GONE), NotFound, "WinService"),
        (
            404,
            _envelope(404, "No build was found for build name: uap/testimage, build number: 100000 "),
            NotFound,
            "uap/testimage",
        ),
        (409, POLICY % "7b2f", Corrupt, "holds 7b2f where 9e1daa42 was recorded"),
        (409, _envelope(409, POLICY % "7b2f"), Corrupt, "7b2f"),
        (409, POLICY % EMPTY, Unavailable, "a redirect on the way dropped the body"),
        (
            409,
            "The repository 'R' rejected the artifact 'R:P' due to its include/exclude pattern settings.",
            StoreError,
            "The patterns or the layout",
        ),
        (
            404,
            _envelope(404, "Could not locate artifact 'pypi-snapshots:a/b.whl'."),
            Conflict,
            "never replaced",
        ),
        (
            403,
            "Not enough permissions to delete/overwrite artifact 'X' (user: 'u' needs DELETE permission).",
            *(Conflict, "other bytes"),
        ),
        (403, _envelope(403, "Not enough permissions to overwrite artifact 'R:P'"), Conflict, "other bytes"),
        (403, "Not enough permissions to delete/overwrite all artifacts under 'x'", Conflict, "other bytes"),
        (403, "", AccessDenied, "HTTP 403."),
        (403, "<html><head><title>403 Forbidden</title></head>no</html>", AccessDenied, "403 Forbidden"),
        (401, _envelope(401, "Bad credentials"), AccessDenied, "DEFEND_ACCESS_TOKEN"),
        (401, _envelope(401, "Authentication is required"), AccessDenied, "DEFEND_ACCESS_TOKEN"),
        (
            401,
            '{"errors":[{"code":"UNAUTHORIZED","message":"bad credentials"}]}',
            AccessDenied,
            "bad credentials",
        ),
        (401, '{"errors":[{"code":"UNAUTHORIZED"}]}', AccessDenied, "UNAUTHORIZED"),
        (403, '{"message":"from the router"}', AccessDenied, "from the router"),
        (403, '{"error":"from the router"}', AccessDenied, "from the router"),
        (403, '"a text in quotes"', AccessDenied, "a text in quotes"),
        (400, _envelope(400, "Checksum values not provided"), StoreError, "Checksum values not provided"),
        (400, PRO, NeedsPro, "needs Artifactory Pro"),
        (400, "The search term cannot be empty", StoreError, "The search term cannot be empty"),
        (400, '{"messages":[{"level":"ERROR","message":"nothing moved"}]}', StoreError, "nothing moved"),
        (
            500,
            '{"error massages":[{"level":"ERROR","message":"kept too many"}]}',
            Unavailable,
            "kept too many",
        ),
        (404, "", NotFound, "also said of what you may not see"),
        (404, _envelope(400, "an odd name"), NotFound, "an odd name"),
        (
            405,
            _envelope(405, "No local repository was configured"),
            StoreError,
            "default deployment repository",
        ),
        (407, "<html><h1>Proxy says no</h1></html>", AccessDenied, "HTTPS_PROXY"),
        (413, "<html><body>too large</body></html>", Unavailable, "a page of HTML"),
        (413, _envelope(413, "Datastore disk usage is too high."), Unavailable, "disk usage"),
        (415, "", StoreError, "HTTP 415"),
        (429, "", Unavailable, "try again later"),
        (
            500,
            _envelope(500, "Could not insert build Build{name='b'}"),
            Unavailable,
            "Could not insert build",
        ),
        (
            502,
            "<!DOCTYPE html><html><title>502 Bad\n  Gateway</title>",
            Unavailable,
            "HTTP 502: 502 Bad Gateway",
        ),
        (503, "<html>starting</html>", Unavailable, "a page of HTML"),
        (301, "", Unavailable, "a redirect to https://example.org/x"),
        (400, "[" * 100_000, StoreError, "[[["),
        (418, "\xff\xfe", StoreError, "HTTP 418"),
    ],
)
def test_an_answer_is_the_right_error(status: int, body: str, kind: type[StoreError], words: str) -> None:
    answer = _answer(status, body, location="https://user@example.org/x?sig=1".replace("user@", ""))
    error = failure(answer, "the/key", "the store", size_bytes=10)
    assert type(error) is kind
    assert error.key == "the/key"
    assert words in str(error)
    assert error.hint
    assert len(str(error)) < 1000


def test_an_empty_file_is_not_mistaken_for_a_lost_one() -> None:
    assert type(failure(_answer(409, POLICY % EMPTY), "k", "s", size_bytes=0)) is Corrupt


def test_a_missing_file_is_no_conflict_when_it_is_read() -> None:
    body = _envelope(404, "Could not locate artifact 'R:P'.")
    assert type(failure(_answer(404, body, method="GET"), "k", "s")) is NotFound
    assert type(failure(_answer(404, body, method="DELETE"), "k", "s")) is NotFound


@pytest.mark.parametrize(
    ("body", "text"),
    [
        ("", ""),
        ("  a\n b ", "a b"),
        ("{}", ""),
        ("[]", ""),
        ("null", ""),
        ("7", ""),
        ('{"errors":null}', ""),
        ('{"errors":[{"status":1,"message":"a"},{"status":2,"message":"b"}],"message":"c"}', "c; a; b"),
        ('{"errors":{"message":"no list"}}', "no list"),
        ("<html>", "a page of HTML"),
        ("x" * 1000, "x" * 400),
    ],
)
def test_what_is_said_is_one_line(body: str, text: str) -> None:
    assert said(_answer(400, body)) == text
