"""AG-Net's predictor by itself: a perceptron as wide as what it reads (Lukasik et al., ECCV 2022, section 3.2).

The network is that of :mod:`agnet.generator.predictor`, trained with Adam on the squared error. With a generator it
reads the generator's scores, as AG-Net's does; otherwise an encoding of the graph.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet.generator import predictor
from agnet.generator.adam import Adam
from agnet.generator.arrays import backend, views
from agnet.seeds import Seed, numpy_stream
from agnet.surrogates.base import Scale
from agnet.surrogates.folds import Folded

_BATCH = 64
_STEPS, _EPOCHS = 200, 30
"""Least number of steps, and of passes over the examples."""
_RATE = 1e-3

_XP = backend(double=True)


@dataclass(frozen=True, slots=True)
class Perceptron:
    """One network for all metrics."""

    parameters: dict[str, NDArray[np.float32]]
    scale: Scale

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """[n, metrics] of [n, d] rows.

        Double precision inside, so that how rows are grouped does not show in the single precision that comes out.
        """
        parameters = {name: value.astype(np.float64) for name, value in self.parameters.items()}
        out = predictor.predict(_XP, parameters, x.astype(np.float64))[-1]
        return self.scale.invert(out).astype(np.float64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The network's parameters, and the scale of its output."""
        network = {f"network.{name}": value for name, value in self.parameters.items()}
        return {**network, "mean": self.scale.mean, "std": self.scale.std}


class MLP(Folded):
    """One network for all metrics, and five more for its spread."""

    name = "mlp"
    title = "AG-Net's predictor: a perceptron with four hidden layers"

    def _learn(self, x: NDArray[np.float32], y: NDArray[np.float64], seed: Seed) -> Perceptron:
        scale = Scale.of(y)
        x = x.astype(np.float64)
        known = np.isfinite(y)
        target = np.where(known, scale.apply(y), 0)
        rng = numpy_stream(seed, self.name)
        initial = predictor.initial_parameters(x.shape[1], y.shape[1], rng)
        vector = np.concatenate([value.ravel() for value in initial.values()]).astype(np.float64)
        gradient = np.empty_like(vector)
        shapes = {name: value.shape for name, value in initial.items()}
        parameters, gradients = views(vector, shapes), views(gradient, shapes)
        adam = Adam(_XP, len(vector))
        n = len(x)
        batches = -(-n // _BATCH)
        for _ in range(max(_EPOCHS, -(-_STEPS // batches))):
            for rows in np.array_split(rng.permutation(n), batches):
                layers = predictor.predict(_XP, parameters, x[rows])
                error = (layers[-1] - target[rows]) * known[rows] / max(known[rows].sum(), 1)
                predictor.predict_backward(_XP, parameters, layers, 2 * error, gradients)
                adam.step(vector, gradient, _RATE)
        return Perceptron({name: value.astype(np.float32) for name, value in parameters.items()}, scale)

    def _read(self, arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> Perceptron:
        scale = Scale.read(arrays)
        expected = predictor.parameter_shapes(arrays["network.0"].shape[0], len(scale.mean))
        parameters = {name: arrays[f"network.{name}"] for name in expected}
        if {name: value.shape for name, value in parameters.items()} != expected:
            raise ValueError("the network's layers do not fit together")
        return Perceptron(parameters, scale)
