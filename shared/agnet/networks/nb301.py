"""The network of a DARTS architecture (Liu et al., ICLR 2019), as far as its size goes.

A stem, then cells in three stages; the first cell of the second and third stage is the reduction cell, which halves
the image while the channels double. A cell takes the outputs of the two cells before it, each brought to the stage's
channels by a 1×1 convolution, and joins its four nodes, so its output has four times the stage's channels. Global
pooling and a dense layer follow. Behind the second reduction cell an auxiliary classifier may help the training.

Convolutions have no bias. Separable ones are two pairs of a depthwise and a 1×1 convolution, dilated ones one pair;
``skip_connect`` with a stride is two 1×1 convolutions of half the channels. Batch normalisation stands behind each pair
of convolutions.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.networks import counts as cost
from agnet.networks.base import ImageSettings
from agnet.spaces.nb301 import darts

STEM_MULTIPLIER: Final = 3
"""Channels of the CIFAR stem for each channel of the first stage."""
AUXILIARY_CHANNELS: Final = (128, 768)
AUXILIARY_POOL: Final = {"cifar": (5, 3), "imagenet": (5, 2)}
"""Width and stride of the auxiliary classifier's pooling; a 2×2 convolution must then make one pixel of the image."""
_PAIRS = {"sep_conv_3x3": (9, 2), "sep_conv_5x5": (25, 2), "dil_conv_3x3": (9, 1), "dil_conv_5x5": (25, 1)}
"""Weights of a depthwise kernel, and how many pairs of convolutions."""


@dataclass(frozen=True, slots=True)
class Settings(ImageSettings):
    """Settings of DARTS networks."""

    channels: int = 32
    """Channels of the first stage."""
    cells: int = 8
    stem: Literal["cifar", "imagenet"] = "cifar"
    """``cifar`` keeps the image's size, ``imagenet`` divides it by eight."""
    auxiliary: bool = True
    """Whether there is an auxiliary classifier, used in training only."""
    search: bool = False
    """Normalisation as in DARTS' search and in NASLib: none of a cell's operations scales, and pools are normalised."""
    drop_path: float = 0.0
    """Probability with which an operation's output is dropped in training."""

    def __post_init__(self) -> None:
        super(Settings, self).__post_init__()
        if self.stem not in AUXILIARY_POOL:
            raise InputError(f"stem {self.stem!r}: there are {', '.join(AUXILIARY_POOL)}")
        if self.channels % 2:
            raise InputError(f"channels {self.channels}: must be even, a stride splits them in halves")
        self.probability("drop_path")
        self.at_least(4 if self.stem == "cifar" else 32)
        if self.auxiliary:
            (width, stride), last = AUXILIARY_POOL[self.stem], self.image // (4 if self.stem == "cifar" else 32)
            if (last - width) // stride != 1:
                raise InputError(
                    f"auxiliary: its classifier is made for images of {32 if self.stem == 'cifar' else 224} pixels, "
                    f"not {self.image}; leave it out with auxiliary=no"
                )


PRESETS: Final = {
    "cifar10": Settings(drop_path=0.2),
    "cifar10-darts": Settings(channels=36, cells=20, drop_path=0.2),
    "cifar10-naslib": Settings(auxiliary=False, search=True),
    "imagenet": Settings(classes=1000, image=224, channels=48, cells=14, stem="imagenet"),
}
"""NAS-Bench-301's network, DARTS' larger one, the one that NASLib scores, and DARTS' for ImageNet."""


@dataclass(frozen=True, slots=True)
class CellPlace:
    """One cell of a network."""

    reduction: bool
    after_reduction: bool
    """Whether the cell before the last is twice as large an image as the last."""
    older: int
    """Channels of the cell before the last."""
    newer: int
    """Channels of the last cell."""
    channels: int
    """Channels of each node."""
    image: int
    """Height and width of the nodes."""


def places(settings: Settings) -> Iterator[CellPlace]:
    """The cells of a network, in order."""
    channels, image = settings.channels, settings.image
    older = newer = STEM_MULTIPLIER * channels
    after_reduction = settings.stem == "imagenet"
    if after_reduction:  # its two parts are the first cell's inputs
        older, newer, image = channels, channels, image // 8
    reductions = (settings.cells // 3, 2 * settings.cells // 3)
    for number in range(settings.cells):
        reduction = number in reductions
        if reduction:
            channels, image = 2 * channels, image // 2
        yield CellPlace(reduction, after_reduction, older, newer, channels, image)
        after_reduction, older, newer = reduction, newer, darts.NODES * channels


def counts(graphs: Graphs, settings: Settings) -> cost.Counts:
    """[n, 2] trainable parameters and multiply-adds of the networks of valid architectures.

    The auxiliary classifier counts to the parameters, and not to the multiply-adds, which are those of an inference.
    """
    total = _stem(settings)
    # [cells, on one of the cell's inputs, operations, 2]
    operations = np.zeros((len(darts.CELLS), 2, len(darts.OPERATIONS), 2), dtype=np.int64)
    auxiliary = width = 0
    for place in places(settings):
        positions = (2 * place.image if place.reduction else place.image) ** 2
        for before in (place.older, place.newer):
            total += cost.normalised(1, before, place.channels, positions)
        operations[int(place.reduction)] += _operations(place, settings)
        width = darts.NODES * place.channels
        auxiliary = width if place.reduction else auxiliary
    total += cost.dense(width, settings.classes)
    if settings.auxiliary:
        total += _auxiliary(auxiliary, settings)
    kinds = graphs.ops[..., 2:-1].astype(np.int64) - darts.FIRST_TYPE
    on_input = graphs.adjacency[:, :, :2, 2:-1].any(axis=2).astype(np.int64)
    return total + operations[np.arange(len(darts.CELLS))[:, None], on_input, kinds].sum(axis=(1, 2))


def _stem(settings: Settings) -> cost.Counts:
    channels, image = settings.channels, settings.image
    if settings.stem == "cifar":
        return cost.normalised(9, settings.image_channels, STEM_MULTIPLIER * channels, image**2)
    return (
        cost.normalised(9, settings.image_channels, channels // 2, (image // 2) ** 2)
        + cost.normalised(9, channels // 2, channels, (image // 4) ** 2)
        + cost.normalised(9, channels, channels, (image // 8) ** 2)
    )


def _operations(place: CellPlace, settings: Settings) -> cost.Counts:
    """[on one of the cell's inputs, operations, 2] of the operations in a cell."""
    channels, positions = place.channels, place.image**2
    scales = cost.normalisation(0 if settings.search else channels)
    table = np.zeros((2, len(darts.OPERATIONS), 2), dtype=np.int64)
    for name, (kernel, pairs) in _PAIRS.items():
        depthwise = cost.convolution(kernel, channels, channels, positions, groups=channels)
        pair = depthwise + cost.convolution(1, channels, channels, positions) + scales
        table[:, darts.OPERATIONS.index(name)] = pairs * pair
    if place.reduction:  # its inputs are twice as large as its nodes, so operations on them have a stride
        table[1, darts.OPERATIONS.index("skip_connect")] = cost.convolution(1, channels, channels, positions) + scales
    return table


def _auxiliary(width: int, settings: Settings) -> cost.Counts:
    """[2] of the auxiliary classifier, no multiply-adds."""
    narrow, wide = AUXILIARY_CHANNELS
    layers = cost.normalised(1, width, narrow, 0) + cost.dense(wide, settings.classes)
    layers += cost.convolution(4, narrow, wide, 0)
    if settings.stem == "cifar":  # the published one for ImageNet has none here
        layers += cost.normalisation(wide)
    layers[1] = 0
    return layers
