"""The part of a cell that computes: nodes on a path from an input to the output, past nothing that is dead."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from agnet.graphs import Graphs
from agnet.spaces.base import Space

_BLOCK = 4096
_Number = TypeVar("_Number", bound=np.generic)


def types_of(space: Space, names: Iterable[str]) -> list[int]:
    """Indices of node types."""
    return [space.node_types.index(name) for name in names]


def each_cell(space: Space, graphs: Graphs, *encoders: Callable[[LiveCells], NDArray[Any]]) -> list[NDArray[Any]]:
    """For each of ``encoders``, [n, cells × d] what it makes of single cells, [m, d], an architecture's side by side.

    They are given a bounded number of cells at a time, so what they need besides the results does not grow with n.
    """
    n, cells, nodes = graphs.ops.shape
    single = Graphs(
        graphs.ops.reshape(-1, 1, nodes), graphs.adjacency.reshape(-1, 1, nodes, nodes), graphs.sizes.reshape(-1, 1)
    )
    blocks = []
    for start in range(0, max(n * cells, 1), _BLOCK):
        live = LiveCells(space, single.take(slice(start, start + _BLOCK)))
        blocks.append([encode(live) for encode in encoders])
    encoded = [np.concatenate(parts) for parts in zip(*blocks, strict=True)]
    return [part.reshape(n, cells * part.shape[1]) for part in encoded]


class LiveCells:
    """What is alive in n single cells. Arrays have nodes first and cells last, so that a node is one row."""

    def __init__(self, space: Space, cells: Graphs) -> None:
        nodes = cells.ops.shape[2]
        kind = np.arange(len(space.node_types))
        types = np.ascontiguousarray(cells.ops[:, 0].T)
        adjacency = np.ascontiguousarray(cells.adjacency[:, 0].transpose(1, 2, 0))
        present = np.logical_or.reduce(adjacency, axis=2)
        predecessors = [np.flatnonzero(present[:, node]).tolist() for node in range(nodes)]

        place, sizes = np.arange(nodes)[:, None], cells.sizes[:, 0]
        passes = (place < sizes) & np.isin(kind, types_of(space, space.dead_types), invert=True).take(types)
        source = passes & np.isin(kind, types_of(space, space.input_types)).take(types)
        reached, useful = source.copy(), passes & (place + 1 == sizes)
        for node in range(nodes):
            for before in predecessors[node]:
                reached[node] |= reached[before] & adjacency[before, node]
            reached[node] &= passes[node]
        output = reached & useful
        for node in reversed(range(nodes)):
            useful[node] &= passes[node]
            for before in predecessors[node]:
                useful[before] |= useful[node] & adjacency[before, node]
        alive = reached & useful

        self.types = types
        """[nodes, n] node types."""
        self.source = alive & source
        """[nodes, n] which nodes are live inputs."""
        self.output = output
        """[nodes, n] which node is the output, if a path leads to it."""
        self.operation = alive & ~source & ~output
        """[nodes, n] which nodes are live operations."""
        self.used = useful & ~source & (place + 1 < sizes)
        """[nodes, n] which operations the output is computed from, even if no input reaches them."""
        self.predecessors = predecessors
        """For each node those that an edge may come from."""
        self.edges = {
            (before, node): adjacency[before, node] & alive[before] & alive[node]
            for node in range(nodes)
            for before in predecessors[node]
        }
        """Edge to [n], whether it is live; edges that no cell has are left out."""

    def at_output(self, values: NDArray[_Number]) -> NDArray[_Number]:
        """[nodes, k, n] to [k, n]: the values at each cell's output, 0 where no path leads to it."""
        result = np.zeros_like(values[0])
        for node, here in enumerate(self.output):
            np.copyto(result, values[node], where=here)
        return result

    def edges_of_inputs(self) -> NDArray[np.int8]:
        """[nodes, n] how many edges lead to each node from an input."""
        result = np.zeros(self.source.shape, np.int8)
        for (a, b), edge in self.edges.items():
            result[b] += edge & self.source[a]
        return result

    def edges_to_output(self) -> NDArray[np.int8]:
        """[nodes, n] how many edges lead from each node to the output."""
        result = np.zeros(self.source.shape, np.int8)
        for (a, b), edge in self.edges.items():
            result[a] += edge & self.output[b]
        return result
