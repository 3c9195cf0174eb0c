"""PEP 751 locks as pip 26.3 and uv 0.13 write them, made small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_defend.model.origins import Candidate, Offer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Read = Callable[[str, str], tuple[list[Offer], list[str]]]

A, B = "a" * 64, "b" * 64
HEAD = 'lock-version = "1.0"\ncreated-by = "uv"\n'
WHEEL = f'{{ url = "https://example.org/basket-1.0-py3-none-any.whl", hashes = {{ sha256 = "{A}" }} }}'
WRONG = " is not as PEP 751 has it"
LEFT_OUT = "; what it belongs to was left out, write the file again."

BY_PIP = f"""
lock-version = "1.0"
created-by = "pip"

[[packages]]
name = "basket"
version = "3.0.4"

[[packages.wheels]]
name = "basket-3.0.4-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
url = "https://example.org/f/basket-3.0.4-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"

[packages.wheels.hashes]
sha256 = "{A}"

[[packages]]
name = "local"
version = "1"

[packages.archive]
path = "./dist/local-1.zip"

[packages.archive.hashes]
sha256 = "{B}"
"""
BY_UV = f"""
lock-version = "1.0"
created-by = "uv"
requires-python = ">=3.11"
environments = ["sys_platform == 'linux'"]

[[packages]]
name = "basket"
version = "1.0+a"
marker = "python_full_version < '3.12' and 'x' in extras"
index = "https://t0ken@example.org/simple"
sdist = {{ url = "https://t0ken@example.org/basket-1.0%2Ba.tar.gz", upload-time = 2024-02-06T00:26:44Z, size = 9, hashes = {{ md5 = "x" }} }}
wheels = [
    {{ url = "https://example.org/other.whl", name = "basket-1.0+a-py3-none-any.whl", size = 7, hashes = {{ sha256 = "{A.upper()}", sha512 = "y" }} }},
]

[[packages]]
name = "remote"
archive = {{ url = "https://example.org/archive/main%20x.zip?token=abc", size = 3, hashes = {{ sha256 = "{B}" }} }}

[[packages]]
name = "commit"
vcs = {{ type = "git", url = "https://example.org/commit.git", commit-id = "abc" }}

[[packages]]
name = "tree"
directory = {{ path = "../tree", editable = true }}
"""  # noqa: E501 - as uv writes it


def test_a_lock_of_pip(read: Read, tmp_path: Path) -> None:
    offers, gaps = read("pylock.toml", BY_PIP)
    wheel = "basket-3.0.4-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl"
    local = f"{tmp_path.as_uri()}/dist/local-1.zip"
    assert gaps == []
    assert [(offer.name, offer.version, offer.files) for offer in offers] == [
        ("basket", "3.0.4", (Candidate(file=wheel, sha256=A, url=f"https://example.org/f/{wheel}"),)),
        ("local", "1", (Candidate(file="local-1.zip", sha256=B, url=local),)),
    ]


def test_a_lock_of_uv(read: Read) -> None:
    offers, gaps = read("pylock.dev.toml", BY_UV)
    assert gaps == []
    index = "https://example.org/simple"
    assert offers == [
        Offer(
            source="pylock.dev.toml",
            name="basket",
            version="1.0+a",
            marker="python_full_version < '3.12' and 'x' in extras",
            files=(
                Candidate(
                    file="basket-1.0+a-py3-none-any.whl",
                    sha256=A,
                    url="https://example.org/other.whl",
                    index=index,
                    size_bytes=7,
                ),
                Candidate(
                    file="basket-1.0+a.tar.gz",
                    url="https://example.org/basket-1.0%2Ba.tar.gz",
                    index=index,
                    size_bytes=9,
                ),
            ),
        ),
        Offer(
            source="pylock.dev.toml",
            name="remote",
            files=(
                Candidate(
                    file="main x.zip",
                    sha256=B,
                    url="https://example.org/archive/main%20x.zip?token=***",
                    size_bytes=3,
                ),
            ),
        ),
    ]


def test_a_later_minor_version_is_read_in_silence(read: Read, caplog: pytest.LogCaptureFixture) -> None:
    text = f'{HEAD.replace("1.0", "1.7")}packages = [{{ name = "basket", wheels = [{WHEEL}] }}]'
    offers, gaps = read("pylock.toml", text)
    assert [offer.name for offer in offers] == ["basket"]
    assert (gaps, caplog.records) == ([], [])


@pytest.mark.parametrize(
    "line", ['requires-python = ">=3.12"', "environments = [\"sys_platform == 'win32'\"]"]
)
def test_a_lock_for_others_offers_nothing(read: Read, line: str) -> None:
    text = f'{HEAD}{line}\npackages = [{{ name = "basket", wheels = [{WHEEL}] }}]'
    assert read("pylock.toml", text) == ([], [])


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        ("3", f"{WRONG}: Unexpected type int (expected Mapping)"),
        (
            '{ name = "basket" }',
            f"{WRONG}: Exactly one of vcs, directory, archive must be set if sdist ...",
        ),
        (
            '{ name = "Basket", wheels = [WHEEL] }',
            f".name{WRONG}: Name 'Basket' is not normalized",
        ),
        (
            '{ name = "basket", version = "1.0", wheels = [WHEEL, { url = "a", hashes = {} }] }',
            f".wheels[1].hashes{WRONG}: At least one hash must be provided",
        ),
        (
            '{ name = "basket", version = "2", wheels = [WHEEL] }',
            f".wheels[0]{WRONG}: Version in 'basket-1.0-py3-none-any.whl' is not consistent w...",
        ),
        (
            '{ name = "basket", marker = "a b", wheels = [WHEEL] }',
            f".marker{WRONG}: Expected a marker variable or quoted string a b ^",
        ),
        (
            '{ name = "basket", archive = { url = "https://example.org/a.zip", hashes = { sha256 = "a" } } }',
            ".archive.hashes.sha256 has no 64 digits of a sha256",
        ),
        (
            '{ name = "basket", archive = { url = "https://example.org/", hashes = { md5 = "a" } } }',
            ".archive.url names the file '', which is no file name",
        ),
        (
            '{ name = "basket", archive = { path = "a/..", hashes = { md5 = "a" } } }',
            ".archive names the file '..', which is no file name",
        ),
        (
            '{ name = "basket", archive = { url = "a", size = -1, hashes = { md5 = "a" } } }',
            ".archive.size is no size of a file",
        ),
    ],
)
def test_a_malformed_package_costs_itself(read: Read, bad: str, problem: str) -> None:
    good = f'{{ name = "good", wheels = [{WHEEL.replace("basket", "good")}] }}'
    offers, gaps = read("pylock.toml", f"{HEAD}packages = [{good}, {bad.replace('WHEEL', WHEEL)}]")
    assert [offer.name for offer in offers] == ["good"]
    assert gaps == [f"pylock.toml: packages[1]{problem}{LEFT_OUT}"]


@pytest.mark.parametrize(
    ("name", "url", "file"),
    [
        ("foo_bar-1.0-py3-none-any.whl", "Foo.Bar-1.0-py3-none-any.whl#a", "foo_bar-1.0-py3-none-any.whl"),
        ("foo_bar-1.0-py3-none-any.whl", "Foo.Bar-1.0-py3-none-any.whl", "Foo.Bar-1.0-py3-none-any.whl"),
        (
            "foo_bar-1.0+a-py3-none-any.whl",
            "foo.bar-1.0%2Ba-py3-none-any.whl",
            "foo.bar-1.0+a-py3-none-any.whl",
        ),
        ("foo_bar-1.0-py3-none-any.whl", "foo_bar-1.0-py2-none-any.whl", "foo_bar-1.0-py3-none-any.whl"),
        ("foo_bar-1.0-py3-none-any.whl", "download", "foo_bar-1.0-py3-none-any.whl"),
    ],
)
def test_a_wheel_is_called_as_it_is_published(read: Read, name: str, url: str, file: str) -> None:
    wheel = f'{{ name = "{name}", url = "https://example.org/{url}", hashes = {{ sha256 = "{A}" }} }}'
    offers, gaps = read("pylock.toml", f'{HEAD}packages = [{{ name = "foo-bar", wheels = [{wheel}] }}]')
    assert gaps == []
    assert [each.file for each in offers[0].files] == [file]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEAD + "packages = 3", f"pylock.toml: packages is no list{LEFT_OUT}"),
        (
            'created-by = "a"\npackages = []',
            f"pylock.toml: lock-version{WRONG}: Missing required value{LEFT_OUT}",
        ),
        (
            'lock-version = "2.0"\ncreated-by = "a"\npackages = []',
            f"pylock.toml{WRONG}: pylock version 2.0 is not supported; it was left out, write it again.",
        ),
    ],
)
def test_a_document_that_is_none_offers_nothing(read: Read, text: str, sentence: str) -> None:
    assert read("pylock.toml", text) == ([], [sentence])
