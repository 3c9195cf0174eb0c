from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from pytest_defend.capture.credentials import (
    SHAPES,
    forms,
    looks_secret,
    secret_arguments,
    secrets_in,
    split_arguments,
    url_secrets,
)

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "name",
    [
        "ARTIFACTORY_PASSWORD",
        "DB_PASSWD",
        "MYSQL_PWD",
        "PSW",
        "CLIENT_SECRET",
        "GITHUB_TOKEN",
        "NPM_CONFIG__AUTH",
        "AWS_ACCESS_KEY_ID",
        "google_application_credentials",
        "Api_ApiKey",
        "PRIVATE_PEM",
        "GIT_AUTHOR_TOKEN",
        "bamboo_apiKey",
    ],
)
def test_secret_names(name: str) -> None:
    assert looks_secret(name)


@pytest.mark.parametrize(
    "name",
    [
        "HOME",
        "PWD",
        "OLDPWD",
        "SSH_AUTH_SOCK",
        "GIT_AUTHOR_NAME",
        "bamboo_planKey",
        "BUILDKITE_STEP_KEY",
        "PATH",
    ],
)
def test_plain_names(name: str) -> None:
    assert not looks_secret(name)


def test_a_user_adds_patterns_and_these_win_over_plain_names() -> None:
    assert looks_secret("ACME_LICENSE", ["*license*"])
    assert looks_secret("pwd", ["P?D"])
    assert not looks_secret("ACME", ["*license*"])


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("hunter2", ["hunter2"]),
        ("  hunter2\n", ["hunter2"]),
        ("abc", []),
        ("True", []),
        ("12345", []),
        ("123456", ["123456"]),
        ("/no/such/place", ["/no/such/place"]),
        ("alice:hunter2", ["alice:hunter2", "hunter2"]),
        ("localhost:5432", ["localhost:5432"]),
        ("https://example.org/x", ["https://example.org/x"]),
        (
            "-----BEGIN X-----\nMIIEvQIBADANBgkqhkiG\nshort\n",
            ["-----BEGIN X-----\nMIIEvQIBADANBgkqhkiG\nshort", "MIIEvQIBADANBgkqhkiG"],
        ),
        ("x" * 20000, ["x" * 20000]),
    ],
)
def test_what_to_look_for(value: str, found: list[str]) -> None:
    assert list(secrets_in(value)) == found


def test_a_path_that_exists_is_no_secret(tmp_path: Path) -> None:
    assert list(secrets_in(str(tmp_path))) == []
    assert list(secrets_in(sys.executable)) == []


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("https://alice:pa%2Fss@host/x", ["pa%2Fss", "pa/ss"]),
        ("postgres://alice:pa/ss@host/db", ["pa/ss"]),
        ("https://t0ken@host/x", ["t0ken"]),
        ("https://t0ken:x-oauth-basic@host/x", ["t0ken"]),
        ("https://t0ken:@host/x", ["t0ken"]),
        ("git+ssh://deploy@host/x", []),
        ("ssh://deploy:hunter2@host/x", ["hunter2"]),
        ("git+ssh://git@host/x", []),
        ("http://host:8080/a@b", []),
        ("http://a:one@x http://b:two@y", ["one", "two"]),
        ("plain", []),
    ],
)
def test_secrets_of_urls(value: str, found: list[str]) -> None:
    assert sorted(set(url_secrets(value))) == sorted(found)


@pytest.mark.parametrize(
    ("arguments", "visible"),
    [
        (["--password", "x"], ["--password", ""]),
        (["--db-password=x=y"], ["--db-password="]),
        (["--apiKey=x"], ["--apiKey="]),
        (["-token", "x", "tests"], ["-token", "", "tests"]),
        (["--auth-tokens", "x"], ["--auth-tokens", ""]),
        (["-o", "api_token=x"], ["-o", "api_token="]),
        (["--env=TOKEN=x"], ["--env=TOKEN="]),
        (["--token", "-x"], ["--token", "-x"]),
        (["--token=", "x"], ["--token=", "x"]),
        (["--no-token", "tests"], ["--no-token", "tests"]),
        (
            ["--keyword", "x", "--author", "y", "--passes=3"],
            ["--keyword", "x", "--author", "y", "--passes=3"],
        ),
        (["-k", "token", "x"], ["-k", "token", "x"]),
        (["tests/test_x.py::test_login[token=x]"], ["tests/test_x.py::test_login[token=x]"]),
        (["--cov=src", "a=b"], ["--cov=src", "a=b"]),
    ],
)
def test_what_may_be_seen_of_a_command_line(arguments: list[str], visible: list[str]) -> None:
    assert [seen for seen, _ in split_arguments(arguments)] == visible
    assert [seen + hidden for seen, hidden in split_arguments(arguments)] == arguments


def test_secret_arguments_are_the_rest() -> None:
    assert secret_arguments(["--password", "one", "-o", "token=two", "tests"]) == ("one", "two")


A40 = "aB3" * 13 + "x"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl"
PEM = "-----BEGIN RSA PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\nAAAA\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    "secret",
    [
        f"ghp_{A40}",
        f"gho_{A40}",
        f"ghs_{A40}",
        f"github_pat_{A40}",
        "glpat-abcdefghij1234567890",
        "glcbt-64_abcdefghij1234567890",
        "AKIAIOSFODNN7EXAMPLE",
        "ASIAIOSFODNN7EXAMPLE",
        f"AKCp8{A40}",
        "cmVmdGtuOjAxOjE3MDAwMDAwMDA6YWJjZGVmZ2hpag==",
        "eyJ2ZXIiOiIyIiwidHlwIjoiSldUIn0.abc.def",
        JWT,
        "xoxb-123456789012-abcdefghij",
        "sk-proj-abcdefghijKLMNOPQRST1234567890",
        f"pypi-AgEIcHlwaS5vcmc{A40}",
        f"npm_{A40}",
        PEM,
        PEM.replace("\n", r"\n"),
        "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBgkqhkiG\nMIIEvQIBADANBgkqhkiG",
    ],
)
def test_shapes_of_credentials(secret: str) -> None:
    text = f"before '{secret}' after"
    found = {match[1] for shape in SHAPES for match in shape.finditer(text)}
    assert found == {secret}


@pytest.mark.parametrize(
    "text",
    [
        "see https://example.org:8080/a@b and ssh://git@host/x",
        "docker-pullable://image:tag@sha256:abc",
        "https://***@host/x",
        "git+https://github.com/org/repo@v1.0#egg=x",
        r"'https://example.org\nmail a@b'",
        "task-a-very-long-name-with-many-WORDS-1",
        "sk-learn-compatible-estimators-are-nice",
        "xAKIAIOSFODNN7EXAMPLE",
        "AKIAIOSFODNN7EXAMPLEAAAA",
        "eyJub3QiOiJhIHRva2VuIn0=",
        "Authorization: required, Authorization: Basic ***",
        "ghp_short npm_config_registry pypi-AgE",
        "-----BEGIN CERTIFICATE-----\nMIIEvQIBADANBgkqhkiG\n-----END CERTIFICATE-----",
    ],
)
def test_shapes_of_other_things(text: str) -> None:
    assert [match[0] for shape in SHAPES for match in shape.finditer(text)] == []


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("Authorization: Basic YWxpY2U6aHVudGVyMg==", "YWxpY2U6aHVudGVyMg=="),
        ("{'authorization': 'bearer abc.def-123'}", "abc.def-123"),
        ("https://alice:hunter2@host/x", "alice:hunter2"),
        ("https://alice:p@ss@host/x", "alice:p@ss"),
        ("db://alice:pa/ss@host/x", "alice:pa/ss"),
    ],
)
def test_only_the_secret_part_of_a_shape_counts(text: str, secret: str) -> None:
    assert [match[1] for shape in SHAPES for match in shape.finditer(text)] == [secret]


def test_spellings() -> None:
    assert {
        "a&b <'\"\\ü/?",
        "a%26b%20%3C%27%22%5C%C3%BC%2F%3F",  # URL
        "a%26b%20%3C%27%22%5C%C3%BC/%3F",
        "a%26b+%3C%27%22%5C%C3%BC%2F%3F",
        "YSZiIDwnIlzDvC8/",  # base64
        "YSZiIDwnIlzDvC8_",
        "a&amp;b &lt;'\"\\ü/?",  # XML
        "a&amp;b &lt;'&quot;\\ü/?",
        "a&amp;b &lt;&#x27;&quot;\\ü/?",
        "a&amp;b &lt;&apos;&quot;\\ü/?",
        r"a&b <'\"\\\u00fc/?",  # JSON
        r"a&b <'\"\\ü/?",
        r"a&b <\'" + r'"\\ü/?',  # repr
        r"a&b <\'" + r'"\\\xc3\xbc/?',  # repr of bytes
    } <= set(forms("a&b <'\"\\ü/?"))


@pytest.mark.parametrize(("secret", "quoted"), [("ab\udcff", "ab%FF"), ("ab\ud800", "ab%ED%A0%80")])
def test_spellings_of_what_is_no_text(secret: str, quoted: str) -> None:
    assert quoted in set(forms(secret))
