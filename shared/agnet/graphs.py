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

    def __post_init__(self) -> None:
        n, cells, nodes = self.ops.shape
        if self.adjacency.shape != (n, cells, nodes, nodes) or self.sizes.shape != (n, cells):
            raise ValueError(
                f"shapes disagree: ops {self.ops.shape}, adjacency {self.adjacency.shape}, sizes {self.sizes.shape}"
            )

    def __len__(self) -> int:
        return len(self.ops)

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_] | slice) -> Graphs:
        """The architectures at ``rows`` (indices, mask or slice)."""
        return Graphs(self.ops[rows], self.adjacency[rows], self.sizes[rows])

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
        )
