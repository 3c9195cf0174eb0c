"""What `poetry.lock` offers: every file of every package by name and digest.

Rules:
- Files stand in the package, or, before lock format 2, under `metadata.files`.
- Where a file is stands nowhere, but for a package that was given by its URL or path.
- Markers of several groups are one: any of them; a group without a marker is always meant.

Source: a lock that Poetry 2.5 wrote, its `poetry/packages/locker.py`, and, for the older format,
https://github.com/orgs/python-poetry/discussions/6763.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from pytest_defend.capture.sources.reading import file_url, offers
from pytest_defend.capture.sources.values import Malformed, any_of, file_name, named
from pytest_defend.model.origins import Candidate, Offer
from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.capture.sources.reading import SourceFile
    from pytest_defend.capture.sources.values import Value
    from pytest_defend.model.facts import Gap

__all__ = ["read_poetry"]

_TREES = ("directory", "git")


def read_poetry(file: SourceFile) -> Iterator[Offer | Gap]:
    """Read a lock file of Poetry.

    Raises:
        Malformed: It is none.
    """
    document = file.toml()
    metadata = document.at("metadata")
    if metadata.raw is None:
        raise Malformed("", "is no lock file of Poetry: it has no `metadata`")
    listed = metadata.at("files")
    yield from offers(file, document.at("package").each(), named, lambda each: _offer(file, each, listed))


def _offer(file: SourceFile, package: Value, listed: Value) -> Offer | None:
    name, source = package.at("name"), package.at("source")
    inside = package.at("files")
    files = (inside if inside.raw is not None else listed.at(name.needed())).items()
    if not files or source.at("type").text() in _TREES:
        return None
    return Offer(
        source=file.name,
        name=name.package(),
        version=package.at("version").needed(),
        marker=_marker(package),
        files=tuple(_candidate(file, source, each) for each in files),
    )


def _marker(package: Value) -> str:
    markers = package.at("markers")
    if not isinstance(markers.raw, Mapping):
        return markers.marker()
    groups = [group.needed() for group in package.at("groups").items()] or list(markers.raw)
    return any_of([markers.at(group).marker() for group in groups])


def _candidate(file: SourceFile, source: Value, listed: Value) -> Candidate:
    name = file_name(listed.at("file").needed(), listed.at("file").place)
    kind, place = source.at("type").text(), source.at("url").locator()
    urls = {"url": place, "file": file_url(file.path.parent, place)}
    return Candidate(
        file=name,
        sha256=listed.at("hash").digest(),
        url=strip_user_information(urls.get(kind, "")),
        index=strip_user_information(place) if kind == "legacy" else "",
    )
