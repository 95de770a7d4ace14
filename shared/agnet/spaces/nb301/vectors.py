"""The vectors that surrogate benchmarks of the DARTS space read.

Both give each of the 14 possible edges of a cell one place (edge ``FIRST_EDGE[node] + input``), so two operations on
one edge could not be told apart; cells of this space never have that.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agnet.graphs import Graphs
from agnet.spaces.nb301.darts import CELLS, FIRST_EDGE, INPUTS, NODES, NUM_CODES, OPERATIONS, OPS, from_graphs

_EDGES = 14

# The official configuration space (nasbench301), hyperparameters in ConfigSpace's order: those without a condition by
# name, then the conditional edges by name, as text. These are the values of the fixed training recipe in ConfigSpace's
# own scales; the places of the architecture are overwritten.
_CONFIGSPACE = np.full(56, -1.0)
_CONFIGSPACE[:32] = [
    0.5863451791322545,  # batch_size 96
    0.0,
    0.0,
    0.0,
    0.16666444442962952,  # cutout_holes 1
    0.3099999239999697,  # cutout_length 16
    *[0.0] * 8,
    0.003149999006299998,  # init_channels 32
    *[0.0] * 6,
    0.000749999001499998,  # layers 8
    0.0,
    0.0,
    -3.6888794541139363,  # log learning_rate 0.025
    0.8988764044943821,  # momentum 0.9
    -8.111728083308073,  # log weight_decay 0.0003
    0.009949999019899998,  # T_max 100
    1e-12,  # eta_min 1e-8
    0.0,
    0.0,
    0.7051278400653053,  # mixup alpha 0.2
]
_CONFIGSPACE_EDGES = np.array([[10, 11, *range(36, 44), *range(32, 36)], [12, 13, *range(48, 56), *range(44, 48)]])
_CONFIGSPACE_INPUTS = np.array([[15, 16, 17], [18, 19, 20]])

_YAHPO_OPERATIONS = np.argsort(np.argsort(OPERATIONS)) + 1  # alphabetical; 0 is an edge that is not there


def configspace_vector(graphs: Graphs) -> NDArray[np.float64]:
    """[n, 56] what NAS-Bench-301's and NAS-Bench-x11's surrogates read: ``ConfigSpace``'s array, -1 for no edge."""
    edges, inputs = _edges_and_inputs(graphs)
    vectors = np.tile(_CONFIGSPACE, (len(graphs), 1))
    vectors[:, _CONFIGSPACE_EDGES] = edges
    vectors[:, _CONFIGSPACE_INPUTS] = inputs
    return vectors


def yahpo_codes(graphs: Graphs) -> NDArray[np.int32]:
    """[n, 34] what YAHPO Gym's surrogate reads as ``x_cat``: edges of both cells, then inputs of both cells."""
    edges, inputs = _edges_and_inputs(graphs)
    operations = np.append(_YAHPO_OPERATIONS, 0)[edges]  # -1 takes the last
    n = len(graphs)
    return np.concatenate([operations.reshape(n, -1), inputs.reshape(n, -1) + 1], axis=1).astype(np.int32)


def _edges_and_inputs(graphs: Graphs) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """[n, 2, 14] operation on each edge, -1 for none, and [n, 2, 3] rank of the inputs of nodes 3, 4, 5 by name."""
    codes = from_graphs(graphs)
    edges = np.full((len(graphs), len(CELLS), _EDGES), -1)
    inputs = np.empty((len(graphs), len(CELLS), NODES - 1), dtype=np.int64)
    for node in range(NODES):
        sources = np.arange(node + 2)
        first, second = (INPUTS[: NUM_CODES[node], side, None] == sources for side in range(2))
        ops = OPS[: NUM_CODES[node]]
        table = np.where(first, ops[:, :1], np.where(second, ops[:, 1:], -1))
        edges[..., FIRST_EDGE[node] : FIRST_EDGE[node] + node + 2] = table[codes[..., node]]
        if node:
            by_name = np.unique(INPUTS[: NUM_CODES[node]], axis=0, return_inverse=True)[1].reshape(-1)
            inputs[..., node - 1] = by_name[codes[..., node]]
    return edges, inputs
