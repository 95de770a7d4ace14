"""Cells as AG-Net reads them off its generator's samples.

A sample has a node type for each of the eight operations, but hardly ever the edges of a cell, because every edge is
drawn by itself. So AG-Net (``Measurements.py``, ``NASBench301.py``) only asks which maps feed a node, at either of its
two operations. If they are two, they are its inputs; if they are more, the two with the best edge scores are. Which
operation goes with which input the sample does not say: here the first one goes with the lower input.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agnet import encodings
from agnet.graphs import Graphs
from agnet.spaces.nb301.darts import FIRST_TYPE, GRAPH_NODES, NODES, OPERATIONS, encode, to_graphs


def resolve(graphs: Graphs, edge_scores: NDArray[np.floating]) -> Graphs:
    """The cells that samples stand for, size 0 where they stand for none.

    Args:
        graphs: [n, cells] samples, of single cells or of whole architectures.
        edge_scores: [n, cells, 55] logits of the edges, in the order of the edge vector.
    """
    ops = graphs.ops[..., 2:-1].astype(np.int64) - FIRST_TYPE
    drawn = _maps(graphs.adjacency)
    scores = np.zeros(graphs.adjacency.shape)
    scores[(..., *encodings.edge_nodes(GRAPH_NODES))] = -np.logaddexp(0, -edge_scores)  # log of the sigmoid
    scores = np.where(drawn > 0, _maps(scores), -np.inf)
    codes = np.empty((*graphs.sizes.shape, NODES), dtype=np.int64)
    for node in range(NODES):
        maps = node + 2
        best = np.sort(np.argsort(-scores[..., :maps, node], axis=-1, kind="stable")[..., :2], axis=-1)
        code = encode(best, ops[..., 2 * node : 2 * node + 2])
        enough = np.count_nonzero(drawn[..., :maps, node], axis=-1) >= 2
        codes[..., node] = np.where(enough, code, -1)
    good = (graphs.sizes == GRAPH_NODES) & np.all((ops >= 0) & (ops < len(OPERATIONS)), axis=-1)
    return to_graphs(np.where(good[..., None], codes, -1))


def _maps(edges: NDArray[np.bool_] | NDArray[np.floating]) -> NDArray[np.float64]:
    """[..., 6, 4] sums over the edges [..., 11, 11] from the two inputs and four nodes to the four nodes."""
    operations = edges[..., 2:-1].astype(np.float64).reshape(*edges.shape[:-1], NODES, 2).sum(axis=-1)
    sources = operations[..., 2:-1, :].reshape(*operations.shape[:-2], NODES, 2, NODES).sum(axis=-2)
    return np.concatenate([operations[..., :2, :], sources], axis=-2)
