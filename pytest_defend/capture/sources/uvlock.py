"""What `uv.lock` offers: every file of every package, with its size and digest.

Rules:
- A forked lock holds a name more than once: each is an offer of its own, under the markers of its fork.
- A file stands at its `url`; at its `path` below the index, when that is a folder; or, with neither, at the
  place its whole package comes from.
- A package from a working tree or a repository offers nothing.
- A lock that says it is for other Pythons or systems than this one offers nothing.

Source: https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile and locks that uv 0.13 wrote.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from pytest_defend.capture.sources.reading import file_url, offers
from pytest_defend.capture.sources.scope import concerns
from pytest_defend.capture.sources.values import Malformed, any_of, file_name, file_of_url, named
from pytest_defend.model.origins import Candidate, Offer
from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_defend.capture.sources.reading import SourceFile
    from pytest_defend.capture.sources.values import Value
    from pytest_defend.model.facts import Gap

__all__ = ["read_uvlock"]

_FORMAT = 1
_TREES = ("git", "editable", "virtual", "directory")


def read_uvlock(file: SourceFile, environment: Mapping[str, str]) -> Iterator[Offer | Gap]:
    """Read a lock file of uv.

    Args:
        file: The lock.
        environment: The marker variables of this interpreter.

    Raises:
        Malformed: It is no lock file of uv, or one of a later format.
    """
    document = file.toml()
    version = document.at("version")
    if version.size() != _FORMAT:
        raise Malformed(version.place, f"is not {_FORMAT}, the one format that is known")
    if concerns(environment, document.at("requires-python"), document.at("supported-markers").items()):
        yield from offers(file, document.at("package").each(), named, partial(_offer, file))


def _offer(file: SourceFile, package: Value) -> Offer | None:
    name, source, sdist = package.at("name").package(), package.at("source"), package.at("sdist")
    listed = (*(() if sdist.raw is None else (sdist,)), *package.at("wheels").items())
    if not listed or any(source.at(tree).raw is not None for tree in _TREES):
        return None
    return Offer(
        source=file.name,
        name=name,
        version=package.at("version").needed(),
        marker=any_of([each.marker() for each in package.at("resolution-markers").items()]),
        files=tuple(_candidate(file, source, each) for each in listed),
    )


def _candidate(file: SourceFile, source: Value, listed: Value) -> Candidate:
    index = source.at("registry").locator()
    name, url = _place(file, source, listed)
    return Candidate(
        file=name,
        sha256=listed.at("hash").digest(),
        url=strip_user_information(url),
        index=strip_user_information(index if "://" in index else _local(file, index)),
        size_bytes=listed.at("size").size(),
    )


def _place(file: SourceFile, source: Value, listed: Value) -> tuple[str, str]:
    """Name and URL of a file, which may be empty."""
    folder = source.at("registry").locator()
    for url, path, below in (
        (listed.at("url"), listed.at("path"), folder),
        (source.at("url"), source.at("path"), ""),
    ):
        if url.locator():
            return file_of_url(url.locator(), url.place), url.locator()
        if path.locator():
            name = file_name(path.locator().rpartition("/")[2], path.place)
            # below an index that has a URL, a path says nothing
            return name, "" if "://" in below else _local(file, f"{below or '.'}/{path.locator()}")
    alone = listed.at("filename")
    return file_name(alone.needed(), alone.place), ""


def _local(file: SourceFile, path: str) -> str:
    return file_url(file.path.parent, path) if path else ""
