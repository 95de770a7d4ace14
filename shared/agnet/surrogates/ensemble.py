"""An ensemble of small perceptrons, as BANANAS has one (White, Neiswanger and Savani, AAAI 2021).

Each network begins elsewhere and leaves out another fifth of the examples; the prediction is their average, their
disagreement a part of the spread. BANANAS reads paths, which ``--encoding paths`` gives; structural features rank
better (docs/surrogates.md). Of a metric's two tails it draws in the longer one, see :mod:`agnet.surrogates.targets`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet.seeds import Seed, numpy_stream
from agnet.surrogates.base import Scale
from agnet.surrogates.folds import Folded
from agnet.surrogates.targets import Targets

_HIDDEN = (64, 64)
_BATCH = 128
_STEPS, _EPOCHS = 300, 60
"""Least number of steps, and of passes over the examples."""
_RATE, _DECAY = 1e-2, 1e-2
"""Of Adam at the beginning, falling to 0 along a cosine; share of a weight that is lost in a step, times the rate."""
_MOMENTS = (0.9, 0.999)


@dataclass(frozen=True, slots=True)
class Network:
    """A perceptron with rectified linear units on inputs of deviation 1."""

    layers: list[NDArray[np.float32]]
    """Matrices [inputs + 1, outputs], the last row being the bias."""
    inputs: Scale
    targets: Targets

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """[n, metrics] of [n, d] rows."""
        out = self.inputs.apply(x.astype(np.float64))
        for layer in self.layers:
            out = _affine(out if layer is self.layers[0] else np.maximum(out, 0), layer.astype(np.float64))
        return self.targets.invert(out)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The layers and the scales."""
        layers = {f"layer.{i}": layer for i, layer in enumerate(self.layers)}
        return {**layers, "mean": self.inputs.mean, "std": self.inputs.std, "numbers": self.targets.numbers}


class Ensemble(Folded):
    """Five networks, each for all metrics."""

    name = "ensemble"
    title = "five perceptrons, as in BANANAS"
    averages = True

    def _learn(self, x: NDArray[np.float32], y: NDArray[np.float64], seed: Seed) -> Network:
        inputs, targets = Scale.of(x.astype(np.float64)), Targets.of(y)
        scaled, known = inputs.apply(x.astype(np.float64)), np.isfinite(y)
        target = np.where(known, targets.apply(y), 0)
        rng = numpy_stream(seed, self.name)
        widths = [x.shape[1], *_HIDDEN, y.shape[1]]
        layers = []
        for before, after in pairwise(widths):
            bias = np.zeros((1, after))
            layers.append(np.concatenate([rng.standard_normal((before, after)) * np.sqrt(2 / before), bias]))
        _train(layers, scaled, target, known, rng)
        return Network([layer.astype(np.float32) for layer in layers], inputs, targets)

    def _read(self, arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> Network:
        inputs, targets = Scale.read(arrays), Targets.read(arrays["numbers"])
        layers = [arrays[f"layer.{i}"] for i in range(len(_HIDDEN) + 1)]
        widths = [len(inputs.mean), *_HIDDEN, len(targets.numbers)]
        expected = [(before + 1, after) for before, after in pairwise(widths)]
        if [layer.shape for layer in layers] != expected or any(layer.dtype != np.float32 for layer in layers):
            raise ValueError("the network's layers do not fit together")
        return Network(layers, inputs, targets)


def _affine(x: NDArray[np.float64], layer: NDArray[np.float64]) -> NDArray[np.float64]:
    out: NDArray[np.float64] = x @ layer[:-1]
    out += layer[-1]
    return out


def _train(
    layers: list[NDArray[np.float64]],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    known: NDArray[np.bool_],
    rng: np.random.Generator,
) -> None:
    """Least squares by Adam with decoupled weight decay (Loshchilov and Hutter, 2019), in place."""
    n = len(x)
    batches = -(-n // _BATCH)
    steps = max(_EPOCHS * batches, _STEPS)
    mean, square = ([np.zeros_like(layer) for layer in layers] for _ in range(2))
    order: list[NDArray[np.intp]] = []
    for step in range(steps):
        order = order or np.array_split(rng.permutation(n), batches)
        rows = order.pop()
        seen = [x[rows]]
        for i, layer in enumerate(layers):
            out = _affine(seen[-1], layer)
            seen.append(out if i + 1 == len(layers) else np.maximum(out, 0))
        slope = (seen[-1] - y[rows]) * known[rows] * (2 / max(known[rows].sum(), 1))
        rate = _RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        for i in reversed(range(len(layers))):
            gradient = np.concatenate([seen[i].T @ slope, slope.sum(axis=0, keepdims=True)])
            slope = (slope @ layers[i][:-1].T) * (seen[i] > 0)
            for moments, value, kept in ((mean, gradient, _MOMENTS[0]), (square, gradient**2, _MOMENTS[1])):
                moments[i] += (value - moments[i]) * (1 - kept)
            ahead = mean[i] / (1 - _MOMENTS[0] ** (step + 1))
            layers[i] *= 1 - rate * _DECAY
            layers[i] -= rate * ahead / (np.sqrt(square[i] / (1 - _MOMENTS[1] ** (step + 1))) + 1e-8)
