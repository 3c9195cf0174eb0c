"""Lock files as uv 0.13 writes them, made small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from pytest_defend.capture.sources import read_sources
from pytest_defend.model.origins import Candidate, Offer

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Read = Callable[[str, str], tuple[list[Offer], list[str]]]

A, B, C = "a" * 64, "b" * 64, "c" * 64
HEAD = """version = 1
revision = 5
requires-python = ">=3.11"
resolution-markers = ["python_full_version >= '3.12'", "python_full_version < '3.12'"]
"""
WHEEL = f'{{ url = "https://example.org/basket-1.0-py3-none-any.whl", hash = "sha256:{A}", size = 7 }}'


def package(*, name: str = '"basket"', version: str = '"1.0"', rest: str = f"wheels = [{WHEEL}]") -> str:
    source = "" if "source =" in rest else 'source = { registry = "https://example.org/simple" }\n'
    return f"[[package]]\nname = {name}\nversion = {version}\n{source}{rest}\n"


FORKED = f"""{HEAD}
[[package]]
name = "Num.Py"
version = "1.26.4"
source = {{ registry = "https://user:pw@example.org/simple" }}
resolution-markers = [
    "python_full_version < '3.12' and sys_platform == 'linux'",
    "python_full_version < '3.12' and sys_platform != 'linux'",
]
sdist = {{ url = "https://u:p@example.org/f/numpy-1.26.4.tar.gz", hash = "sha256:{A.upper()}", size = 15786129, upload-time = "2024-02-06T00:26:44Z" }}
wheels = [
    {{ url = "https://example.org/f/numpy-1.26.4%2Bcpu-cp311-cp311-linux_x86_64.whl", hash = "sha256:{B}", size = 12 }},
]

[[package]]
name = "num-py"
version = "2.5.5"
source = {{ registry = "https://example.org/simple" }}
resolution-markers = ["python_full_version >= '3.12'"]
wheels = [
    {{ url = "https://example.org/f/numpy-2.5.5-py3-none-any.whl", hash = "md5:{"c" * 32}" }},
]
dependencies = [{{ name = "numpy", version = "1.26.4", marker = "python_full_version < '3.12'" }}]

[[package]]
name = "shop"
version = "0.1.0"
source = {{ virtual = "." }}
dependencies = [{{ name = "num-py" }}]

[package.metadata]
requires-dist = [{{ name = "num-py" }}]
"""  # noqa: E501 - as uv writes it


def test_a_fork_is_two_offers(read: Read) -> None:
    offers, gaps = read("uv.lock", FORKED)
    assert gaps == []
    assert offers == [
        Offer(
            source="uv.lock",
            name="num-py",
            version="1.26.4",
            marker="(python_full_version < '3.12' and sys_platform == 'linux')"
            " or (python_full_version < '3.12' and sys_platform != 'linux')",
            files=(
                Candidate(
                    file="numpy-1.26.4.tar.gz",
                    sha256=A,
                    url="https://example.org/f/numpy-1.26.4.tar.gz",
                    index="https://example.org/simple",
                    size_bytes=15786129,
                ),
                Candidate(
                    file="numpy-1.26.4+cpu-cp311-cp311-linux_x86_64.whl",
                    sha256=B,
                    url="https://example.org/f/numpy-1.26.4%2Bcpu-cp311-cp311-linux_x86_64.whl",
                    index="https://example.org/simple",
                    size_bytes=12,
                ),
            ),
        ),
        Offer(
            source="uv.lock",
            name="num-py",
            version="2.5.5",
            marker="python_full_version >= '3.12'",
            files=(
                Candidate(
                    file="numpy-2.5.5-py3-none-any.whl",
                    url="https://example.org/f/numpy-2.5.5-py3-none-any.whl",
                    index="https://example.org/simple",
                ),
            ),
        ),
    ]


def test_one_version_from_two_indexes_is_two_offers(read: Read) -> None:
    other = package(rest=f'source = {{ registry = "https://example.org/cpu" }}\nwheels = [{WHEEL}]')
    offers, gaps = read("uv.lock", HEAD + package() + other)
    assert gaps == []
    assert [offer.files[0].index for offer in offers] == [
        "https://example.org/simple",
        "https://example.org/cpu",
    ]


@pytest.mark.parametrize(
    ("rest", "file", "below"),
    [
        (
            'source = { registry = "../flat" }\nwheels = [{ path = "sub/basket-1.0+a-py3-none-any.whl" }]',
            "basket-1.0+a-py3-none-any.whl",
            "flat/sub/basket-1.0%2Ba-py3-none-any.whl",
        ),
        (
            """source = { path = "../b/basket-1.0-py3-none-any.whl" }
            wheels = [{ filename = "basket-1.0-py3-none-any.whl" }]""",
            "basket-1.0-py3-none-any.whl",
            "b/basket-1.0-py3-none-any.whl",
        ),
        (
            f'source = {{ path = "basket-1.0.tar.gz" }}\nsdist = {{ hash = "sha256:{A}" }}',
            "basket-1.0.tar.gz",
            "{project}/basket-1.0.tar.gz",
        ),
    ],
    ids=["folder-as-index", "wheel-by-path", "sdist-by-path"],
)
def test_a_path_is_a_url_from_the_lock(read: Read, tmp_path: Path, rest: str, file: str, below: str) -> None:
    offers, gaps = read("uv.lock", HEAD + package(rest=rest))
    assert gaps == []
    (found,) = offers[0].files
    assert found.file == file
    assert found.url == f"{tmp_path.parent.as_uri()}/{below.format(project=tmp_path.name)}"


def test_an_sdist_by_its_url_stands_where_its_package_does(read: Read) -> None:
    rest = f'source = {{ url = "https://example.org/basket-1.0.tar.gz" }}\nsdist = {{ hash = "sha256:{A}" }}'
    offers, _ = read("uv.lock", HEAD + package(rest=rest))
    (found,) = offers[0].files
    assert found == Candidate(file="basket-1.0.tar.gz", sha256=A, url="https://example.org/basket-1.0.tar.gz")


def test_a_path_below_an_index_with_a_url_gives_a_name_alone(read: Read) -> None:
    rest = (
        'wheels = [{ path = "f/basket-1.0-py3-none-any.whl" }, { filename = "basket-1.0-cp311-cp311-a.whl" }]'
    )
    offers, gaps = read("uv.lock", HEAD + package(rest=rest))
    assert gaps == []
    assert [(each.file, each.url) for each in offers[0].files] == [
        ("basket-1.0-py3-none-any.whl", ""),
        ("basket-1.0-cp311-cp311-a.whl", ""),
    ]


@pytest.mark.parametrize(
    "source",
    [
        'git = "https://example.org/basket?rev=1#abc"',
        'editable = "."',
        'virtual = "."',
        'directory = "../basket"',
    ],
)
def test_a_tree_offers_nothing(read: Read, source: str) -> None:
    rest = f'source = {{ {source} }}\nsdist = {{ hash = "sha256:{A}" }}'
    assert read("uv.lock", HEAD + package(rest=rest)) == ([], [])


@pytest.mark.parametrize(
    "lines",
    [
        'requires-python = ">=3.12"',
        "supported-markers = [\"sys_platform == 'win32'\", \"sys_platform == 'darwin'\"]",
    ],
)
def test_a_lock_for_others_offers_nothing(read: Read, lines: str) -> None:
    assert read("uv.lock", f"version = 1\n{lines}\n{package()}") == ([], [])


@pytest.mark.parametrize(
    "lines",
    [
        'requires-python = ">=3.11, <3.12"',
        "supported-markers = [\"sys_platform == 'win32'\", \"sys_platform == 'linux'\"]",
        "supported-markers = [\"'x' in extras\"]",  # nobody can say
        "",
    ],
)
def test_a_lock_for_this_interpreter_offers(read: Read, lines: str) -> None:
    offers, gaps = read("uv.lock", f"version = 1\n{lines}\n{package()}")
    assert len(offers) == 1
    assert gaps == []


@pytest.mark.parametrize("python", ["3.12.0+", "3.12.0rc1", "3.12.1", "unknown", None])
def test_a_python_that_is_not_excluded_counts(tmp_path: Path, python: str | None) -> None:
    (tmp_path / "uv.lock").write_text(f'version = 1\nrequires-python = "==3.12.*"\n{package()}')
    environment = {"python_full_version": python} if python else {}
    offers, gaps = read_sources(tmp_path, ["uv.lock"], asked=True, environment=environment)
    assert len(offers) == 1
    assert gaps == ()


LEFT_OUT = "; what it belongs to was left out, write the file again."


def with_wheel(fields: str) -> str:
    return package(rest=f"wheels = [{{ {fields} }}]")


def with_url(url: str) -> str:
    return with_wheel(f'url = "https://{url}"')


NO_NAME = "which is no file name"


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (package(name='"-"'), "name is '-', which no package can be named"),
        (package(name="3"), "name is no text"),
        (package(version="3"), "version is no text"),
        (package(version='""'), "version is missing"),
        (package(rest="wheels = 3"), "wheels is no list"),
        (package(rest=f"wheels = [{WHEEL}, 3]"), "wheels[1] is no table"),
        (package(rest=f"wheels = [{WHEEL}]\nsdist = []"), "sdist is no table"),
        (package(rest=f"source = 3\nwheels = [{WHEEL}]"), "source is no table"),
        (
            package(rest=f"wheels = [{WHEEL}]\nresolution-markers = ['a b']"),
            "resolution-markers[0] is no environment marker: a b",
        ),
        (with_wheel("size = 3"), "wheels[0].filename is missing"),
        (with_wheel('filename = "a.whl", hash = 3'), "wheels[0].hash is no text"),
        (with_wheel('filename = "a.whl", hash = "abc"'), "wheels[0].hash is no digest"),
        (with_wheel('filename = "a.whl", hash = "sha256:a"'), "wheels[0].hash has no 64 digits of a sha256"),
        (with_wheel('filename = "a.whl", size = true'), "wheels[0].size is no whole number"),
        (with_wheel('filename = "a.whl", size = -7'), "wheels[0].size is no size of a file"),
        (with_wheel('path = ".."'), f"wheels[0].path names the file '..', {NO_NAME}"),
        (with_wheel("path = 'a\\b.whl'"), f"wheels[0].path names the file 'a\\b.whl', {NO_NAME}"),
        (with_wheel('path = "a\\u0007b.whl"'), "wheels[0].path holds a control character"),
        (with_url("[example.org/a.whl"), "wheels[0].url is no URL"),
        (with_url("example.org/"), f"wheels[0].url names the file '', {NO_NAME}"),
        (with_url("example.org/a%00b.whl"), f"wheels[0].url names the file 'a\\x00b.whl', {NO_NAME}"),
        (
            with_url("example.org/..%2F..%2Fetc%2Fpasswd"),
            f"wheels[0].url names the file '../../etc/passwd', {NO_NAME}",
        ),
        (with_url("example.org/" + "a" * 5000), "wheels[0].url has 5020 characters, more than 4096"),
    ],
)
def test_a_malformed_package_costs_itself(read: Read, bad: str, problem: str) -> None:
    last = package(name='"last"')
    offers, gaps = read("uv.lock", HEAD + package(name='"first"') + bad + last)
    assert [offer.name for offer in offers] == ["first", "last"]
    assert gaps == [f"uv.lock: package[1].{problem}{LEFT_OUT}"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("version = 2\n", "version is not 1, the one format that is known"),
        ("version = true\n", "version is no whole number"),
        ("package = []\n", "version is not 1, the one format that is known"),
        ("version = 1\npackage = 3\n", "package is no list"),
        ("version = 1\nrequires-python = '3.x'\n", "requires-python is no range of versions: 3.x"),
        ("version = 1\nsupported-markers = [1]\n", "supported-markers[0] is no text"),
    ],
)
def test_a_document_that_is_none_offers_nothing(read: Read, text: str, problem: str) -> None:
    assert read("uv.lock", text) == ([], [f"uv.lock: {problem}{LEFT_OUT}"])
