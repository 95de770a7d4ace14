"""An architecture as a sequence of decisions.

Cell by cell and node by node, the input left out: the node's type, then for each node before it whether an edge comes
from there, and as which operand where a space tells them apart. A node with its edges is a *row*. A cell ends with its
first ``output``; rows behind it mean nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from agnet.encodings import edge_nodes
from agnet.graphs import Graphs


class Decisions(NamedTuple):
    """Of ``n`` architectures."""

    types: NDArray[np.uint8]
    """[n, rows]"""
    edges: NDArray[np.uint8]
    """[n, edges] 0 for none, else 1, or the operand's number."""
    used: NDArray[np.bool_]
    """[n, rows] which rows mean something."""

    def __len__(self) -> int:
        return len(self.types)

    def take(self, rows: NDArray[np.integer]) -> Decisions:
        """Those of the architectures at ``rows``."""
        return Decisions(*(part[rows] for part in self))


@dataclass(frozen=True)
class Layout:
    """Where decisions stand: rows 0, 1, ... cell by cell; edges row by row, those of a row by their source."""

    cells: int
    nodes: int

    @property
    def rows(self) -> int:
        """Of all cells."""
        return self.cells * (self.nodes - 1)

    @property
    def edges_of_cell(self) -> int:
        """Possible edges of one cell."""
        return self.nodes * (self.nodes - 1) // 2

    @property
    def edges(self) -> int:
        """Possible edges of all cells."""
        return self.cells * self.edges_of_cell

    @property
    def source(self) -> NDArray[np.int64]:
        """[edges] node that each edge comes from."""
        return np.tile(edge_nodes(self.nodes)[0], self.cells)

    @property
    def cell(self) -> NDArray[np.int64]:
        """[edges] cell that each edge is in."""
        return np.repeat(np.arange(self.cells), self.edges_of_cell)

    @property
    def row(self) -> NDArray[np.int64]:
        """[edges] row that each edge leads to."""
        return self.cell * (self.nodes - 1) + np.tile(edge_nodes(self.nodes)[1], self.cells) - 1

    @property
    def first(self) -> NDArray[np.int64]:
        """[edges] first edge of the same row."""
        return np.searchsorted(self.row, self.row)


def decisions(graphs: Graphs, *, ordered: bool) -> Decisions:
    """The decisions that make ``graphs``; ``ordered`` if operands are told apart."""
    n, nodes = len(graphs), graphs.ops.shape[2]
    chosen = graphs.ordered() if ordered else graphs.adjacency
    return Decisions(
        graphs.ops[:, :, 1:].reshape(n, -1),
        chosen[(..., *edge_nodes(nodes))].reshape(n, -1).astype(np.uint8),
        (np.arange(1, nodes) < graphs.sizes[..., None]).reshape(n, -1),
    )
