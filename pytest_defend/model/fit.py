"""Can a file be the one that an installed distribution came from, by what both say they are?

Rules:
- A wheel fits by name, version, build tag and the set of its tags, compared as values: `Foo.Bar` is
  `foo-bar`, `1.0` is `1.0.0`, `py2.py3-none-any` is two tags. Never because an installer would choose it.
- A WHEEL file without `Build` may be of a file with a build tag: tools that rename wheels leave it out.
- A file whose name cannot be read fits nothing.

Source: https://packaging.python.org/en/latest/specifications/binary-distribution-format/
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

if TYPE_CHECKING:
    from pytest_defend.model.distributions import Distribution

__all__ = ["WheelName", "is_sdist_of", "misfit", "nearly_fits", "read_wheel_name", "same_version"]


class WheelName(NamedTuple):
    """What the name of a wheel says."""

    name: str
    """In PEP 503 form."""
    version: str
    build_tag: str
    tags: frozenset[str]
    """Each for itself."""


@lru_cache(maxsize=8192)
def read_wheel_name(file: str) -> WheelName | None:
    """What the name of a file says, if it is the name of a wheel."""
    try:
        name, version, build, tags = parse_wheel_filename(file)
    except (InvalidWheelFilename, InvalidVersion):
        return None
    build_tag = file.split("-")[2] if build else ""  # parsed it is a number, and `01` is `1`
    return WheelName(str(name), str(version), build_tag, frozenset(map(str, tags)))


def misfit(file: str, distribution: Distribution) -> str:
    """Why a wheel of this name is not what was installed, in words; empty when it may be.

    Args:
        file: Name of the file.
        distribution: As installed.
    """
    said = read_wheel_name(file)
    if said is None:
        return "its name cannot be read"
    if said.name != distribution.name:
        return "it is another package"
    if not same_version(said.version, distribution.version):
        return "it is another version"
    if distribution.build_tag and said.build_tag != distribution.build_tag:
        return f"its build tag is not {distribution.build_tag}"
    if said.tags != frozenset(distribution.tags):
        return "its tags are not those of the installed wheel"
    return ""


def nearly_fits(file: str, distribution: Distribution) -> bool:
    """Whether a wheel of this name has some, but not all, of the tags of what was installed."""
    said = read_wheel_name(file)
    return (
        said is not None
        and said.name == distribution.name
        and same_version(said.version, distribution.version)
        and said.tags != frozenset(distribution.tags)
        and not said.tags.isdisjoint(distribution.tags)
    )


def is_sdist_of(file: str, distribution: Distribution) -> bool:
    """Whether a file of this name is a source distribution of what is installed."""
    try:
        name, version = parse_sdist_filename(file)
    except (InvalidSdistFilename, InvalidVersion):
        stem = file.removesuffix(".zip").removesuffix(".tar.gz").removesuffix(".tar.bz2")
        left, _, right = stem.rpartition("-")
        return stem != file and canonicalize_name(left) == distribution.name and right == distribution.version
    return name == distribution.name and same_version(str(version), distribution.version)


@lru_cache(maxsize=8192)
def same_version(one: str, other: str) -> bool:
    """Whether two spellings are one version."""
    if one == other:
        return True
    try:
        return Version(one) == Version(other)
    except InvalidVersion:
        return False
