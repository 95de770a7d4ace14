"""Architectures as rows of numbers.

- ``onehot``: node types one-hot, padding included, then the edge vector (what AG-Net's networks give and read); uint8
- ``adjacency``: edge vector, then operations of the inner nodes one-hot without padding (White et al., 2020); uint8
- ``paths``: which sequences of live operations occur on paths from input to output (White et al., 2021); uint8
- ``features``: structural features of the live cell, see :mod:`agnet.features`; float32

Encodings of a cell stand side by side where an architecture has several. The edge vector lists, for target node 1, 2,
..., the edges from each node before it: (0,1), (0,2), (1,2), (0,3), ...
"""

from __future__ import annotations

from functools import cache, partial
from itertools import product
from math import isqrt, prod

import numpy as np
from numpy.typing import NDArray

from agnet import spaces
from agnet.errors import InputError
from agnet.features import columns as feature_columns
from agnet.features import features, of_cells
from agnet.graphs import Graphs
from agnet.live import LiveCells, each_cell, types_of
from agnet.spaces.base import Space

KINDS = ("onehot", "adjacency", "paths", "features")

_LONGEST_PATHS = 4096
"""Sequences of operations up to which each has a column of its own; with more of them they share :data:`_BUCKETS`."""
_BUCKETS = 1024


def encode(space: Space, graphs: Graphs, kind: str) -> NDArray[np.uint8] | NDArray[np.float32]:
    """[n, len(columns(space, kind))] encoding of architectures.

    Raises:
        InputError: if ``kind`` is not one of :data:`KINDS`.
    """
    check(kind)
    index = space.index(graphs)
    if index is None or kind in ("onehot", "adjacency"):
        return _compute(space, graphs, kind)
    return _table(space.name, kind)[index]


def structure(space: Space, graphs: Graphs) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """``features`` and ``paths``, which look at the same cells: both for less than one after the other."""
    features_, paths = each_cell(space, graphs, partial(of_cells, space), partial(_paths, space))
    return features_, paths


def columns(space: Space, kind: str) -> list[str]:
    """Names of an encoding's columns.

    Raises:
        InputError: if ``kind`` is not one of :data:`KINDS`.
    """
    check(kind)
    if kind == "features":
        return feature_columns(space)
    edges = [f"edge:{a}-{b}" for a, b in zip(*edge_nodes(space.max_nodes), strict=True)]
    if kind == "onehot":
        names = [f"node:{node}:{name}" for node in range(space.max_nodes) for name in space.node_types] + edges
    elif kind == "adjacency":
        names = edges + [
            f"node:{node}:{name}" for node in range(1, space.max_nodes - 1) for name in _inner_types(space)
        ]
    elif _num_sequences(space) <= _LONGEST_PATHS:
        lengths = range(space.longest_path + 1)
        names = [f"path:{'-'.join(path)}" for k in lengths for path in product(space.operations, repeat=k)]
    else:
        names = [f"path:{bucket}" for bucket in range(_BUCKETS)]
    return names if len(space.cells) == 1 else [f"{cell}.{name}" for cell in space.cells for name in names]


def flat(space: Space, graphs: Graphs) -> NDArray[np.uint8]:
    """[n, cells × flat_length] for each cell its node types one-hot, then its edge vector."""
    onehot = np.eye(len(space.node_types), dtype=np.uint8)[graphs.ops]
    return _side_by_side(onehot, edge_vector(graphs.adjacency))


def edge_nodes(nodes: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Source and target of each entry of the edge vector of a cell with ``nodes`` nodes."""
    targets, sources = np.tril_indices(nodes, -1)
    return sources, targets


def edge_vector(adjacency: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """[..., nodes, nodes] to [..., nodes × (nodes - 1) / 2]."""
    return adjacency[(..., *edge_nodes(adjacency.shape[-1]))]


def adjacency_from_edges(edges: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The inverse of :func:`edge_vector`."""
    nodes = (1 + isqrt(1 + 8 * edges.shape[-1])) // 2
    adjacency = np.zeros((*edges.shape[:-1], nodes, nodes), dtype=np.bool_)
    adjacency[(..., *edge_nodes(nodes))] = edges
    return adjacency


def check(kind: str) -> None:
    """Raise InputError if ``kind`` is not one of :data:`KINDS`."""
    if kind not in KINDS:
        raise InputError(f"no encoding is called {kind!r}; there are {', '.join(KINDS)}")


def _compute(space: Space, graphs: Graphs, kind: str) -> NDArray[np.uint8] | NDArray[np.float32]:
    if kind == "onehot":
        return flat(space, graphs)
    if kind == "adjacency":
        return _adjacency(space, graphs)
    if kind == "paths":
        return each_cell(space, graphs, partial(_paths, space))[0]
    return features(space, graphs)


@cache
def _table(name: str, kind: str) -> NDArray[np.uint8] | NDArray[np.float32]:
    """Encodings of all architectures of a small space by index; the row -1, of what could not be read, is zero."""
    space = spaces.get(name)
    rows = np.concatenate([_compute(space, graphs, kind) for graphs in space.enumerate()])
    return np.concatenate([rows, np.zeros_like(rows[:1])])


def _inner_types(space: Space) -> list[str]:
    return [name for name in space.node_types if name != "output" and name not in space.input_types]


def _adjacency(space: Space, graphs: Graphs) -> NDArray[np.uint8]:
    onehot = np.eye(len(space.node_types), dtype=np.uint8)[:, types_of(space, _inner_types(space))]
    return _side_by_side(edge_vector(graphs.adjacency), onehot[graphs.ops[..., 1:-1]])


def _side_by_side(*parts: NDArray[np.generic]) -> NDArray[np.uint8]:
    """[n, cells, ...] each to one row an architecture: the parts of its first cell, then those of the next."""
    n, cells = parts[0].shape[:2]
    rows = [part.reshape(n, cells, prod(part.shape[2:])).astype(np.uint8) for part in parts]
    return np.concatenate(rows, axis=2).reshape(n, cells * sum(row.shape[2] for row in rows))


def _num_sequences(space: Space) -> int:
    """Sequences of live operations that a path can have, the empty one included."""
    return sum(len(space.operations) ** length for length in range(space.longest_path + 1))


def _paths(space: Space, live: LiveCells) -> NDArray[np.uint8]:
    """[n, sequences or buckets] which paths single cells have, by dynamic programming over the nodes.

    Sequences are numbered by length, then lexicographically, so an operation put behind a sequence gives a number that
    follows from both. Where there are too many, they fall into buckets, and an operation is a fixed random permutation
    of these.
    """
    count, k = _num_sequences(space), len(space.operations)
    nodes, n = live.types.shape
    if count <= _LONGEST_PATHS:
        # Sequence s with operation o behind it has number k × s + 1 + o, whatever its length.
        longer = [k * np.arange((count - 1) // k) + 1 + operation for operation in range(k)]
        # A path to a node has no more operations than there are nodes before that.
        lengths = [min(node, space.longest_path) for node in range(nodes)]
        counts = [sum(k**length for length in range(longest + 1)) for longest in lengths]
    else:
        count = _BUCKETS
        longer = list(np.random.default_rng(0).permuted(np.tile(np.arange(count), (k, 1)), axis=1))
        counts = [count] * nodes
    # All that follows is logic, which is done for eight cells at once.
    source, output = (np.packbits(mask, axis=1) for mask in (live.source, live.output))
    edges = {edge: np.packbits(mask) for edge, mask in live.edges.items()}
    is_kind = [np.packbits(live.operation & (live.types == kind), axis=1) for kind in types_of(space, space.operations)]
    occurs: list[NDArray[np.uint8]] = []
    result = np.zeros((count, source.shape[1]), dtype=np.uint8)
    for node, here in enumerate(counts):
        before = np.zeros((max([0, *(counts[other] for other in live.predecessors[node])]), len(result[0])), np.uint8)
        for other in live.predecessors[node]:
            before[: counts[other]] |= occurs[other] & edges[other, node]
        found = np.zeros((here, len(result[0])), dtype=np.uint8)
        found[0] = source[node]
        for rows, kind in zip(longer, is_kind, strict=True):
            found[rows[: len(before)]] |= before[: len(rows)] & kind[node]
        occurs.append(found)
        result[: len(before)] |= before & output[node]
        result[0] |= source[node] & output[node]
    return np.ascontiguousarray(np.unpackbits(result, axis=1, count=n).T)
