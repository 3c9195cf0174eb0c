"""What pages of links offer: `find-links` of pip and uv, and flat indexes of uv.

Rules:
- A page is fetched once and read for every package: it links to files of many.
- It is an alternative to the indexes: an installer takes a file from any of them.
- A page that is not there, or is none, is a gap, and every package is unanswered.

Source: https://pip.pypa.io/en/stable/cli/pip_install/#finding-packages
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING
from urllib.parse import unquote

from packaging.utils import canonicalize_name

from pytest_defend.capture.indexpage import offers_of
from pytest_defend.capture.links import NoPage, read_links
from pytest_defend.errors import DefendError
from pytest_defend.model.facts import Gap
from pytest_defend.model.fit import same_version
from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from pytest_defend.capture.index import PageLike
    from pytest_defend.capture.links import Link
    from pytest_defend.model.origins import Offer

__all__ = ["ask_pages"]

_WORKERS = 4

_Answer = tuple[tuple["Offer", ...], tuple[Gap, ...], frozenset[str]]


def ask_pages(
    wanted: Collection[tuple[str, str]], pages: Iterable[str], fetch: Callable[[str], PageLike]
) -> _Answer:
    """Read every page for every package.

    Args:
        wanted: Name and version of each package, in any spelling.
        pages: Their URLs, with credentials if they need them.
        fetch: Gets the page at a URL; raises children of `DefendError`.

    Returns:
        What is offered of the wanted versions; what could not be read; and the names that at least one page
        did not answer for.
    """
    names = {canonicalize_name(name) for name, _ in wanted}
    with ThreadPoolExecutor(max_workers=_WORKERS) as threads:
        answers = list(threads.map(lambda page: _ask(page, names, fetch), dict.fromkeys(pages)))
    offers = tuple(offer for said, _, _ in answers for offer in said if _is_wanted(offer, wanted))
    gaps = {gap: None for _, found, _ in answers for gap in found}
    return offers, tuple(gaps), frozenset().union(*(silent for _, _, silent in answers))


def _is_wanted(offer: Offer, wanted: Iterable[tuple[str, str]]) -> bool:
    return any(
        canonicalize_name(name) == offer.name and same_version(version, offer.version)
        for name, version in wanted
    )


def _ask(url: str, names: Collection[str], fetch: Callable[[str], PageLike]) -> _Answer:
    shown = strip_user_information(url)
    try:
        page = fetch(url)
        base, links = read_links(page.url, page.content_type, page.content)
    except NoPage as problem:
        return _silent(names, f"{shown} {problem}")
    except DefendError as error:
        return _silent(names, f"{shown} does not say which files it links to: {error}")
    except Exception as error:  # noqa: BLE001  any code may be handed in to fetch
        return _silent(names, f"{shown} does not say which files it links to: {type(error).__name__}.")
    called = [(canonicalize_name(_file(link)), link) for link in links]
    answers = [
        offers_of(
            page.url,
            base,
            [link for file, link in called if file.startswith(f"{name}-")],
            name=name,
            index=shown,
        )
        for name in sorted(names)
    ]
    offers = tuple(offer for said, _ in answers for offer in said)
    return offers, tuple(gap for _, found in answers for gap in found), frozenset()


def _silent(names: Iterable[str], problem: str) -> _Answer:
    return (), (Gap(topic="origins", problem=problem),), frozenset(names)


def _file(link: Link) -> str:
    return link.file or unquote(link.url.partition("?")[0].rpartition("/")[2])
