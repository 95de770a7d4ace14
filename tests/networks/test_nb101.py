from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnet.networks import params
from agnet.networks.nb101 import vertex_channels
from agnet.spaces.nb101 import NB101

space = NB101()


def official(matrix: list[list[int]], channels: int) -> list[int]:
    """``model_builder.compute_vertex_channels``, step by step."""
    size = len(matrix)
    interior = [v for v in range(1, size - 1) if matrix[v][size - 1]]
    found = [0] * size
    for position, vertex in enumerate(interior):
        found[vertex] = channels // len(interior) + (position < channels % len(interior))
    for vertex in range(size - 3, 0, -1):
        if vertex not in interior:
            found[vertex] = max(found[target] for target in range(vertex + 1, size - 1) if matrix[vertex][target])
    return found


@given(st.integers(0, 2**32 - 1), st.sampled_from([16, 128, 256, 512]))
def test_vertex_channels(seed: int, channels: int) -> None:
    graphs = space.sample(20, np.random.default_rng(seed))
    found = vertex_channels(graphs, channels)
    for row, size in enumerate(graphs.sizes[:, 0].tolist()):
        matrix = graphs.adjacency[row, 0, :size, :size].astype(int).tolist()
        assert found[row].tolist() == official(matrix, channels) + [0] * (7 - size)


def test_smallest_networks() -> None:
    def conv(kernel: int, before: int, after: int) -> int:
        return kernel * before * after + 2 * after

    outside = conv(9, 3, 128) + 5130
    widths = [
        (128, 128),
        (128, 128),
        (128, 128),
        (128, 256),
        (256, 256),
        (256, 256),
        (256, 512),
        (512, 512),
        (512, 512),
    ]
    projections = sum(conv(1, *width) for width in widths)
    convolutions = sum(conv(9, after, after) for _, after in widths)
    graphs = space.parse(pa.array(["output:0", "maxpool3x3:0,output:1", "conv3x3:0,output:01"], pa.string())).graphs
    assert params(space, graphs).tolist() == [
        outside + projections,
        outside + projections,
        outside + 2 * projections + convolutions,
    ]


def test_parameters_of_all_published_cells(nb101: Any) -> None:
    assert params(space, nb101.graphs).tolist() == nb101.params


@pytest.mark.parametrize("n", [0, 1])
def test_any_number_of_cells(n: int) -> None:
    assert params(space, space.sample(n, np.random.default_rng(0))).shape == (n,)
