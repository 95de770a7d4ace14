"""A batch of architectures as a struct of arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Graphs:
    """``n`` architectures of one space, each of ``cells`` labelled DAGs with up to ``nodes`` nodes.

    Nodes stand in topological order: node 0 is the input, node ``sizes - 1`` the output. Rows behind a graph's size are
    padding: operation 0 (``output``), no edges. Operations are indices into the space's ``node_types``.
    """

    ops: NDArray[np.uint8]
    """[n, cells, nodes], index into ``Space.node_types``."""
    adjacency: NDArray[np.bool_]
    """[n, cells, nodes, nodes], ``[i, c, a, b]`` is the edge from node a to node b; strictly upper triangular."""
    sizes: NDArray[np.uint8]
    """[n, cells], nodes in use; 0 marks a graph that could not be read."""
    operands: NDArray[np.uint8] | None = None
    """[n, cells, nodes, nodes], which input of node b the edge from node a is: 1, 2, ...; 0 where there is no edge.

    None, as in most spaces: a node's inputs are in the order of the nodes, or their order does not matter.
    """

    def __post_init__(self) -> None:
        n, cells, nodes = self.ops.shape
        square = (n, cells, nodes, nodes)
        if self.adjacency.shape != square or self.sizes.shape != (n, cells):
            raise ValueError(
                f"shapes disagree: ops {self.ops.shape}, adjacency {self.adjacency.shape}, sizes {self.sizes.shape}"
            )
        if self.operands is not None and self.operands.shape != square:
            raise ValueError(f"shapes disagree: adjacency {self.adjacency.shape}, operands {self.operands.shape}")

    def __len__(self) -> int:
        return len(self.ops)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_] | slice) -> Graphs:
        """The architectures at ``rows`` (indices, mask or slice)."""
        operands = None if self.operands is None else self.operands[rows]
        return Graphs(self.ops[rows], self.adjacency[rows], self.sizes[rows], operands)

    def ordered(self) -> NDArray[np.uint8]:
        """``operands``, or what it stands for where it is None."""
        if self.operands is not None:
            return self.operands
        return np.cumsum(self.adjacency, axis=2, dtype=np.uint8) * self.adjacency

    @staticmethod
    def blank(n: int, cells: int, nodes: int) -> Graphs:
        """``n`` graphs without nodes."""
        return Graphs(
            np.zeros((n, cells, nodes), np.uint8),
            np.zeros((n, cells, nodes, nodes), np.bool_),
            np.zeros((n, cells), np.uint8),
        )

    @staticmethod
    def concat(parts: Sequence[Graphs]) -> Graphs:
        """All architectures of ``parts`` (at least one), in order."""
        return Graphs(
            np.concatenate([part.ops for part in parts]),
            np.concatenate([part.adjacency for part in parts]),
            np.concatenate([part.sizes for part in parts]),
            np.concatenate([part.ordered() for part in parts]) if any(p.operands is not None for p in parts) else None,
        )
