"""The NAS-Bench-201 network of a cell (Dong and Yang, ICLR 2020, section 2.1), as far as its size goes.

A 3×3 convolution to 16 channels, then three stages of five cells with 16, 32 and 64 channels, a residual block that
doubles the channels and halves the image between them, normalisation, global pooling and a dense layer. Convolutions
have no bias, and batch normalisation behind each a scale and an offset.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from agnet.graphs import Graphs
from agnet.networks import counts as cost
from agnet.networks.base import ImageSettings
from agnet.spaces.nb201 import NB201

STAGES: Final = 3


@dataclass(frozen=True, slots=True)
class Settings(ImageSettings):
    """Settings of NAS-Bench-201's networks."""

    channels: int = 16
    """Channels of the first stage; each stage has twice as many as the one before."""
    cells: int = 5
    """Cells of each of the three stages."""

    def __post_init__(self) -> None:
        super(Settings, self).__post_init__()
        self.at_least(2 ** (STAGES - 1))


PRESETS: Final = {
    "cifar10": Settings(),
    "cifar100": Settings(classes=100),
    "ImageNet16-120": Settings(classes=120, image=16),
}


def counts(graphs: Graphs, settings: Settings) -> cost.Counts:
    """[n, 2] trainable parameters and multiply-adds of the networks of valid cells.

    As NAS-Bench-201 counts: what no data reaches is included.
    """
    stages = [(settings.channels << stage, (settings.image >> stage) ** 2) for stage in range(STAGES)]
    narrow, positions = stages[0]
    total = cost.normalised(9, settings.image_channels, narrow, positions)
    operations = np.zeros((len(NB201.node_types), 2), dtype=np.int64)
    for stage, (wide, positions) in enumerate(stages):
        if stage:  # two convolutions, and beside them a pooled shortcut with a bare 1×1 convolution
            total += cost.normalised(9, narrow, wide, positions) + cost.normalised(9, wide, wide, positions)
            total += cost.convolution(1, narrow, wide, positions)
        for operation, kernel in (("nor_conv_1x1", 1), ("nor_conv_3x3", 9)):
            each = cost.normalised(kernel, wide, wide, positions)
            operations[NB201.node_types.index(operation)] += settings.cells * each
        narrow = wide
    total += cost.normalisation(narrow) + cost.dense(narrow, settings.classes)
    return total + operations[graphs.ops[:, 0]].sum(axis=1)
