"""System, repositories, users, credentials, editions and what goes wrong on the way."""

from __future__ import annotations

import signal
import threading
from base64 import b64encode
from typing import TYPE_CHECKING, Any

import pytest
import requests

from artifactories import ADMIN, USERS, WRITER, Artifactory, message, over_a_socket
from pytest_defend.errors import UsageError
from pytest_defend.model.checksums import Checksums
from pytest_defend.server import User, application, mishaps, serve
from pytest_defend.server.mishaps import Mishap

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

STARTED = "2026-01-31T11:59:00.456+0000"
VERSIONS = {"5.11-oss": ("5.11.0", 0), "5.11-pro": ("5.11.0", 4), "7-pro": ("7.104.5", 4)}


@pytest.mark.parametrize("profile", VERSIONS)
def test_the_server_says_which_artifactory_it_is(start: Callable[..., Artifactory], profile: str) -> None:
    server = start(profile)
    answer = server.ask("GET api/system/ping")
    assert (answer.text, answer.content_type) == ("OK", "text/plain")
    told = server.ask("GET api/system/version").get_json()
    version, addons = VERSIONS[profile]
    assert (told["version"], len(told["addons"])) == (version, addons)
    assert answer.headers["Server"] == f"Artifactory/{version}"
    alive = server.ask("GET api/v1/system/readiness")
    assert alive.status_code == (200 if profile == "7-pro" else 404)


# --- credentials --------------------------------------------------------------------------------


def _basic(name: str, secret: str) -> dict[str, str]:
    return {"Authorization": f"Basic {b64encode(f'{name}:{secret}'.encode()).decode()}"}


CREDENTIALS: list[tuple[dict[str, str], int, str]] = [
    (_basic("jo", "j0"), 404, "jo"),
    (_basic("jo", "jo-token"), 404, "jo"),
    (_basic("", "jo-token"), 404, "jo"),
    ({"Authorization": "Bearer jo-token"}, 404, "jo"),
    ({"X-JFrog-Art-Api": "jo-token"}, 404, "jo"),
    (_basic("jo", "wrong"), 401, "Bad credentials"),
    (_basic("eve", "jo-token"), 401, "Bad credentials"),
    (_basic("nobody", ""), 401, "Bad credentials"),
    ({"Authorization": "Bearer wrong"}, 401, "Bad credentials"),
    ({"Authorization": "Nonsense"}, 401, ""),
    ({"X-JFrog-Art-Api": "wrong"}, 403, "Bad props auth token: apiKey"),
    ({}, 401, "Authentication is required"),
]


@pytest.mark.parametrize(("headers", "status", "sentence"), CREDENTIALS, ids=str)
def test_who_asks(
    start: Callable[..., Artifactory], headers: dict[str, str], status: int, sentence: str
) -> None:
    answer = start(users=USERS).ask("GET libs/none", headers=headers)
    assert answer.status_code == status
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    if status != 404 and sentence:
        assert message(answer) == sentence


@pytest.mark.parametrize(("profile", "status"), [("5.11-pro", 401), ("7-pro", 200)])
def test_a_ping_of_version_7_asks_nobody(
    start: Callable[..., Artifactory], profile: str, status: int
) -> None:
    server = start(profile, users=USERS)
    assert server.ask("GET api/system/ping", headers=_basic("jo", "wrong")).status_code == status
    assert server.ask("GET api/system/version", headers=_basic("jo", "wrong")).status_code == 401


def test_who_is_nobody_may_read_when_that_is_allowed(start: Callable[..., Artifactory]) -> None:
    server = start(users=USERS, anonymous=True)
    server.ask("PUT libs/a", b"x", user=WRITER)
    assert server.content("libs/a") == b"x"
    answer = server.ask("PUT libs/b", b"x")
    assert answer.status_code == 401
    assert "WWW-Authenticate" in answer.headers
    assert server.ask("GET libs/a", headers=_basic("jo", "wrong")).status_code == 401


def test_users_are_kept_in_the_store(start: Callable[..., Artifactory]) -> None:
    start(users=USERS)
    again = start()
    assert again.ask("GET libs/none").status_code == 401
    assert again.ask("GET libs/none", user=WRITER).status_code == 404


@pytest.mark.parametrize(
    ("text", "user"),
    [
        ("jo:secret", User(name="jo", password="secret")),
        ("jo:secret:admin", User(name="jo", password="secret", admin=True, rights="admin")),
        ("jo:secret:rw", User(name="jo", password="secret", rights="rw")),
    ],
)
def test_a_user_is_read_from_a_text(text: str, user: User) -> None:
    assert User.parse(text) == user


@pytest.mark.parametrize("text", ["", "jo", "jo:", ":secret", "jo:secret:xyz"])
def test_what_is_no_user_is_refused_without_the_password(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        User.parse(text)
    assert "secret" not in str(caught.value)


def test_users_rights_and_tokens_are_given_by_administrators(start: Callable[..., Artifactory]) -> None:
    server = start(users=(ADMIN,))
    new = User(name="new", password="n")
    for request, sent, user, status in (
        ("PUT api/security/users/new", {"password": "n"}, ADMIN, 201),
        ("PUT api/security/users/new", {"name": "new"}, ADMIN, 400),
        ("PUT libs/a", None, new, 403),
        (
            "PUT api/security/permissions/p",
            {"repositories": ["libs"], "principals": {"users": {"new": ["w"]}}},
            new,
            403,
        ),
        (
            "PUT api/security/permissions/p",
            {"repositories": ["libs"], "principals": {"users": {"new": ["w"]}}},
            ADMIN,
            201,
        ),
        (
            "PUT api/security/permissions/p",
            {"repositories": ["libs"], "principals": {"users": {"x": ["w"]}}},
            ADMIN,
            400,
        ),
        ("PUT api/security/permissions/p", {"repositories": "libs"}, ADMIN, 400),
        ("PUT libs/a", None, new, 201),
        ("PUT more/a", None, new, 403),
        (
            "PUT api/security/permissions/p",
            {"repositories": ["ANY"], "principals": {"users": {"new": ["w"]}}},
            ADMIN,
            201,
        ),
        ("PUT more/a", None, new, 201),
        ("DELETE api/security/users/new", None, new, 403),
    ):
        answer = server.ask(request, json=sent, user=user) if sent else server.ask(request, b"x", user=user)
        assert answer.status_code == status, (request, sent, answer.text)
    assert [one["name"] for one in server.ask("GET api/security/users", user=ADMIN).get_json()] == [
        "new",
        "root",
    ]
    token = server.ask("POST api/security/token", {"username": "new"}, user=new).get_json()["access_token"]
    assert server.ask("PUT more/b", b"x", headers={"Authorization": f"Bearer {token}"}).status_code == 201
    assert server.ask("POST api/security/token", {"username": "root"}, user=new).status_code == 403
    assert server.ask("POST api/security/token", {"username": "x"}, user=ADMIN).status_code == 400
    assert server.ask("DELETE api/security/users/new", user=ADMIN).status_code == 200
    assert server.ask("DELETE api/security/users/new", user=ADMIN).status_code == 404
    assert server.ask("GET libs/a", user=new).status_code == 401


# --- repositories -------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", VERSIONS)
def test_repositories_are_listed(start: Callable[..., Artifactory], profile: str) -> None:
    server = start(profile)
    told = server.ask("GET api/repositories?type=virtual").get_json()
    kind = {"packageType": "Generic"} if profile == "7-pro" else {}
    assert told[0] == {
        "key": "all",
        "description": "",
        "type": "VIRTUAL",
        "url": "http://localhost/artifactory/all",
        **kind,
    }
    keys = [one["key"] for one in server.ask("GET api/repositories?type=LOCAL").get_json()]
    assert keys == [*(["artifactory-build-info"] if kind else []), "libs", "more", "pypi"]
    assert server.ask("GET api/repositories?type=strange").get_json() == []
    if kind:
        assert [one["key"] for one in server.ask("GET api/repositories?packageType=pypi").get_json()] == [
            "pypi"
        ]


@pytest.mark.parametrize("profile", ["5.11-pro", "7-pro"])
def test_repositories_are_made_changed_and_removed(start: Callable[..., Artifactory], profile: str) -> None:
    server = start(profile)
    new = {"rclass": "local", "packageType": "pypi", "description": "new"}
    answer = server.ask("PUT api/repositories/new", json=new)
    assert (answer.status_code, answer.text) == (200, "Successfully created repository 'new'\n")
    assert server.ask("PUT api/repositories/new", json=new).status_code == 400
    shown = server.ask("GET api/repositories/new").get_json()
    assert {**shown, **new, "key": "new"} == shown
    assert server.ask("POST api/repositories/new", json={"description": "other"}).status_code == 200
    assert server.ask("GET api/repositories/new").get_json()["description"] == "other"
    server.put("new/a")
    assert server.ask("DELETE api/repositories/new").status_code == 200
    assert server.ask("GET new/a").status_code == 404
    assert server.ask("DELETE api/repositories/new").status_code == 404
    for request in ("GET", "HEAD", "POST"):
        answer = server.ask(f"{request} api/repositories/new", json={} if request == "POST" else None)
        assert answer.status_code == 400, "not 404"


@pytest.mark.parametrize(
    ("key", "sent"),
    [
        ("x", []),
        ("x", {"rclass": "remote"}),
        ("x", {"key": "y"}),
        ("api", {}),
        ("a%20b", {}),
        ("x", {"projectKey": "p"}),
        ("x", {"rclass": "virtual", "repositories": ["none"]}),
        ("x", {"rclass": "virtual", "repositories": "libs"}),
    ],
)
def test_what_is_no_repository_is_refused(server: Artifactory, key: str, sent: Any) -> None:
    assert server.ask(f"PUT api/repositories/{key}", json=sent).status_code == 400


def test_a_virtual_repository_of_itself_has_no_end_but_members(server: Artifactory) -> None:
    members = {"rclass": "virtual", "repositories": ["all"]}
    server.ask("PUT api/repositories/round", json=members)
    server.ask("POST api/repositories/all", json={"repositories": ["round", "libs"]})
    server.put("libs/a")
    assert server.content("round/a") == b"demo"


def test_repositories_are_the_business_of_administrators(start: Callable[..., Artifactory]) -> None:
    server = start(users=USERS)
    assert server.ask("PUT api/repositories/x", json={}, user=WRITER).status_code == 403
    assert server.ask("DELETE api/repositories/libs", user=WRITER).status_code == 403


# --- editions -----------------------------------------------------------------------------------

PRO_ONLY = [
    "POST api/build/promote/demo/1",
    "POST api/build/rename/demo?to=x",
    "DELETE api/build/demo?deleteAll=1",
    "GET api/build/demo/1?diff=1",
    "POST api/copy/libs/a?to=/more/a",
    "POST api/move/libs/a?to=/more/a",
    "PUT api/storage/libs/a?properties=k=v",
    "DELETE api/storage/libs/a?properties=k",
    "GET api/search/checksum?sha1=x",
    "GET api/search/dependency?sha1=x",
    "POST api/search/buildArtifacts",
    "GET api/storage/libs?list",
    "GET api/storage/libs/a?lastModified",
    "GET api/storage/libs/a?permissions",
    "GET api/repositories/libs",
    "PUT api/repositories/x",
    "GET api/pypi/pypi/simple/",
    "POST api/pypi/pypi",
]


@pytest.mark.parametrize("request_", PRO_ONLY)
def test_the_open_source_edition_says_what_is_pro_only(
    start: Callable[..., Artifactory], request_: str
) -> None:
    server = start("5.11-oss")
    server.put("libs/a")
    server.publish()
    answer = server.ask(
        request_, b"{}" if request_.startswith("P") else None, content_type="application/json"
    )
    assert (answer.status_code, answer.content_type) == (400, "text/plain")
    assert answer.text.startswith("This REST API is available only in Artifactory Pro (see: ")


def test_the_open_source_edition_unpacks_nothing(start: Callable[..., Artifactory]) -> None:
    answer = start("5.11-oss").ask("PUT libs/a.zip", b"x", headers={"X-Explode-Archive": "true"})
    assert (answer.status_code, answer.content_type) == (400, "text/plain")


@pytest.mark.parametrize(
    ("request_", "status"), [("GET api/none", 404), ("PATCH api/build", 405), ("POST libs/a", 405)]
)
def test_what_is_no_request_of_ours_is_said(each: Artifactory, request_: str, status: int) -> None:
    answer = each.ask(request_)
    assert answer.status_code == status
    assert message(answer)


# --- starting -----------------------------------------------------------------------------------


def test_a_profile_must_be_known(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"Choose one of 5\.11-oss, 5\.11-pro, 7-pro"):
        application(tmp_path, profile="8")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_others_are_not_served_without_users(tmp_path: Path, host: str) -> None:
    with pytest.raises(UsageError, match=r"could change this store\. Name users"):
        serve(tmp_path, host=host)


def test_an_address_that_is_taken_is_said(tmp_path: Path) -> None:
    with (
        over_a_socket(application(tmp_path)) as url,
        pytest.raises(UsageError, match=r"cannot be bound: .* Choose another port"),
    ):
        serve(tmp_path, port=int(url.split(":")[2].partition("/")[0]))


class _Stop(Exception):
    """Ends a server that has just begun."""


def test_a_server_says_where_it_is(tmp_path: Path) -> None:
    said: list[str] = []

    def ready(url: str) -> None:
        said.append(url)
        raise _Stop

    for host in ("127.0.0.1", "localhost", "::1"):
        with pytest.raises(_Stop):
            serve(tmp_path, host=host, port=0, ready=ready)
    with pytest.raises(_Stop):
        serve(tmp_path, host="0.0.0.0", port=0, users=[ADMIN], ready=ready)
    assert all(url.startswith("http://") and url.endswith("/artifactory") for url in said)
    assert said[2].startswith("http://[::1]:")


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Take SIGINT as a program in the foreground does, also where a shell has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_a_server_serves_until_it_is_interrupted(tmp_path: Path) -> None:
    said: list[str] = []

    def ask_and_interrupt(url: str) -> None:
        said.append(requests.get(f"{url}/api/system/ping", timeout=60).text)
        signal.raise_signal(signal.SIGINT)

    def ready(url: str) -> None:
        threading.Thread(target=ask_and_interrupt, args=(url,)).start()

    serve(tmp_path, port=0, ready=ready)
    assert said == ["OK"]


def test_a_fault_of_ours_is_told_as_artifactory_does(tmp_path: Path) -> None:
    def fault(_: object) -> None:
        raise ZeroDivisionError

    answer = Artifactory(tmp_path, interfere=fault).ask("GET libs/a")
    assert answer.status_code == 500
    assert message(answer).startswith("An unexpected error has occurred")


# --- over a socket ------------------------------------------------------------------------------


def test_a_file_goes_over_a_socket_whole_and_in_parts(tmp_path: Path) -> None:
    content = bytes(range(256)) * 20_000
    with over_a_socket(Artifactory(tmp_path).app) as url:
        path = f"{url}/libs/a%3Bb/%C3%A9%20x;k=a%3Bb%0A"
        told = requests.put(path, data=iter([content[:100], content[100:]]), timeout=60)
        assert told.status_code == 201
        assert told.json()["path"] == "/a;b/é x"
        file = f"{url}/libs/a%3Bb/%C3%A9%20x"
        assert requests.get(file, timeout=60).content == content
        part = requests.get(file, headers={"Range": "bytes=5-9"}, timeout=60)
        assert (part.status_code, part.content) == (206, content[5:10])
        assert requests.head(file, timeout=60).headers["Content-Length"] == str(len(content))
        assert requests.get(f"{url}/api/storage/libs/a%3Bb/%C3%A9%20x?properties", timeout=60).json()[
            "properties"
        ] == {"k": ["a;b\n"]}


def test_many_deploy_at_once(tmp_path: Path) -> None:
    with over_a_socket(Artifactory(tmp_path).app) as url:
        requests.put(
            f"{url}/api/build",
            json={"name": "d", "number": "1", "started": STARTED, "modules": []},
            timeout=60,
        )

        def work(number: int) -> None:
            requests.put(f"{url}/libs/{number};n={number}", data=str(number), timeout=60)
            requests.post(f"{url}/api/build/append/d/1", json=[{"id": str(number)}], timeout=60)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rows = requests.post(f"{url}/api/search/aql", data='items.find({"repo": "libs"})', timeout=60).json()
        assert len(rows["results"]) == 12
        build = requests.get(f"{url}/api/build/d/1", timeout=60).json()["buildInfo"]
        assert sorted(int(module["id"]) for module in build["modules"]) == list(range(12))


# --- mishaps ------------------------------------------------------------------------------------


def test_what_goes_wrong_on_the_way(tmp_path: Path) -> None:
    told = {
        "starting": (mishaps.starting, 503, "text/html", "starting up"),
        "too large": (mishaps.proxy_page(413, "Request Entity Too Large"), 413, "text/html", "413"),
        "gateway": (mishaps.proxy_page(502), 502, "text/html", "Bad Gateway"),
        "code": (mishaps.code_envelope, 401, "application/json", '"code": "UNAUTHORIZED"'),
        "empty": (mishaps.empty_refusal, 403, "text/html", ""),
        "throttled": (mishaps.throttled(7), 429, "text/html", ""),
        "truncated": (mishaps.truncated, 200, "application/json", '"results" : ['),
    }
    for name, (answer, status, kind, text) in told.items():
        server = Artifactory(tmp_path / name, interfere=Mishap(answer, method="GET", path="libs", after=1))
        server.put("libs/a")
        assert server.content("libs/a") == b"demo", "the first passes"
        wrong = server.ask("GET libs/a")
        assert wrong.status_code == status
        assert wrong.content_type.startswith(kind)
        assert text in wrong.text
        assert wrong.headers.get("Retry-After") == ("7" if name == "throttled" else None)
        assert server.content("libs/a") == b"demo", "and the third"


def test_a_redirect_drops_the_body(tmp_path: Path) -> None:
    app = Artifactory(tmp_path, interfere=Mishap(mishaps.redirect, method="PUT")).app
    digest = {"X-Checksum-Sha1": Checksums.of(b"demo").sha1}
    with over_a_socket(app) as url:
        answer = requests.put(f"{url}/libs/a", data=b"demo", headers=digest, timeout=60)
        assert answer.status_code == 409
        assert "da39a3ee5e6b4b0d3255bfef95601890afd80709" in answer.json()["errors"][0]["message"]
