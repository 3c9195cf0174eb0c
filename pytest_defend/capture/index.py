"""What package indexes offer: all of them asked for all packages.

Rules:
- A page is JSON (PEP 691) or HTML (PEP 503); its type decides.
- A page that is none (a login form, a broken document) is a gap, and its package is unanswered: what other
  indexes offer is then not all there is. That an index does not have a package is an answer.
- No URL that comes out of here holds a credential.

Source: https://packaging.python.org/en/latest/specifications/simple-repository-api/
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING, Protocol
from urllib.parse import quote

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from pytest_defend.capture.indexpage import offers_of, wanted_links
from pytest_defend.capture.links import NoPage, read_links
from pytest_defend.errors import AccessDenied, DefendError, NotFound
from pytest_defend.model.facts import Gap
from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from pytest_defend.capture.indexpage import Answer
    from pytest_defend.model.origins import Offer

__all__ = ["ACCEPT", "PAGE_BYTES", "PageLike", "ask_indexes"]

_API = "application/vnd.pypi.simple.v1"
ACCEPT = f"{_API}+json, {_API}+html;q=0.2, text/html;q=0.1"
"""What an index is asked for, as an `Accept` header."""

PAGE_BYTES = 64 << 20
"""How large a page may be; the largest known has 50 MB."""

_FAILURES_IN_A_ROW = 3


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


def _gap(problem: str) -> Gap:
    return Gap(topic="origins", problem=problem)


class _Asked:
    """One index, and how it answers."""

    def __init__(self, index: str, fetch: Callable[[str], PageLike]) -> None:
        self.unanswered: dict[str, str] = {}
        self._index = index.rstrip("/")
        self._shown = strip_user_information(index)
        self._fetch = fetch
        self._in_a_row = 0
        self._lock = Lock()

    def ask(self, name: str, versions: Collection[Version]) -> Answer:
        """What it has of these versions of a package; nothing if it does not say."""
        if self._in_a_row >= _FAILURES_IN_A_ROW:
            return self._failed(name, "", counts=False)
        try:
            page = self._fetch(f"{self._index}/{quote(name, safe='')}/")
            base, links = read_links(page.url, page.content_type, page.content)
            left = wanted_links(links, versions)
            answer = offers_of(page.url, base, left, name=name, index=self._shown)
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

    def _failed(self, name: str, problem: str, *, counts: bool) -> Answer:
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
    questions = [(index, name, versions[name]) for name in versions for index in asked]
    with ThreadPoolExecutor(max_workers=max(workers, 1)) as threads:
        answers = list(threads.map(lambda question: question[0].ask(*question[1:]), questions))
    offers = tuple(
        offer for found, _ in answers for offer in found if Version(offer.version) in versions[offer.name]
    )
    gaps = {gap for _, found in answers for gap in found} | {gap for index in asked for gap in index.gaps()}
    unanswered = frozenset(name for index in asked for name in index.unanswered)
    return offers, tuple(sorted(gaps, key=lambda gap: gap.problem)), unanswered
