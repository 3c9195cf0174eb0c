from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from builders import a_clock
from ladders import a_package, needs
from pytest_defend.actions.closure import batches, closure, cycle
from pytest_defend.model.ladder import Ladder
from pytest_defend.protocols import Promotion
from pytest_defend.stores.memory import MemoryStore

NAMES = "abcdefgh"
LADDER = Ladder.from_table({"levels": [{"name": "low"}, {"name": "high"}]}, "test")
GRAPHS = st.dictionaries(st.sampled_from(NAMES), st.frozensets(st.sampled_from(NAMES + "xy")), max_size=8)


@st.composite
def without_cycles(draw: st.DrawFn) -> dict[str, frozenset[str]]:
    """Each needs only those before it in a random order."""
    order = draw(st.permutations(NAMES))
    return {
        name: draw(st.frozensets(st.sampled_from(order[:place] or "x"))) for place, name in enumerate(order)
    }


@given(GRAPHS)
def test_a_build_comes_after_everything_it_needs(needs: dict[str, frozenset[str]]) -> None:
    before: set[str] = set()
    for batch in batches(needs):
        for key in batch:
            assert needs[key].intersection(needs) <= before
        before |= set(batch)


@given(without_cycles())
def test_without_a_cycle_everything_is_in_one_batch(needs: dict[str, frozenset[str]]) -> None:
    flat = [key for batch in batches(needs) for key in batch]
    assert sorted(flat) == sorted(needs)
    assert cycle(needs) == ()


@given(GRAPHS)
def test_a_batch_is_as_early_as_it_can_be_and_sorted(needs: dict[str, frozenset[str]]) -> None:
    ordered = batches(needs)
    for earlier, batch in pairwise(ordered):
        assert all(needs[key].intersection(earlier) for key in batch)
    assert all(list(batch) == sorted(batch) for batch in ordered)


@given(GRAPHS)
def test_what_is_left_out_has_a_cycle_below_it(needs: dict[str, frozenset[str]]) -> None:
    flat = {key for batch in batches(needs) for key in batch}
    circle = cycle(needs)
    assert bool(circle) == (flat != set(needs))
    for key, following in zip(circle, (*circle[1:], *circle[:1]), strict=True):
        assert following in needs[key]
    assert len(set(circle)) == len(circle)
    assert circle[:1] == tuple(sorted(circle)[:1])


def _below(graph: dict[str, frozenset[str]], root: str, high: frozenset[str]) -> set[str]:
    """What is needed and not high up, and what that needs in turn."""
    found, new = {root}, {root}
    while new:
        new = {other for key in new for other in graph[key] if other in graph} - high - found
        found |= new
    return found


@settings(max_examples=40, deadline=None)
@given(without_cycles(), st.sampled_from(NAMES), st.frozensets(st.sampled_from(NAMES)))
def test_a_closure_holds_what_is_needed_below_the_level_and_nothing_else(
    graph: dict[str, frozenset[str]], root: str, high: frozenset[str]
) -> None:
    store = MemoryStore(a_clock)
    builds = {key: a_package(store, key, "low", *map(needs, sorted(graph[key]))) for key in graph}
    for key in high:
        promotion = Promotion(status="high", target="high", copy=True, properties={"defend.level": ("high",)})
        store.promote(builds[key].id, promotion)
    found = closure(store.build(builds[root].id), "high", LADDER, store)
    assert found.problems == ()
    assert {build.name for build in found.builds} == _below(graph, root, high)
    assert found.builds[-1].name == root
    before: set[str] = set()
    for build in found.builds:
        assert graph[build.name].intersection(graph) - high <= before
        before.add(build.name)
