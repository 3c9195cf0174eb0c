"""Files that packages came from, or may have come from, looked into where they lie.

Rules:
- A file that a store keeps is looked into when it is one of several that may have been installed: that costs
  a request or two, and the store is being asked anyway.
- With `--defend-prove`, the file of everything is, that is not proven or recorded otherwise: in the store, or
  at its URL.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_defend.assembly.tracing import DEADLINE_S
from pytest_defend.model.origins import Candidate, Certainty

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from pytest_defend.assembly.tracing import Tracing
    from pytest_defend.model.distributions import Distribution, Installed
    from pytest_defend.model.facts import Gap
    from pytest_defend.model.origins import Held, Origin
    from pytest_defend.protocols import Item
    from pytest_defend.stores.pages import Page

    Part = Callable[[str, int, int], bytes]

__all__ = ["look"]


def look(
    trace: Tracing | None,
    gaps: list[Gap],
    installed: Installed,
    kept: Mapping[str, Sequence[Item]],
    part: Part | None = None,
) -> Installed:
    """Say again where packages came from, by what their files hold, as far as that says more.

    Args:
        trace: Everything else that says it, and takes what is read; None says nothing.
        gaps: Takes what could not be looked into.
        installed: With origins.
        kept: What a store keeps of the files that are named, by sha256.
        part: Gives bytes of a file of that store; None without one.
    """
    if trace is None:
        return installed
    doubtful = {
        each.name: files
        for each in installed.distributions
        if each.origin and (files := _files(trace, each, each.origin))
    }
    wanted = {file.sha256: file for files in doubtful.values() for file in files if file.sha256}
    held = dict(_in_store(trace, wanted, kept, part)) if part else {}
    if trace.prove:
        held |= _at_urls(trace, [file for digest, file in wanted.items() if digest not in held], gaps)
    trace.sources = replace(trace.sources, held={**trace.sources.held, **held})
    left = [
        each
        for each in installed.distributions
        if any(file.sha256 in held for file in doubtful.get(each.name, ()))
    ]
    if not left:
        return installed
    found, contradictions = trace.again(installed, left)
    gaps += contradictions
    return found


def _files(trace: Tracing, distribution: Distribution, origin: Origin) -> tuple[Candidate, ...]:
    """The files that are worth looking into."""
    if not distribution.fingerprint:
        return ()
    if origin.certainty is Certainty.MATCHED and trace.prove:
        return (Candidate(file=origin.file, sha256=origin.sha256, url=origin.url),)
    return origin.candidates if origin.certainty is Certainty.CONSTRAINED else ()


def _in_store(
    trace: Tracing, wanted: Iterable[str], kept: Mapping[str, Sequence[Item]], part: Part
) -> Iterable[tuple[str, Held]]:
    from pytest_defend.capture.proving import held_in_store

    for sha256 in wanted:
        for item in kept.get(sha256, ())[:1]:
            held = held_in_store(item.path, sha256, item.checksums.size_bytes, part, trace.memory)
            if held is not None:
                yield sha256, held


def _at_urls(trace: Tracing, files: Sequence[Candidate], gaps: list[Gap]) -> Mapping[str, Held]:
    if not files:
        return {}
    from pytest_defend.capture.proving import authorised, held_at_urls
    from pytest_defend.stores.http import Fetcher

    with Fetcher(cert=trace.certificates, deadline_s=DEADLINE_S) as fetcher:

        def fetch(url: str, headers: Mapping[str, str], limit_bytes: int) -> Page:
            return fetcher.get(authorised(url, trace.indexes), headers=headers, limit_bytes=limit_bytes)

        held, unread = held_at_urls(files, fetch, trace.memory)
    gaps += unread
    return held
