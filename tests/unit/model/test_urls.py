from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_defend.model.urls import path_of_file_url, strip_user_information

_CASES = [
    ("", ""),
    (".defend", ".defend"),
    ("C:\\evidence", "C:\\evidence"),
    ("https://host", "https://host"),
    ("https://host:8443/artifactory?x=1", "https://host:8443/artifactory?x=1"),
    ("https://user:pass@host/path", "https://host/path"),
    ("https://user:pa@ss@host/path", "https://host/path"),
    ("https://user:pa/ss@host/path", "https://host/path"),
    ("https://user:pa?s#s@host/path", "https://host/path"),
    ("https://sometoken@host/path", "https://host/path"),
    ("https://:pass@host", "https://host"),
    ("https://@host", "https://host"),
    ("https://user:1234@host:80", "https://host:80"),
    ("ssh://git@host:22/team/basket.git", "ssh://host:22/team/basket.git"),
    ("git+https://user:pass@host/basket.git@v1#egg=basket", "git+https://host/basket.git@v1#egg=basket"),
    ("git+https://host/basket.git@v1", "git+https://host/basket.git@v1"),
    ("https://host:80/basket.git@v1", "https://host:80/basket.git@v1"),
    ("https://[::1]:80/basket@v1", "https://[::1]:80/basket@v1"),
    ("https://user:pass@[::1]:80/", "https://[::1]:80/"),
    ("postgresql+psycopg://app:s3@db/orders", "postgresql+psycopg://db/orders"),
    ("https://proxy/?to=https://user:pass@inner/x", "https://proxy/?to=https://inner/x"),
    ("git@host:team/basket.git", "git@host:team/basket.git"),
    ("user:token@host:team/basket.git", "host:team/basket.git"),
    ("user:to@ken@host:team/basket.git", "host:team/basket.git"),
    ("host:team/basket@v1", "host:team/basket@v1"),
    ("https://host/f?token=abc&page=2", "https://host/f?token=***&page=2"),
    ("https://host/f?page=2&X-Amz-Signature=ab%2Fc&x=1", "https://host/f?page=2&X-Amz-Signature=***&x=1"),
    ("https://host/f?API_KEY=abc", "https://host/f?API_KEY=***"),
    ("https://host/f?password=a=b", "https://host/f?password=***"),
    ("https://host/f?client_secret=a;sig=b", "https://host/f?client_secret=***;sig=***"),
    ("https://host/f?oauth=a#access_token=b", "https://host/f?oauth=***#access_token=***"),
    ("https://host/f?token", "https://host/f?token"),
    ("https://host/token=abc/f", "https://host/token=abc/f"),
]


@pytest.mark.parametrize(("url", "stripped"), _CASES)
def test_credentials_go_and_the_rest_stays(url: str, stripped: str) -> None:
    assert strip_user_information(url) == stripped


@given(st.text(alphabet="ab1:/?#@&;=[]. \n$token", max_size=40))
def test_stripping_twice_changes_nothing(url: str) -> None:
    once = strip_user_information(url)
    assert strip_user_information(once) == once


_WORD = st.text(alphabet="abcdef0123456789._~-", min_size=1, max_size=8)


@given(
    scheme=st.sampled_from(["https", "ssh", "git+https", "jdbc:postgresql"]),
    user=_WORD,
    password=st.text(alphabet="XYZ@:!$%*", min_size=1, max_size=8).map("X{}".format),
    rest=_WORD,
)
def test_no_password_survives_and_a_url_without_one_is_left_alone(
    scheme: str, user: str, password: str, rest: str
) -> None:
    plain = f"{scheme}://host/{rest}"
    assert strip_user_information(f"{scheme}://{user}:{password}@host/{rest}") == plain
    assert strip_user_information(plain) == plain


def test_long_text_is_read_in_linear_time() -> None:
    text = "https://" + "a" * 200_000 + "?" + "b" * 200_000
    assert strip_user_information(text) == text


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("file:///a%20b/c.whl", "/a b/c.whl"),
        ("FILE:/a", "/a"),
        ("file://localhost/a", "/a"),
        ("file:///C:/a", "C:/a"),
        ("file://host/a", ""),
        ("https://h.example/c.whl", ""),
        ("file://[", ""),
        ("/a", ""),
        ("", ""),
    ],
)
def test_file_urls_of_this_machine_are_paths(url: str, path: str) -> None:
    assert path_of_file_url(url) == path
