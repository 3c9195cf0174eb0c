"""Which file names fit what is installed."""

from __future__ import annotations

import pytest

from pytest_defend.model.distributions import Distribution
from pytest_defend.model.fit import is_sdist_of, misfit, nearly_fits, read_wheel_name, same_version

_LINUX = ("cp311-cp311-manylinux2014_x86_64", "cp311-cp311-manylinux_2_17_x86_64")


def _installed(
    name: str = "demo", version: str = "1.0", tags: tuple[str, ...] = ("py3-none-any",), build_tag: str = ""
) -> Distribution:
    return Distribution(name=name, version=version, tags=tags, build_tag=build_tag)


@pytest.mark.parametrize(
    ("file", "distribution"),
    [
        ("demo-1.0-py3-none-any.whl", _installed()),
        ("Demo-1.0.0-py3-none-any.whl", _installed()),
        ("foo.bar_baz-1.0-py3-none-any.whl", _installed("foo-bar-baz")),
        ("Foo_Bar_Baz-1.0-py3-none-any.whl", _installed("foo-bar-baz")),
        ("demo-1.0-py2.py3-none-any.whl", _installed(tags=("py2-none-any", "py3-none-any"))),
        ("demo-1.0-cp311-cp311-manylinux_2_17_x86_64.manylinux2014_x86_64.whl", _installed(tags=_LINUX)),
        ("demo-1.0-cp311-cp311-manylinux2014_x86_64.manylinux_2_17_x86_64.whl", _installed(tags=_LINUX)),
        ("demo-1.0-1-py3-none-any.whl", _installed(build_tag="1")),
        ("demo-1.0-1local-py3-none-any.whl", _installed(build_tag="1local")),
        ("demo-1.0-01-py3-none-any.whl", _installed(build_tag="01")),
        ("demo-1.0.0rc1-py3-none-any.whl", _installed(version="v1.0-RC.1")),
        ("demo-1!1.0.post1.dev2-py3-none-any.whl", _installed(version="1!1.0-1.dev02")),
        # whoever renamed it may not have written the tag into WHEEL
        ("demo-1.0-1-py3-none-any.whl", _installed()),
        ("demo-1.0+cpu-py3-none-any.whl", _installed(version="1.0+cpu")),
    ],
)
def test_what_fits(file: str, distribution: Distribution) -> None:
    assert misfit(file, distribution) == ""


@pytest.mark.parametrize(
    ("file", "distribution", "why"),
    [
        ("demo-1.0.tar.gz", _installed(), "cannot be read"),
        ("demo-1.0.whl", _installed(), "cannot be read"),
        ("../demo-1.0-py3-none-any.whl", _installed(), "cannot be read"),
        ("demo-1.0-py3-none-any-x86_v3.whl", _installed(), "cannot be read"),
        ("other-1.0-py3-none-any.whl", _installed(), "another package"),
        ("demo-1.1-py3-none-any.whl", _installed(), "another version"),
        ("demo-1.0+cpu-py3-none-any.whl", _installed(), "another version"),
        ("demo-1.0-py3-none-any.whl", _installed(build_tag="1"), "build tag is not 1"),
        ("demo-1.0-2-py3-none-any.whl", _installed(build_tag="1"), "build tag is not 1"),
        ("demo-1.0-py2.py3-none-any.whl", _installed(), "tags are not"),
        ("demo-1.0-cp311-cp311-manylinux_2_17_x86_64.whl", _installed(tags=_LINUX), "tags are not"),
        ("demo-1.0-cp311-cp311-linux_x86_64.whl", _installed(tags=_LINUX), "tags are not"),
    ],
)
def test_what_does_not_and_why(file: str, distribution: Distribution, why: str) -> None:
    assert why in misfit(file, distribution)


def test_what_a_name_says() -> None:
    said = read_wheel_name("Foo.Bar-1.0-3b-py2.py3-none-any.whl")
    assert said is not None
    assert said == ("foo-bar", "1.0", "3b", frozenset({"py2-none-any", "py3-none-any"}))


@pytest.mark.parametrize(
    ("file", "fits"),
    [
        ("demo-1.0.tar.gz", True),
        ("Demo-1.0.0.tar.gz", True),
        ("demo-1.0.zip", True),
        ("demo-1.0.tar.bz2", True),
        ("demo-1.1.tar.gz", False),
        ("other-1.0.tar.gz", False),
        ("demo-1.0-py3-none-any.whl", False),
        ("demo", False),
    ],
)
def test_source_distributions(file: str, fits: bool) -> None:
    assert is_sdist_of(file, _installed()) is fits


@pytest.mark.parametrize(
    ("file", "tags", "nearly"),
    [
        ("demo-1.0-py2.py3-none-any.whl", ("py3-none-any",), True),
        ("Demo-1.0.0-py3-none-any.whl", ("py2-none-any", "py3-none-any"), True),
        ("demo-1.0-py3-none-any.whl", ("py3-none-any",), False),
        ("demo-1.0-cp311-cp311-win_amd64.whl", ("py3-none-any",), False),
        ("demo-1.1-py2.py3-none-any.whl", ("py3-none-any",), False),
        ("other-1.0-py2.py3-none-any.whl", ("py3-none-any",), False),
        ("demo-1.0.tar.gz", ("py3-none-any",), False),
    ],
)
def test_what_fits_nearly(file: str, tags: tuple[str, ...], nearly: bool) -> None:
    assert nearly_fits(file, _installed(tags=tags)) is nearly


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("1.0", "1.0.0", True),
        ("1.0", "1.1", False),
        ("1.0RC1", "1.0rc1", True),
        ("wild", "wild", True),
        ("wild", "1", False),
    ],
)
def test_versions_are_compared_as_values(one: str, other: str, same: bool) -> None:
    assert same_version(one, other) is same
