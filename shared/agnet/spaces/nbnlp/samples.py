"""Cells as they can be read off a generator's samples, and AG-Net's rule for them.

A generator that draws every edge by itself almost never gives each operation as many inputs as it takes, and AG-Net
does not ask for that: its rule (:func:`agnet_valid`) lets pass what no network can be built from.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agnet import encodings
from agnet.graphs import Graphs
from agnet.spaces.nbnlp.cells import (
    AGNET_MAX_SIZE,
    BLEND,
    FEWEST_INPUTS,
    INPUT,
    INPUTS,
    LINEAR,
    MAX_HIDDEN,
    MAX_NODES,
    MOST_INPUTS,
    Cells,
    to_graphs,
)

_AGNET_MAX_EDGES = 42


def resolve(graphs: Graphs, edge_scores: NDArray[np.floating]) -> Graphs:
    """The nearest cells to samples; not valid where there is none.

    The hidden states are the sampled ones, the best three by score if they are more, the best operation if there is
    none. A node keeps its sampled inputs, the best by score if they are more than it takes, and gets the best others if
    they are fewer. Operations that lead to no hidden state go.

    Args:
        graphs: [n, 1] samples.
        edge_scores: [n, 1, 325] logits of the edges, in the order of the edge vector.
    """
    n, nodes = len(graphs), MAX_NODES
    ops, edges, sizes = graphs.ops[:, 0], graphs.adjacency[:, 0], graphs.sizes[:, 0].astype(np.int64)
    scores = _matrix(edge_scores)
    rows, places, output = np.arange(n), np.arange(nodes), np.maximum(sizes - 1, 0)
    inner = (places >= len(INPUTS)) & (places < output[:, None])

    states = _best(edges[rows, :, output], scores[rows, :, output], inner, np.ones(n), np.full(n, MAX_HIDDEN))
    hidden = np.count_nonzero(states, axis=1)
    known = inner.copy()
    known[:, : len(INPUTS)] = np.arange(len(INPUTS)) <= hidden[:, None]

    types = np.minimum(ops, BLEND)
    chosen = np.zeros_like(edges)
    for node in range(len(INPUTS), nodes):
        type_ = types[:, node]
        possible = known & (places < node)
        possible[:, INPUTS.index("x")] = type_ == LINEAR
        found = _best(edges[:, :, node], scores[:, :, node], possible, FEWEST_INPUTS[type_], MOST_INPUTS[type_])
        chosen[:, :, node] = found & inner[:, node, None]
    live = states.copy()
    for node in range(nodes - 1, len(INPUTS) - 1, -1):
        live |= chosen[:, :, node] & live[:, node, None]
    chosen[rows, :, output] |= states
    keep = (live & inner) | (places < len(INPUTS)) | (places == output[:, None])
    chosen &= keep[:, :, None] & keep[:, None, :]
    kept = Cells(np.where(keep, ops, 0), chosen.astype(np.uint8), keep.sum(axis=1, dtype=np.uint8))
    packed = kept.reorder(np.argsort(~keep, axis=1, kind="stable"))
    numbers = np.cumsum(packed.operands, axis=1, dtype=np.uint8) * packed.operands
    return to_graphs(Cells(packed.ops, numbers, packed.sizes))


def agnet_valid(graphs: Graphs, edge_scores: NDArray[np.floating], *, mended: bool = False) -> NDArray[np.bool_]:
    """[n] which samples AG-Net counts as valid (``Measurements.py``), to compare generators by its own measure.

    The node types must make sense, the last operation must be a hidden state, and there are at most 42 edges, after the
    hidden states of cells of fewer than 14 nodes are cut down to three. The rule also means to ask that every operation
    has an input and leads somewhere, but a slip (it looks for rows that are all edges instead of all gaps) lets
    everything pass; ``mended`` asks for it.
    """
    ops, sizes = graphs.ops[:, 0], graphs.sizes[:, 0].astype(np.int64)
    edges, scores = graphs.adjacency[:, 0].copy(), _matrix(edge_scores)
    rows, places, output = np.arange(len(graphs)), np.arange(MAX_NODES), np.maximum(sizes - 1, 1)
    inner = (places >= len(INPUTS)) & (places < output[:, None])
    good = (ops[:, : len(INPUTS)] == INPUT).all(axis=1) & (~inner | (ops > INPUT)).all(axis=1)
    good &= (sizes > len(INPUTS)) & edges[rows, output - 1, output]
    # The two best by score and the last one stay.
    states = edges[rows, :, output]
    many = (sizes <= AGNET_MAX_SIZE) & (np.count_nonzero(states, axis=1) > MAX_HIDDEN)
    last = places == output[:, None] - 1
    two = _best(states & ~last, scores[rows, :, output], states & ~last, np.zeros(len(rows)), np.full(len(rows), 2))
    edges[rows, :, output] = np.where(many[:, None], two | last, states)
    good &= np.count_nonzero(edges, axis=(1, 2)) <= _AGNET_MAX_EDGES
    if mended:
        good &= (edges.any(axis=1) | ~inner).all(axis=1) & (edges.any(axis=2) | ~inner).all(axis=1)
    return good


def _matrix(edge_scores: NDArray[np.floating]) -> NDArray[np.float64]:
    scores = np.full((len(edge_scores), MAX_NODES, MAX_NODES), -np.inf)
    scores[(..., *encodings.edge_nodes(MAX_NODES))] = edge_scores[:, 0]
    return scores


def _best(
    sampled: NDArray[np.bool_],
    scores: NDArray[np.floating],
    possible: NDArray[np.bool_],
    fewest: NDArray[np.number],
    most: NDArray[np.number],
) -> NDArray[np.bool_]:
    """[n, nodes] of the possible nodes the sampled ones, at least ``fewest`` and at most ``most``, the best first."""
    wanted = np.clip(np.count_nonzero(sampled & possible, axis=1), fewest, most)
    # Sampled before not sampled, possible before impossible, then by score.
    order = np.lexsort((-scores, ~sampled, ~possible), axis=1)
    rank = np.argsort(order, axis=1)
    return possible & (rank < wanted[:, None])
