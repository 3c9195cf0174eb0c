"""Where every installed distribution came from: the ladder of certainty.

Rules:
- What an installer wrote beside a distribution comes first: a folder, a commit, an archive with its digest,
  uv's mark of something it built. Only then locks, reports and indexes are heard (`model/rungs.py`).
- Bytes on this machine are looked at when their name fits: they prove a digest, or rule it out.
- Nothing is downloaded, installed or resolved.
- Two readings are equal.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pytest_defend.capture.content import metadata_digests
from pytest_defend.capture.direct import said_by_installer, was_built_by_uv
from pytest_defend.capture.foreign import SYSTEMS, system_package
from pytest_defend.capture.memory import key_of_file
from pytest_defend.capture.wheels import wheel_fingerprint
from pytest_defend.model.building import built, named_source
from pytest_defend.model.facts import Gap
from pytest_defend.model.fit import misfit
from pytest_defend.model.origins import Candidate, Certainty, Evidence, Inspected, Offer, Origin
from pytest_defend.model.rungs import rung
from pytest_defend.model.sieve import Here, Sifted, sift

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from pytest_defend.capture.content import Memory
    from pytest_defend.model.checksums import Checksums
    from pytest_defend.model.distributions import Distribution, Installed
    from pytest_defend.model.origins import Held, Tree

__all__ = ["LocalBytes", "Sources", "read_origins"]

_IN_PLACE_S = 2
"""Between the times of a RECORD that lies where it was written; an image or an archive sets them apart."""


class LocalBytes(Protocol):
    """Distribution files that lie on this machine."""

    def of(self, name: str) -> tuple[Path, ...]:
        """The wheels of a package, by its PEP 503 name."""

    def by_url(self, url: str) -> Path | None:
        """The bytes of what is at a URL."""

    def built(self, path: Path) -> Candidate | None:
        """For a wheel that pip built and kept: what from."""

    def may_be_built(self, path: Path) -> bool:
        """Whether a wheel may be one that nobody published."""

    def checksums(self, path: Path) -> Checksums | None:
        """Of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Everything that may say where a distribution came from.

    Attributes:
        offers: What locks, reports and indexes say, by PEP 503 name.
        local: Files on this machine.
        tree: What version control says about a folder.
        environment: Marker variables of this interpreter.
        memory: Fingerprints of wheels read before.
        partial: By PEP 503 name, groups of sources that did not all answer.
        held: What files elsewhere hold, by sha256.
    """

    offers: Mapping[str, tuple[Offer, ...]]
    local: LocalBytes
    tree: Callable[[Path], Tree]
    environment: Mapping[str, str]
    memory: Memory
    partial: Mapping[str, frozenset[str]] = field(default_factory=dict)
    held: Mapping[str, Held] = field(default_factory=dict)


def read_origins(installed: Installed, sources: Sources) -> tuple[Installed, tuple[Gap, ...]]:
    """Say of every distribution where it came from.

    Args:
        installed: What is installed.
        sources: What may say it.

    Returns:
        The same with origins, and what contradicts itself.
    """
    gaps: dict[Gap, None] = {}
    found = tuple(replace(each, origin=_origin(each, sources, gaps)) for each in installed.distributions)
    return replace(installed, distributions=found), tuple(gaps)


def _origin(distribution: Distribution, sources: Sources, gaps: dict[Gap, None]) -> Origin:
    said = said_by_installer(distribution, sources.tree)
    if isinstance(said, Origin):
        return _checked(distribution, said, sources, gaps) if said.certainty is Certainty.RECORDED else said
    if _is_foreign(distribution):
        return _foreign(distribution)
    offers = sources.offers.get(distribution.name, ())
    here = Here(
        environment=sources.environment,
        installed_s=_installed_s(distribution),
        metadata=_metadata(distribution, offers),
    )
    if said is not None:
        named = Offer(source="direct_url.json", name=distribution.name, files=(said,))
        here, offers = replace(here, url=said.url), (named, *offers)
    sifted = sift(distribution, offers, here)
    partial = sources.partial.get(distribution.name, frozenset())
    if was_built_by_uv(distribution):
        evidence = Evidence(source="uv_build.json", says="uv built it from source")
        return built(sifted, evidence, named_source(sifted, partial))
    inspected = tuple(_inspected(distribution, sifted, sources))
    origin, problem = rung(distribution, sifted, inspected, partial=partial)
    if problem:
        gaps[Gap(topic="origins", problem=problem)] = None
    return origin


def _is_foreign(distribution: Distribution) -> bool:
    """Whether no Python installer put it there.

    Debian leaves RECORD where it is and takes INSTALLER away; what is installed may be patched.
    """
    installer = distribution.installer.partition(" ")[0].lower()
    return not installer or installer in SYSTEMS or not distribution.fingerprint


def _foreign(distribution: Distribution) -> Origin:
    package = system_package(distribution)
    missing = "INSTALLER names nobody" if distribution.fingerprint else "no RECORD says what was installed"
    says = f"it belongs to {package}" if package else missing
    evidence = Evidence(source=distribution.metadata, says=says)
    return Origin(certainty=Certainty.FOREIGN, evidence=(evidence,), package=package)


def _metadata(distribution: Distribution, offers: Iterable[Offer]) -> frozenset[str]:
    """Digests of its METADATA, as it is and as its RECORD says; none when no source could be compared."""
    if not any(file.metadata_sha256 for offer in offers for file in offer.files):
        return frozenset()
    return metadata_digests(Path(distribution.location, distribution.metadata))


def _installed_s(distribution: Distribution) -> float:
    try:
        return Path(distribution.location, distribution.metadata, "RECORD").stat().st_mtime
    except OSError:
        return 0


def _checked(distribution: Distribution, said: Origin, sources: Sources, gaps: dict[Gap, None]) -> Origin:
    """What the installer recorded, proven when its bytes are still there."""
    path = sources.local.by_url(said.url)
    read = _read(distribution, path, said.file, sources) if path else None
    if read is None or read.file.sha256 != said.sha256:  # gone, or other bytes by now
        return said
    if not read.holds:
        problem = (
            f"{distribution.id} is not what {said.url} holds, which it was installed from; reinstall it."
        )
        gaps[Gap(topic="origins", problem=problem)] = None
        return said
    evidence = Evidence(source=read.where, says=read.says)
    return replace(
        said,
        certainty=Certainty.PROVEN,
        sha1=read.file.sha1,
        md5=read.file.md5,
        size_bytes=read.file.size_bytes,
        evidence=(*said.evidence, evidence),
    )


def _inspected(distribution: Distribution, sifted: Sifted, sources: Sources) -> Iterator[Inspected]:
    """Every file that was looked into and whose name fits."""
    paths: dict[Path, str] = {}
    for candidate in sifted.candidates:
        path = sources.local.by_url(candidate.url) if candidate.url else None
        if path is not None:
            paths.setdefault(path, candidate.file)
    for path in sources.local.of(distribution.name):
        if not misfit(path.name, distribution):
            paths.setdefault(path, path.name)
    sizes = frozenset({each.size_bytes for each in sifted.candidates} | ({0} if sifted.hashes else set()))
    for path, file in paths.items():
        read = _read(distribution, path, file, sources, sizes)
        if read is not None:
            yield read
    yield from _elsewhere(distribution, sifted, sources.held)


def _elsewhere(distribution: Distribution, sifted: Sifted, held: Mapping[str, Held]) -> Iterator[Inspected]:
    """Every file that was looked into where it lies, and whose name fits."""
    named = {each.sha256: each for each in sifted.candidates}
    for sha256 in sorted(held.keys() & {*named, *chain(*sifted.hashes.values())}):
        there = held[sha256]
        file = named.get(sha256) or Candidate(file=there.file, sha256=sha256)
        if not misfit(file.file, distribution):
            holds = there.fingerprint == distribution.fingerprint
            yield Inspected(where=there.where, file=file, holds=holds, here=False)


def _read(
    distribution: Distribution,
    path: Path,
    file: str,
    sources: Sources,
    sizes: frozenset[int] = frozenset({0}),
) -> Inspected | None:
    """The checksums and the content of a file, each read once while it does not change.

    Args:
        distribution: As installed.
        path: Of the file.
        file: How it is called where it comes from.
        sources: Know what was read before.
        sizes: What the files have that sources name, 0 for one that is not said. A file that holds something
            else, and that none of them can be, is not hashed: wheels can be huge.
    """
    try:
        told = path.stat()
    except OSError:
        return None
    key = f"{key_of_file(path, told)} fingerprint"
    content = sources.memory.get(key)
    if content is None:
        content = wheel_fingerprint(path)
        sources.memory.put(key, content)
    holds = bool(content) and content == distribution.fingerprint
    if not holds and sizes.isdisjoint({0, told.st_size}):
        return None
    checksums = sources.local.checksums(path)
    if checksums is None:
        return None
    sums = checksums.to_dict()
    return Inspected(
        where=str(path),
        file=Candidate(file=file, url=path.as_uri(), **sums),
        holds=holds,
        younger=_came_later(told, distribution) or sources.local.may_be_built(path),
        built_from=sources.local.built(path),
    )


def _came_later(told: os.stat_result, distribution: Distribution) -> bool:
    """Whether a file was written after its content was unpacked, or brought here later with an older time.

    uv unpacks once and links from then on, by the name of a wheel in a folder: METADATA has the time of that.
    """
    info = Path(distribution.location, distribution.metadata)
    try:
        record, metadata = (info / "RECORD").stat(), (info / "METADATA").stat()
    except OSError:
        return True
    unpacked_s = min(record.st_mtime, metadata.st_mtime)
    in_place = abs(record.st_ctime - record.st_mtime) < _IN_PLACE_S
    return told.st_mtime > unpacked_s or (in_place and told.st_ctime > unpacked_s)
