"""Strongly connected components: the parts of a graph within which every place can be reached from every other."""

from __future__ import annotations

from collections.abc import Sequence


def labels_of(count: int, arcs: Sequence[tuple[int, int]]) -> list[int]:
    """The component of each of `count` nodes, given the (from, to) arcs between them. Kosaraju's algorithm."""
    onward, back = _successors(count, arcs), _successors(count, [(end, start) for start, end in arcs])
    order: list[int] = []
    seen = bytearray(count)
    for root in range(count):
        if seen[root]:
            continue
        seen[root] = 1
        stack = [(root, iter(onward[root]))]
        while stack:
            node, following = stack[-1]
            other = next((each for each in following if not seen[each]), None)
            if other is None:
                order.append(node)
                stack.pop()
            else:
                seen[other] = 1
                stack.append((other, iter(onward[other])))
    labels = [-1] * count
    for root in reversed(order):
        if labels[root] >= 0:
            continue
        labels[root] = root
        todo = [root]
        while todo:
            for other in back[todo.pop()]:
                if labels[other] < 0:
                    labels[other] = root
                    todo.append(other)
    return labels


def _successors(count: int, arcs: Sequence[tuple[int, int]]) -> list[list[int]]:
    found: list[list[int]] = [[] for _ in range(count)]
    for start, end in arcs:
        found[start].append(end)
    return found
