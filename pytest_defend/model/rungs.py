"""Which rung of the ladder a distribution stands on, once sources and bytes have spoken; no input or output.

Rules:
- Bytes that hold something else than what is installed rule out their digest, whatever a source says.
- Bytes that hold it prove their digest, when every source that knows digests knows this one. Bytes younger
  than the installation prove nothing by themselves: a file packed again holds the same under another digest.
- Of a file elsewhere, its RECORD speaks as its bytes would, for the digest that a source gives it.
- pip's own report of this installation is the installer's word.
- One digest that every source allows is a match; but not when it comes from indexes alone and one that the
  installer may have used was not asked, nor when its name has a build tag that WHEEL does not have.
- Several digests, or sources that contradict each other, are candidates, never a choice.
- What fits no published file was built here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from pytest_defend.model.building import built, is_of_this_machine, may_be_built, named_source
from pytest_defend.model.fit import read_wheel_name
from pytest_defend.model.origins import Candidate, Certainty, Evidence, Origin, Rejected
from pytest_defend.model.sieve import common_digests

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pytest_defend.model.distributions import Distribution
    from pytest_defend.model.origins import Inspected
    from pytest_defend.model.sieve import Sifted

__all__ = ["rung"]


def rung(
    distribution: Distribution,
    sifted: Sifted,
    inspected: Sequence[Inspected],
    *,
    partial: frozenset[str] = frozenset(),
) -> tuple[Origin, str]:
    """Decide.

    Args:
        distribution: As installed.
        sifted: What sources say about it.
        inspected: The wheels that fit by name and were looked into.
        partial: Groups of sources that did not all answer.

    Returns:
        Its origin; and what sources contradict each other about, in words, or an empty text.
    """
    known = _Known(sifted=_without(sifted, inspected), inspected=[each for each in inspected if each.holds])
    return _by_bytes(distribution, known) or _by_sources(distribution, known, partial)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What speaks for a distribution.

    Attributes:
        sifted: What sources say, without the files that bytes rule out.
        inspected: The wheels that hold what is installed.
    """

    sifted: Sifted
    inspected: Sequence[Inspected]

    @property
    def left(self) -> frozenset[str] | None:
        """The digests that every source allows which knows digests; None when none does."""
        return common_digests(self.sifted.files.values(), self.sifted.hashes.values())


_Answer = tuple[Origin, str]


def _by_bytes(distribution: Distribution, known: _Known) -> _Answer | None:
    """What was looked into says; None when it says nothing."""
    sources = [each.built_from for each in known.inspected if each.built_from is not None]
    best_last = sorted(known.inspected, key=lambda each: (each.here, not each.younger, each.where))
    proofs = {each.file.sha256: each for each in best_last if each.built_from is None}
    if proofs:
        left = known.left
        old = {sha256 for sha256, each in proofs.items() if not each.younger}
        chosen = list(proofs.keys() & (old if left is None else left))
        if len(chosen) == 1 and not sources and (left is not None or len(proofs) == 1):
            return _proven(known.sifted, proofs[chosen[0]]), ""
        return _several(distribution, known.sifted, list(proofs.values()), left)
    if not sources:
        return None
    evidence = Evidence(source="pip's cache of built wheels", says="it holds what is installed")
    return built(known.sifted, evidence, _one(sources)), ""


def _by_sources(distribution: Distribution, known: _Known, partial: frozenset[str]) -> _Answer:
    sifted, left = known.sifted, known.left
    reported = [each for offer in sifted.pinned for each in offer.files]
    sources = [each for each in reported if any(each in group for group in sifted.sdists.values())]
    if sources:
        evidence = Evidence(source=sifted.pinned[0].source, says="pip reported a source distribution")
        return built(sifted, evidence, _one(sources)), ""
    if not sifted.files and is_of_this_machine(distribution):
        evidence = Evidence(source="WHEEL", says=f"its tags are {', '.join(sorted(distribution.tags))}")
        return built(sifted, evidence, named_source(sifted, partial)), ""
    named = {each.sha256 for each in sifted.candidates}
    if left is not None and len(left) == 1 and left <= named:
        (sha256,) = left
        recorded = any(each.sha256 == sha256 for each in reported)
        return _known(distribution, sifted, sha256, partial, recorded=recorded), ""
    if left is not None or sifted.files:
        return _several(distribution, sifted, [], left)
    if may_be_built(distribution, sifted, partial):
        evidence = Evidence(source="WHEEL", says="no published wheel of its version fits, a source does")
        return built(sifted, evidence, named_source(sifted, partial)), ""
    return Origin(certainty=Certainty.UNKNOWN, rejected=sifted.rejected), ""


def _without(sifted: Sifted, inspected: Iterable[Inspected]) -> Sifted:
    """The same without the files that hold something else."""
    wrong: dict[str, Inspected] = {}
    for each in sorted(inspected, key=lambda each: each.where):
        if not each.holds:
            wrong.setdefault(each.file.sha256, each)
    rejected = list(sifted.rejected)
    named = {each.sha256 for each in sifted.candidates}.union(*sifted.hashes.values())
    for each in wrong.values():
        if each.file.sha256 in named:
            why = "it holds something else than what is installed"
            rejected.append(Rejected(source=each.where, why=why, files=(each.file.file,)))
    files = {
        group: kept
        for group, candidates in sifted.files.items()
        if (kept := tuple(each for each in candidates if each.sha256 not in wrong))
    }
    hashes = {
        source: left for source, allowed in sifted.hashes.items() if (left := allowed.difference(wrong))
    }
    return replace(sifted, files=files, hashes=hashes, rejected=tuple(rejected))


def _candidate(sifted: Sifted, sha256: str) -> Candidate:
    """Everything the sources say about the file with this digest: the first that says each thing counts."""
    same = [each for each in sifted.candidates if each.sha256 == sha256]
    return Candidate(
        file=same[0].file,
        sha256=sha256,
        url=next((each.url for each in same if each.url), ""),
        index=next((each.index for each in same if each.index), ""),
        size_bytes=next((each.size_bytes for each in same if each.size_bytes), 0),
    )


def _spoken(sifted: Sifted, sha256: str) -> list[Evidence]:
    """What every source says for a digest."""
    said = [
        Evidence(source=source, says=f"names {file} with this sha256")
        for (file, digest), sources in sifted.sources.items()
        if digest == sha256
        for source in sources
    ]
    allowing = [source for source, hashes in sifted.hashes.items() if sha256 in hashes]
    return [*said, *(Evidence(source=source, says="allows this sha256") for source in allowing)]


def _known(
    distribution: Distribution, sifted: Sifted, sha256: str, partial: frozenset[str], *, recorded: bool
) -> Origin:
    candidate = _candidate(sifted, sha256)
    evidence = _spoken(sifted, sha256)
    doubt = None if recorded else _doubt(distribution, sifted, candidate, partial)
    if doubt is not None:
        return Origin(
            certainty=Certainty.CONSTRAINED,
            evidence=(*evidence, doubt),
            candidates=(candidate,),
            rejected=sifted.rejected,
        )
    if recorded:
        evidence.insert(0, Evidence(source="pip", says="reported that it would install this file, then did"))
    return Origin(
        certainty=Certainty.RECORDED if recorded else Certainty.MATCHED,
        file=candidate.file,
        sha256=sha256,
        size_bytes=candidate.size_bytes,
        url=candidate.url,
        index=candidate.index,
        evidence=tuple(evidence),
        rejected=sifted.rejected,
    )


def _doubt(
    distribution: Distribution, sifted: Sifted, candidate: Candidate, partial: frozenset[str]
) -> Evidence | None:
    """Why the one file that is left may not be it."""
    asked = {
        group for group, files in sifted.files.items() if any(f.sha256 == candidate.sha256 for f in files)
    }
    if asked <= partial:
        says = "an index the installer may have used was not asked; name it with --defend-index"
        return Evidence(source=min(asked), says=says)
    name = read_wheel_name(candidate.file)
    if name is not None and name.build_tag != distribution.build_tag:
        says = f"it names no build, {candidate.file} is build {name.build_tag} of this version"
        return Evidence(source="WHEEL", says=says)
    return None


def _proven(sifted: Sifted, proof: Inspected) -> Origin:
    file = proof.file
    named = any(each.sha256 == file.sha256 for each in sifted.candidates)
    published = _candidate(sifted, file.sha256) if named else file
    return Origin(
        certainty=Certainty.PROVEN,
        file=published.file,
        sha256=file.sha256,
        sha1=file.sha1,
        md5=file.md5,
        size_bytes=file.size_bytes or published.size_bytes,
        url=published.url or file.url,
        index=published.index,
        evidence=(Evidence(source=proof.where, says=proof.says), *_spoken(sifted, file.sha256)),
        rejected=sifted.rejected,
    )


def _several(
    distribution: Distribution, sifted: Sifted, proofs: Sequence[Inspected], left: frozenset[str] | None
) -> _Answer:
    """No single file is left: everything that may be it, and what contradicts what."""
    candidates = {each.sha256: each for each in sifted.candidates if not left or each.sha256 in left}
    for each in proofs:
        candidate = Candidate(file=each.file.file, sha256=each.file.sha256, url=each.file.url)
        candidates.setdefault(candidate.sha256, candidate)
    if not candidates:
        digests = left or frozenset().union(*sifted.hashes.values())
        candidates = {sha256: Candidate(file="", sha256=sha256) for sha256 in digests}
    evidence = [
        Evidence(source=source, says=f"names {file}")
        for (file, _), sources in sifted.sources.items()
        for source in sources
    ]
    evidence += [Evidence(source=source, says="gives digests alone") for source in sifted.hashes]
    evidence += [Evidence(source=each.where, says=each.says) for each in proofs]
    origin = Origin(
        certainty=Certainty.CONSTRAINED,
        evidence=tuple(dict.fromkeys(evidence)),
        candidates=tuple(candidates[key] for key in sorted(candidates)),
        rejected=sifted.rejected,
    )
    proven = {each.file.sha256 for each in proofs}
    contradict = left is not None and (not left or (bool(proven) and proven.isdisjoint(left)))
    if not contradict:
        return origin, ""
    speakers = ", ".join(dict.fromkeys(each.source for each in evidence))
    problem = f"{distribution.id}: {speakers} contradict each other about its digest; bring them up to date."
    return origin, problem


def _one(sources: Iterable[Candidate]) -> Candidate | None:
    """The one of these whose digest is known; None when it is not exactly one."""
    named = {each.sha256: each for each in sources if each.sha256}
    return next(iter(named.values())) if len(named) == 1 else None
