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

from agnet.generator.adam import Adam
from agnet.generator.arrays import backend, views
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

_XP = backend(double=True)


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
        # An input that all examples share, such as a path that none has, is 0 for all: nothing is learned about it, and
        # its weights only decay. Of the paths of NAS-Bench-301 these are two thirds.
        differs = np.append(scaled.any(axis=0), True)
        rng = numpy_stream(seed, self.name)
        widths = [x.shape[1], *_HIDDEN, y.shape[1]]
        layers = []
        for before, after in pairwise(widths):
            bias = np.zeros((1, after))
            layers.append(np.concatenate([rng.standard_normal((before, after)) * np.sqrt(2 / before), bias]))
        first, layers[0] = layers[0], layers[0][differs]
        faded = _train(layers, scaled[:, differs[:-1]], target, known, rng)
        first *= faded
        first[differs] = layers[0]
        layers[0] = first
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
) -> float:
    """Least squares by Adam with decoupled weight decay (Loshchilov and Hutter, 2019), in place.

    Returns:
        what is left of a weight that nothing is learned about.
    """
    shapes = {str(i): layer.shape for i, layer in enumerate(layers)}
    vector = np.concatenate([layer.ravel() for layer in layers])
    gradient = np.empty_like(vector)
    layers[:], gradients = views(vector, shapes).values(), list(views(gradient, shapes).values())
    adam = Adam(_XP, len(vector), _MOMENTS)
    n = len(x)
    batches = -(-n // _BATCH)
    steps = max(_EPOCHS * batches, _STEPS)
    order: list[NDArray[np.intp]] = []
    left = 1.0
    for step in range(steps):
        order = order or np.array_split(rng.permutation(n), batches)
        rows = order.pop()
        seen = [x[rows]]
        for i, layer in enumerate(layers):
            out = _affine(seen[-1], layer)
            seen.append(out if i + 1 == len(layers) else np.maximum(out, 0, out=out))
        slope = (seen[-1] - y[rows]) * known[rows] * (2 / max(known[rows].sum(), 1))
        for i in reversed(range(len(layers))):
            np.matmul(seen[i].T, slope, out=gradients[i][:-1])
            slope.sum(axis=0, out=gradients[i][-1])
            if i:
                slope = (slope @ layers[i][:-1].T) * (seen[i] > 0)
        rate = _RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        vector *= 1 - rate * _DECAY
        left *= 1 - rate * _DECAY
        adam.step(vector, gradient, rate)
    return left
