"""AG-Net's predictor by itself: a perceptron as wide as what it reads (Lukasik et al., ECCV 2022, section 3.2).

The network is that of :mod:`agnet.generator.predictor`, trained with Adam on the squared error. With a generator it
reads the generator's scores, as AG-Net's does; otherwise an encoding of the graph.
"""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet.generator import predictor
from agnet.generator.adam import Adam
from agnet.generator.arrays import backend
from agnet.seeds import Seed, numpy_stream
from agnet.surrogates.base import Batch, Prediction, Scale, Surrogate

_BATCH = 64
_STEPS, _EPOCHS = 200, 30
"""Least number of steps, and of passes over the examples."""
_RATE = 1e-3
_ROWS = 4096

_XP = backend(double=True)


class MLP(Surrogate):
    """One network for all metrics."""

    name = "mlp"
    title = "AG-Net's predictor: a perceptron with four hidden layers"

    _parameters: dict[str, NDArray[np.float32]]
    _scale: Scale

    def fit(self, batch: Batch, y: NDArray[np.float64], *, seed: Seed) -> None:
        """See :meth:`Surrogate.fit`."""
        self._scale = Scale.of(y)
        x = self.inputs.of(batch).astype(np.float64)
        known = np.isfinite(y)
        target = np.where(known, self._scale.apply(y), 0)
        rng = numpy_stream(seed, self.name)
        initial = predictor.initial_parameters(x.shape[1], y.shape[1], rng)
        vector = np.concatenate([value.ravel() for value in initial.values()]).astype(np.float64)
        gradient = np.empty_like(vector)
        shapes = {name: value.shape for name, value in initial.items()}
        parameters, gradients = _views(vector, shapes), _views(gradient, shapes)
        adam = Adam(_XP, len(vector))
        n = len(x)
        batches = -(-n // _BATCH)
        for _ in range(max(_EPOCHS, -(-_STEPS // batches))):
            for rows in np.array_split(rng.permutation(n), batches):
                layers = predictor.predict(_XP, parameters, x[rows])
                error = (layers[-1] - target[rows]) * known[rows] / max(known[rows].sum(), 1)
                predictor.predict_backward(parameters, layers, 2 * error, gradients)
                adam.step(vector, gradient, _RATE)
        self._parameters = {name: value.astype(np.float32) for name, value in parameters.items()}

    def predict(self, batch: Batch) -> Prediction:
        """See :meth:`Surrogate.predict`.

        Double precision inside, so that how rows are grouped does not show in the single precision that comes out.
        """
        x = self.inputs.of(batch)
        parameters = {name: value.astype(np.float64) for name, value in self._parameters.items()}
        out = np.empty((len(x), len(self._scale.mean)))
        for start in range(0, len(x), _ROWS):
            rows = slice(start, start + _ROWS)
            out[rows] = predictor.predict(_XP, parameters, x[rows].astype(np.float64))[-1]
        return Prediction(self._scale.invert(out))

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """See :meth:`Surrogate.state`."""
        network = {f"network.{name}": value for name, value in self._parameters.items()}
        return {**network, "mean": self._scale.mean, "std": self._scale.std}, {}

    def restore(self, arrays: dict[str, NDArray[Any]], settings: dict[str, Any]) -> None:
        """See :meth:`Surrogate.restore`."""
        self._scale = Scale.read(arrays)
        expected = predictor.parameter_shapes(arrays["network.0"].shape[0], len(self._scale.mean))
        self._parameters = {name: arrays[f"network.{name}"] for name in expected}
        if {name: value.shape for name, value in self._parameters.items()} != expected:
            raise ValueError("the network's layers do not fit together")


def _views(vector: NDArray[np.float64], shapes: dict[str, tuple[int, ...]]) -> dict[str, NDArray[np.float64]]:
    """The named arrays that lie one after the other in a vector."""
    ends = np.cumsum([prod(shape) for shape in shapes.values()])
    parts = np.split(vector, ends[:-1])
    return {name: part.reshape(shape) for (name, shape), part in zip(shapes.items(), parts, strict=True)}
