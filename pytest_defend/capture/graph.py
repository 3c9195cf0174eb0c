"""From installed packages and their requirement strings to edges, scopes and roots.

Rules:
- A requirement becomes an edge when its marker holds for this interpreter and an extra in use. An extra is
  in use when an edge, or a build requirement, asks for it; that is followed until nothing new appears.
- A requirement that cannot be parsed or judged is a gap, and no edge.
- `runtime`: reachable from the requirements of the project under test.
- `build`: reachable from its build requirements.
- `test`: not runtime, and either reachable from pytest or not there for the build.
- `transitive`, beside one of those: the project does not ask for it itself, to run or to be built; or, of
  what is there for the tests, with an extra of its own or in a dependency group. Without a project nobody
  knows, and it is left out. The project itself has no scope.
- Roots are what the project asks for itself, what no other package asks for, and one package of each ring
  that nothing else asks for; with the project left out.
- Whether an extra of the project, or a group, was asked for when it was installed is not known: it makes no
  edge, and nothing runtime.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from packaging.markers import default_environment
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from pytest_defend.model.distributions import Edge, Installed
from pytest_defend.model.facts import Gap
from pytest_defend.model.urls import strip_user_information

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from pytest_defend.model.distributions import Distribution

__all__ = ["Package", "link"]

_Names = frozenset[str]
_Parsed = Sequence[tuple[str, Requirement]]  # as it may be shown, and as it is

_EXTRA = re.compile(r'"([^"]*)" == extra|extra == "([^"]*)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A distribution whose requirements are still text."""

    distribution: Distribution
    requirements: tuple[str, ...]


def link(
    packages: Mapping[str, Package],
    *,
    project: str,
    build_requires: Sequence[str] = (),
    group_requires: Sequence[str] = (),
) -> tuple[Installed, tuple[Gap, ...]]:
    """Turn requirement strings into edges, scopes and roots.

    Args:
        packages: By PEP 503 name.
        project: PEP 503 name of the project under test; empty when unknown.
        build_requires: Requirement strings of its build system.
        group_requires: Requirement strings of its dependency groups.
    """
    gaps: set[Gap] = set()
    build = _edges_of("the build system", _parse_all("the build system", build_requires, gaps), "", gaps)
    grouped = _parse_all("a dependency group", group_requires, gaps)
    parsed = {
        name: _parse_all(package.distribution.id, package.requirements, gaps)
        for name, package in packages.items()
    }
    edges = _edges(packages, parsed, build, gaps)
    if project and project not in packages:
        gaps.add(_gap(f"{project} is not installed where the tests run, so nothing is known to be runtime."))
        project = ""
    graph = {name: _targets(found) & packages.keys() for name, found in edges.items()}
    wanted = _targets(build) & packages.keys()
    asked = wanted | _targets(_edges_of("a dependency group", grouped, "", gaps)) & packages.keys()
    if project:
        asked |= graph[project] | _with_own_extras(parsed[project]) & packages.keys()
    scopes = _scopes(graph, project, wanted, asked)
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
        distributions=distributions, roots=_roots(graph, project, asked), environment=environment
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


def _edges(
    packages: Mapping[str, Package], parsed: Mapping[str, _Parsed], build: Iterable[Edge], gaps: set[Gap]
) -> dict[str, set[Edge]]:
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


def _edges_of(owner: str, parsed: _Parsed, extra: str, gaps: set[Gap]) -> set[Edge]:
    found = set()
    for text, requirement in parsed:
        try:
            holds = requirement.marker is None or requirement.marker.evaluate({"extra": extra})
        except (LookupError, ValueError):  # of which packaging raises several, and others in other versions
            gaps.add(_gap(f"{owner} asks for {text!r}, whose marker makes no sense; its edge is left out."))
            continue
        if holds:
            extras = tuple(sorted(map(canonicalize_name, requirement.extras)))
            found.add(Edge(target=canonicalize_name(requirement.name), requirement=text, extras=extras))
    return found


def _with_own_extras(parsed: _Parsed) -> _Names:
    """What a package asks for itself when it is asked for with its extras, whichever they are."""
    extras = {extra for _, each in parsed for found in _EXTRA.findall(str(each.marker)) for extra in found}
    return frozenset().union(*(_targets(_edges_of("", parsed, extra, set())) for extra in sorted(extras)))


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


def _scopes(
    graph: Mapping[str, _Names], project: str, wanted: _Names, asked: _Names
) -> dict[str, tuple[str, ...]]:
    direct = graph.get(project, frozenset())
    runtime = _reach(graph, direct)
    build = _reach(graph, wanted)
    testing = _reach(graph, {"pytest"} & graph.keys())
    scopes = {}
    for name in graph:
        for_tests = name not in runtime and (name in testing or name not in build)
        held = {
            "build": name in build,
            "runtime": name in runtime,
            "test": for_tests,
            "transitive": bool(project) and name not in (asked if for_tests else direct | wanted),
        }
        scopes[name] = () if name == project else tuple(scope for scope, is_held in held.items() if is_held)
    return scopes


def _roots(graph: Mapping[str, _Names], project: str, asked: _Names) -> tuple[str, ...]:
    asked_for = {target for name, targets in graph.items() for target in targets - {name}}
    roots = (asked | (graph.keys() - asked_for)) - {project}
    reached = set(_reach(graph, roots))
    for name in sorted(graph.keys() - reached - {project}):
        if name not in reached:
            roots |= {name}
            reached |= _reach(graph, [name])
    return tuple(sorted(roots))
