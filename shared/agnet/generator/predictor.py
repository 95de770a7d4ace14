"""AG-Net's predictor: metrics of an architecture from the scores that its decoder gives (Lukasik et al., section 3.2).

Because it reads scores and not sampled graphs, its error reaches the decoder. Four hidden layers as wide as the scores
are long, with rectified linear units.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from agnet.generator.arrays import Array, Backend

_HIDDEN = 4


def parameter_shapes(inputs: int, outputs: int) -> dict[str, tuple[int, ...]]:
    """Name and shape of each parameter; matrices are [inputs, outputs]."""
    widths = [inputs] * (_HIDDEN + 1) + [outputs]
    shapes: dict[str, tuple[int, ...]] = {}
    for layer in range(_HIDDEN + 1):
        shapes[f"{layer}"] = (widths[layer], widths[layer + 1])
        shapes[f"{layer}_bias"] = (widths[layer + 1],)
    return shapes


def initial_parameters(inputs: int, outputs: int, rng: np.random.Generator) -> dict[str, NDArray[np.float32]]:
    """Uniform within ± 1 / sqrt(inputs)."""
    shapes = parameter_shapes(inputs, outputs)
    return {name: (rng.uniform(-1, 1, size) / np.sqrt(inputs)).astype(np.float32) for name, size in shapes.items()}


def predict(xp: Backend, p: Mapping[str, Array], scores: Array) -> list[Array]:
    """What each layer gives for ``scores`` [b, inputs], these first; the last are the predictions [b, outputs]."""
    layers = [scores]
    for layer in range(_HIDDEN + 1):
        out = layers[-1] @ p[f"{layer}"]
        out += p[f"{layer}_bias"]
        layers.append(out if layer == _HIDDEN else xp.relu_(out))
    return layers


def predict_backward(
    xp: Backend, p: Mapping[str, Array], layers: list[Array], d_out: Array, d: Mapping[str, Array]
) -> Array:
    """Write the gradients of the parameters to ``d``; returns that of the scores."""
    for layer in reversed(range(_HIDDEN + 1)):
        if layer < _HIDDEN:
            d_out *= layers[layer + 1] > 0
        xp.matmul(layers[layer].swapaxes(0, 1), d_out, out=d[f"{layer}"])
        d[f"{layer}_bias"][...] = d_out.sum(0)
        d_out = d_out @ p[f"{layer}"].T
    return d_out
