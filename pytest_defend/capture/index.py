"""What a package index offers: the page of one package, and all indexes asked for all packages.

Rules:
- A page is JSON (PEP 691) or HTML (PEP 503); its type decides.
- Name and version come from the file name. A file whose name cannot be parsed, or is that of another
  package, is no offer; a name that no file may have (a slash, `..`, a control character) is a gap as well.
- A page from a network names no file of this disk.
- A page that is none (a login form, a broken document) is a gap, and its package is unanswered: what other
  indexes offer is then not all there is. That an index does not have a package is an answer.
- No URL that comes out of here holds a credential.

Source: https://packaging.python.org/en/latest/specifications/simple-repository-api/
"""

from __future__ import annotations

import math
import re
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote, unquote, urljoin, urlsplit

from packaging.utils import InvalidWheelFilename, canonicalize_name, parse_wheel_filename
from packaging.version import InvalidVersion, Version

from pytest_defend.capture.links import NoPage, read_links
from pytest_defend.errors import AccessDenied, DefendError, NotFound
from pytest_defend.model.facts import Gap
from pytest_defend.model.origins import Candidate, Offer
from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from pytest_defend.capture.links import Link

__all__ = ["ACCEPT", "GROUP", "PAGE_BYTES", "PageLike", "ask_indexes", "offers_of", "read_page"]

_API = "application/vnd.pypi.simple.v1"
ACCEPT = f"{_API}+json, {_API}+html;q=0.2, text/html;q=0.1"
"""What an index is asked for, as an `Accept` header."""

GROUP = "indexes"
"""Group of the offers: an installer asks all indexes and takes a file from any."""

PAGE_BYTES = 64 << 20
"""How large a page may be; the largest known has 50 MB."""

_UNSPEAKABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_NAME_CHARACTERS = 255  # more no file system takes
_SDISTS = (".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz", ".tar")
_VARIANT = re.compile(r"-[a-z0-9._]{1,16}(?=\.whl$)")  # PEP 825
_TAGS = 1000  # `a.b-c.d-e.f` are eight; a name can be made of millions
_FAILURES_IN_A_ROW = 3

_Answer = tuple[tuple[Offer, ...], tuple[Gap, ...]]


class PageLike(Protocol):
    """A page somebody fetched."""

    @property
    def url(self) -> str:
        """Where it was in the end."""

    @property
    def content_type(self) -> str:
        """As the server says it."""

    @property
    def content(self) -> bytes:
        """All of it."""


def read_page(page_url: str, content_type: str, content: bytes, *, name: str, index: str) -> _Answer:
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
        return _read(page_url, content_type, content, canonicalize_name(name), strip_user_information(index))
    except NoPage as problem:
        return (), (_gap(f"{strip_user_information(page_url)} {problem}"),)


def _gap(problem: str) -> Gap:
    return Gap(topic="origins", problem=problem)


def _read(page_url: str, content_type: str, content: bytes, name: str, index: str) -> _Answer:
    base, links = read_links(page_url, content_type, content)
    return offers_of(page_url, base, links, name=name, index=index)


def offers_of(page_url: str, base: str, links: Iterable[Link], *, name: str, index: str) -> _Answer:
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
    return offers, (_gap(f"{strip_user_information(page_url)} {problem}"),)


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


class _Asked:
    """One index, and how it answers."""

    def __init__(self, index: str, fetch: Callable[[str], PageLike]) -> None:
        self.unanswered: dict[str, str] = {}
        self._index = index.rstrip("/")
        self._shown = strip_user_information(index)
        self._fetch = fetch
        self._in_a_row = 0
        self._lock = Lock()

    def ask(self, name: str) -> _Answer:
        """What it has of a package; nothing if it does not say."""
        if self._in_a_row >= _FAILURES_IN_A_ROW:
            return self._failed(name, "", counts=False)
        try:
            page = self._fetch(f"{self._index}/{quote(name, safe='')}/")
            answer = _read(page.url, page.content_type, page.content, name, self._shown)
        except NotFound:
            answer = (), ()
        except NoPage as problem:
            return self._failed(name, f"its page {problem}", counts=False)
        except AccessDenied as error:  # some say so of every package they do not have
            return self._failed(name, str(error), counts=False)
        except DefendError as error:
            return self._failed(name, str(error), counts=True)
        except Exception as error:  # noqa: BLE001  any code may be handed in to fetch
            return self._failed(name, f"{type(error).__name__}.", counts=True)
        with self._lock:
            self._in_a_row = 0
        return answer

    def _failed(self, name: str, problem: str, *, counts: bool) -> _Answer:
        with self._lock:
            self.unanswered[name] = problem
            self._in_a_row += counts
        return (), ()

    def gaps(self) -> tuple[Gap, ...]:
        """All that it did not answer, as one sentence."""
        if not self.unanswered:
            return ()
        names = ", ".join(sorted(self.unanswered))
        reason = next(self.unanswered[name] for name in sorted(self.unanswered) if self.unanswered[name])
        return (_gap(f"{self._shown} does not say what it has of {names}: {reason}"),)


def ask_indexes(
    wanted: Iterable[tuple[str, str]],
    indexes: Iterable[str],
    fetch: Callable[[str], PageLike],
    *,
    workers: int = 8,
) -> tuple[tuple[Offer, ...], tuple[Gap, ...], frozenset[str]]:
    """Ask every index for every package.

    An index that fails 3 times in a row is not asked any more.

    Args:
        wanted: Name and version of each package, in any spelling.
        indexes: Their URLs, with credentials if they need them.
        fetch: Gets the page at a URL; raises children of `DefendError`, `NotFound` if there is none.
        workers: How many pages are fetched at a time.

    Returns:
        What is offered of the wanted versions, in the order of both arguments; what could not be read; and
        the names that at least one index did not answer for.
    """
    versions: dict[str, set[Version]] = {}
    for name, version in wanted:
        known = versions.setdefault(canonicalize_name(name), set())
        try:
            known.add(Version(version))
        except InvalidVersion:  # no file name of today can say it
            continue
    asked = [_Asked(index, fetch) for index in dict.fromkeys(indexes)]
    questions = [(index, name) for name in versions for index in asked]
    with ThreadPoolExecutor(max_workers=max(workers, 1)) as threads:
        answers = list(threads.map(lambda question: question[0].ask(question[1]), questions))
    offers = tuple(
        offer for found, _ in answers for offer in found if Version(offer.version) in versions[offer.name]
    )
    gaps = {gap for _, found in answers for gap in found} | {gap for index in asked for gap in index.gaps()}
    unanswered = frozenset(name for index in asked for name in index.unanswered)
    return offers, tuple(sorted(gaps, key=lambda gap: gap.problem)), unanswered
