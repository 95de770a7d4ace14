"""The NAS-Bench-101 network of a cell (google-research/nasbench, ``model_builder``), as far as its size goes.

A 3×3 convolution to 128 channels, then three stacks of three cells, each stack twice as wide as the one before, global
pooling and a dense layer for ten classes. Convolutions have no bias, and batch normalisation behind each a scale and an
offset. The output of a cell concatenates the vertices that lead to it, so they share its channels; what comes from the
cell's input passes a 1×1 convolution, and what reaches the output from there is added.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agnet.graphs import Graphs
from agnet.spaces.nb101_cells import MAX_VERTICES, NODE_TYPES

_STEM_CHANNELS = 128
_STACKS = 3
_CELLS_PER_STACK = 3
_CLASSES = 10
_IMAGE_CHANNELS = 3
_Number = int | NDArray[np.int64]
_KERNEL = np.array([{"conv1x1": 1, "conv3x3": 9}.get(name, 0) for name in NODE_TYPES])


def params(graphs: Graphs) -> NDArray[np.int64]:
    """[n] trainable parameters of the CIFAR-10 network; of valid cells without useless vertices.

    Which vertex gets one channel more, where channels do not divide evenly, depends on the numbering of the vertices:
    for canonical graphs this is the number that NAS-Bench-101 publishes.
    """
    total = np.full(len(graphs), _convolution(9, _IMAGE_CHANNELS, _STEM_CHANNELS), np.int64)
    before = _STEM_CHANNELS
    for stack in range(_STACKS):
        output = _STEM_CHANNELS << stack
        channels = vertex_channels(graphs, output)
        total += _CELLS_PER_STACK * _operations(graphs, channels)
        total += _projections(graphs, before, channels, output)
        total += (_CELLS_PER_STACK - 1) * _projections(graphs, output, channels, output)
        before = output
    return total + (before + 1) * _CLASSES


def vertex_channels(graphs: Graphs, output: int) -> NDArray[np.int64]:
    """[n, 7] channels of each inner vertex of cells with ``output`` channels, 0 elsewhere."""
    adjacency, sizes = graphs.adjacency[:, 0], graphs.sizes[:, 0].astype(np.int64)
    last = sizes - 1
    to_output = adjacency[np.arange(len(graphs)), :, last].copy()
    to_output[:, 0] = False
    # The output's channels are shared out evenly; the first vertices get what is left over.
    share, rest = np.divmod(output, np.maximum(to_output.sum(axis=1), 1))
    channels = to_output * (share[:, None] + (np.cumsum(to_output, axis=1) <= rest[:, None]))
    # Any other vertex has as many as the widest vertex that it leads to.
    for vertex in range(MAX_VERTICES - 3, 0, -1):
        widest = (channels * adjacency[:, vertex]).max(axis=1)
        channels[:, vertex] = np.where(to_output[:, vertex], channels[:, vertex], widest)
    return channels


def _operations(graphs: Graphs, channels: NDArray[np.int64]) -> NDArray[np.int64]:
    """[n] parameters of the vertices of a cell."""
    kernel = _KERNEL[graphs.ops[:, 0]]
    return np.where(kernel > 0, _convolution(kernel, channels, channels), 0).sum(axis=1)


def _projections(graphs: Graphs, before: int, channels: NDArray[np.int64], output: int) -> NDArray[np.int64]:
    """[n] parameters of what takes a cell's input, of ``before`` channels, to its vertices and its output."""
    from_input = graphs.adjacency[:, 0, 0]
    straight = from_input[np.arange(len(graphs)), graphs.sizes[:, 0].astype(np.int64) - 1]
    total = np.where(from_input, _convolution(1, before, channels), 0).sum(axis=1)
    return np.asarray(total + straight * _convolution(1, before, output))


def _convolution(kernel: _Number, before: _Number, after: _Number) -> NDArray[np.int64]:
    """Weights of a convolution, and scale and offset of the normalisation behind it."""
    return np.asarray(kernel * before * after + 2 * after)
