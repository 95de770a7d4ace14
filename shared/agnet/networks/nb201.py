"""The NAS-Bench-201 network of a cell (Dong and Yang, ICLR 2020, section 2.1), as far as its size goes.

A 3×3 convolution to 16 channels, then three stages of five cells with 16, 32 and 64 channels, a residual block that
doubles the channels and halves the image between them, normalisation, global pooling and a dense layer. Convolutions
have no bias, and batch normalisation behind each a scale and an offset.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from agnet.graphs import Graphs
from agnet.spaces.nb201 import NB201

_CHANNELS = (16, 32, 64)
_CELLS_PER_STAGE = 5
_IMAGE_CHANNELS = 3


def params(graphs: Graphs, classes: int = 10) -> NDArray[np.int64]:
    """[n] trainable parameters of the networks of valid cells, what no data reaches included, as NAS-Bench-201 counts.

    Args:
        graphs: cells.
        classes: 10 for CIFAR-10, 100 for CIFAR-100, 120 for ImageNet16-120.
    """
    total = _convolution(9, _IMAGE_CHANNELS, _CHANNELS[0]) + 2 * _CHANNELS[-1] + (_CHANNELS[-1] + 1) * classes
    for narrow, wide in pairwise(_CHANNELS):
        # two convolutions, and beside them a pooled shortcut with a bare 1×1 convolution
        total += _convolution(9, narrow, wide) + _convolution(9, wide, wide) + narrow * wide
    result = np.full(len(graphs), total, dtype=np.int64)
    for operation, kernel in (("nor_conv_1x1", 1), ("nor_conv_3x3", 9)):
        each = _CELLS_PER_STAGE * sum(_convolution(kernel, channels, channels) for channels in _CHANNELS)
        result += each * (graphs.ops == NB201.node_types.index(operation)).sum(axis=(1, 2))
    return result


def _convolution(kernel: int, before: int, after: int) -> int:
    """Weights of a convolution, and scale and offset of the normalisation behind it."""
    return kernel * before * after + 2 * after
