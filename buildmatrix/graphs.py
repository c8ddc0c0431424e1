"""Walks through graphs, all of them by loops: a chain may be longer than Python's calls may be deep.

A graph is a function, or a mapping, from a node to the nodes that its edges lead to.
"""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from graphlib import TopologicalSorter
from typing import TypeVar

T = TypeVar("T", bound=Hashable)


def reached(start: Iterable[T], edges: Callable[[T], Iterable[T]]) -> Iterator[T]:
    """Yield the nodes that can be reached, those of `start` included, each once; a node's edges are asked for once."""
    pending, seen = list(start), set[T]()
    while pending:
        node = pending.pop()
        if node not in seen:
            seen.add(node)
            yield node
            pending += edges(node)


def ordered(start: Iterable[T], edges: Callable[[T], Iterable[T]]) -> Iterator[T]:
    """Yield the nodes that can be reached, each once and after all that its edges lead to.

    A node is asked for its edges again while some of them are still to come. The graph has no cycle.
    """
    done = set[T]()
    for first in start:
        pending = [first]
        while pending:
            node = pending[-1]
            missing = [] if node in done else [other for other in edges(node) if other not in done]
            if missing:
                pending += reversed(missing)
                continue
            pending.pop()
            if node not in done:
                done.add(node)
                yield node


def levels(edges: Mapping[T, Iterable[T]]) -> dict[T, int]:
    """Return the level of each node, from 0: one more than the highest that its edges lead to.

    graphlib.CycleError if there is a cycle.
    """
    found: dict[T, int] = {}
    for node in TopologicalSorter(edges).static_order():
        found[node] = max((found[other] + 1 for other in edges.get(node, ())), default=0)
    return {node: found[node] for node in edges}


def find_cycles(edges: Mapping[T, Iterable[T]], report: Callable[[list[T]], None]) -> None:
    """Call `report` with the nodes of each cycle, once for each, starting at the first of them that was come to."""
    done: set[T] = set()
    for start in edges:
        walk: dict[T, None] = {}
        stack = [] if start in done else [(start, iter(edges[start]))]
        walk.update((node, None) for node, _ in stack)
        while stack:
            following = next(stack[-1][1], None)
            if following is None:
                stack.pop()
                done.add(walk.popitem()[0])
            elif following in walk:
                nodes = list(walk)
                report(nodes[nodes.index(following) :])
            elif following not in done and following in edges:
                walk[following] = None
                stack.append((following, iter(edges[following])))


def steps_of(cycle: list[T]) -> list[tuple[T, T]]:
    """Return the steps of a cycle: each node with the following one, the last with the first."""
    return list(zip(cycle, [*cycle[1:], cycle[0]], strict=True))
