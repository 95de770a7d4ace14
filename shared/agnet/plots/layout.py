"""Where the nodes of a small DAG stand so that it reads from left to right (Sugiyama, Tagawa and Toda, 1981)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, permutations

import numpy as np
from numpy.typing import NDArray

_SWEEPS = 6
_TRIED = 5
"""Layers of up to so many nodes are ordered by trying all orders, larger ones by the mean place of the neighbours."""
_PASSING = 0.6
"""Room that an edge takes on its way through a layer; a node takes 1."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Places of nodes and ways of edges."""

    places: NDArray[np.float64]
    """[nodes, 2] layer, and height in rows."""
    ways: dict[tuple[int, int], NDArray[np.float64]]
    """Edge to the places [k, 2] it goes through, both ends included. Edges to one node may share part of their way."""


def layout(adjacency: NDArray[np.bool_]) -> Layout:
    """Layers by the longest path from a source, few crossings, and edges as straight as there is room for.

    Args:
        adjacency: [nodes, nodes], nodes in topological order.
    """
    edges = [(int(a), int(b)) for a, b in np.argwhere(adjacency)]
    layer = np.zeros(len(adjacency), dtype=np.intp)
    for a, b in edges:  # in the order of a, which is topological
        layer[b] = max(layer[b], layer[a] + 1)
    # What all edges to node b that cross layer l have in common is one stop, (b, l): they join before they arrive.
    stops: dict[tuple[int, int], int] = {}
    ways = {}
    for a, b in edges:
        between = [(b, at) for at in range(int(layer[a]) + 1, int(layer[b]))]
        ways[a, b] = [a, *(stops.setdefault(stop, len(adjacency) + len(stops)) for stop in between), b]
    layers_of = np.concatenate([layer, [at for _, at in stops]]).astype(np.intp)
    links = np.array(sorted({link for way in ways.values() for link in pairwise(way)}), dtype=np.intp).reshape(-1, 2)
    layers = [np.flatnonzero(layers_of == at).tolist() for at in range(int(layers_of.max()) + 1)]
    heights = _heights(_ordered(layers, links), links, is_stop=np.arange(len(layers_of)) >= len(adjacency))
    places = np.stack([layers_of.astype(np.float64), heights], axis=1)
    return Layout(places[: len(adjacency)], {edge: places[way] for edge, way in ways.items()})


def _ordered(layers: list[list[int]], links: NDArray[np.intp]) -> list[list[int]]:
    """Each layer's nodes from bottom to top, so that few links cross."""
    layers = [list(layer) for layer in layers]
    best, fewest = layers, _crossings(layers, links)
    for sweep in range(_SWEEPS):
        for at in range(len(layers))[:: -1 if sweep % 2 else 1]:
            layers[at] = _reordered(layers, at, links)
        if (crossings := _crossings(layers, links)) < fewest:
            best, fewest = [list(layer) for layer in layers], crossings
    return best


def _reordered(layers: list[list[int]], at: int, links: NDArray[np.intp]) -> list[int]:
    around = layers[max(at - 1, 0) : at + 2]
    here = min(at, 1)
    if len(layers[at]) <= _TRIED:
        orders = [list(order) for order in permutations(layers[at])]
        return min(orders, key=lambda order: _crossings([*around[:here], order, *around[here + 1 :]], links))
    rank = {node: place for layer in around for place, node in enumerate(layer)}
    means = {}
    for node in layers[at]:
        near = [rank[b if a == node else a] for a, b in links.tolist() if node in (a, b) and {a, b} <= rank.keys()]
        means[node] = sum(near) / len(near) if near else float(rank[node])
    return sorted(layers[at], key=means.__getitem__)


def _crossings(layers: list[list[int]], links: NDArray[np.intp]) -> int:
    """How many pairs of links between neighbouring layers cross."""
    count = 0
    for left, right in pairwise(layers):
        rank_left = {node: place for place, node in enumerate(left)}
        rank_right = {node: place for place, node in enumerate(right)}
        ends = [(rank_left[a], rank_right[b]) for a, b in links.tolist() if a in rank_left and b in rank_right]
        count += sum((a - c) * (b - d) < 0 for i, (a, b) in enumerate(ends) for c, d in ends[:i])
    return count


def _heights(layers: list[list[int]], links: NDArray[np.intp], is_stop: NDArray[np.bool_]) -> NDArray[np.float64]:
    """[nodes] height of each node near that of its neighbours, no two of a layer too close."""
    heights = np.zeros(len(is_stop))
    offsets = []
    for layer in layers:
        room = np.where(is_stop[layer], _PASSING, 1.0)
        offset = np.concatenate([[0.0], np.cumsum((room[1:] + room[:-1]) / 2)])
        heights[layer] = offset - offset[-1] / 2
        offsets.append(offset)
    near = np.zeros((len(heights), len(heights)))
    near[links[:, 0], links[:, 1]] = near[links[:, 1], links[:, 0]] = 1.0
    # An edge that passes bends at its stops only: they pull each other the most.
    near *= 1.0 + 3.0 * (is_stop[:, None] & is_stop)
    for _ in range(50):
        for layer, offset in zip(layers, offsets, strict=True):
            weights = near[layer]
            total = weights.sum(axis=1)
            wanted = np.where(total > 0, weights @ heights / np.where(total > 0, total, 1), heights[layer])
            heights[layer] = _nearest_increasing(wanted - offset) + offset
    return heights - (heights.max() + heights.min()) / 2


def _nearest_increasing(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n] the sequence that never falls and is nearest to ``values`` (pool adjacent violators)."""
    pools: list[tuple[float, int]] = []
    for value in values.tolist():
        mean, count = value, 1
        while pools and pools[-1][0] > mean:
            before, number = pools.pop()
            mean, count = (before * number + mean * count) / (number + count), number + count
        pools.append((mean, count))
    return np.repeat([mean for mean, _ in pools], [count for _, count in pools])
