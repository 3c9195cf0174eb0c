"""Whom we trust and who we are, over real TLS on this machine."""

from __future__ import annotations

import re
import ssl
import sys
from typing import TYPE_CHECKING, Any

import pytest

from authorities import Authority, TlsServer
from pytest_defend.errors import StoreError, UsageError
from pytest_defend.stores.certificates import tls_problem
from pytest_defend.stores.http import Fetcher
from pytest_defend.stores.session import Session

if TYPE_CHECKING:
    from pathlib import Path

SYSTEM = "system"
HUNG_UP = r"it ended the TLS connection, as servers do that ask for a client certificate|Connection reset"
"""What is seen of a server that ends the connection before its reason is read."""
NOT_TRUSTED = "its certificate is signed by an authority that is not trusted here"


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    monkeypatch.setenv("NO_PROXY", "*")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def ours(tmp_path: Path) -> Authority:
    return Authority.new(tmp_path, "ours")


@pytest.fixture
def theirs(tmp_path: Path) -> Authority:
    return Authority.new(tmp_path, "theirs")


def _body(url: str, **arguments: Any) -> bytes:
    slept: list[float] = []
    with Session(sleep=slept.append, **arguments) as session:
        return session.ask("GET", url, key="r/a", locator="the store").body


def _problem(url: str, *, is_final: bool = True, **arguments: Any) -> str:
    """The sentence; what is wrong with certificates is not tried again."""
    slept: list[float] = []
    with (
        Session(sleep=slept.append, **arguments) as session,
        pytest.raises(StoreError) as caught,
    ):
        session.ask("GET", url, key="r/a", locator="the store")
    assert slept == [] or not is_final
    return str(caught.value)


def test_a_bundle_that_is_named_is_trusted(ours: Authority) -> None:
    with TlsServer(ours.signed("127.0.0.1")) as server:
        assert _body(server.url, cert=str(ours.bundle)) == b"ok"


def test_a_bundle_of_the_environment_is_trusted(ours: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(ours.bundle))
    with TlsServer(ours.signed("127.0.0.1")) as server:
        assert _body(server.url) == b"ok"


@pytest.mark.parametrize("trust", ["theirs", "usual", SYSTEM])
def test_an_authority_that_is_not_trusted_is_said_with_the_next_step(
    ours: Authority, theirs: Authority, trust: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE" if trust == SYSTEM else "UNUSED", str(theirs.bundle))
    cert = {"theirs": str(theirs.bundle), "usual": "", SYSTEM: SYSTEM}[trust]
    with TlsServer(ours.signed("127.0.0.1")) as server:
        problem = _problem(server.url, cert=cert)
    assert problem.startswith(
        f"r/a: the store does not answer: {NOT_TRUSTED}; name its bundle with --defend-ca-b"
    )
    assert server.seen == []


def test_what_the_system_trusts_is_trusted(ours: Authority, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ours.bundle))
    before = ssl.SSLContext
    with TlsServer(ours.signed("127.0.0.1")) as server:
        assert _body(server.url, cert=SYSTEM) == b"ok"
    assert ssl.SSLContext is before


def test_the_word_system_counts_more_than_the_environment(
    ours: Authority, theirs: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ours.bundle))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(theirs.bundle))
    with TlsServer(ours.signed("127.0.0.1")) as server:
        assert _body(server.url, cert=SYSTEM) == b"ok"
    with TlsServer(theirs.signed("127.0.0.1")) as server:
        assert NOT_TRUSTED in _problem(server.url, cert=SYSTEM)


def test_without_the_library_the_word_system_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [])
    monkeypatch.delitem(sys.modules, "truststore", raising=False)
    sys.path_importer_cache.clear()
    with pytest.raises(
        UsageError, match=r"needs the library truststore, .+ Install pytest-defend\[truststore\]"
    ):
        Session(cert=SYSTEM)


@pytest.mark.parametrize(
    ("name", "days", "problem"),
    [
        ("other.example", 1, "its certificate is for another address"),
        ("127.0.0.1", -1, "its certificate has expired"),
    ],
)
def test_a_certificate_of_somebody_else_or_of_old_is_refused(
    ours: Authority, name: str, days: int, problem: str
) -> None:
    with TlsServer(ours.signed(name, days=days)) as server:
        assert f"does not answer: {problem}." in _problem(server.url, cert=str(ours.bundle))


@pytest.mark.parametrize("trust", ["bundle", SYSTEM])
def test_a_client_certificate_is_shown(
    ours: Authority, theirs: Authority, trust: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(ours.bundle))
    cert = SYSTEM if trust == SYSTEM else str(ours.bundle)
    with TlsServer(ours.signed("127.0.0.1"), asks_for=theirs.bundle) as server:
        assert _body(server.url, cert=cert, client_cert=str(theirs.signed("jo"))) == b"ok"


def test_a_client_certificate_that_is_missing_is_asked_for(ours: Authority, theirs: Authority) -> None:
    with TlsServer(ours.signed("127.0.0.1"), asks_for=theirs.bundle) as server:
        problem = _problem(server.url, cert=str(ours.bundle), is_final=False)
    assert re.search(
        r"it asks for a client certificate; give one with --defend-client-cert\.|" + HUNG_UP, problem
    )
    assert server.seen == []


def test_a_client_certificate_of_another_authority_is_not_accepted(
    ours: Authority, theirs: Authority
) -> None:
    with TlsServer(ours.signed("127.0.0.1"), asks_for=theirs.bundle) as server:
        known = str(ours.signed("jo"))
        problem = _problem(server.url, cert=str(ours.bundle), client_cert=known, is_final=False)
    assert re.search(r"it does not trust the authority of the client certificate\.|" + HUNG_UP, problem)


def test_a_connection_that_just_ends_is_tried_again(ours: Authority) -> None:
    with TlsServer(ours.signed("127.0.0.1"), hang_ups=2) as server:
        assert _body(server.url, cert=str(ours.bundle)) == b"ok"
        assert server.hang_ups == 0


@pytest.mark.parametrize(
    ("alert", "words"),
    [
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "it asks for a client certificate"),
        ("TLSV1_ALERT_UNKNOWN_CA", "it does not trust the authority"),
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "it says the client certificate has expired"),
        ("WRONG_VERSION_NUMBER", ""),
    ],
)
def test_an_alert_is_said_in_our_words(alert: str, words: str) -> None:
    told = ssl.SSLError(1, f"[SSL: {alert}]")
    told.reason = alert
    outer = OSError("outer")
    outer.__cause__ = told
    told.__context__ = outer
    problem = tls_problem(outer)
    assert problem.startswith(words)
    assert bool(problem) is bool(words)


def test_files_that_are_no_certificates_are_named(ours: Authority, tmp_path: Path) -> None:
    note = tmp_path / "note.pem"
    note.write_text("remember the milk")
    with TlsServer(ours.signed("127.0.0.1")) as server:
        bundle = _problem(server.url, cert=str(note))
        client = _problem(server.url, cert=str(ours.bundle), client_cert=str(note))
        alone = _problem(server.url, cert=str(ours.bundle), client_cert=str(ours.bundle))
        absent = _problem(server.url, cert=str(ours.bundle), client_cert=str(tmp_path / "absent"))
    assert f"the CA bundle {note} holds no certificate that can be read." in bundle
    assert f"the client certificate {note} is not one PEM file with certificate and key." in client
    assert f"the client certificate {ours.bundle} is not one PEM file" in alone
    assert f"the client certificate {tmp_path / 'absent'} does not exist." in absent


def test_a_page_of_an_authority_that_is_not_trusted(ours: Authority) -> None:
    with (
        TlsServer(ours.signed("127.0.0.1")) as server,
        Fetcher() as fetcher,
        pytest.raises(StoreError, match=NOT_TRUSTED),
    ):
        fetcher.get(server.url, headers={"Accept": "*/*"}, limit_bytes=100)
