"""What layers cost: integer arrays [..., 2] of trainable parameters and multiply-adds.

A multiply-add is what the field counts as one FLOP (NAS-Bench-201, DARTS). Those of convolutions and dense layers
count, a bias as one more; normalisation, activations, pooling and additions do not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
_Number = int | NDArray[np.int64]


def convolution(kernel: _Number, before: _Number, after: _Number, positions: int, groups: _Number = 1) -> Counts:
    """[..., 2] of a convolution without bias.

    Args:
        kernel: weights for each pair of an input and an output channel, 9 for 3×3; 0 for no convolution.
        before: input channels.
        after: output channels.
        positions: height × width of the output.
        groups: groups of channels; as many as ``before`` in a depthwise convolution.
    """
    weights = np.asarray(kernel * before * after // groups, dtype=np.int64)
    return np.stack([weights, weights * positions], axis=-1)


def normalised(kernel: _Number, before: _Number, after: _Number, positions: int) -> Counts:
    """[..., 2] of a convolution without bias and the batch normalisation behind it; nothing where ``kernel`` is 0."""
    return convolution(kernel, before, after, positions) + normalisation(after * np.minimum(kernel, 1))


def normalisation(channels: _Number) -> Counts:
    """[..., 2] of batch normalisation with a scale and an offset."""
    scales = np.asarray(2 * channels, dtype=np.int64)
    return np.stack([scales, np.zeros_like(scales)], axis=-1)


def dense(before: int, after: int) -> Counts:
    """[2] of a dense layer with a bias."""
    return np.full(2, (before + 1) * after, dtype=np.int64)
