"""The NAS-Bench-201 network of a cell, see :mod:`agnet.networks.nb201`.

Weights start as PyTorch's layers set them, as NAS-Bench-201's did.
"""

from __future__ import annotations

from torch import Tensor, nn

from agnet.graphs import Graphs
from agnet.networks.modules.layers import Zero, classifier, relu_conv_norm
from agnet.networks.nb201 import STAGES, Settings
from agnet.spaces.nb201 import CELL_EDGES, NB201


class Cell(nn.Module):
    """Four feature maps, an operation on each of the six edges between them."""

    def __init__(self, operations: list[str], channels: int) -> None:
        super().__init__()
        self.operations = nn.ModuleList(_operation(name, channels) for name in operations)

    def forward(self, images: Tensor) -> Tensor:
        """[n, channels, height, width] to the same shape."""
        maps = [images]
        edges = list(zip(CELL_EDGES, self.operations, strict=True))
        for node in range(1, 4):
            into = [operation(maps[source]) for (source, target), operation in edges if target == node]
            maps.append(sum(into[1:], into[0]))
        return maps[-1]


class Residual(nn.Module):
    """The block between stages: twice the channels, half the image."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.convolutions = nn.Sequential(relu_conv_norm(before, after, 3, stride=2), relu_conv_norm(after, after, 3))
        self.shortcut = nn.Sequential(nn.AvgPool2d(2), nn.Conv2d(before, after, 1, bias=False))

    def forward(self, images: Tensor) -> Tensor:
        """[n, before, height, width] to [n, after, height / 2, width / 2]."""
        result: Tensor = self.shortcut(images) + self.convolutions(images)
        return result


def build(graphs: Graphs, settings: Settings) -> nn.Module:
    """The network of the first architecture: images [n, channels, height, width] to scores [n, classes]."""
    operations = [NB201.node_types[kind] for kind in graphs.ops[0, 0, 1:-1].tolist()]
    channels = settings.channels
    layers: list[nn.Module] = [
        nn.Sequential(nn.Conv2d(settings.image_channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
    ]
    for stage in range(STAGES):
        if stage:
            layers.append(Residual(channels, 2 * channels))
            channels *= 2
        layers += [Cell(operations, channels) for _ in range(settings.cells)]
    layers += [nn.BatchNorm2d(channels), nn.ReLU(), classifier(channels, settings.classes)]
    return nn.Sequential(*layers)


def _operation(name: str, channels: int) -> nn.Module:
    if name == "nor_conv_1x1":
        return relu_conv_norm(channels, channels, 1)
    if name == "nor_conv_3x3":
        return relu_conv_norm(channels, channels, 3)
    if name == "avg_pool_3x3":
        return nn.AvgPool2d(3, stride=1, padding=1, count_include_pad=False)
    return nn.Identity() if name == "skip_connect" else Zero()
