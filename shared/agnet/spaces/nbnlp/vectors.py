"""The vector that NAS-Bench-x11's surrogate of NAS-Bench-NLP reads."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.spaces.nbnlp.cells import INPUTS, MAX_HIDDEN, from_graphs

X11_NODES = 13
"""Nodes of NAS-Bench-x11's encoding: four inputs, up to nine operations, no output."""


def x11_vector(graphs: Graphs) -> NDArray[np.float64]:
    """[n, 185] adjacency of 13 nodes, operations by number, nodes of the hidden states; zeros where there are fewer.

    The last operation always stands at place 12, but hidden states are named by the place it had. The vector depends on
    the order of the nodes, so cells should be in canonical order, as parsed. The surrogate was fitted on the order in
    which the published recipes happen to be written.

    Raises:
        InputError: if a cell has more than nine operations.
    """
    cells = from_graphs(graphs)
    n, sizes = len(cells), cells.sizes.astype(np.int64)
    last = sizes - 2
    if n and last.max() >= X11_NODES:
        raise InputError(
            f"NAS-Bench-x11 knows cells of up to {X11_NODES - len(INPUTS)} operations, not {last.max() - 3}"
        )
    rows, places = np.arange(n), np.arange(X11_NODES)
    # Where each place's node comes from: the last operation at the last place, an empty node where it was.
    source = np.where(places == last[:, None], X11_NODES, places)
    source[:, -1] = last
    operations = np.maximum(cells.ops[:, : X11_NODES + 1].astype(np.int64) - 1, 0)
    edges = cells.operands[:, : X11_NODES + 1, : X11_NODES + 1] > 0
    edges[rows, :, last + 1] = False  # the output is none of these nodes
    edges[:, X11_NODES] = edges[:, :, X11_NODES] = False
    operations[:, X11_NODES] = 0
    adjacency = edges[rows[:, None, None], source[:, :, None], source[:, None, :]]
    states = cells.operands[rows, :, last + 1] > 0
    order = np.argsort(~states, axis=1, kind="stable")[:, :MAX_HIDDEN]
    hidden = np.where(np.take_along_axis(states, order, axis=1), order, 0)
    parts = [adjacency.reshape(n, X11_NODES * X11_NODES), np.take_along_axis(operations, source, axis=1), hidden]
    return np.concatenate(parts, axis=1).astype(np.float64)
