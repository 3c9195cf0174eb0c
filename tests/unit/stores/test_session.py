"""What is sent again, where to and as whom, over real sockets."""

from __future__ import annotations

import io
import logging
import threading
import traceback
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from builders import an_upload
from pytest_defend.errors import AccessDenied, Corrupt, StoreError, Unavailable
from pytest_defend.model.checksums import Checksums
from pytest_defend.stores.answers import Unclear
from pytest_defend.stores.bodies import Body
from pytest_defend.stores.credentials import Credentials
from pytest_defend.stores.session import Session
from scripted import Canned, Scripted, reset

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_defend.stores.answers import Answer

SECRET = "s3cr3tvalue"
RESET = Canned(instead=reset)
OK = Canned(200, b"ok")


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


def _session(slept: list[float] | None = None, **arguments: Any) -> Session:
    return Session(sleep=(slept if slept is not None else []).append, **arguments)


def _ask(url: str, method: str = "GET", *, session: Session | None = None, **arguments: Any) -> Answer:
    with session or _session() as speaking:
        return speaking.ask(method, url, key="the key", locator="the store", **arguments)


def _error(url: str, method: str = "GET", **arguments: Any) -> StoreError:
    with pytest.raises(StoreError) as caught:
        _ask(url, method, **arguments)
    return caught.value


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("first", [RESET, *(Canned(status) for status in (429, 500, 502, 503, 504))])
def test_what_may_be_repeated_is(method: str, first: Canned) -> None:
    with Scripted(first, first, OK) as server:
        assert _ask(server.url, method).status == 200
        assert len(server.seen) == 3


@pytest.mark.parametrize("first", [RESET, *(Canned(status) for status in (500, 502, 503, 504))])
def test_what_may_not_be_repeated_is_unclear_after_one_try(first: Canned) -> None:
    with Scripted(first, OK) as server:
        error = _error(server.url, "POST", body=b"x", repeat=False)
        assert type(error) is Unclear
        assert error.hint
        assert len(server.seen) == 1


def test_what_may_not_be_repeated_is_when_it_was_asked_to_come_later() -> None:
    with Scripted(Canned(429, headers={"Retry-After": "3"}), OK) as server:
        slept: list[float] = []
        assert _ask(server.url, "POST", session=_session(slept), repeat=False).status == 200
        assert slept == [3]


def test_what_no_server_saw_may_always_be_repeated() -> None:
    slept: list[float] = []
    error = _error("http://127.0.0.1:1/", "POST", session=_session(slept), repeat=False)
    assert type(error) is Unavailable
    assert "Connection refused" in str(error)
    assert len(slept) == 4


def test_pauses_grow_and_jitter() -> None:
    slept: list[float] = []
    with Scripted(Canned(503, "starting")) as server:
        error = _error(server.url, session=_session(slept))
        assert isinstance(error, Unavailable)
        assert "HTTP 503: starting" in str(error)
        assert len(server.seen) == 5
    assert slept[0] == 0
    assert 0.5 <= slept[1] <= 1
    assert 2 <= slept[3] <= 2.5


def test_nothing_waits_past_the_deadline() -> None:
    slept: list[float] = []
    with Scripted(Canned(429, headers={"Retry-After": "900"})) as server:
        error = _error(server.url, session=_session(slept, deadline_s=600))
        assert isinstance(error, Unavailable)
        assert error.retry_after_s == 900
    assert slept == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 409, 413, 415])
def test_what_will_not_change_is_asked_once(status: int) -> None:
    with Scripted(Canned(status)) as server:
        _error(server.url)
        assert _ask(server.url, also=(status,)).status == status
        assert len(server.seen) == 2


def test_a_server_that_says_nothing_is_given_up() -> None:
    released = threading.Event()

    def say_nothing(_: object) -> None:
        released.wait(10)

    with Scripted(Canned(instead=say_nothing)) as server:
        error = _error(server.url, session=_session(read_s=0.1, tries=2))
        released.set()
        assert "does not answer in time" in str(error)
        assert len(server.seen) == 2


def test_an_answer_that_is_cut_off_is_asked_for_again() -> None:
    with Scripted(Canned(200, b"half", {"Content-Length": "10"}), OK) as server:
        assert _ask(server.url).body == b"ok"


def _chunked(content: bytes) -> Body:
    return Body(an_upload(content=content))


@pytest.mark.parametrize("size", [1, 65_536, 200_000])
def test_a_body_is_sent_whole_again(size: int) -> None:
    content = b"x" * size
    with Scripted(RESET, Canned(503), Canned(307, headers={"Location": "/there"}), OK) as server:
        _ask(f"{server.url}/here", "PUT", body=_chunked(content))
        assert [seen.target for seen in server.seen] == ["/here", "/here", "/here", "/there"]
        assert {seen.body for seen in server.seen} == {content}
        assert {seen.headers["Content-Length"] for seen in server.seen} == {str(size)}


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_keeps_method_body_and_credentials_on_its_host(status: int) -> None:
    with Scripted(Canned(status, headers={"Location": "/there"}), OK) as server:
        session = _session(credentials=Credentials(token=SECRET))
        _ask(f"{server.url}/here", "PUT", session=session, body=b"content")
        assert server.lines == ["PUT /here", "PUT /there"]
        assert server.seen[1].body == b"content"
        assert server.seen[1].headers["Authorization"] == f"Bearer {SECRET}"


@pytest.mark.parametrize(
    "credentials",
    [
        Credentials(token=SECRET),
        Credentials(user="jo", password=SECRET),
        Credentials(password="AKC" + "x" * 70),
    ],
)
def test_another_host_is_told_no_credentials(credentials: Credentials) -> None:
    with Scripted(OK) as other, Scripted(Canned(302, headers={"Location": f"{other.url}/blob"})) as server:
        assert _ask(server.url, session=_session(credentials=credentials)).body == b"ok"
        assert not {"Authorization", "X-JFrog-Art-Api"} & other.seen[0].headers.keys()


def test_another_host_is_sent_no_body() -> None:
    with (
        Scripted(OK) as other,
        Scripted(Canned(307, headers={"Location": f"{other.url}/x?sig={SECRET}"})) as server,
    ):
        error = _error(server.url, "PUT", body=b"content")
        assert isinstance(error, Unavailable)
        assert f"a redirect to {other.url}/x" in str(error)
        assert SECRET not in str(error)
        assert other.seen == []


def test_redirects_in_circles_end() -> None:
    with Scripted(Canned(302, headers={"Location": "/again"})) as server:
        assert "redirect" in str(_error(server.url))
        assert len(server.seen) == 6


@pytest.mark.parametrize("place", ["http://[::1", "gopher://127.0.0.1/", "http://127.0.0.1:99999/"])
def test_a_redirect_to_nowhere_is_an_error(place: str) -> None:
    with Scripted(Canned(302, headers={"Location": place})) as server:
        assert isinstance(_error(server.url), Unavailable)


def test_netrc_is_asked_when_nothing_else_is_known(tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password s3cret\n")
    netrc.chmod(0o600)
    with Scripted(OK) as server:
        _ask(server.url)
        _ask(server.url, session=_session(credentials=Credentials(token=SECRET)))
        assert server.seen[0].headers["Authorization"].startswith("Basic ")
        assert server.seen[1].headers["Authorization"] == f"Bearer {SECRET}"


def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy", raising=False)
    with Scripted(OK) as proxy:
        monkeypatch.setenv("http_proxy", proxy.url)
        _ask("http://example.org/artifactory/a")
        assert proxy.lines == ["GET http://example.org/artifactory/a"]


def test_a_bundle_that_is_not_there_is_named() -> None:
    error = _error("https://127.0.0.1:1/", session=_session(cert="absent/bundle.pem"))
    assert "the CA bundle absent/bundle.pem does not exist" in str(error)


def test_no_tls_is_said_once() -> None:
    slept: list[float] = []
    with Scripted(OK) as server:
        error = _error(server.url.replace("http:", "https:"), session=_session(slept))
    assert "SSL" in str(error)
    assert slept == []


def test_a_client_certificate_that_is_not_there_is_an_error() -> None:
    error = _error("https://127.0.0.1:1/", session=_session(client_cert="absent/client.pem", tries=1))
    assert isinstance(error, Unavailable)


def test_a_download_begins_anew_in_the_file() -> None:
    with Scripted(Canned(200, b"half", {"Content-Length": "10"}), Canned(200, b"all")) as server:
        file = io.BytesIO()
        _ask(server.url, into=file)
        assert file.getvalue() == b"all"


def test_bytes_that_are_not_what_they_say_never_arrive_whole() -> None:
    lies = replace(Checksums.of(b"x" * 200_000), sha1="0" * 40)
    with Scripted(OK) as server, pytest.raises(Corrupt):
        _ask(server.url, "PUT", body=Body(an_upload(content=b"x" * 200_000, checksums=lies)))
    assert all(len(seen.body) < 200_000 for seen in server.seen)


def test_no_error_and_no_log_shows_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    echo = Canned(403, f'{{"errors":[{{"status":403,"message":"Bearer {SECRET} is bad"}}]}}')
    for answer in (
        echo,
        RESET,
        Canned(401),
        Canned(418, SECRET),
        Canned(302, headers={"Location": "ftp://x"}),
    ):
        with Scripted(answer) as server:
            session = _session(credentials=Credentials(user="jo", password=SECRET, token=SECRET))
            error = _error(server.url, session=session)
        shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error)) + repr(session)
        assert SECRET not in shown
        assert error.hint
    assert SECRET not in caplog.text


@pytest.mark.parametrize(
    ("credentials", "headers"),
    [
        (Credentials(), {}),
        (Credentials(user="jo"), {}),
        (Credentials(token="t"), {"Authorization": "Bearer t"}),
        (Credentials(token="t", user="jo", password="p"), {"Authorization": "Bearer t"}),
        (Credentials(user="jo", password="p"), {"Authorization": "Basic am86cA=="}),
        (Credentials(user="ünï", password="p:ß"), {"Authorization": "Basic w7xuw686cDrDnw=="}),
        (Credentials(password="AKC" + "8" * 70), {"X-JFrog-Art-Api": "AKC" + "8" * 70}),
        (Credentials(token="AKC" + "8" * 70), {"X-JFrog-Art-Api": "AKC" + "8" * 70}),
    ],
)
def test_credentials_become_headers(credentials: Credentials, headers: dict[str, str]) -> None:
    assert credentials.headers == headers


def test_an_api_key_of_a_user_is_a_password() -> None:
    key = "AKC" + "8" * 70
    for credentials in (Credentials(user="jo", password=key), Credentials(user="jo", token=key)):
        assert credentials.headers["Authorization"].startswith("Basic ")
        assert key not in repr(credentials)
        assert key not in credentials.hidden(f"{key} {credentials.headers['Authorization']}")


def test_what_is_denied_is_not_tried_again() -> None:
    with Scripted(Canned(401, headers={"WWW-Authenticate": 'Basic realm="x"'})) as server:
        assert isinstance(_error(server.url), AccessDenied)
        assert len(server.seen) == 1
