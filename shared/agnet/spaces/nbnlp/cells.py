"""Recurrent cells as arrays, and the rules that make them cells of NAS-Bench-NLP.

The graph of a cell (AG-Net) has four ``input`` nodes, which are x, h_prev_0, h_prev_1, h_prev_2 whether the cell uses
them or not, then the cell's operations in a topological order, then ``output``, whose inputs are the new hidden states:
h_new_0, which is also what the cell gives to the layer above, then h_new_1 and h_new_2 where there are that many.

Order matters for ``blend``, where blend(a, b, c) = a·b + (1 - a)·c, and for the output: ``Graphs.operands`` carries
it. Without it, as in what AG-Net's generator makes, operands and hidden states are in the order of their nodes, which
is what AG-Net and NASLib take them for.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agnet.graphs import Graphs

NODE_TYPES = (
    "output",
    "input",
    "activation_sigm",
    "activation_tanh",
    "activation_leaky_relu",
    "elementwise_sum",
    "elementwise_prod",
    "linear",
    "blend",
)
OPERATIONS = NODE_TYPES[2:]
OUTPUT, INPUT, SIGM, TANH, LEAKY_RELU, SUM, PROD, LINEAR, BLEND = range(len(NODE_TYPES))
INPUTS = ("x", "h_prev_0", "h_prev_1", "h_prev_2")
MAX_NODES = 26
MAX_OPERATIONS = MAX_NODES - len(INPUTS) - 1
MAX_HIDDEN = 3
AGNET_MAX_SIZE = 13
"""AG-Net trains on cells of fewer than 14 nodes, that is of up to eight operations."""

FEWEST_INPUTS = np.array([1, 0, 1, 1, 1, 2, 2, 2, 3], dtype=np.uint8)
MOST_INPUTS = np.array([MAX_HIDDEN, 0, 1, 1, 1, 2, 2, 3, 3], dtype=np.uint8)
"""[types] how many inputs a node has; those of the output are hidden states."""
ORDERED = np.array([True, *[False] * 7, True])
"""[types] whether the order of the inputs matters."""


@dataclass(frozen=True, slots=True)
class Cells:
    """``n`` cells; the arrays of :class:`~agnet.graphs.Graphs` without the cell axis, ``operands`` always there."""

    ops: NDArray[np.uint8]
    """[n, nodes]."""
    operands: NDArray[np.uint8]
    """[n, nodes, nodes]."""
    sizes: NDArray[np.uint8]
    """[n]."""

    def __len__(self) -> int:
        return len(self.ops)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Cells:
        """The cells at ``rows``."""
        return Cells(self.ops[rows], self.operands[rows], self.sizes[rows])

    def edges(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Cell, source and target of every edge, in that order."""
        nodes = self.ops.shape[1]
        # ``nonzero`` of one axis takes a third of the time that it takes for three.
        cell, edge = np.divmod(np.flatnonzero(self.operands), nodes * nodes)
        return cell, *np.divmod(edge, nodes)

    def reorder(self, order: NDArray[np.integer]) -> Cells:
        """The cells with node ``order[i, k]`` [n, nodes] of cell i at place k."""
        rows = np.arange(len(self))[:, None, None]
        operands = self.operands[rows, order[:, :, None], order[:, None, :]]
        return Cells(np.take_along_axis(self.ops, order, axis=1), operands, self.sizes)


def from_graphs(graphs: Graphs) -> Cells:
    """The cells of graph arrays."""
    return Cells(graphs.ops[:, 0], graphs.ordered()[:, 0], graphs.sizes[:, 0])


def to_graphs(cells: Cells) -> Graphs:
    """The graph arrays of cells."""
    operands = cells.operands[:, None]
    return Graphs(cells.ops[:, None], operands > 0, cells.sizes[:, None], operands)


def valid(cells: Cells) -> NDArray[np.bool_]:
    """[n] which arrays are cells of the space, the operations in any topological order.

    That is: each operation has as many inputs as it takes, all different, and leads to a hidden state; x, which may be
    of another width than the states, goes to linear nodes only; there are one to three hidden states, each an
    operation; a former state is used only where there is a new one of that number.
    """
    ops, edges, sizes = cells.ops, cells.operands > 0, cells.sizes.astype(np.int64)
    nodes = np.arange(ops.shape[1])
    output = np.clip(sizes - 1, 0, len(nodes) - 1)
    inner = (nodes >= len(INPUTS)) & (nodes < output[:, None])
    fitting = np.where(inner, ops > INPUT, ops == np.where(nodes < len(INPUTS), INPUT, OUTPUT))
    fitting &= ops < len(NODE_TYPES)
    good = (sizes > len(INPUTS) + 1) & (sizes <= MAX_NODES) & fitting.all(axis=1)

    types = np.minimum(ops, BLEND)
    indegree, outdegree = edges.sum(axis=1, dtype=np.uint8), edges.sum(axis=2, dtype=np.uint8)
    used = nodes < sizes[:, None]
    low, high = np.where(used, FEWEST_INPUTS[types], 0), np.where(used, MOST_INPUTS[types], 0)
    good &= ((indegree >= low) & (indegree <= high)).all(axis=1)
    good &= ((outdegree > 0) | ~inner).all(axis=1)
    good &= ~np.tril(edges).any(axis=(1, 2))
    good &= ~(edges[:, INPUTS.index("x")] & (ops != LINEAR)).any(axis=1)
    rows = np.arange(len(cells))
    good &= ~edges[rows, : len(INPUTS), output].any(axis=1)
    hidden = indegree[rows, output]
    good &= ((outdegree[:, 1 : len(INPUTS)] == 0) | (np.arange(MAX_HIDDEN) < hidden[:, None])).all(axis=1)
    # The numbers of a node's inputs are 1 to as many as there are: every one of them sets its own bit.
    bits = np.left_shift(edges, np.minimum(cells.operands, 8), dtype=np.uint16).sum(axis=1, dtype=np.uint16)
    good &= (bits == np.left_shift(2, np.minimum(indegree, 8), dtype=np.uint16) - 2).all(axis=1)
    return good
