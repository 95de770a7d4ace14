"""The network of a DARTS architecture, see :mod:`agnet.networks.nb301`.

Weights start as PyTorch's layers set them, as DARTS' do.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from agnet.graphs import Graphs
from agnet.networks.modules.layers import classifier as pooled_classifier
from agnet.networks.modules.layers import relu_conv_norm
from agnet.networks.nb301 import (
    AUXILIARY_CHANNELS,
    AUXILIARY_POOL,
    STEM_MULTIPLIER,
    CellPlace,
    Settings,
    places,
)
from agnet.spaces.nb301 import darts

Edge = tuple[int, str]
"""Map that an operation works on, 0 to 4, and the operation."""


class HalvedImage(nn.Module):
    """``skip_connect`` with a stride: half the channels from the even pixels, half from the odd ones."""

    def __init__(self, before: int, after: int, *, affine: bool = True) -> None:
        super().__init__()
        self.activation = nn.ReLU()
        self.even = nn.Conv2d(before, after // 2, 1, stride=2, bias=False)
        self.odd = nn.Conv2d(before, after // 2, 1, stride=2, bias=False)
        self.norm = nn.BatchNorm2d(after, affine=affine)

    def forward(self, images: Tensor) -> Tensor:
        """[n, before, height, width] to [n, after, height / 2, width / 2]."""
        images = self.activation(images)
        result: Tensor = self.norm(torch.cat([self.even(images), self.odd(images[:, :, 1:, 1:])], dim=1))
        return result


class DropPath(nn.Module):
    """Drops whole images, and scales up the rest so that the mean stays."""

    def forward(self, images: Tensor, probability: float) -> Tensor:
        """[n, ...], each of the n dropped with ``probability``."""
        keep = 1 - probability
        return images * (images.new_empty(len(images), 1, 1, 1).bernoulli_(keep) / keep)


class Cell(nn.Module):
    """A cell: two inputs, four nodes that each add two operations, all nodes joined."""

    def __init__(self, edges: list[Edge], place: CellPlace, *, search: bool) -> None:
        super().__init__()
        older, newer, channels = place.older, place.newer, place.channels
        self.older = HalvedImage(older, channels) if place.after_reduction else relu_conv_norm(older, channels, 1)
        self.newer = relu_conv_norm(newer, channels, 1)
        self._sources = [source for source, _ in edges]
        self.operations = nn.ModuleList(
            _operation(name, channels, stride=2 if place.reduction and source < 2 else 1, search=search)
            for source, name in edges
        )
        self.drop = DropPath()

    def forward(self, older: Tensor, newer: Tensor, drop_path: float) -> Tensor:
        """The outputs of the last two cells to [n, 4 × channels, height, width]."""
        maps = [self.older(older), self.newer(newer)]
        for first in range(0, len(self._sources), 2):
            left, right = (self._operate(number, maps, drop_path) for number in (first, first + 1))
            maps.append(left + right)
        return torch.cat(maps[2:], dim=1)

    def _operate(self, number: int, maps: list[Tensor], drop_path: float) -> Tensor:
        operation = self.operations[number]
        result: Tensor = operation(maps[self._sources[number]])
        if self.training and drop_path and not isinstance(operation, nn.Identity):
            result = self.drop(result, drop_path)
        return result


class Network(nn.Module):
    """A DARTS network for images.

    ``drop_path`` is an attribute, because DARTS lets it grow from epoch to epoch.
    """

    def __init__(self, edges: list[list[Edge]], settings: Settings) -> None:
        """A network.

        Args:
            edges: for each of the two kinds of cells its eight operations, two a node.
            settings: its size.
        """
        super().__init__()
        self.drop_path = settings.drop_path
        self.stem = _stem(settings)
        self.cells = nn.ModuleList()
        for number, place in enumerate(places(settings)):
            self.cells.append(Cell(edges[place.reduction], place, search=settings.search))
            width = darts.NODES * place.channels
            if place.reduction:
                self._auxiliary_behind, auxiliary_width = number, width
        self.auxiliary = _auxiliary(auxiliary_width, settings) if settings.auxiliary else None
        self.classifier = pooled_classifier(width, settings.classes)

    def forward(self, images: Tensor) -> Tensor:
        """Images [n, channels, height, width] to scores [n, classes]."""
        scores: Tensor = self.classifier(self._features(images)[0])
        return scores

    def with_auxiliary(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Scores [n, classes] of the classifier and of the auxiliary one, for training."""
        if self.auxiliary is None:
            raise ValueError("this network has no auxiliary classifier")
        features, middle = self._features(images)
        return self.classifier(features), self.auxiliary(middle)

    def _features(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The outputs of the last cell and of the last reduction cell."""
        older = newer = middle = self.stem[0](images)
        for part in self.stem[1:]:
            newer = part(newer)
        for number, cell in enumerate(self.cells):
            older, newer = newer, cell(older, newer, self.drop_path)
            if number == self._auxiliary_behind:
                middle = newer
        return newer, middle


def build(graphs: Graphs, settings: Settings) -> Network:
    """The network of the first architecture."""
    codes = darts.from_graphs(graphs.take(slice(0, 1)))[0]  # [cells, nodes]
    sources, operations = darts.INPUTS[codes].reshape(2, -1).tolist(), darts.OPS[codes].reshape(2, -1).tolist()
    edges = [
        [(source, darts.OPERATIONS[operation]) for source, operation in zip(*cell, strict=True)]
        for cell in zip(sources, operations, strict=True)
    ]
    return Network(edges, settings)


def _operation(name: str, channels: int, *, stride: int, search: bool) -> nn.Module:
    if name == "skip_connect":
        return nn.Identity() if stride == 1 else HalvedImage(channels, channels, affine=not search)
    kind, _, size = name.rpartition("_")
    if kind.endswith("pool"):
        pool = (
            nn.MaxPool2d(3, stride, padding=1)
            if kind == "max_pool"
            else nn.AvgPool2d(3, stride, padding=1, count_include_pad=False)
        )
        return nn.Sequential(pool, nn.BatchNorm2d(channels, affine=False)) if search else pool
    kernel, dilation = int(size[0]), 2 if kind == "dil_conv" else 1
    strides = (stride,) if kind == "dil_conv" else (stride, 1)
    return nn.Sequential(
        *(
            layer
            for step in strides
            for layer in (
                nn.ReLU(),
                nn.Conv2d(
                    channels,
                    channels,
                    kernel,
                    stride=step,
                    padding=kernel // 2 * dilation,
                    dilation=dilation,
                    groups=channels,
                    bias=False,
                ),
                nn.Conv2d(channels, channels, 1, bias=False),
                nn.BatchNorm2d(channels, affine=not search),
            )
        )
    )


def _stem(settings: Settings) -> nn.ModuleList:
    """The parts of the stem; the first cell takes the outputs of the first and of the last."""
    channels = settings.channels
    if settings.stem == "cifar":
        width = STEM_MULTIPLIER * channels
        conv = nn.Conv2d(settings.image_channels, width, 3, padding=1, bias=False)
        return nn.ModuleList([nn.Sequential(conv, nn.BatchNorm2d(width))])
    first = nn.Sequential(
        nn.Conv2d(settings.image_channels, channels // 2, 3, stride=2, padding=1, bias=False),
        nn.BatchNorm2d(channels // 2),
        *relu_conv_norm(channels // 2, channels, 3, stride=2),
    )
    return nn.ModuleList([first, relu_conv_norm(channels, channels, 3, stride=2)])


def _auxiliary(width: int, settings: Settings) -> nn.Sequential:
    (pool, stride), (narrow, wide) = AUXILIARY_POOL[settings.stem], AUXILIARY_CHANNELS
    return nn.Sequential(
        nn.ReLU(),
        nn.AvgPool2d(pool, stride, count_include_pad=False),
        nn.Conv2d(width, narrow, 1, bias=False),
        nn.BatchNorm2d(narrow),
        nn.ReLU(),
        nn.Conv2d(narrow, wide, 2, bias=False),
        *([nn.BatchNorm2d(wide)] if settings.stem == "cifar" else []),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(wide, settings.classes),
    )
