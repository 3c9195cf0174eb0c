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


_EXTRAS = ("", "x", "a-b")
_SPELLED = {"": "", "x": "X", "a-b": "a.B"}
_Asked = tuple[str, frozenset[str], str, bool]  # target, its extras, under which extra, whether it holds here

_asked = st.tuples(
    st.sampled_from(_NAMES),
    st.frozensets(st.sampled_from(_EXTRAS[1:])),
    st.sampled_from(_EXTRAS),
    st.booleans(),
)
_worlds = st.dictionaries(st.sampled_from(_NAMES), st.frozensets(_asked, max_size=5))


def _requirement(asked: _Asked) -> str:
    target, extras, under, holds = asked
    written = f"{target.upper()}[{','.join(sorted(_SPELLED[extra] for extra in extras))}]>=1"
    markers = [] if holds else ["sys_platform == 'no-such-platform'"]
    markers += [f"extra == '{_SPELLED[under]}'"] if under else []
    return "; ".join([written, *([" and ".join(markers)] if markers else [])])


def _in_use(world: Mapping[str, frozenset[_Asked]], build: frozenset[_Asked]) -> set[tuple[str, str]]:
    """Packages with each extra that somebody asks for, tried until nothing changes."""
    found = {(name, "") for name in world}
    found |= {
        (target, extra) for target, extras, under, holds in build if holds and not under for extra in extras
    }
    while True:
        more = {
            (target, extra)
            for name, asks in world.items()
            for target, extras, under, holds in asks
            if holds and (name, under) in found
            for extra in extras
        }
        if more <= found:
            return found
        found |= more


@given(_worlds, st.frozensets(_asked, max_size=2))
def test_an_edge_is_a_requirement_that_holds_with_an_extra_in_use(
    world: dict[str, frozenset[_Asked]], build: frozenset[_Asked]
) -> None:
    packages = {
        name: Package(
            distribution=Distribution(name=name, version="1"), requirements=tuple(map(_requirement, asks))
        )
        for name, asks in world.items()
    }
    installed, gaps = link(packages, project="", build_requires=tuple(map(_requirement, build)))
    used = _in_use(world, build)
    for each in installed.distributions:
        assert set(each.requires) == {
            Edge(target=asked[0], requirement=_requirement(asked), extras=tuple(sorted(asked[1])))
            for asked in world[each.name]
            if asked[3] and (each.name, asked[2]) in used
        }
    assert gaps == ()


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
