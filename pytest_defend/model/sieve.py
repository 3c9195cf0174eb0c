"""From what sources offer to what one installed distribution came from; no input or output.

Rules:
- A source that speaks of another version, or under a marker that does not hold here, says nothing.
- What is left of each source is a set of digests; sources of one group are united. The file is known when
  exactly one digest is in every set. A source that names a fitting file without a digest sets no bounds.
- Bytes that hold something else than what is installed are rejected; bytes that hold it prove their digest,
  unless sources know only other digests for it.
- When nothing published fits, it was built: from the source distribution the sources name, if they name one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName

from pytest_defend.model.fit import is_sdist_of, misfit, same_version
from pytest_defend.model.origins import Candidate, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_defend.model.distributions import Distribution
    from pytest_defend.model.origins import Offer

__all__ = ["Sifted", "sift"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """What sources say about one distribution, as far as it can be meant.

    Attributes:
        files: By group, the wheels that fit; no group is empty.
        hashes: By source, the digests it allows, of sources that name no files.
        sdists: The source distributions of its version, each file and digest once.
        sources: Of each fitting wheel, by file and digest: the sources that name it.
        pinned: What pip's reports say that was chosen.
        rejected: What was left out, and why.
    """

    files: Mapping[str, tuple[Candidate, ...]] = field(default_factory=dict)
    hashes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    sdists: tuple[Candidate, ...] = ()
    sources: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    pinned: tuple[Offer, ...] = ()
    rejected: tuple[Rejected, ...] = ()

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every wheel that fits, each file and digest once."""
        found = {(each.file, each.sha256): each for group in self.files.values() for each in group}
        return tuple(found[key] for key in sorted(found))


def sift(distribution: Distribution, offers: Iterable[Offer], environment: Mapping[str, str]) -> Sifted:
    """Keep what can be meant.

    Args:
        distribution: As installed.
        offers: What sources say about packages of its name.
        environment: Marker variables of the interpreter it is installed for.
    """
    files: dict[str, dict[tuple[str, str], Candidate]] = defaultdict(dict)
    hashes: dict[str, frozenset[str]] = {}
    sdists: dict[tuple[str, str], Candidate] = {}
    sources: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    pinned: list[Offer] = []
    rejected: dict[tuple[str, str], set[str]] = defaultdict(set)
    for offer in offers:
        names = {each.file for each in offer.files} | set(offer.hashes)
        if why := _not_meant(distribution, offer, environment):
            rejected[offer.source, why] |= names
            continue
        if offer.hashes:
            hashes[offer.source] = hashes.get(offer.source, frozenset()) | frozenset(offer.hashes)
        for each in offer.files:
            if is_sdist_of(each.file, distribution):
                sdists.setdefault((each.file, each.sha256), each)
            elif why := misfit(each.file, distribution):
                rejected[offer.source, why].add(each.file)
            else:
                key = (each.file, each.sha256)
                files[offer.group or offer.source].setdefault(key, each)
                sources[key][offer.source] = None
        if offer.pinned:
            pinned.append(offer)
    return Sifted(
        files={group: tuple(found.values()) for group, found in files.items()},
        hashes=hashes,
        sdists=tuple(sdists.values()),
        sources={key: tuple(named) for key, named in sources.items()},
        pinned=tuple(pinned),
        rejected=_listed(rejected),
    )


def _listed(rejected: Mapping[tuple[str, str], set[str]]) -> tuple[Rejected, ...]:
    return tuple(
        Rejected(source=source, why=why, files=tuple(sorted(names)))
        for (source, why), names in sorted(rejected.items())
        if names
    )


def _not_meant(distribution: Distribution, offer: Offer, environment: Mapping[str, str]) -> str:
    if offer.version and not same_version(offer.version, distribution.version):
        return f"it is about version {offer.version}"
    if not _holds(offer.marker, environment):
        return f"its marker does not hold here: {offer.marker}"
    return ""


def _holds(marker: str, environment: Mapping[str, str]) -> bool:
    """Whether a marker may hold; one that asks for extras or groups, or cannot be judged, may."""
    if not marker or "extra" in marker or "dependency_groups" in marker:
        return True
    try:
        return Marker(marker).evaluate(dict(environment))
    except (InvalidMarker, UndefinedComparison, UndefinedEnvironmentName):
        return True
