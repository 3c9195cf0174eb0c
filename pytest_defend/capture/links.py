"""What a page of a package index links to.

Rules:
- A page is JSON (PEP 691) or HTML (PEP 503); its type decides, its first character where it has none.
- Links come out as they are written: URLs may be relative, names of files hostile.
- A document with a broken entry is no page: what was skipped could be what was looked for.
- HTML with many tags that are not closed is none: to read it would take as long as whoever wrote it likes.
- HTML that asks for input, or links to no archive but to other things, is a login form or a front page.

Source: https://packaging.python.org/en/latest/specifications/simple-repository-api/
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from html.parser import HTMLParser
from itertools import islice
from typing import Any
from urllib.parse import unquote, urljoin

__all__ = ["Link", "NoPage", "read_links"]

_SHA256 = re.compile(r"[0-9a-f]{64}")
# html.parser looks through all that follows for the end of each (CVE-2025-6069): 50 KB took a minute (3.11.7)
_OPEN = re.compile(r"<[^<>]*+(?=<|\Z)")
_MOST_OPEN = 100
_ARCHIVE = re.compile(r"\.(whl|zip|egg|exe|msi|rpm|deb|dmg|tar|tgz|tbz|txz|tar\.\w+)$", re.IGNORECASE)


class NoPage(Exception):
    """This is not what an index says of a package; the sentence says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A file a page names.

    Attributes:
        url: As it is written, without its fragment in HTML.
        file: Name of the file, where the page says it beside the URL.
        sha256: 64 digits; empty when the page does not say it.
        size_bytes: 0 when the page does not say it.
        metadata_sha256: 64 digits, of the METADATA in a wheel; empty when the page does not say it.
    """

    url: str
    file: str = ""
    sha256: str = ""
    size_bytes: int = 0
    metadata_sha256: str = ""


def read_links(page_url: str, content_type: str, content: bytes) -> tuple[str, list[Link]]:
    """What a page links to.

    Returns:
        The URL that relative ones start at, and the links.

    Raises:
        NoPage: It is none of an index.
    """
    kind, _, parameters = content_type.lower().partition(";")
    kind = kind.strip()
    if kind.endswith("json") or (not kind and content.lstrip().startswith(b"{")):
        return page_url, _json_links(content)
    if not kind or kind.endswith("html") or kind == "application/xhtml+xml":
        return _html_links(page_url, content, charset=parameters.partition("charset=")[2].strip(" \"'"))
    raise NoPage(f"is {kind[:100]!a}, no page of an index; check the URL of the index.")


def _json_links(content: bytes) -> list[Link]:
    try:
        document = json.loads(content)
        version = document.get("meta", {}).get("api-version", "1.0")
        files = [_json_link(file) for file in document["files"]]
    except (AttributeError, KeyError, RecursionError, TypeError, ValueError):
        raise NoPage("is no JSON of an index; check the URL of the index.") from None
    if str(version).partition(".")[0] != "1":
        raise NoPage(f"is written in version {version!a} of the API, which is not known; update.")
    return files


def _json_link(file: Any) -> Link:
    url, name, hashes, size = file["url"], file["filename"], file.get("hashes", {}), file.get("size")
    if not (isinstance(url, str) and isinstance(name, str) and name):
        raise TypeError
    return Link(
        url=url,
        file=name,
        sha256=_sha256(hashes.get("sha256", "")),
        size_bytes=size if type(size) is int and size > 0 else 0,
        metadata_sha256=_metadata_sha256(file.get("core-metadata", file.get("dist-info-metadata"))),
    )


def _metadata_sha256(said: Any) -> str:
    """What is said of a file's metadata is `true`, or its digests."""
    return _sha256(said.get("sha256")) if isinstance(said, dict) else ""


def _sha256(text: Any) -> str:
    digits = str(text).lower()
    return digits if _SHA256.fullmatch(digits) else ""


class _Anchors(HTMLParser):
    """Collects what a page says of links, and whether it asks for input, as no index does."""

    def __init__(self) -> None:
        super().__init__()
        self.base = ""
        self.links: list[Link] = []
        self.asks = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note a tag that matters."""
        said = dict(attrs)
        href = said.get("href")
        if tag == "a" and href:
            metadata = said.get("data-core-metadata") or said.get("data-dist-info-metadata") or ""
            self.links.append(_html_link(href.strip(), metadata))
        elif tag == "base" and href and not self.base:
            self.base = href.strip()
        elif tag in ("form", "input"):
            self.asks = True


def _html_links(page_url: str, content: bytes, *, charset: str) -> tuple[str, list[Link]]:
    anchors = _Anchors()
    try:
        text = content.decode(charset or "utf-8", errors="replace")
    except (LookupError, ValueError):  # no encoding, or none of texts
        text = content.decode(errors="replace")
    opened = sum(1 for _ in islice(_OPEN.finditer(text), _MOST_OPEN))
    if max(opened, text.count("<!")) >= _MOST_OPEN:
        raise NoPage("opens too many tags without an end, or comments; check the URL of the index.")
    try:
        anchors.feed(text)
        anchors.close()
        base = urljoin(page_url, anchors.base)
    except (AssertionError, RecursionError, ValueError):  # the parser gives up on some declarations
        raise NoPage("cannot be parsed; check the URL of the index.") from None
    named = [link.url for link in anchors.links if not link.url.endswith(("/", "."))]
    if anchors.asks or (named and not any(map(_names_archive, named))):
        raise NoPage("is no page of an index but another one; check the URL and its credentials.")
    return base, anchors.links


def _html_link(href: str, metadata: str) -> Link:
    url, _, fragment = href.partition("#")
    return Link(
        url=url,
        sha256=_sha256(fragment.partition("sha256=")[2].partition("&")[0]),
        metadata_sha256=_sha256(metadata.strip().removeprefix("sha256=")),
    )


def _names_archive(url: str) -> bool:
    return _ARCHIVE.search(unquote(url.partition("?")[0])) is not None
