"""What a PEP 751 lock file offers: every file of every package, as the standard says it.

Rules:
- `packaging` judges the document, and each package alone, so that a bad one costs only itself.
- A later minor version of the format is read like 1.0, which it must be compatible with.
- A package from a working tree or a repository offers nothing.
- A lock that says it is for other Pythons or environments than this one offers nothing.

Source: https://packaging.python.org/en/latest/specifications/pylock-toml/
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from packaging.pylock import Pylock, PylockValidationError

from pytest_defend.capture.sources.reading import file_url, offers
from pytest_defend.capture.sources.scope import concerns
from pytest_defend.capture.sources.values import Malformed, digest, file_name, file_of_url, named, shown
from pytest_defend.model.fit import read_wheel_name
from pytest_defend.model.origins import Candidate, Offer
from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from packaging.pylock import PackageWheel

    from pytest_defend.capture.sources.reading import SourceFile
    from pytest_defend.capture.sources.values import Value
    from pytest_defend.model.facts import Gap

__all__ = ["read_pylock"]

_ALONE = "packages[0]"


def read_pylock(file: SourceFile, environment: Mapping[str, str]) -> Iterator[Offer | Gap]:
    """Read a `pylock.toml`.

    Args:
        file: The lock.
        environment: The marker variables of this interpreter.

    Raises:
        Malformed: It is none, or one of a later format.
    """
    document = file.toml()
    version = document.at("lock-version")
    known = "1.0" if version.text().startswith("1.") else version.raw
    _judge({**document.table(), "lock-version": known, "packages": []}, "")
    if concerns(environment, document.at("requires-python"), document.at("environments").items()):
        yield from offers(file, document.at("packages").each(), named, partial(_offer, file))


def _judge(document: Mapping[str, object], place: str) -> Pylock:
    """The lock that `document` is, which holds at most the package at `place`.

    Raises:
        Malformed: It breaks the standard.
    """
    try:
        return Pylock.from_dict(document)
    except PylockValidationError as error:
        where = f"{place}{(error.context or '').removeprefix(_ALONE)}"
        raise Malformed(where, f"is not as PEP 751 has it: {shown(error.message)}") from error


def _offer(file: SourceFile, value: Value) -> Offer | None:
    alone = {"lock-version": "1.0", "created-by": file.name, "packages": [value.raw]}
    package = _judge(alone, value.place).packages[0]
    index = strip_user_information(value.at("index").locator())
    files = [
        _candidate(file, each, _published(wheel), index)
        for each, wheel in zip(value.at("wheels").items(), package.wheels or (), strict=True)
    ]
    if package.sdist is not None:
        files.append(_candidate(file, value.at("sdist"), package.sdist.filename, index))
    if package.archive is not None:
        archive = value.at("archive")
        files.append(_candidate(file, archive, _name(archive), index))
    if not files:
        return None
    return Offer(
        source=file.name,
        name=package.name,
        version=value.at("version").text(),
        marker=value.at("marker").marker(),
        files=tuple(files),
    )


def _published(wheel: PackageWheel) -> str:
    """The name a wheel has where it is published: uv writes another spelling of it beside its URL."""
    last = (wheel.url or "").rpartition("/")[2]
    name = read_wheel_name(unquote(last))
    return unquote(last) if name is not None and name == read_wheel_name(wheel.filename) else wheel.filename


def _name(archive: Value) -> str:
    """The last part of where an archive is; a path goes before a URL."""
    path, url = archive.at("path").locator(), archive.at("url")
    return path.replace("\\", "/").rpartition("/")[2] if path else file_of_url(url.locator(), url.place)


def _candidate(file: SourceFile, value: Value, name: str, index: str) -> Candidate:
    path, url = value.at("path").locator(), value.at("url").locator()
    sha256 = value.at("hashes").at("sha256")
    return Candidate(
        file=file_name(name, value.place),
        sha256=digest(f"sha256:{sha256.text()}", sha256.place) if sha256.raw is not None else "",
        url=file_url(file.path.parent, path) if path else strip_user_information(url),
        index=index,
        size_bytes=value.at("size").size(),
    )
