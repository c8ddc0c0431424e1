"""Walks through graphs: each node once, in the right order, however long a chain is."""

from graphlib import CycleError

import pytest
from hypothesis import given
from hypothesis import strategies as st

from buildmatrix.graphs import find_cycles, levels, ordered, reached, steps_of

LONG = 50_000
NODES = st.integers(0, 7)
GRAPHS = st.dictionaries(NODES, st.lists(NODES, max_size=4), max_size=8)


def chain(node: int) -> list[int]:
    return [node + 1] if node < LONG else []


def test_a_chain_may_be_longer_than_calls_are_deep() -> None:
    assert len(list(reached([0], chain))) == LONG + 1
    assert next(ordered([0], chain)) == LONG
    assert levels({node: chain(node) for node in range(LONG + 1)})[0] == LONG
    find_cycles({node: chain(node) for node in range(LONG + 1)}, lambda _: pytest.fail("there is none"))


@given(GRAPHS, st.lists(NODES, max_size=3))
def test_what_is_reached_is_closed_and_no_more(graph: dict[int, list[int]], start: list[int]) -> None:
    found = list(reached(start, lambda node: graph.get(node, [])))
    assert len(set(found)) == len(found)
    closure = set(start)
    while more := {other for node in closure for other in graph.get(node, [])} - closure:
        closure |= more
    assert set(found) == closure


@given(st.dictionaries(NODES, st.lists(NODES, max_size=4), max_size=8))
def test_each_node_comes_after_what_its_edges_lead_to(graph: dict[int, list[int]]) -> None:
    downwards = {node: [other for other in edges if other < node] for node, edges in graph.items()}
    order = list(ordered(downwards, lambda node: downwards.get(node, [])))
    assert len(set(order)) == len(order)
    assert all(order.index(other) < order.index(node) for node, edges in downwards.items() for other in edges)
    found = levels(downwards)
    assert all(found[node] > found.get(other, 0) - 1 for node, edges in downwards.items() for other in edges)
    assert all(found[node] > found[other] for node, edges in downwards.items() for other in edges if other in found)


@given(GRAPHS)
def test_cycles_are_found_where_there_are_some(graph: dict[int, list[int]]) -> None:
    found: list[list[int]] = []
    find_cycles(graph, found.append)
    for cycle in found:
        assert all(other in graph[node] for node, other in steps_of(cycle))
    try:
        levels(graph)
    except CycleError:
        assert found
    else:
        assert not found


def test_a_diamond_is_asked_once() -> None:
    asked: list[str] = []
    graph = {"a": ["b", "c"], "b": ["d"], "c": ["d"], "d": []}

    def edges(node: str) -> list[str]:
        asked.append(node)
        return graph[node]

    assert set(reached(["a"], edges)) == set(graph)
    assert sorted(asked) == ["a", "b", "c", "d"]
