"""What the page of a package index offers of one package.

Rules:
- Name and version come from the file name. A file whose name cannot be parsed, or is that of another
  package, is no offer; a name that no file may have (a slash, `..`, a control character) is a gap as well.
- A page from a network names no file of this disk.
- No URL that comes out of here holds a credential.

Source: https://packaging.python.org/en/latest/specifications/simple-repository-api/
"""

from __future__ import annotations

import math
import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, urljoin, urlsplit

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from pytest_defend.capture.links import NoPage, read_links
from pytest_defend.model.facts import Gap
from pytest_defend.model.origins import Candidate, Offer
from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from pytest_defend.capture.links import Link

__all__ = ["GROUP", "Answer", "offers_of", "read_page", "wanted_links"]

GROUP = "indexes"
"""Group of the offers: an installer asks all indexes and takes a file from any."""

_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NAME_CHARACTERS = 255  # more no file system takes
_SDISTS = (".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar")
_VARIANT = re.compile(r"-[a-z0-9._]{1,16}(?=\.whl$)")  # PEP 825
_PLAIN_WHEEL = re.compile(r"[\w.]{1,100}-([\w.+!]{1,50})-[\w.+!-]{1,100}\.whl", re.ASCII)
_TAGS = 1000  # `a.b-c.d-e.f` are eight; a name can be made of millions

Answer = tuple[tuple[Offer, ...], tuple[Gap, ...]]
"""Offers, and what could not be read."""


def read_page(page_url: str, content_type: str, content: bytes, *, name: str, index: str) -> Answer:
    """Read the page of one package.

    Args:
        page_url: Where it was in the end; relative URLs start there.
        content_type: As the server says it.
        content: The page.
        name: Of the package, in any spelling.
        index: URL of the index.

    Returns:
        One offer for each version, in order, and what could not be read.
    """
    try:
        base, links = read_links(page_url, content_type, content)
    except NoPage as problem:
        return (), (Gap(topic="origins", problem=f"{strip_user_information(page_url)} {problem}"),)
    shown = strip_user_information(index)
    return offers_of(page_url, base, links, name=canonicalize_name(name), index=shown)


def offers_of(page_url: str, base: str, links: Iterable[Link], *, name: str, index: str) -> Answer:
    """What the links of a page offer of one package.

    Args:
        page_url: Where it was in the end.
        base: Where relative URLs start.
        links: Of the page.
        name: Of the package, in PEP 503 form.
        index: URL of the index, without credentials.

    Returns:
        As `read_page`.
    """
    versions: dict[Version, dict[Candidate, None]] = {}
    hostile: list[str] = []
    for link in links:
        placed = _placed(base, link, on_disk=page_url.startswith("file:"))
        if placed is None:
            hostile.append(link.file or re.split(r"[?#]", link.url)[0].rpartition("/")[2])
            continue
        file, url = placed
        version = _version(file, name)
        if version is not None:
            made = Candidate(
                file=file,
                sha256=link.sha256,
                url=url,
                index=index,
                size_bytes=link.size_bytes,
                metadata_sha256=link.metadata_sha256,
            )
            versions.setdefault(version, {})[made] = None
    offers = tuple(
        Offer(source=index, name=name, version=str(version), files=tuple(files), group=GROUP)
        for version, files in sorted(versions.items())
    )
    if not hostile:
        return offers, ()
    example = ascii(hostile[0].rpartition("@")[2][:100])
    problem = f"names files that no index may name, {len(hostile)} such as {example}; they are left out."
    return offers, (Gap(topic="origins", problem=f"{strip_user_information(page_url)} {problem}"),)


def wanted_links(links: Iterable[Link], versions: Collection[Version]) -> list[Link]:
    """The links of a page without the wheels whose names plainly say a version that nobody wants.

    That is nearly all of the pages that are large; to read such a name in full takes thirty times as long.
    """
    return [link for link in links if not _is_plainly_other(link, versions)]


def _is_plainly_other(link: Link, versions: Collection[Version]) -> bool:
    said = _PLAIN_WHEEL.fullmatch(link.file or link.url.rpartition("/")[2])
    version = _parsed(said[1]) if said is not None else None
    return version is not None and version not in versions


@lru_cache(maxsize=4096)  # many files have one version
def _parsed(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _placed(base: str, link: Link, *, on_disk: bool) -> tuple[str, str] | None:
    """File name and URL of a link, both empty if it names no file; none where they are not to be believed."""
    try:
        url = urljoin(base, link.url).partition("#")[0]
        parts = urlsplit(url)
    except ValueError:  # half an address in brackets
        return None
    if parts.scheme not in ("http", "https", "file"):  # `mailto:`
        return "", ""
    file = link.file or unquote(parts.path.rpartition("/")[2])
    if (
        (parts.scheme == "file" and not on_disk)
        or len(file) > _NAME_CHARACTERS
        or _UNSPEAKABLE.search(file + url)
        or "/" in file
        or "\\" in file
        or file in (".", "..")
    ):
        return None
    return file, strip_user_information(url)


def _version(file: str, name: str) -> Version | None:
    """The version a file of `name` has; none if it is no file of it."""
    if file.endswith(".whl"):
        return _wheel_version(file, name) or _wheel_version(_VARIANT.sub("", file), name)
    suffix = next((suffix for suffix in _SDISTS if file.endswith(suffix)), None)
    if suffix is None:
        return None
    # Old names, and old versions, hold dashes themselves: `a-b-1.0-1.tar.gz`.
    parts = file.removesuffix(suffix).split("-")
    for at in range(1, len(parts)):
        if canonicalize_name("-".join(parts[:at])) == name:
            try:
                return Version("-".join(parts[at:]))
            except InvalidVersion:
                continue
    return None


def _wheel_version(file: str, name: str) -> Version | None:
    tags = file.removesuffix(".whl").split("-")[-3:]
    if math.prod(tag.count(".") + 1 for tag in tags) > _TAGS:
        return None
    try:
        found, version, _, _ = parse_wheel_filename(file)
    except InvalidWheelFilename:
        return None
    return version if found == name else None
