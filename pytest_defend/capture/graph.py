"""From installed packages and their requirement strings to edges, scopes and roots.

Rules:
- A requirement becomes an edge when its marker holds for this interpreter and an extra in use. An extra is
  in use when an edge, or a build requirement, asks for it; that is followed until nothing new appears.
- A requirement that cannot be parsed or judged is a gap, and no edge.
- `runtime`: reachable from the requirements of the project under test.
- `build`: reachable from its build requirements.
- `test`: not runtime, and either reachable from pytest or not there for the build.
- `transitive`, beside one of those: the project asks for it neither at run time nor to be built. Without a
  project nobody knows, and it is left out. The project itself has no scope.
- Roots are what the project asks for, to run and to be built, what no other package asks for, and one
  package of each ring that nothing else asks for; with the project left out.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.markers import UndefinedComparison, UndefinedEnvironmentName, default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pytest_defend.model.distributions import Edge, Installed
from pytest_defend.model.facts import Gap
from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from pytest_defend.model.distributions import Distribution

__all__ = ["Package", "link"]

_Names = frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A distribution whose requirements are still text."""

    distribution: Distribution
    requirements: tuple[str, ...]


def link(
    packages: Mapping[str, Package], *, project: str, build_requires: Sequence[str]
) -> tuple[Installed, tuple[Gap, ...]]:
    """Turn requirement strings into edges, scopes and roots.

    Args:
        packages: By PEP 503 name.
        project: PEP 503 name of the project under test; empty when unknown.
        build_requires: Requirement strings of its build system.
    """
    gaps: set[Gap] = set()
    build = _edges_of("the build system", _parse_all("the build system", build_requires, gaps), "", gaps)
    edges = _edges(packages, build, gaps)
    if project and project not in packages:
        gaps.add(_gap(f"{project} is not installed where the tests run, so nothing is known to be runtime."))
        project = ""
    graph = {name: _targets(found) & packages.keys() for name, found in edges.items()}
    wanted = _targets(build) & packages.keys()
    scopes = _scopes(graph, project, wanted)
    distributions = tuple(
        replace(
            packages[name].distribution,
            requires=tuple(sorted(edges[name], key=lambda edge: (edge.target, edge.requirement))),
            scopes=scopes[name],
        )
        for name in sorted(packages)
    )
    environment = {name: str(value) for name, value in sorted(default_environment().items())}
    installed = Installed(
        distributions=distributions, roots=_roots(graph, project, wanted), environment=environment
    )
    return installed, tuple(sorted(gaps, key=lambda gap: gap.problem))


def _gap(problem: str) -> Gap:
    return Gap(topic="distributions", problem=problem)


@lru_cache(maxsize=4096)  # most of the time of a reading, and a run reads twice
def _parse(text: str) -> Requirement | None:
    try:
        return Requirement(text)
    except InvalidRequirement:  # its message quotes the text, credentials included
        return None


def _parse_all(owner: str, texts: Iterable[str], gaps: set[Gap]) -> list[tuple[str, Requirement]]:
    parsed = []
    for text in texts:
        requirement = _parse(text)
        shown = strip_user_information(text)
        if requirement is None:
            gaps.add(_gap(f"{owner} asks for {shown!r}, which is no requirement; its edge is left out."))
        else:
            parsed.append((shown, requirement))
    return parsed


def _edges(packages: Mapping[str, Package], build: Iterable[Edge], gaps: set[Gap]) -> dict[str, set[Edge]]:
    parsed = {
        name: _parse_all(package.distribution.id, package.requirements, gaps)
        for name, package in packages.items()
    }
    edges: dict[str, set[Edge]] = {name: set() for name in packages}
    waiting = [(name, "") for name in packages]
    waiting += _extras_wanted(build)
    seen: set[tuple[str, str]] = set()
    while waiting:
        name, extra = pair = waiting.pop()
        if pair in seen or name not in packages:
            continue
        seen.add(pair)
        found = _edges_of(packages[name].distribution.id, parsed[name], extra, gaps)
        edges[name] |= found
        waiting += _extras_wanted(found)
    return edges


def _extras_wanted(edges: Iterable[Edge]) -> list[tuple[str, str]]:
    return [(edge.target, extra) for edge in edges for extra in edge.extras]


def _edges_of(owner: str, parsed: Iterable[tuple[str, Requirement]], extra: str, gaps: set[Gap]) -> set[Edge]:
    found = set()
    for text, requirement in parsed:
        try:
            holds = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
        except (UndefinedComparison, UndefinedEnvironmentName):
            gaps.add(_gap(f"{owner} asks for {text!r}, whose marker makes no sense; its edge is left out."))
            continue
        if holds:
            extras = tuple(sorted(map(canonicalize_name, requirement.extras)))
            found.add(Edge(target=canonicalize_name(requirement.name), requirement=text, extras=extras))
    return found


def _targets(edges: Iterable[Edge]) -> _Names:
    return frozenset(edge.target for edge in edges)


def _reach(graph: Mapping[str, _Names], starts: Iterable[str]) -> _Names:
    seen: set[str] = set()
    waiting = list(starts)
    while waiting:
        name = waiting.pop()
        if name not in seen:
            seen.add(name)
            waiting += graph[name]
    return frozenset(seen)


def _scopes(graph: Mapping[str, _Names], project: str, wanted: _Names) -> dict[str, tuple[str, ...]]:
    direct = graph.get(project, frozenset())
    runtime = _reach(graph, direct)
    build = _reach(graph, wanted)
    testing = _reach(graph, {"pytest"} & graph.keys())
    scopes = {}
    for name in graph:
        held = {
            "build": name in build,
            "runtime": name in runtime,
            "test": name not in runtime and (name in testing or name not in build),
            "transitive": bool(project) and name not in direct | wanted,
        }
        scopes[name] = () if name == project else tuple(scope for scope, is_held in held.items() if is_held)
    return scopes


def _roots(graph: Mapping[str, _Names], project: str, wanted: _Names) -> tuple[str, ...]:
    asked_for = {target for name, targets in graph.items() for target in targets - {name}}
    roots = (graph.get(project, frozenset()) | wanted | (graph.keys() - asked_for)) - {project}
    reached = set(_reach(graph, roots))
    for name in sorted(graph.keys() - reached - {project}):
        if name not in reached:
            roots |= {name}
            reached |= _reach(graph, [name])
    return tuple(sorted(roots))
