"""The NAS-Bench-101 network of a cell, see :mod:`agnet.networks.nb101`.

As in the TensorFlow code, weights of convolutions start truncated normal with a variance of 1 / inputs, those of the
dense layer Glorot uniform, biases zero; batch normalisation averages with a momentum of 0.997.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn

from agnet.graphs import Graphs
from agnet.networks.modules.layers import classifier
from agnet.networks.nb101 import Settings, vertex_channels
from agnet.spaces.nb101_cells import NODE_TYPES

_MOMENTUM = 1 - 0.997  # PyTorch's is the weight of the new
_TRUNCATED = 0.87962566103423978  # standard deviation of a standard normal that is cut off at 2


class Cell(nn.Module):
    """A cell: the vertices between input and output, and projections of the input to where it leads."""

    def __init__(self, ops: list[int], adjacency: np.ndarray, channels: list[int], before: int, output: int) -> None:
        """A cell of vertices in topological order.

        Args:
            ops: node types, those of the input and the output included.
            adjacency: [vertices, vertices] bool.
            channels: channels of each vertex; those of the input and the output are not used.
            before: channels of the input.
            output: channels of the output.
        """
        super().__init__()
        self._sources = [np.flatnonzero(adjacency[:, vertex]).tolist() for vertex in range(len(ops))]
        self._channels = [*channels[:-1], output]
        self.operations = nn.ModuleDict(
            {str(vertex): _operation(NODE_TYPES[ops[vertex]], channels[vertex]) for vertex in range(1, len(ops) - 1)}
        )
        self.projections = nn.ModuleDict(
            {
                str(vertex): conv_norm_relu(before, self._channels[vertex], 1)
                for vertex in range(1, len(ops))
                if adjacency[0, vertex]
            }
        )

    def forward(self, images: Tensor) -> Tensor:
        """[n, before, height, width] to [n, output, height, width]."""
        values = [images]
        for vertex, sources in enumerate(self._sources[1:-1], start=1):
            # A vertex that has a channel more than its target loses it on the way.
            into = [values[source][:, : self._channels[vertex]] for source in sources if source]
            values.append(self.operations[str(vertex)](self._add_input(into, vertex, images)))
        last = [values[source] for source in self._sources[-1] if source]
        joined = [torch.cat(last, dim=1)] if last else []
        return self._add_input(joined, len(self._sources) - 1, images)

    def _add_input(self, values: list[Tensor], vertex: int, images: Tensor) -> Tensor:
        """The sum of ``values`` and, where there is an edge, the projected input of the cell."""
        if 0 in self._sources[vertex]:
            values = [*values, self.projections[str(vertex)](images)]
        return sum(values[1:], values[0])


def build(graphs: Graphs, settings: Settings) -> nn.Module:
    """The network of the first architecture: images [n, channels, height, width] to scores [n, classes]."""
    size = int(graphs.sizes[0, 0])
    ops, adjacency = graphs.ops[0, 0, :size].tolist(), graphs.adjacency[0, 0, :size, :size]
    before = settings.channels
    layers: list[nn.Module] = [conv_norm_relu(settings.image_channels, before, 3)]
    for stack in range(settings.stacks):
        output = settings.channels << stack
        channels = vertex_channels(graphs.take(slice(0, 1)), output)[0, :size].tolist()
        if stack:
            layers.append(nn.MaxPool2d(2))
        for _ in range(settings.cells):
            layers.append(Cell(ops, adjacency, channels, before, output))
            before = output
    network = nn.Sequential(*layers, classifier(before, settings.classes))
    network.apply(_initialise)
    return network


def conv_norm_relu(before: int, after: int, kernel: int) -> nn.Sequential:
    """Convolution, batch normalisation, ReLU; keeps the size of the image."""
    return nn.Sequential(
        nn.Conv2d(before, after, kernel, padding=kernel // 2, bias=False),
        nn.BatchNorm2d(after, momentum=_MOMENTUM),
        nn.ReLU(),
    )


def _operation(name: str, channels: int) -> nn.Module:
    if name == "maxpool3x3":
        return nn.MaxPool2d(3, stride=1, padding=1)
    return conv_norm_relu(channels, channels, {"conv1x1": 1, "conv3x3": 3}[name])


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        inputs = math.prod(module.weight.shape[1:])
        deviation = math.sqrt(1 / inputs) / _TRUNCATED
        nn.init.trunc_normal_(module.weight, std=deviation, a=-2 * deviation, b=2 * deviation)
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
