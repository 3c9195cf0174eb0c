"""Whether an installed distribution was built where it is, and from what; no input or output.

Rules:
- A plain `linux_x86_64` is a platform of this machine alone: nobody publishes it, so it was built.
- No build here has a `manylinux` or `musllinux` tag or a build tag, and uv leaves a mark beside what it
  builds. Where a wheel of the version has some of the tags, its WHEEL may only say less than its name.
- The source distribution it was built from is known when exactly one is named that every source allows; but
  not when indexes alone name it and one that counts was not asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from pytest_defend.model.fit import nearly_fits
from pytest_defend.model.origins import Certainty, Evidence, Origin
from pytest_defend.model.sieve import common_digests

if TYPE_CHECKING:
    from pytest_defend.model.distributions import Distribution
    from pytest_defend.model.origins import Candidate
    from pytest_defend.model.sieve import Sifted

__all__ = ["built", "is_of_this_machine", "may_be_built", "named_source"]

_NEVER_BUILT = ("manylinux", "musllinux")
_PUBLISHED = (*_NEVER_BUILT, "macosx_", "win", "android", "ios_", "any", "emscripten", "pyodide")
"""How platform tags of published files begin."""


def is_of_this_machine(distribution: Distribution) -> bool:
    """Whether it is for a platform that no index takes files for."""
    platforms = _platforms(distribution)
    return bool(platforms) and not any(each.startswith(_PUBLISHED) for each in platforms)


def may_be_built(distribution: Distribution, sifted: Sifted, partial: frozenset[str]) -> bool:
    """Whether it was built from one of the source distributions that sources name, as far as they know.

    Args:
        distribution: As installed; no wheel that a source names fits it.
        sifted: What sources say about it.
        partial: Groups of sources that did not all answer.
    """
    if not sifted.sdists or sifted.sdists.keys() <= partial:
        return False
    if distribution.build_tag or distribution.installer.partition(" ")[0].lower() == "uv":
        return False
    if any(each.startswith(_NEVER_BUILT) for each in _platforms(distribution)):
        return False
    return not any(nearly_fits(file, distribution) for each in sifted.rejected for file in each.files)


def named_source(sifted: Sifted, partial: frozenset[str]) -> Candidate | None:
    """The one source distribution that sources name; None when it is not exactly one."""
    left = common_digests(sifted.sdists.values(), sifted.hashes.values())
    found = {
        each.sha256: each
        for group, named in sorted(sifted.sdists.items())
        for each in named
        if group not in partial and (left is None or each.sha256 in left)
    }
    return next(iter(found.values())) if len(found) == 1 else None


def built(sifted: Sifted, evidence: Evidence, source: Candidate | None) -> Origin:
    """The origin of what was built here.

    Args:
        sifted: What sources say about it.
        evidence: What speaks for it.
        source: What from, if that is known.
    """
    return Origin(
        certainty=Certainty.BUILT, evidence=(evidence,), built_from=source, rejected=sifted.rejected
    )


def _platforms(distribution: Distribution) -> frozenset[str]:
    return frozenset(tag.rpartition("-")[2] for tag in distribution.tags)
