"""Laws of chains, of comparing two readings, and of scopes and roots."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from pytest_defend.capture.graph import Package, link
from pytest_defend.model.distributions import MAX_CHAINS, Distribution, Edge, Installed, chains, diff

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAMES = "abcdefg"
_Graph = dict[str, set[str]]

_names = st.sets(st.sampled_from(_NAMES))
_graphs = st.dictionaries(st.sampled_from(_NAMES), _names)
_rings_free = _graphs.map(lambda graph: {name: {x for x in to if x > name} for name, to in graph.items()})


def _installed(graph: Mapping[str, set[str]]) -> Installed:
    return Installed(
        distributions=tuple(
            Distribution(
                name=name,
                version="1",
                requires=tuple(Edge(target=target, requirement=target) for target in sorted(graph[name])),
            )
            for name in sorted(graph)
        )
    )


def _paths(graph: _Graph, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Every path without repetition that begins with `path`."""
    yield path
    for target in graph[path[-1]] & graph.keys():
        if target not in path:
            yield from _paths(graph, (*path, target))


def _every_chain(graph: _Graph, roots: set[str]) -> dict[str, list[tuple[str, ...]]]:
    """By brute force: every chain to every package, in the promised order."""
    found: dict[str, list[tuple[str, ...]]] = {}
    for root in roots & graph.keys():
        for path in _paths(graph, (root,)):
            chain = (*(f"{name}:1" for name in reversed(path[:-1])), "m")
            found.setdefault(path[-1], []).append(chain)
    return {name: sorted(each, key=lambda chain: (len(chain), chain)) for name, each in found.items()}


@given(_rings_free, _names)
def test_without_rings_chains_are_exactly_the_first_fifteen(graph: _Graph, roots: set[str]) -> None:
    expected = {name: tuple(each[:MAX_CHAINS]) for name, each in _every_chain(graph, roots).items()}
    assert chains(_installed(graph), "m", roots) == expected


@given(_graphs, _names)
def test_chains_of_any_graph_are_true_and_short(graph: _Graph, roots: set[str]) -> None:
    every = _every_chain(graph, roots)
    found = chains(_installed(graph), "m", roots)
    assert found.keys() == every.keys()
    for name, kept in found.items():
        assert set(kept) <= set(every[name])
        assert kept[0] == every[name][0]
        assert len(kept) <= MAX_CHAINS
        assert list(kept) == sorted(set(kept), key=lambda chain: (len(chain), chain))


@given(_graphs, _names)
def test_chains_do_not_depend_on_the_order_of_anything(graph: _Graph, roots: set[str]) -> None:
    installed = _installed(graph)
    turned = Installed(distributions=tuple(reversed(installed.distributions)))
    there = chains(installed, "m", sorted(roots))
    assert dict(there) == dict(chains(turned, "m", sorted(roots, reverse=True)))


_sets = st.dictionaries(st.sampled_from(_NAMES), st.sampled_from(["1", "2"])).map(
    lambda versions: Installed(
        distributions=tuple(Distribution(name=n, version=v) for n, v in sorted(versions.items()))
    )
)


@given(_sets, _sets)
def test_fingerprints_are_equal_exactly_when_nothing_differs(one: Installed, other: Installed) -> None:
    assert (one.fingerprint == other.fingerprint) is (diff(one, other) == ())
    assert len(diff(one, other)) == len(diff(other, one))


def _linked(graph: _Graph, project: str, build: set[str]) -> Installed:
    packages = {
        name: Package(distribution=Distribution(name=name, version="1"), requirements=tuple(sorted(targets)))
        for name, targets in graph.items()
    }
    return link(packages, project=project, build_requires=sorted(build))[0]


@given(_graphs, st.sampled_from(["", *_NAMES]), _names)
def test_every_package_has_a_scope_and_is_reached_from_a_root(
    graph: _Graph, project: str, build: set[str]
) -> None:
    installed = _linked(graph, project, build)
    scopes = {each.name: set(each.scopes) for each in installed.distributions}
    assert scopes.keys() == graph.keys()
    for name, held in scopes.items():
        assert bool(held & {"build", "runtime", "test"}) is (name != project)
        assert not {"runtime", "test"} <= held
    reached = chains(installed, f"{project}:1", installed.roots)
    assert reached.keys() == graph.keys() - {project}
    assert project not in installed.roots
    assert all(one < other for one, other in pairwise(installed.roots))


@given(_graphs, st.sampled_from(_NAMES))
def test_what_runtime_packages_require_is_runtime(graph: _Graph, project: str) -> None:
    installed = _linked(graph, project, set())
    runtime = {each.name for each in installed.distributions if "runtime" in each.scopes}
    if project not in graph:
        assert not runtime
        return
    for name in runtime | {project}:
        assert graph[name] & graph.keys() <= runtime | {project}
