"""Every rule of how Artifactory wants names to be written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pytest_defend.stores.artifactory import names

NASTY = "a=b;c,d|e\\f g+h é"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("demo-1.0_x~", "demo-1.0_x~"),
        ("with space", "with%20space"),
        ("a+b", "a%2Bb"),
        ("50%", "50%25"),
        ("a%2Fb", "a%252Fb"),
        ("a/b", "a%2Fb"),
        ("a;b=c", "a%3Bb%3Dc"),
        ("[x|y]", "%5Bx%7Cy%5D"),
        ("it's", "it%27s"),
        ("#1?&", "%231%3F%26"),
        ('"<>^{}\\', "%22%3C%3E%5E%7B%7D%5C"),
        ("ünï", "%C3%BCn%C3%AF"),
        ("🎉", "%F0%9F%8E%89"),
        ("@scope", "%40scope"),
        (" x ", "%20x%20"),
    ],
)
def test_a_part_of_a_url(text: str, written: str) -> None:
    assert names.encoded(text) == written


@pytest.mark.parametrize(
    ("properties", "written"),
    [
        ({}, ""),
        ({"a": ()}, ""),
        ({"a": ("",)}, ";a="),
        ({"build.name": ("demo",), "n": ("1",)}, ";build.name=demo;n=1"),
        ({"a": ("1", "2")}, ";a=1;a=2"),
        ({"a": (NASTY,)}, ";a=a%3Db%3Bc%2Cd%7Ce%5Cf%20g%2Bh%20%C3%A9"),
        ({"a": ("x/y\n",)}, ";a=x%2Fy%0A"),
        ({"a;b": ("1",)}, ";a.x3b.b=1"),
    ],
)
def test_matrix_parameters(properties: dict[str, tuple[str, ...]], written: str) -> None:
    assert names.matrix(properties) == written


@pytest.mark.parametrize(
    ("properties", "written"),
    [
        ({"a": ("1",)}, "a%3D1"),
        ({"a": ("1", "2"), "b": ("",)}, "a%3D1%2C2%3Bb%3D"),
        ({"a": (NASTY,)}, "a%3Da%5C%3Db%5C%3Bc%5C%2Cd%5C%7Ce%5Cf%20g%2Bh%20%C3%A9"),
    ],
)
def test_properties_in_a_query(properties: dict[str, tuple[str, ...]], written: str) -> None:
    assert names.query_properties(properties) == written


def test_names_of_properties_in_a_query() -> None:
    assert names.query_names(["a", "b;c"]) == "a%2Cb.x3b.c"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("build.name", "build.name"),
        ("defend.stage.smoke_test-A", "defend.stage.smoke_test-A"),
        ("ключ ;=", ".x43a..x43b..x44e..x447..x20..x3b..x3d."),
        (".x3b.", ".x2e.x3b."),
        ("a.xml", "a.x2e.xml"),
        ("🎉", ".x1f389."),
    ],
)
def test_a_name_of_a_property_is_plain_and_comes_back(name: str, text: str) -> None:
    assert names.property_text(name) == text
    assert names.property_name(text) == name


@given(st.text(st.characters(exclude_categories=["Cs"])) | st.text(alphabet=".x3bf;é"))
def test_every_name_of_a_property_comes_back(name: str) -> None:
    text = names.property_text(name)
    assert names.property_name(text) == name
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-")


@pytest.mark.parametrize(
    ("path", "parts"),
    [
        ("r/f", ("r", ".", "f")),
        ("r/a/f", ("r", "a", "f")),
        ("r/a/b c/f", ("r", "a/b c", "f")),
    ],
)
def test_a_path_as_aql_has_it(path: str, parts: tuple[str, str, str]) -> None:
    assert names.split_path(path) == parts


@pytest.mark.parametrize(
    ("project", "key"),
    [("", "artifactory-build-info"), ("default", "artifactory-build-info"), ("web", "web-build-info")],
)
def test_the_repository_of_builds(project: str, key: str) -> None:
    assert names.build_repository(project) == key


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("demo", "demo"),
        ("a/b", "a%2Fb"),
        ("a\\b|c*d?e:f;g%h", "a%5Cb%7Cc%2Ad%3Fe%3Af%3Bg%25h"),
        ("it's", "it%22s"),
        ("a\tb c", "a b c"),
        ("a / b", "a%20%2F%20b"),
        ("ünï", "ünï"),
    ],
)
def test_the_folder_of_a_build(name: str, folder: str) -> None:
    assert names.build_folder(name) == folder


def test_the_run_in_a_file_of_builds() -> None:
    assert names.build_of_file("a%20%2F%20b", "1%2F2-3-1769860740456.json") == (
        "a / b",
        "1/2-3",
        1769860740456,
    )
    assert names.build_of_file("it%22s", "1-2.json") == ("it's", "1", 2)
    assert names.build_of_file("a", "b.json") is None
