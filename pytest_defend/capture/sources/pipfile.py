"""What `Pipfile.lock` offers: digests that each package may have; it names no files.

Rules:
- Every category counts: `default`, `develop` and those of the user; `_meta` is none.
- A package without digests, from a working tree or a repository, offers nothing. Neither does one with a
  digest that is no sha256: the file may be the one that this allows.
- A package that was given by its URL says no version: its digests are meant for every one.

Source: a lock that pipenv 2026.10 wrote, and https://github.com/pypa/pipfile.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.capture.sources.reading import gap_of, offers
from pytest_defend.capture.sources.values import Malformed, package_name, shown
from pytest_defend.model.origins import Offer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytest_defend.capture.sources.reading import SourceFile
    from pytest_defend.capture.sources.values import Value
    from pytest_defend.model.facts import Gap

__all__ = ["read_pipfile"]


def read_pipfile(file: SourceFile) -> Iterator[Offer | Gap]:
    """Read a lock file of pipenv.

    Raises:
        Malformed: It is none.
    """
    document = file.json()
    if document.at("_meta").raw is None:
        raise Malformed("", "is no lock file of pipenv: it has no `_meta`")
    entries: list[tuple[str, Value]] = []
    for category, packages in document.entries():
        if category == "_meta":
            continue
        try:
            entries += packages.entries()
        except Malformed as malformed:
            yield gap_of(file.name, malformed)
    yield from offers(file, entries, _name, lambda entry: _offer(file, entry))


def _name(entry: tuple[str, Value]) -> str:
    name, package = entry
    return package_name(name, package.place)


def _offer(file: SourceFile, entry: tuple[str, Value]) -> Offer | None:
    _, package = entry
    hashes = {each.digest() for each in package.at("hashes").each()}
    if not hashes or "" in hashes:
        return None
    return Offer(
        source=file.name,
        name=_name(entry),
        version=_version(package.at("version")),
        marker=package.at("markers").marker(),
        hashes=tuple(sorted(hashes)),
    )


def _version(value: Value) -> str:
    """The exact version; empty when the digests are meant for every one."""
    text = value.text().strip()
    if text in ("", "*"):
        return ""
    exact = text.removeprefix("==").lstrip("=").strip()
    if not text.startswith("==") or not exact or "*" in exact:
        raise Malformed(value.place, f"is no exact version: {shown(text)}")
    return exact
