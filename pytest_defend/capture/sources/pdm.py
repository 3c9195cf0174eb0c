"""What `pdm.lock` offers: every file of every package by name, or URL, and digest.

Rules:
- Files stand in the package, or, in older lock formats, under `metadata.files`.
- A package stands there once more for each set of its extras, with the same files.

Source: locks that PDM 2.29 wrote, with and without `static_urls`, and published ones of lock format 4.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.capture.sources.reading import offers
from pytest_defend.capture.sources.values import Malformed, file_name, file_of_url, named
from pytest_defend.model.origins import Candidate, Offer
from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.capture.sources.reading import SourceFile
    from pytest_defend.capture.sources.values import Value
    from pytest_defend.model.facts import Gap

__all__ = ["read_pdm"]


def read_pdm(file: SourceFile) -> Iterator[Offer | Gap]:
    """Read a lock file of PDM.

    Raises:
        Malformed: It is none.
    """
    document = file.toml()
    metadata = document.at("metadata")
    if metadata.raw is None:
        raise Malformed("", "is no lock file of PDM: it has no `metadata`")
    listed = metadata.at("files")
    yield from offers(file, document.at("package").each(), named, lambda each: _offer(file, each, listed))


def _offer(file: SourceFile, package: Value, listed: Value) -> Offer | None:
    name, version = package.at("name"), package.at("version").needed()
    inside = package.at("files")
    files = (inside if inside.raw is not None else listed.at(f"{name.needed()} {version}")).items()
    if not files:
        return None
    return Offer(
        source=file.name,
        name=name.package(),
        version=version,
        marker=package.at("marker").marker(),
        files=tuple(_candidate(each) for each in files),
    )


def _candidate(listed: Value) -> Candidate:
    name, url = listed.at("file"), listed.at("url")
    if name.raw is not None:
        file = file_name(name.needed(), name.place)
    else:
        url.needed()
        file = file_of_url(url.locator(), url.place)
    return Candidate(file=file, sha256=listed.at("hash").digest(), url=strip_user_information(url.locator()))
