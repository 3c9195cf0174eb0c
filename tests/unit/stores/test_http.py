"""Pages over real sockets on this machine: what is retried, what is refused, what is never shown."""

from __future__ import annotations

import base64
import gzip
import socket
import threading
import time
import traceback
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_defend import __version__
from pytest_defend.errors import AccessDenied, NotFound, StoreError, Unavailable
from pytest_defend.stores.http import Fetcher, Page

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Answer = tuple[int, dict[str, str], bytes]


class Site(ThreadingHTTPServer):
    """Answers by path; a list of answers is used up one by one, its last one stays."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Visit)
        self.pages: dict[str, list[Answer | Callable[[Any], None]]] = {}
        self.seen: list[tuple[str, dict[str, str]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Visit(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        self.server.seen.append((self.path, dict(self.headers)))
        answers = self.server.pages.get(path, [(404, {}, b"<html>not here</html>")])
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if callable(answer):
            answer(self)
            return
        status, headers, body = answer
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Tests are silent."""


def _serve() -> Iterator[Site]:
    with Site() as site:
        thread = threading.Thread(target=site.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield site
        site.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "absent"))
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def site() -> Iterator[Site]:
    yield from _serve()


@pytest.fixture
def other() -> Iterator[Site]:
    yield from _serve()


class Sleeper:
    def __init__(self) -> None:
        self.slept: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.slept.append(seconds)


def _get(url: str, *, limit_bytes: int = 1000, **arguments: Any) -> Page:
    arguments.setdefault("sleep", Sleeper())
    with Fetcher(**arguments) as fetcher:
        return fetcher.get(url, headers={"Accept": "text/html"}, limit_bytes=limit_bytes)


def _error(url: str, **arguments: Any) -> StoreError:
    with pytest.raises(StoreError) as caught:
        _get(url, **arguments)
    return caught.value


def _basic(credentials: str) -> str:
    return "Basic " + base64.b64encode(credentials.encode()).decode()


def test_a_page_comes_with_its_type_and_its_place(site: Site) -> None:
    site.pages["/simple/a/"] = [(200, {"Content-Type": "text/html; charset=utf-8"}, b"<a>")]
    page = _get(f"{site.url}/simple/a/")
    assert page == Page(url=f"{site.url}/simple/a/", content_type="text/html; charset=utf-8", content=b"<a>")
    ((_, headers),) = site.seen
    assert headers["User-Agent"] == f"pytest-defend/{__version__}"
    assert headers["Accept"] == "text/html"
    assert "Authorization" not in headers


def test_a_packed_page_is_unpacked_and_limited_unpacked(site: Site) -> None:
    packed = gzip.compress(b"x" * 100_000)
    site.pages["/"] = [(200, {"Content-Encoding": "gzip"}, packed)]
    assert len(_get(f"{site.url}/", limit_bytes=100_000).content) == 100_000
    error = _error(f"{site.url}/", limit_bytes=99_999)
    assert type(error) is Unavailable
    assert "larger than 99999 bytes" in str(error)


def test_a_page_may_be_as_large_as_the_limit_and_no_larger(site: Site) -> None:
    site.pages["/"] = [(200, {}, b"x" * 1000)]
    assert len(_get(f"{site.url}/", limit_bytes=1000).content) == 1000
    assert "larger than 999 bytes" in str(_error(f"{site.url}/", limit_bytes=999))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AccessDenied),
        (403, AccessDenied),
        (407, AccessDenied),
        (404, NotFound),
        (410, NotFound),
        (204, Unavailable),
        (400, Unavailable),
        (451, Unavailable),
        (501, Unavailable),
    ],
)
def test_what_will_not_change_is_asked_once(site: Site, status: int, kind: type[StoreError]) -> None:
    site.pages["/p"] = [(status, {}, b"" if status == 204 else b"<html>sorry</html>")]
    error = _error(f"{site.url}/p")
    assert type(error) is kind
    assert error.key == f"{site.url}/p"
    assert "sorry" not in str(error)
    assert len(site.seen) == 1


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_asked_three_times(site: Site, status: int) -> None:
    site.pages["/p"] = [(status, {}, b"<html>busy</html>")]
    sleeper = Sleeper()
    error = _error(f"{site.url}/p", sleep=sleeper)
    assert type(error) is Unavailable
    assert f"it answers HTTP {status}" in str(error)
    assert len(site.seen) == 3
    first, second = sleeper.slept
    assert 0 <= first <= second <= 1.5


def test_the_third_try_may_succeed(site: Site) -> None:
    site.pages["/p"] = [(503, {}, b""), (502, {}, b""), (200, {}, b"at last")]
    assert _get(f"{site.url}/p").content == b"at last"


def test_a_server_that_asks_to_wait_is_obeyed(site: Site) -> None:
    site.pages["/p"] = [(429, {"Retry-After": "7"}, b""), (200, {}, b"ok")]
    sleeper = Sleeper()
    assert _get(f"{site.url}/p", sleep=sleeper).content == b"ok"
    assert sleeper.slept == [7]


def test_a_wait_past_the_deadline_is_not_begun(site: Site) -> None:
    site.pages["/p"] = [(429, {"Retry-After": "600"}, b"")]
    sleeper = Sleeper()
    error = _error(f"{site.url}/p", sleep=sleeper, deadline_s=30)
    assert isinstance(error, Unavailable)
    assert error.retry_after_s == 600
    assert sleeper.slept == []
    assert len(site.seen) == 1


@pytest.mark.parametrize("value", ["soon", "-1", "", "9" * 5000, "Fri, 99 Feb 2040", "\u00e9"])
def test_a_wait_that_says_nothing_is_none(site: Site, value: str) -> None:
    site.pages["/p"] = [(503, {"Retry-After": value}, b""), (200, {}, b"ok")]
    sleeper = Sleeper()
    assert _get(f"{site.url}/p", sleep=sleeper).content == b"ok"
    assert sleeper.slept == [0]


def test_a_truncated_page_is_asked_for_again(site: Site) -> None:
    site.pages["/p"] = [(200, {"Content-Length": "10"}, b"half"), (200, {}, b"all of it!")]
    assert _get(f"{site.url}/p").content == b"all of it!"


def test_a_page_that_stays_truncated_is_an_error(site: Site) -> None:
    site.pages["/p"] = [(200, {"Content-Length": "10"}, b"half")]
    assert type(_error(f"{site.url}/p")) is Unavailable
    assert len(site.seen) == 3


@pytest.mark.parametrize("body", [b"5\r\nhal", b"zz\r\n", b""])
def test_a_page_truncated_in_chunks_is_an_error(site: Site, body: bytes) -> None:
    def answer(visit: Any) -> None:
        visit.protocol_version = "HTTP/1.1"
        visit.send_response(200)
        visit.send_header("Transfer-Encoding", "chunked")
        visit.end_headers()
        visit.wfile.write(body)
        visit.close_connection = True

    site.pages["/p"] = [answer]
    assert type(_error(f"{site.url}/p")) is Unavailable


def test_a_page_that_cannot_be_unpacked_is_an_error(site: Site) -> None:
    site.pages["/p"] = [(200, {"Content-Encoding": "gzip"}, b"no gzip")]
    assert type(_error(f"{site.url}/p")) is Unavailable


def test_a_body_that_drips_is_cut_off_at_the_deadline(site: Site) -> None:
    done = threading.Event()

    def answer(visit: Any) -> None:
        visit.send_response(200)
        visit.end_headers()
        while not done.wait(0.05):
            visit.wfile.write(b"x")

    site.pages["/p"] = [answer]
    began = time.monotonic()
    error = _error(f"{site.url}/p", deadline_s=0.5)
    assert time.monotonic() - began < 30  # it drips for ever
    done.set()
    assert "the 0.5 seconds for all pages are over" in str(error)


def test_a_server_that_says_nothing_is_given_up(site: Site) -> None:
    done = threading.Event()
    site.pages["/p"] = [lambda _: done.wait(10)]  # type: ignore[list-item]
    error = _error(f"{site.url}/p", read_s=0.1)
    done.set()
    assert "it does not answer in time" in str(error)
    assert len(site.seen) == 3


def test_a_body_that_stops_is_given_up(site: Site) -> None:
    done = threading.Event()

    def answer(visit: Any) -> None:
        visit.send_response(200)
        visit.end_headers()
        visit.wfile.write(b"begin")
        done.wait(10)

    site.pages["/p"] = [answer]
    error = _error(f"{site.url}/p", read_s=0.1)
    done.set()
    assert "it does not answer in time" in str(error)


def test_the_deadline_is_one_for_all_pages(site: Site) -> None:
    site.pages["/p"] = [(200, {}, b"ok")]
    now = 0.0
    with Fetcher(clock=lambda: now) as fetcher:
        assert fetcher.get(f"{site.url}/p", headers={"Accept": "*/*"}, limit_bytes=10).content == b"ok"
        now = 61
        with pytest.raises(Unavailable, match="the 60 seconds for all pages are over"):
            fetcher.get(f"{site.url}/p", headers={"Accept": "*/*"}, limit_bytes=10)


def test_nobody_listens(site: Site) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        error = _error(f"http://127.0.0.1:{free.getsockname()[1]}/p")
    assert type(error) is Unavailable
    assert "Connection refused" in str(error)
    assert site.seen == []


def test_no_http_is_spoken(site: Site) -> None:
    site.pages["/p"] = [lambda visit: visit.wfile.write(b"220 welcome\r\n\r\n")]
    assert type(_error(f"{site.url}/p")) is Unavailable


def test_no_tls_is_spoken(site: Site) -> None:
    error = _error(site.url.replace("http:", "https:"))
    assert type(error) is Unavailable
    assert "SSL" in str(error)
    assert "CA bundle" in str(error)


def test_credentials_of_the_url_are_sent_and_not_shown(site: Site) -> None:
    site.pages["/p"] = [(200, {}, b"ok")]
    page = _get(site.url.replace("://", "://us%40er:s%2Fcret@") + "/p")
    assert site.seen[0][1]["Authorization"] == _basic("us@er:s/cret")
    assert page.url == f"{site.url}/p"


def test_a_token_alone_is_sent_as_a_user(site: Site) -> None:
    site.pages["/p"] = [(200, {}, b"ok")]
    _get(site.url.replace("://", "://t0ken@") + "/p")
    assert site.seen[0][1]["Authorization"] == _basic("t0ken:")


def test_netrc_is_asked_when_the_url_says_nothing(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password s3cret\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    site.pages["/p"] = [(200, {}, b"ok")]
    _get(f"{site.url}/p")
    assert site.seen[0][1]["Authorization"] == _basic("someone:s3cret")


def test_a_redirect_keeps_credentials_on_its_host_and_hides_them(site: Site) -> None:
    site.pages["/p"] = [(301, {"Location": "/q/"}, b"")]
    site.pages["/q/"] = [(200, {}, b"ok")]
    page = _get(site.url.replace("://", "://user:s3cret@") + "/p")
    assert [headers["Authorization"] for _, headers in site.seen] == [_basic("user:s3cret")] * 2
    assert page.url == f"{site.url}/q/"


def test_another_host_is_not_told_the_credentials(site: Site, other: Site) -> None:
    site.pages["/p"] = [(302, {"Location": f"{other.url}/q?token=abc"}, b"")]
    other.pages["/q"] = [(200, {}, b"ok")]
    page = _get(site.url.replace("://", "://user:s3cret@") + "/p")
    ((path, headers),) = other.seen
    assert path == "/q?token=abc"
    assert "Authorization" not in headers
    assert page.url == f"{other.url}/q?token=***"


@pytest.mark.parametrize("place", ["/p", "http://[::1", "gopher://127.0.0.1/", "file:///etc/hostname"])
def test_a_redirect_to_nowhere_is_an_error(site: Site, place: str) -> None:
    site.pages["/p"] = [(302, {"Location": place}, b"")]
    assert type(_error(f"{site.url}/p")) is Unavailable
    assert len(site.seen) <= 11


def test_a_proxy_of_the_environment_is_used(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_PROXY")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.setenv("http_proxy", site.url)
    site.pages["http://example.org/p"] = [(200, {}, b"by proxy")]
    assert _get("http://example.org/p").content == b"by proxy"


@pytest.mark.parametrize("name", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE"])
def test_the_bundle_of_the_environment_is_used(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, "absent/bundle.pem")
    error = _error("https://127.0.0.1:1/")
    assert "the CA bundle absent/bundle.pem does not exist" in str(error)
    assert name in str(error)


def test_the_bundle_given_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "absent/other.pem")
    assert "absent/given.pem" in str(_error("https://127.0.0.1:1/", cert="absent/given.pem"))


SECRET = "s3cr3tvalue"


def _hostile(site: Site, other: Site) -> list[str]:
    local = site.url.removeprefix("http://")
    site.pages.update(
        {
            "/401": [(401, {}, b"")],
            "/403": [(403, {}, b"")],
            "/500": [(500, {}, b"")],
            "/418": [(418, {}, b"")],
            "/loop": [(302, {"Location": "/loop"}, b"")],
            "/away": [(302, {"Location": f"http://u:{SECRET}@{other.url[7:]}/gone?token={SECRET}"}, b"")],
            "/short": [(200, {"Content-Length": "100"}, b"short")],
            "/large": [(200, {}, b"x" * 2000)],
            "/odd": [(302, {"Location": f"ftp://user:{SECRET}@example.org"}, b"")],
        }
    )
    urls = [f"http://user:{SECRET}@{local}{path}?token={SECRET}" for path in [*site.pages, "/404"]]
    return [
        *urls,
        f"http://user:{SECRET}@127.0.0.1:1/",
        f"http://user:{SECRET}@127.0.0.1:99999/",
        f"http://user:{SECRET}@[::1/",
        f"http://user:{SECRET}@/",
        f"https://user:{SECRET}@{local}/",
        f"ftp://user:{SECRET}@{local}/",
        f"file://user:{SECRET}@{local}/x",
        f"file://user:{SECRET}@elsewhere/x",
    ]


def test_no_error_shows_a_secret(site: Site, other: Site) -> None:
    for url in _hostile(site, other):
        error = _error(url, connect_s=1, read_s=1)
        shown = "".join(traceback.format_exception(error)) + repr(error) + repr(vars(error))
        assert SECRET not in shown, url
        assert error.__context__ is None or error.__suppress_context__
        assert error.hint or isinstance(error, NotFound)


def test_a_page_hides_its_content_in_its_repr() -> None:
    assert "s3cret" not in repr(Page(url="u", content_type="t", content=b"s3cret"))


def test_a_file_is_read_from_disk(tmp_path: Path) -> None:
    folder = tmp_path / "a package"
    folder.mkdir()
    index = folder / "index.html"
    index.write_bytes(b"<a>")
    expected = Page(url=index.as_uri(), content_type="text/html", content=b"<a>")
    assert _get(folder.as_uri()) == expected
    assert _get(folder.as_uri() + "/") == expected
    assert _get(index.as_uri()) == expected
    assert _get(index.as_uri().replace("file:///", "file://localhost/")) == expected
    (tmp_path / "index.json").write_bytes(b"{}")
    assert _get((tmp_path / "index.json").as_uri()).content_type == "application/json"
    (tmp_path / "plain").write_bytes(b"")
    assert _get((tmp_path / "plain").as_uri()).content_type == ""


def test_a_file_that_is_not_there_is_not_found(tmp_path: Path) -> None:
    assert type(_error((tmp_path / "absent").as_uri())) is NotFound
    assert type(_error(tmp_path.as_uri())) is NotFound
    (tmp_path / "file").write_bytes(b"")
    assert isinstance(_error((tmp_path / "file" / "below").as_uri()), NotFound | Unavailable)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "index.html"
    path.write_bytes(b"x" * 11)
    assert "larger than 10 bytes" in str(_error(path.as_uri(), limit_bytes=10))
    assert "another host" in str(_error("file://example.org/index.html"))
    assert isinstance(_error("file:///nul%00"), NotFound | Unavailable)
    assert "no file" in str(_error("file:///dev/null"))
    assert type(_error("file:///" + "x" * 5000)) is Unavailable

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.open", refuse)
    assert type(_error(path.as_uri())) is AccessDenied


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    scheme=st.sampled_from(["http", "https", "file", "HTTP", "FILE", "", "data"]),
    middle=st.sampled_from([":", "://", ":///", "//"]),
    rest=st.text(st.characters(exclude_categories=[]), max_size=12),
)
def test_no_url_makes_anything_else_escape(scheme: str, middle: str, rest: str) -> None:
    here = "" if scheme.lower() == "file" else "127.0.0.1:1"
    with suppress(StoreError):
        _get(f"{scheme}{middle}{here}{rest}", connect_s=0.2, read_s=0.2)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    raw=st.binary(max_size=80),
    head=st.sampled_from([b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 302 \r\nLocation: "]),
)
def test_no_answer_makes_anything_else_escape(site: Site, raw: bytes, head: bytes) -> None:
    site.pages["/p"] = [lambda visit: visit.wfile.write(head + raw)]
    with suppress(StoreError):
        _get(f"{site.url}/p", read_s=1)


def _part(url: str, **headers: str) -> Page:
    with Fetcher(sleep=Sleeper()) as fetcher:
        return fetcher.get(url, headers=headers, limit_bytes=100)


def test_a_part_is_told_from_the_whole(site: Site) -> None:
    site.pages["/some"] = [(206, {"Content-Range": "bytes 3-5/9"}, b"345")]
    site.pages["/all"] = [(200, {"Content-Range": "bytes 3-5/9"}, b"012345678")]
    site.pages["/which"] = [(206, {}, b"345")]
    parts = [_part(f"{site.url}/{name}", Range="bytes=3-5") for name in ("some", "all", "which")]
    assert [(page.part, page.content) for page in parts] == [
        ("bytes 3-5/9", b"345"),
        ("", b"012345678"),
        ("unknown", b"345"),
    ]
    assert {headers["Range"] for _, headers in site.seen} == {"bytes=3-5"}


def test_a_part_that_nobody_asked_for_is_no_page(site: Site) -> None:
    site.pages["/some"] = [(206, {"Content-Range": "bytes 3-5/9"}, b"345")]
    with pytest.raises(Unavailable, match="HTTP 206"):
        _part(f"{site.url}/some", Accept="*/*")
