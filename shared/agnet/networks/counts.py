"""What layers cost: integer arrays [..., 2] of trainable parameters and multiply-adds.

A multiply-add is what the field counts as one FLOP (NAS-Bench-201, DARTS). Those of convolutions and dense layers
count, a bias as one more; normalisation, activations, pooling and additions do not.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
_Number = int | NDArray[np.int64]


def layers(weights: _Number, normalised: _Number, positions: int) -> Counts:
    """[..., 2] of layers with so many ``weights``, each used at so many ``positions`` (height × width of the output).

    Args:
        weights: of convolutions without bias.
        normalised: channels that pass a batch normalisation with a scale and an offset.
        positions: of the output.
    """
    weights = np.asarray(weights, dtype=np.int64)
    return np.stack([weights + 2 * np.asarray(normalised, dtype=np.int64), weights * positions], axis=-1)


def convolution(kernel: int, before: int, after: int, positions: int, groups: int = 1) -> Counts:
    """[2] of a convolution without bias.

    Args:
        kernel: weights for each pair of an input and an output channel, 9 for 3×3.
        before: input channels.
        after: output channels.
        positions: height × width of the output.
        groups: groups of channels; as many as ``before`` in a depthwise convolution.
    """
    return layers(kernel * before * after // groups, 0, positions)


def normalised(kernel: int, before: int, after: int, positions: int) -> Counts:
    """[2] of a convolution without bias and the batch normalisation behind it."""
    return layers(kernel * before * after, after, positions)


def normalisation(channels: int) -> Counts:
    """[2] of batch normalisation with a scale and an offset."""
    return layers(0, channels, 0)


def dense(before: int, after: int) -> Counts:
    """[2] of a dense layer with a bias."""
    return np.full(2, (before + 1) * after, dtype=np.int64)
