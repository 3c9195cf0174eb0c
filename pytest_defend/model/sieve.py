"""From what sources offer to what one installed distribution came from; no input or output.

Rules:
- A source that speaks of another version, or under a marker that does not hold here, says nothing. Neither
  does a report of pip about another Python, or one younger than the installation: what pip would choose
  today is not what it chose.
- What is left of each source is a set of digests; sources of one group are united. The file is known when
  exactly one digest is in every set. A source that names a fitting file without a digest sets no bounds.
- A wheel whose METADATA an index describes with another digest than the installed one has is another wheel.
- Of what was installed by URL, only sources that name this very URL speak: a file of the same name elsewhere
  is another one.
- Bytes that hold something else than what is installed are rejected; bytes that hold it prove their digest,
  unless sources know only other digests for it.
- When nothing published fits, it was built: from the source distribution the sources name, if they name one.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pytest_defend.model.fit import is_sdist_of, misfit, same_version
from pytest_defend.model.markers import may_hold
from pytest_defend.model.origins import Candidate, Rejected
from pytest_defend.model.urls import path_of_file_url

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from pytest_defend.model.distributions import Distribution
    from pytest_defend.model.origins import Offer

__all__ = ["Here", "Sifted", "common_digests", "sift"]

_OF_THE_KERNEL = ("platform_release", "platform_version")
"""Marker variables that an update of the machine changes, and that decide about no file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What is known of one installation besides its files.

    Attributes:
        environment: Marker variables of the interpreter it is for.
        installed_s: When it was installed: time of change of its RECORD, epoch seconds.
        url: Where it was installed from, where the installer wrote that down and no digest.
        metadata: Digests of its METADATA, as it is and as RECORD says; empty when nobody looked.
    """

    environment: Mapping[str, str]
    installed_s: float
    url: str = ""
    metadata: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Sifted:
    """What sources say about one distribution, as far as it can be meant.

    Attributes:
        files: By group, the wheels that fit; no group is empty.
        hashes: By source, the digests it allows, of sources that name no files.
        sdists: By group, the source distributions of its version; no group is empty.
        sources: Of each fitting wheel, by file and digest: the sources that name it.
        pinned: What pip's reports of this installation say that was chosen.
        rejected: What was left out, and why.
    """

    files: Mapping[str, tuple[Candidate, ...]] = field(default_factory=dict)
    hashes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    sdists: Mapping[str, tuple[Candidate, ...]] = field(default_factory=dict)
    sources: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    pinned: tuple[Offer, ...] = ()
    rejected: tuple[Rejected, ...] = ()

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """Every wheel that fits, each file and digest once."""
        found = {(each.file, each.sha256): each for group in self.files.values() for each in group}
        return tuple(found[key] for key in sorted(found))


def common_digests(
    groups: Iterable[Collection[Candidate]], hashes: Iterable[frozenset[str]]
) -> frozenset[str] | None:
    """The digests that every source allows which knows digests; None when none does."""
    named = [frozenset(each.sha256 for each in group) for group in groups]
    bounds = [*(digests for digests in named if "" not in digests), *hashes]
    return frozenset.intersection(*bounds) if bounds else None


class _Groups:
    """Files by group, each file and digest once."""

    def __init__(self) -> None:
        self._found: dict[str, dict[tuple[str, str], Candidate]] = defaultdict(dict)

    def add(self, offer: Offer, candidate: Candidate) -> None:
        group = self._found[offer.group or offer.source]
        group.setdefault((candidate.file, candidate.sha256), candidate)

    def listed(self) -> dict[str, tuple[Candidate, ...]]:
        return {group: tuple(found.values()) for group, found in self._found.items()}


def sift(distribution: Distribution, offers: Iterable[Offer], here: Here) -> Sifted:
    """Keep what can be meant.

    Args:
        distribution: As installed.
        offers: What sources say about packages of its name.
        here: What else is known of its installation.
    """
    files, sdists = _Groups(), _Groups()
    hashes: dict[str, frozenset[str]] = {}
    sources: dict[tuple[str, str], dict[str, None]] = defaultdict(dict)
    pinned: list[Offer] = []
    rejected: dict[tuple[str, str], set[str]] = defaultdict(set)
    for offer in offers:
        names = {each.file for each in offer.files} | set(offer.hashes)
        if why := _not_meant(distribution, offer, here):
            rejected[offer.source, why] |= names
            continue
        if offer.hashes:
            hashes[offer.source] = hashes.get(offer.source, frozenset()) | frozenset(offer.hashes)
        for each in offer.files:
            if here.url and not _same_place(each.url, here.url):
                rejected[offer.source, f"it was installed from {here.url}"].add(each.file)
            elif is_sdist_of(each.file, distribution):
                sdists.add(offer, each)
            elif why := misfit(each.file, distribution) or _other_metadata(each, here):
                rejected[offer.source, why].add(each.file)
            else:
                files.add(offer, each)
                sources[each.file, each.sha256][offer.source] = None
        if offer.pinned:
            pinned.append(offer)
    return Sifted(
        files=files.listed(),
        hashes=hashes,
        sdists=sdists.listed(),
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


def _not_meant(distribution: Distribution, offer: Offer, here: Here) -> str:
    """Why an offer is not about what is installed, in words; empty when it may be."""
    if offer.version and not same_version(offer.version, distribution.version):
        return f"it is about version {offer.version}"
    if not may_hold(offer.marker, here.environment):
        return f"its marker does not hold here: {offer.marker}"
    if offer.hashes and here.url:
        return f"it was installed from {here.url}"
    if offer.pinned:
        told = [(name, value) for name, value in offer.environment if name not in _OF_THE_KERNEL]
        if not told or any(here.environment.get(name) != value for name, value in told):
            return "it is about another Python"
        if offer.written_s > here.installed_s:
            return "it is younger than the installation"
    return ""


def _other_metadata(candidate: Candidate, here: Here) -> str:
    """Why a wheel that fits by name is another one, in words; empty when it may be the one."""
    if candidate.metadata_sha256 and here.metadata and candidate.metadata_sha256 not in here.metadata:
        return "its METADATA is not that of what is installed"
    return ""


def _same_place(one: str, other: str) -> bool:
    """Whether two URLs are one, however their characters are escaped."""
    return one == other or (bool(path := path_of_file_url(one)) and path == path_of_file_url(other))
