"""Locate: which files of dependencies the store keeps, and what it knows about them.

Rules:
- Asked for by sha256, never by name: all digests in one query of the store.
- A file that is kept gives its other digests, where it is, and the build that made it.
- Of several candidates the one that is kept is meant, when it is exactly one and it fits what is installed;
  who can look into it does so before, for then there is no doubt.
- What the store does not keep stays as it was.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from pytest_defend.model.fit import misfit
from pytest_defend.model.origins import Candidate, Certainty, Evidence, Kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from pytest_defend.model.distributions import Distribution, Installed
    from pytest_defend.model.origins import Origin
    from pytest_defend.protocols import Item, Store

    Look = Callable[[Installed, Mapping[str, Sequence[Item]]], Installed]

__all__ = ["digests", "locate"]


def locate(installed: Installed, store: Store, look: Look | None = None) -> Installed:
    """The same, with what the store knows about the file of each.

    Args:
        installed: With origins.
        store: Which may keep the files.
        look: Says again where everything came from, given what is kept, by looking into it; None for nobody.

    Raises:
        StoreError: The store cannot be read.
    """
    wanted = digests(installed)
    found = store.find(sorted(wanted)) if wanted else {}
    if look is not None:
        installed = look(installed, found)
    if not found:
        return installed
    located = tuple(_located(each, store.locator, found) for each in installed.distributions)
    return replace(installed, distributions=located)


def digests(installed: Installed) -> frozenset[str]:
    """What a store would be asked for: the sha256 of every file that something may have come from."""
    return frozenset(sha256 for each in installed.distributions for sha256 in _digests(each.origin))


def _digests(origin: Origin | None) -> Iterator[str]:
    if origin is not None:
        built_from = origin.built_from
        candidates = [origin.sha256, *(each.sha256 for each in origin.candidates)]
        yield from filter(None, [*candidates, built_from.sha256 if built_from else ""])


def _located(distribution: Distribution, locator: str, found: Mapping[str, Sequence[Item]]) -> Distribution:
    origin = distribution.origin
    if origin is None:
        return distribution
    if origin.certainty is Certainty.CONSTRAINED:
        origin = _narrowed(distribution, origin, locator, found)
    if origin.built_from is not None and (items := found.get(origin.built_from.sha256)):
        sums = items[0].checksums
        built_from = replace(origin.built_from, sha1=sums.sha1, md5=sums.md5, size_bytes=sums.size_bytes)
        origin = replace(origin, built_from=built_from, kept=_kept(items))
    if items := found.get(origin.sha256):
        sums = items[0].checksums
        origin = replace(origin, sha1=sums.sha1, md5=sums.md5, size_bytes=sums.size_bytes, kept=_kept(items))
    return replace(distribution, origin=origin)


def _narrowed(
    distribution: Distribution, origin: Origin, locator: str, found: Mapping[str, Sequence[Item]]
) -> Origin:
    fitting: dict[str, Candidate] = {}
    for candidate in origin.candidates:
        for item in found.get(candidate.sha256, ()):
            name = candidate.file or item.path.rpartition("/")[2]
            if not misfit(name, distribution):
                fitting.setdefault(candidate.sha256, replace(candidate, file=name))
    if len(fitting) != 1:
        return origin
    (only,) = fitting.values()
    says = f"of {len(origin.candidates)} candidates it keeps this one alone"
    return replace(
        origin,
        certainty=Certainty.NARROWED,
        file=only.file,
        sha256=only.sha256,
        url=only.url,
        index=only.index,
        evidence=(*origin.evidence, Evidence(source=locator, says=says)),
    )


def _kept(items: Sequence[Item]) -> tuple[Kept, ...]:
    return tuple(
        Kept(
            path=item.path,
            build_name=_value(item, "build.name"),
            build_number=_value(item, "build.number"),
            level=_value(item, "defend.level"),
        )
        for item in sorted(items, key=lambda item: item.path)
    )


def _value(item: Item, name: str) -> str:
    return next(iter(item.properties.get(name, ())), "")
