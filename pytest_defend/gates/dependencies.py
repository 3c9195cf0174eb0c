"""Rules about what a package needs to run: on which level it stands, and how certain it is which file it was.

Rules:
- A dependency is internal when a repository of the ladder keeps its bytes, or when its name says so. It must
  stand on the level that is asked for, or higher.
- What was revoked is refused, wherever it stands.
- Everything else is from third parties, and may come from the repositories that are allowed.
- What a package needs is known from where its tests ran. A build-info that leaves something out is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from packaging.utils import canonicalize_name

from pytest_defend.gates.material import beginning, listed, packages, plural, runs_of, shown_run, where
from pytest_defend.gates.rule import Rule
from pytest_defend.gates.selection import is_like
from pytest_defend.model.decision import Ruling
from pytest_defend.model.distributions import chains
from pytest_defend.model.origins import Certainty

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_defend.model.decision import Finding
    from pytest_defend.model.distributions import Distribution
    from pytest_defend.model.evidence import Evidence, StageEvidence
    from pytest_defend.model.snapshot import DependencyFact, KeptFile

__all__ = ["RULES", "DependencyCertainty", "DependencyLevel"]

_SCOPES = ("runtime", "transitive")
_REVOKED = "defend.revoked"
_RUNGS = tuple(Certainty)  # the most certain first


def _name(dependency: str) -> str:
    return canonicalize_name(dependency.rpartition(":")[0] or dependency)


def _package_names(evidence: Evidence) -> Mapping[str, str]:
    """Names of the packages of the build, normalised, with the ids of their modules."""
    modules = dict.fromkeys(file.module for file in packages(evidence))
    return {_name(module): module for module in modules}


def _needed(run: StageEvidence, package: str, module: str) -> tuple[Distribution, ...] | None:
    """What a package needs to run, as a run has it installed; None where the package is not installed."""
    installed = run.record.facts.installed if run.record else None
    if installed is None:
        return None
    own = [one for one in installed.distributions if canonicalize_name(one.name) == package]
    if not own:
        return None
    found = chains(installed, module, [edge.target for one in own for edge in one.requires])
    return tuple(one for one in installed.distributions if one.name in found and one not in own)


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencyLevel(Rule):
    """No dependency stands below the level that is asked for."""

    NAME: ClassVar[str] = "dependency-level"
    DEFAULT: ClassVar[bool] = True
    ASKS_STORE: ClassVar[bool] = True

    internal: tuple[str, ...] = ()
    """Names with `*` of packages that are internal even where the ladder does not keep them."""
    third_party: tuple[str, ...] = ()
    """Repositories that other packages may come from; any when none is named."""
    scopes: tuple[str, ...] = _SCOPES
    """Dependencies with one of these scopes are looked at, and those without any."""

    def problems(self) -> Iterator[tuple[str, str]]:
        """Parameters that make no sense."""
        if not self.scopes:
            yield "scopes", "names no scope"

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        level = evidence.snapshot.level
        expected = f"every dependency of the ladder stands on {level} or higher"
        if self.third_party:
            expected += f", every other one is kept in {listed(self.third_party)}"
        looked_at = [
            each
            for each in evidence.snapshot.dependencies
            if not each.scopes or set(each.scopes) & set(self.scopes)
        ]
        stood = [(each, *self._stands(evidence, each)) for each in looked_at]
        below = [why for _, ruling, why in stood if ruling is Ruling.FAIL]
        unsure = [why for _, ruling, why in stood if ruling is Ruling.UNKNOWN]
        hidden, untold = _unlisted(evidence)
        told = listed([*below, *hidden, *unsure, *untold], "; ")
        seen = [each.id for each, ruling, _ in stood if ruling is not Ruling.PASS]
        if below or hidden:
            first = [each for each, ruling, _ in stood if ruling is Ruling.FAIL]
            return self.fails(expected, told, seen, next=self._step(evidence, first, bool(hidden)))
        if unsure or untold:
            step = "Resolve dependencies from the store, or with a lock that has digests, and publish again."
            if untold and not unsure:
                step = "Install the package where its tests run, and publish a new build."
            return self.cannot_say(expected, told, seen, next=step)
        inside = sum(self._is_internal(evidence, each) for each in looked_at)
        count = len(looked_at)
        actual = f"{inside} internal, {count - inside} third-party" if count else "it has no dependency"
        return self.passes(expected, actual)

    def _is_internal(self, evidence: Evidence, dependency: DependencyFact) -> bool:
        on_it = evidence.snapshot.policy.ladder.highest(kept.path for kept in dependency.kept)
        named = any(is_like(_pattern(each), _name(dependency.id)) for each in self.internal)
        return named or on_it is not None

    def _stands(self, evidence: Evidence, dependency: DependencyFact) -> tuple[Ruling, str]:
        """How a dependency stands, with the reason unless it passes."""
        if reason := _revoked(dependency):
            return Ruling.FAIL, f"{dependency.id}{_made_by(dependency)} was revoked: {reason}"
        if self._is_internal(evidence, dependency):
            return _level_of(evidence, dependency)
        if not dependency.sha256 and (self.third_party or not self.internal):
            return Ruling.UNKNOWN, f"nothing says which file of {dependency.id} was used; it may be internal"
        repositories = sorted({kept.path.partition("/")[0] for kept in dependency.kept})
        if not self.third_party or set(repositories) & set(self.third_party):
            return Ruling.PASS, ""
        there = f"only in {listed(repositories)}" if repositories else "not kept in this store"
        return Ruling.FAIL, f"{dependency.id} is from a third party and {there}"

    def _step(self, evidence: Evidence, offenders: list[DependencyFact], hidden: bool) -> str:
        level = evidence.snapshot.level
        revoked = [each.id for each in offenders if _revoked(each)]
        offenders = [each for each in offenders if not _revoked(each)]
        inside = [each for each in offenders if self._is_internal(evidence, each)]
        steps = [f"Publish a new build without {listed(revoked)}."] if revoked else []
        if inside:
            first = f"{inside[0].id}{_made_by(inside[0])}"
            others = f" and {plural(len(inside) - 1, 'other')}" if len(inside) > 1 else ""
            steps.append(f"Promote {first}{others} to {level} first, or use --with-dependencies.")
        if len(inside) < len(offenders):
            repository = self.third_party[0] if self.third_party else "an allowed repository"
            steps.append(f"Install third-party packages from {repository}, and publish a new build.")
        if hidden:
            steps.append("Publish a new build whose build-info names every dependency.")
        return " ".join(steps)


def _level_of(evidence: Evidence, dependency: DependencyFact) -> tuple[Ruling, str]:
    """How an internal dependency stands."""
    ladder, about = evidence.snapshot.policy.ladder, dependency.id
    if not dependency.sha256:
        return Ruling.UNKNOWN, f"{about} is internal, and nothing says which file of it was used"
    place = ladder.highest(kept.path for kept in dependency.kept)
    if place is None:
        return Ruling.FAIL, f"{about} is internal and stands on no level"
    if place.rank >= ladder.rank(evidence.snapshot.level):
        return Ruling.PASS, ""
    return Ruling.FAIL, f"{about}{_made_by(dependency)} stands on {place.level} ({place.repository})"


def _pattern(pattern: str) -> str:
    """A pattern of names in the form names are compared in."""
    return pattern.lower().replace("_", "-").replace(".", "-")


def _made_by(dependency: DependencyFact) -> str:
    """`` (build NAME/NUMBER)`` of the build that made a dependency; empty when its files do not say."""
    for kept in dependency.kept:
        name, number = _property(kept, "build.name"), _property(kept, "build.number")
        if name and number:
            return f" (build {name}/{number})"
    return ""


def _property(kept: KeptFile, name: str) -> str:
    return next(iter(kept.properties.get(name, ())), "")


def _revoked(dependency: DependencyFact) -> str:
    """Why nobody may use a dependency any more; empty when that was not said."""
    return next(filter(None, (_property(kept, _REVOKED) for kept in dependency.kept)), "")


def _unlisted(evidence: Evidence) -> tuple[list[str], list[str]]:
    """What records name and the build-info does not; and packages of which nobody knows what they need."""
    told = {each.id for each in evidence.snapshot.dependencies}
    hidden: dict[str, None] = {}
    untold = []
    for package, module in _package_names(evidence).items():
        known = [
            needed for run in beginning(evidence) if (needed := _needed(run, package, module)) is not None
        ]
        if not known:
            untold.append(f"what {module} needs is not known: it was not installed where its tests ran")
        for one in (one for needed in known for one in needed):
            if one.id not in told:
                hidden[f"{one.id} was there when {module} was tested, and the build-info leaves it out"] = (
                    None
                )
    return list(hidden), untold


@dataclass(frozen=True, slots=True, kw_only=True)
class DependencyCertainty(Rule):
    """It is certain enough which files a package was tested with."""

    NAME: ClassVar[str] = "dependency-certainty"
    MAIN: ClassVar[str] = "at-least"

    at_least: Certainty
    """The lowest rung of certainty that what a package needs may stand on: `proven`, `recorded`, ..."""
    stages: tuple[str, ...] = ()
    """Where; in every stage when none is named."""

    def judge(self, evidence: Evidence) -> Finding:
        """What this rule finds."""
        expected = f"of every dependency it is known at least as {self.at_least.value} which file it was"
        runs = runs_of(evidence, self.stages)
        stand: dict[str, Certainty | None] = {}
        untold = [shown_run(run) for run in runs if run.problem or run.record is None]
        known = set()
        for package, module in _package_names(evidence).items():
            for run in runs:
                for one in _needed(run, package, module) or ():
                    certainty = one.origin.certainty if one.origin else None
                    stand[one.id] = _worse(stand.get(one.id, certainty), certainty)
                if _needed(run, package, module) is not None:
                    known.add(module)
        untold += [
            f"{module} is not installed in any run"
            for module in _package_names(evidence).values()
            if module not in known
        ]
        below = [
            f"{name}: {rung.value}" for name, rung in sorted(stand.items()) if rung and self._is_below(rung)
        ]
        untold += [f"{name}: nobody looked" for name, rung in sorted(stand.items()) if rung is None]
        if below:
            step = "Install from a lock with digests; `pytest-defend environment` says what is missing."
            return self.fails(expected, listed([*below, *untold], "; "), where(runs), next=step)
        if untold or not known:
            step = "Run the stage again, with the package installed."
            return self.cannot_say(expected, listed(untold, "; ") or "nothing says", where(runs), next=step)
        return self.passes(expected, f"{plural(len(stand), 'package')}, none less certain", where(runs))

    def _is_below(self, rung: Certainty) -> bool:
        return _RUNGS.index(rung) > _RUNGS.index(self.at_least)


def _worse(one: Certainty | None, other: Certainty | None) -> Certainty | None:
    if one is None or other is None:
        return None
    return max(one, other, key=_RUNGS.index)


RULES: tuple[type[Rule], ...] = (DependencyLevel, DependencyCertainty)
