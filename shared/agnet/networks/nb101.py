"""The NAS-Bench-101 network of a cell (google-research/nasbench, ``model_builder``), as far as its size goes.

A 3×3 convolution to 128 channels, then three stacks of three cells, each stack twice as wide as the one before, behind
a pooling that halves the image; global pooling and a dense layer. Convolutions have no bias, and batch normalisation
behind each a scale and an offset. The output of a cell concatenates the vertices that lead to it, so they share its
channels; what comes from the cell's input passes a 1×1 convolution, and what reaches the output from there is added.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.networks import counts as cost
from agnet.networks.base import ImageSettings
from agnet.spaces.nb101_cells import MAX_VERTICES, NODE_TYPES

_KERNEL = np.array([{"conv1x1": 1, "conv3x3": 9}.get(name, 0) for name in NODE_TYPES])


@dataclass(frozen=True, slots=True)
class Settings(ImageSettings):
    """Settings of NAS-Bench-101's networks."""

    channels: int = 128
    """Channels of the first stack; each stack has twice as many as the one before."""
    stacks: int = 3
    cells: int = 3
    """Cells of each stack."""

    def __post_init__(self) -> None:
        super(Settings, self).__post_init__()
        self.at_least(2 ** (self.stacks - 1))
        if self.channels < MAX_VERTICES - 2:
            raise InputError(f"channels {self.channels}: up to {MAX_VERTICES - 2} vertices share them")


PRESETS: Final = {"cifar10": Settings()}


def counts(graphs: Graphs, settings: Settings) -> cost.Counts:
    """[n, 2] trainable parameters and multiply-adds of the networks of valid cells without useless vertices.

    Which vertex gets one channel more, where channels do not divide evenly, depends on the numbering of the vertices:
    for canonical graphs the parameters are the number that NAS-Bench-101 publishes.
    """
    kernel = _KERNEL[graphs.ops[:, 0]]  # [n, 7]
    from_input = graphs.adjacency[:, 0, 0]
    straight = from_input[np.arange(len(graphs)), graphs.sizes[:, 0].astype(np.int64) - 1]
    before = settings.channels
    outside = cost.normalised(9, settings.image_channels, before, settings.image**2)
    total = np.zeros((len(graphs), 2), dtype=np.int64)
    for stack in range(settings.stacks):
        output = settings.channels << stack
        channels = vertex_channels(graphs, output)
        projected = (channels * from_input).sum(axis=1) + output * straight
        weights = settings.cells * (kernel * channels**2).sum(axis=1)
        weights += (before + (settings.cells - 1) * output) * projected
        normalised = settings.cells * ((channels * (kernel > 0)).sum(axis=1) + projected)
        total += cost.layers(weights, normalised, (settings.image >> stack) ** 2)
        before = output
    return total + outside + cost.dense(before, settings.classes)


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
