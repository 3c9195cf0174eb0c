"""Rules about what a package needs to run: on which level it stands, and how certain it is which file it was.

Rules:
- A dependency is internal when a repository of the ladder keeps its bytes, or kept them when they were used,
  or when its name says so. It must stand on the level that is asked for, or higher.
- What was revoked is refused, wherever it stands.
- Everything else is from third parties, and may come from the repositories that are allowed.
- What a package needs is known from where its tests ran. A build-info that leaves something out is refused.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

from pytest_defend.gates.material import beginning, is_unread, listed, plural, runs_of, shown_run, where
from pytest_defend.gates.needed import installed_in, name_of, needed, package_names
from pytest_defend.gates.rule import Rule
from pytest_defend.gates.selection import is_like
from pytest_defend.model.decision import Ruling
from pytest_defend.model.origins import Certainty

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pytest_defend.model.decision import Finding
    from pytest_defend.model.evidence import Evidence
    from pytest_defend.model.ladder import Place
    from pytest_defend.model.snapshot import DependencyFact

__all__ = ["RULES", "DependencyCertainty", "DependencyLevel"]

_SCOPES = ("runtime", "transitive")
_REVOKED = "defend.revoked"
_RUNGS = tuple(Certainty)  # the most certain first


@dataclass(frozen=True, slots=True, kw_only=True)
class _Footing:
    """A dependency, and where it stands.

    Attributes:
        id: `name:version`.
        build: ` (build NAME/NUMBER)` of the build that made it; empty when its files do not say.
        internal: Whether it is of the ladder.
        place: The highest place of the ladder that keeps it; None for none.
        ruling: Whether it may be used.
        why: Why not.
        revoked: Why nobody may use it any more; empty when that was not said.
    """

    id: str
    build: str
    internal: bool
    place: Place | None
    revoked: str
    ruling: Ruling = Ruling.PASS
    why: str = ""

    def found(self, ruling: Ruling, why: str) -> _Footing:
        """The same, judged."""
        return replace(self, ruling=ruling, why=why)


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
        stood = list(self._footings(evidence))
        below = [each for each in stood if each.ruling is Ruling.FAIL]
        unsure = [each for each in stood if each.ruling is Ruling.UNKNOWN]
        hidden, untold = _unlisted(evidence)
        reasons = [*(each.why for each in below), *hidden, *(each.why for each in unsure), *untold]
        told, seen = listed(reasons, "; "), [each.id for each in (*below, *unsure)]
        if below or hidden:
            return self.fails(expected, told, seen, next=self._step(level, below, hidden=bool(hidden)))
        if unsure or untold:
            step = "Resolve dependencies from the store, or with a lock that has digests, and publish again."
            if untold and not unsure:
                step = "Install the package where its tests run, and publish a new build."
            return self.cannot_say(expected, told, seen, next=step)
        inside = sum(each.internal for each in stood)
        actual = f"{inside} internal, {len(stood) - inside} third-party" if stood else "it has no dependency"
        return self.passes(expected, actual)

    def _footings(self, evidence: Evidence) -> Iterator[_Footing]:
        """Every dependency that is looked at, judged."""
        ladder = evidence.snapshot.policy.ladder
        places = {place.repository: place for place in ladder.places()}
        used = _used(evidence)
        rank = ladder.rank(evidence.snapshot.level)
        for each in evidence.snapshot.dependencies:
            if each.scopes and not set(each.scopes) & set(self.scopes):
                continue
            repositories = [kept.path.partition("/")[0] for kept in each.kept]
            on_it = [places[repository] for repository in repositories if repository in places]
            named = any(is_like(_pattern(pattern), name_of(each.id)) for pattern in self.internal)
            footing = _Footing(
                id=each.id,
                build=_made_by(each),
                internal=bool(on_it) or named or not used[each.module, each.id].isdisjoint(places),
                place=max(on_it, key=lambda place: place.rank, default=None),
                revoked=_said(each, _REVOKED),
            )
            yield self._judged(footing, each, frozenset(repositories), rank)

    def _judged(
        self, footing: _Footing, fact: DependencyFact, repositories: frozenset[str], rank: int
    ) -> _Footing:
        about = f"{footing.id}{footing.build}"
        if footing.revoked:
            return footing.found(Ruling.FAIL, f"{about} was revoked: {footing.revoked}")
        if footing.internal:
            return _level_of(footing, rank, about, known=bool(fact.sha256))
        if not fact.sha256 and (self.third_party or not self.internal):
            why = f"nothing says which file of {footing.id} was used; it may be internal"
            return footing.found(Ruling.UNKNOWN, why)
        if not self.third_party or repositories & set(self.third_party):
            return footing
        there = f"only in {listed(sorted(repositories))}" if repositories else "not kept in this store"
        return footing.found(Ruling.FAIL, f"{footing.id} is from a third party and {there}")

    def _step(self, level: str, below: list[_Footing], *, hidden: bool) -> str:
        revoked = [each.id for each in below if each.revoked]
        inside = [each for each in below if each.internal and not each.revoked]
        steps = [f"Publish a new build without {listed(revoked)}."] if revoked else []
        if inside:
            others = f" and {plural(len(inside) - 1, 'other')}" if len(inside) > 1 else ""
            first = f"{inside[0].id}{inside[0].build}{others}"
            steps.append(f"Promote {first} to {level} first, or use --with-dependencies.")
        if len(inside) + len(revoked) < len(below):
            repository = listed(self.third_party)
            steps.append(f"Install third-party packages from {repository}, and publish a new build.")
        if hidden:
            steps.append("Publish a new build whose build-info names every dependency.")
        return " ".join(steps)


def _level_of(footing: _Footing, rank: int, about: str, *, known: bool) -> _Footing:
    """An internal dependency, judged."""
    if not known:
        why = f"{footing.id} is internal, and nothing says which file of it was used"
        return footing.found(Ruling.UNKNOWN, why)
    place = footing.place
    if place is None:
        return footing.found(Ruling.FAIL, f"{footing.id} is internal and stands on no level")
    if place.rank >= rank:
        return footing
    return footing.found(Ruling.FAIL, f"{about} stands on {place.level} ({place.repository})")


def _used(evidence: Evidence) -> Mapping[tuple[str, str], set[str]]:
    """The repositories that kept dependencies when they were used, by module and id."""
    used: dict[tuple[str, str], set[str]] = defaultdict(set)
    for module in evidence.snapshot.build.modules:
        for each in module.dependencies if module.is_package else ():
            used[module.id, each.id].add(each.repository)
    return used


def _pattern(pattern: str) -> str:
    """A pattern of names in the form names are compared in."""
    return pattern.lower().replace("_", "-").replace(".", "-")


def _made_by(dependency: DependencyFact) -> str:
    name, number = _said(dependency, "build.name"), _said(dependency, "build.number")
    return f" (build {name}/{number})" if name and number else ""


def _said(dependency: DependencyFact, name: str) -> str:
    """A property of the files of a dependency; empty when none of them has it."""
    values = (next(iter(kept.properties.get(name, ())), "") for kept in dependency.kept)
    return next(filter(None, values), "")


def _unlisted(evidence: Evidence) -> tuple[list[str], list[str]]:
    """What records name and the build-info does not; and packages of which nobody knows what they need."""
    told = {each.id for each in evidence.snapshot.dependencies}
    hidden: dict[str, None] = {}
    untold = [] if package_names(evidence) else ["the build has no package"]
    for package, module in package_names(evidence).items():
        known = [found for run in beginning(evidence) if (found := needed(run, package)) is not None]
        if not known:
            untold.append(f"what {module} needs is not known: it was not installed where its tests ran")
        missing = dict.fromkeys(one.id for found in known for one in found if one.id not in told)
        text = "{} was there when {} was tested, and the build-info leaves it out"
        hidden |= dict.fromkeys(text.format(each, module) for each in missing)
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
        untold = [shown_run(run) for run in runs if is_unread(run) or installed_in(run) is None]
        stand: dict[str, Certainty | None] = {}
        for package, module in package_names(evidence).items():
            found = [needed(run, package) for run in runs if not is_unread(run)]
            if all(each is None for each in found):
                untold.append(f"{module} is not installed in any run")
            for one in (one for each in found for one in each or ()):
                certainty = one.origin.certainty if one.origin else None
                stand[one.id] = _worse(stand.get(one.id, certainty), certainty)
        known = [(name, rung) for name, rung in sorted(stand.items()) if rung is not None]
        below = [f"{name}: {rung.value}" for name, rung in known if self._is_below(rung)]
        untold += [f"{name}: nobody looked" for name, rung in sorted(stand.items()) if rung is None]
        if below:
            step = "Install from a lock with digests; `pytest-defend environment` says what is missing."
            return self.fails(expected, listed([*below, *untold], "; "), where(runs), next=step)
        if untold or not runs:
            step = "Run the stage again, with the package installed."
            actual = f"not known of {listed(untold, '; ')}" if untold else "no stage has run"
            return self.cannot_say(expected, actual, where(runs), next=step)
        return self.passes(expected, f"{plural(len(stand), 'package')}, none less certain", where(runs))

    def _is_below(self, rung: Certainty) -> bool:
        return _RUNGS.index(rung) > _RUNGS.index(self.at_least)


def _worse(one: Certainty | None, other: Certainty | None) -> Certainty | None:
    if one is None or other is None:
        return None
    return max(one, other, key=_RUNGS.index)


RULES: tuple[type[Rule], ...] = (DependencyLevel, DependencyCertainty)
