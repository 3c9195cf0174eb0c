"""What packages need to run, as the runs of their tests have it installed.

Rules:
- Names are compared in their normalised form.
- Of a package that is not installed where a run took place, that run knows nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from pytest_defend.gates.material import packages

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pytest_defend.model.distributions import Distribution, Installed
    from pytest_defend.model.evidence import Evidence, StageEvidence

__all__ = ["installed_in", "name_of", "needed", "package_names"]


def name_of(dependency: str) -> str:
    """The normalised name in `name:version`."""
    return canonicalize_name(dependency.rpartition(":")[0] or dependency)


def package_names(evidence: Evidence) -> Mapping[str, str]:
    """Names of the packages of the build, normalised, with the ids of their modules."""
    modules = dict.fromkeys(file.module for file in packages(evidence))
    return {name_of(module): module for module in modules}


def installed_in(run: StageEvidence) -> Installed | None:
    """What was installed where a run took place; None when that is not known."""
    return run.record.facts.installed if run.record else None


def needed(run: StageEvidence, package: str) -> tuple[Distribution, ...] | None:
    """What a package needs to run, as a run has it installed; None where the package is not installed.

    Args:
        run: Where.
        package: Its normalised name.
    """
    installed = installed_in(run)
    if installed is None:
        return None
    own = [one for one in installed.distributions if canonicalize_name(one.name) == package]
    if not own:
        return None
    targets = {one.name: [edge.target for edge in one.requires] for one in installed.distributions}
    found: set[str] = set()
    last = {one.name for one in own}
    while last:
        last = {target for name in last for target in targets.get(name, ())} - found
        found |= last
    return tuple(one for one in installed.distributions if one.name in found and one not in own)
