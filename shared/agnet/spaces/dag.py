"""What spaces of free graphs share: which nodes matter, and in what order they may stand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agnet.graphs import Graphs


def live(graphs: Graphs) -> NDArray[np.bool_]:
    """[n, cells, nodes] which nodes lie on a path from the input to the output; none where there is no path."""
    adjacency, nodes = graphs.adjacency, graphs.ops.shape[2]
    reached = np.zeros(graphs.ops.shape, np.bool_)
    reached[..., 0] = True
    for node in range(1, nodes):
        reached[..., node] = (reached[..., :node] & adjacency[..., :node, node]).any(axis=-1)
    useful = np.arange(nodes) == graphs.sizes[..., None].astype(np.int64) - 1
    for node in range(nodes - 2, -1, -1):
        useful[..., node] |= (useful[..., node + 1 :] & adjacency[..., node, node + 1 :]).any(axis=-1)
    return reached & useful


def prune(graphs: Graphs) -> Graphs:
    """The graphs without nodes and edges that lie on no path from input to output; size 0 where there is no path.

    The nodes that stay keep their order.
    """
    keep = live(graphs)
    nodes = keep.shape[-1]
    sizes = keep.sum(axis=-1, dtype=np.uint8)
    ops, adjacency = graphs.ops.copy(), graphs.adjacency.copy()
    changed = np.nonzero(~(keep == (np.arange(nodes) < graphs.sizes[..., None])).all(axis=-1))
    if len(changed[0]):
        order = np.argsort(~keep[changed], axis=-1, kind="stable")
        ops[changed] = np.take_along_axis(ops[changed], order, axis=-1)
        rows = np.arange(len(order))[:, None, None]
        adjacency[changed] = adjacency[changed][rows, order[:, :, None], order[:, None, :]]
    used = np.arange(nodes) < sizes[..., None]
    ops *= used
    adjacency &= used[..., None] & used[..., None, :]
    return Graphs(ops, adjacency, sizes)


def sort(
    ops: NDArray[np.uint8], adjacency: NDArray[np.bool_], sizes: NDArray[np.uint8]
) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Nodes in a topological order: by the number of their ancestors, then as they stood.

    Args:
        ops: [n, nodes].
        adjacency: [n, nodes, nodes] of acyclic graphs, the nodes in any order.
        sizes: [n] nodes in use, which come before the rest.
    """
    ancestors = closure(adjacency).sum(axis=1)
    ancestors[np.arange(ops.shape[1]) >= sizes[:, None]] = ops.shape[1]
    order = np.argsort(ancestors, axis=1, kind="stable")
    rows = np.arange(len(order))[:, None, None]
    return np.take_along_axis(ops, order, axis=1), adjacency[rows, order[:, :, None], order[:, None, :]]


def closure(adjacency: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[n, nodes, nodes] whether a path leads from one node to the other; on the diagonal, whether on a cycle."""
    paths = adjacency.copy()
    for node in range(paths.shape[-1]):  # Warshall
        paths |= paths[..., :, node, None] & paths[..., None, node, :]
    return paths
