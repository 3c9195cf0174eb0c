"""What the files hold that sources name, read where they lie: in a store, or at their URL.

Rules:
- Only RECORD is read, a few parts of the file; nothing is fetched as a whole.
- A digest names one content: what a store, or a URL, once gave for it is remembered of that place for good.
- What cannot be looked into proves nothing and rules out nothing. All files of one server are one gap.
- A server that refuses three times in a row is not asked any more.
- A server is told credentials only when an index of that very scheme, host and port has some.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from pytest_defend.capture.parts import NoParts, fingerprint_at, fingerprint_of_parts
from pytest_defend.errors import DefendError, NotFound
from pytest_defend.model.facts import Gap
from pytest_defend.model.origins import Held

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pytest_defend.capture.content import Memory
    from pytest_defend.capture.parts import PartLike
    from pytest_defend.model.origins import Candidate

__all__ = ["authorised", "held_at_urls", "held_in_store"]

_REFUSALS_IN_A_ROW = 3
_WORKERS = 8
_NAMED = 3  # files in a gap
_SCHEMES = ("http", "https")


def held_in_store(
    path: str, sha256: str, size_bytes: int, part: Callable[[str, int, int], bytes], memory: Memory
) -> Held | None:
    """What a file holds that a store keeps; None when it cannot be looked into.

    Args:
        path: Of the file in the store.
        sha256: Of the file, as the store says.
        size_bytes: Of the file.
        part: Gives bytes of it, from a place, as many as asked for.
        memory: What was read before.
    """
    key = _key("store", sha256)  # which compares what it keeps with its digest
    known = memory.get(key)
    if not isinstance(known, str):
        try:
            known = fingerprint_of_parts(size_bytes, lambda start, size: part(path, start, size))
        except (DefendError, NoParts):
            return None
        if known:
            memory.put(key, known)
    return Held(where=path, file=path.rpartition("/")[2], fingerprint=known) if known else None


def held_at_urls(
    files: Iterable[Candidate],
    fetch: Callable[[str, Mapping[str, str], int], PartLike],
    memory: Memory,
) -> tuple[Mapping[str, Held], tuple[Gap, ...]]:
    """What files hold that lie at URLs, by the sha256 that is claimed for each.

    Args:
        files: With a digest and a URL each; others are passed over.
        fetch: Asks for a URL with headers, for at most so many bytes; raises children of `DefendError`.
        memory: What was read before.

    Returns:
        What was read, and what could not be.
    """
    named = {each.sha256: each for each in files if each.sha256 and urlsplit(each.url).scheme in _SCHEMES}
    known = {sha256: memory.get(_key(each.url, sha256)) for sha256, each in named.items()}
    asked = [each for sha256, each in named.items() if not isinstance(known[sha256], str)]
    servers = {where: _Server(where) for where in map(_server_of, asked)}
    with ThreadPoolExecutor(max_workers=_WORKERS) as threads:
        read = list(threads.map(lambda each: servers[_server_of(each)].look(each, fetch), asked))
    for each, fingerprint in zip(asked, read, strict=True):
        if fingerprint:
            memory.put(_key(each.url, each.sha256), fingerprint)
            known[each.sha256] = fingerprint
    held = {
        sha256: Held(where=each.url, file=each.file, fingerprint=content)
        for sha256, each in named.items()
        if isinstance(content := known[sha256], str)
    }
    return held, tuple(gap for _, server in sorted(servers.items()) for gap in server.gaps())


def authorised(url: str, indexes: Iterable[str]) -> str:
    """`url` with the credentials of the first index of the same server that has some.

    Args:
        url: Without credentials.
        indexes: URLs, some with credentials.
    """
    parts = urlsplit(url)
    for index in indexes:
        known = urlsplit(index)
        who, at, host = known.netloc.rpartition("@")
        if at and (known.scheme, host.lower()) == (parts.scheme, parts.netloc.lower()):
            return urlunsplit(parts._replace(netloc=f"{who}@{parts.netloc}"))
    return url


def _key(where: str, sha256: str) -> str:
    return f"{where} {sha256} holds"


def _server_of(file: Candidate) -> str:
    parts = urlsplit(file.url)
    return f"{parts.scheme}://{parts.netloc}"


class _Server:
    """One server, and what it did not give."""

    def __init__(self, where: str) -> None:
        self._where = where
        self._refused: dict[str, str] = {}
        self._in_a_row = 0
        self._lock = Lock()

    def look(self, file: Candidate, fetch: Callable[[str, Mapping[str, str], int], PartLike]) -> str:
        """The fingerprint of what a file holds; empty when it does not give it."""
        if self._in_a_row >= _REFUSALS_IN_A_ROW:
            return self._refuses(file, "", counts=False)
        try:
            found = fingerprint_at(lambda headers, limit_bytes: fetch(file.url, headers, limit_bytes))
        except NotFound as error:
            return self._refuses(file, str(error), counts=False)
        except DefendError as error:
            return self._refuses(file, str(error), counts=True)
        except NoParts as problem:
            return self._refuses(file, f"{problem}.", counts=True)
        if not found:
            return self._refuses(file, "what lies there is no wheel.", counts=True)
        with self._lock:
            self._in_a_row = 0
        return found

    def _refuses(self, file: Candidate, problem: str, *, counts: bool) -> str:
        with self._lock:
            self._refused[file.file] = problem
            self._in_a_row += counts
        return ""

    def gaps(self) -> tuple[Gap, ...]:
        """All that it did not give, as one sentence."""
        if not self._refused:
            return ()
        names = sorted(self._refused)
        reason = next(self._refused[name] for name in names if self._refused[name])
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        listed = ", ".join(names[:_NAMED]) + more
        return (Gap(topic="origins", problem=f"{self._where}: {listed} cannot be looked into: {reason}"),)
