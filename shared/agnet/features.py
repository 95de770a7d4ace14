"""Structural features of cells: what cheap surrogates rank architectures by.

In the spirit of the neural graph features of Kadlecová et al., "Surprisingly Strong Performance Prediction with Neural
Graph Features" (ICML 2024): counts of operations, shortest paths, most operations of a kind on a path, degrees. Unlike
theirs they are all taken of the *live* cell, that is of the nodes on a path from an input to the output once operations
that let nothing through are gone, and the number of paths is among them; both raise the rank correlation. Of degrees
those at the ends of the cell are enough, with the edges that lead past all operations: shortcuts, as in a residual
network.

For each cell, with S running over :func:`subsets` of the operations:

- ``count:op``: live nodes of an operation
- ``paths:S``: paths that have operations of S only
- ``most:S``: most operations of S on one path
- ``shortest:S``: fewest operations on a path that has operations of S only; one more than any path has if there is none
- ``first:op``, ``last:op``: live nodes of an operation that read from an input, that feed the output
- ``edges:input``, ``edges:output``, ``edges:direct``: live edges from an input, into the output, from one to the other
"""

from __future__ import annotations

from functools import partial
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from agnet.graphs import Graphs
from agnet.live import LiveCells, each_cell, types_of
from agnet.spaces.base import Space

_FAR = np.int8(50)
"""More operations than any path has, yet twice it and one more still fit a byte."""
_ALL_SUBSETS = 5
"""Operations up to which every subset is looked at; with more, those of one, all but one, and all."""


def subsets(space: Space) -> list[tuple[str, ...]]:
    """The sets of operations that paths are looked at with."""
    operations = space.operations
    k = len(operations)
    sizes = range(1, k + 1) if k <= _ALL_SUBSETS else (1, k - 1, k)
    return [subset for size in sizes for subset in combinations(operations, size)]


def columns(space: Space) -> list[str]:
    """Names of the features, in order; those of spaces with several cells begin with the cell's name."""
    sets = ["+".join(subset) for subset in subsets(space)]
    names = [
        *(f"count:{operation}" for operation in space.operations),
        *(f"{kind}:{subset}" for kind in ("paths", "most", "shortest") for subset in sets),
        *(f"{kind}:{operation}" for kind in ("first", "last") for operation in space.operations),
        *(f"edges:{kind}" for kind in ("input", "output", "direct")),
    ]
    return names if len(space.cells) == 1 else [f"{cell}.{name}" for cell in space.cells for name in names]


def features(space: Space, graphs: Graphs) -> NDArray[np.float32]:
    """[n, len(columns(space))] features of architectures."""
    return each_cell(space, graphs, partial(of_cells, space))[0]


def of_cells(space: Space, live: LiveCells) -> NDArray[np.float32]:
    """[n, d] features of single cells."""
    types = live.types
    operations = types_of(space, space.operations)
    sets = np.array([np.isin(np.arange(len(space.node_types)), types_of(space, subset)) for subset in subsets(space)])

    # Arithmetic with bytes instead of masks: NumPy does the former many at a time. An edge that is not there adds _FAR
    # to a minimum, takes _FAR from a maximum.
    nodes, n = types.shape
    paths = np.zeros((nodes, len(sets), n), dtype=np.float32)
    most = np.full(paths.shape, -_FAR, dtype=np.int8)
    shortest = np.full(paths.shape, _FAR, dtype=np.int8)
    for node in range(nodes):
        paths[node] = live.source[node]
        most[node] *= ~live.source[node]
        shortest[node] *= ~live.source[node]
        inside = live.operation[node] & sets.take(types[node], axis=1, mode="clip")  # [sets, n]
        outside = live.operation[node] & ~inside
        for before in live.predecessors[node]:
            edge = live.edges[before, node]
            missing = _FAR * ~edge
            paths[node] += paths[before] * edge
            np.maximum(most[node], most[before] + inside - missing, out=most[node])
            np.minimum(shortest[node], shortest[before] + live.operation[node] + missing, out=shortest[node])
        paths[node] *= ~outside
        np.maximum(shortest[node], _FAR * outside, out=shortest[node])

    of_inputs, to_output = live.edges_of_inputs(), live.edges_to_output()
    first, last = of_inputs > 0, to_output > 0
    kinds = [live.operation & (types == kind) for kind in operations]
    rows = [
        *(kind.sum(axis=0) for kind in kinds),
        *live.at_output(paths),
        *np.maximum(live.at_output(most), 0),
        *np.where(live.at_output(paths) > 0, live.at_output(shortest), space.longest_path + 1),
        *((kind & first).sum(axis=0) for kind in kinds),
        *((kind & last).sum(axis=0) for kind in kinds),
        of_inputs.sum(axis=0),
        to_output.sum(axis=0),
        (of_inputs * live.output).sum(axis=0),
    ]
    return np.ascontiguousarray(np.array(rows, dtype=np.float32).T)
