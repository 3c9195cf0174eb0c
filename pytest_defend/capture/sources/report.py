"""What a report of `pip install --report` offers: the one file pip chose for each package it installed.

Rules:
- It is about the interpreter whose marker variables it holds, and about the moment it was written.
- A package from a working tree or a repository, or without a sha256, offers nothing.

Source: https://pip.pypa.io/en/stable/reference/installation-report/
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.capture.sources.reading import offers
from pytest_defend.capture.sources.values import Malformed, digest, file_of_url, named
from pytest_defend.model.origins import Candidate, Offer
from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.capture.sources.reading import SourceFile
    from pytest_defend.capture.sources.values import Value
    from pytest_defend.model.facts import Gap

__all__ = ["read_report"]

_FORMAT = "1"


def read_report(file: SourceFile) -> Iterator[Offer | Gap]:
    """Read an installation report of pip.

    Raises:
        Malformed: It is none, or one of another format.
    """
    document = file.json()
    version = document.at("version")
    if document.at("install").raw is None:
        raise Malformed("", "is no installation report of pip: it has no `install`")
    if version.text() != _FORMAT:
        raise Malformed(version.place, f"is not {_FORMAT!r}, the one format that is known")
    environment = tuple(sorted((key, value.text()) for key, value in document.at("environment").entries()))
    yield from offers(
        file,
        document.at("install").each(),
        lambda item: named(item.at("metadata")),
        lambda item: _offer(file, item, environment),
    )


def _offer(file: SourceFile, item: Value, environment: tuple[tuple[str, str], ...]) -> Offer | None:
    download, metadata = item.at("download_info"), item.at("metadata")
    url, sha256 = download.at("url"), download.at("archive_info").at("hashes").at("sha256")
    if sha256.raw is None:
        return None
    candidate = Candidate(
        file=file_of_url(url.locator(), url.place),
        sha256=digest(f"sha256:{sha256.text()}", sha256.place),
        url=strip_user_information(url.locator()),
    )
    return Offer(
        source=file.name,
        name=named(metadata),
        version=metadata.at("version").needed(),
        files=(candidate,),
        pinned=True,
        written_s=file.written_s,
        environment=environment,
    )
