"""Bayesian linear regression, regularised by what the data say (MacKay, "Bayesian Interpolation", 1992).

Weights have a normal prior; its precision and that of the noise are those that make the data most probable, found by
fixed-point iteration on the singular values of the inputs. Exact, in milliseconds, and with a spread that knows how far
an architecture is from what was seen. Of a metric's two tails it draws in the longer one, see
:mod:`agnet.surrogates.targets`; predictions are medians.
"""

from __future__ import annotations

from dataclasses import astuple, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet.seeds import Seed
from agnet.surrogates.base import Batch, Prediction, Scale, Surrogate
from agnet.surrogates.targets import Target

_ITERATIONS = 200
_CONVERGED = 1e-4
_ROWS = 4096


class Bayes(Surrogate):
    """One regression a metric; its spread is that of a measured value."""

    name = "bayes"
    title = "Bayesian linear regression"

    _arrays: dict[str, NDArray[np.float64]]

    def fit(self, batch: Batch, y: NDArray[np.float64], *, seed: Seed) -> None:
        """See :meth:`Surrogate.fit`."""
        x = self.inputs.of(batch).astype(np.float64)
        inputs = Scale.of(x)
        scaled = inputs.apply(x)
        targets, weights, spreads, noise = [], [], [], []
        for column in y.T:
            there = np.isfinite(column)
            target = Target.of(column[there])
            weight, spread, variance = _regress(scaled[there], target.apply(column[there]))
            targets.append(astuple(target))
            weights.append(weight)
            spreads.append(spread)
            noise.append(variance)
        self._arrays = {
            "targets": np.array(targets),
            "shift": inputs.mean,
            "unit": inputs.std,
            "weights": np.array(weights),
            "spreads": np.array(spreads),
            "noise": np.array(noise),
        }

    def predict(self, batch: Batch) -> Prediction:
        """See :meth:`Surrogate.predict`."""
        known = self._arrays
        x = self.inputs.of(batch)
        mean, std = (np.empty((len(x), len(known["targets"])), dtype=np.float32) for _ in range(2))
        for start in range(0, len(x), _ROWS):
            rows = slice(start, start + _ROWS)
            scaled = (x[rows] - known["shift"]) / known["unit"]
            for metric, numbers in enumerate(known["targets"]):
                target = Target(*numbers.tolist())
                expected = scaled @ known["weights"][metric]
                variance = known["noise"][metric] + np.square(scaled @ known["spreads"][metric]).sum(axis=1)
                mean[rows, metric] = target.invert(expected)
                std[rows, metric] = target.spread(expected, np.sqrt(variance))
        return Prediction(mean, std)

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """See :meth:`Surrogate.state`."""
        return dict(self._arrays), {}

    def restore(self, arrays: dict[str, NDArray[Any]], settings: dict[str, Any]) -> None:
        """See :meth:`Surrogate.restore`."""
        metrics, width = len(arrays["targets"]), len(arrays["shift"])
        shapes = {
            "targets": (metrics, len(fields(Target))),
            "shift": (width,),
            "unit": (width,),
            "weights": (metrics, width),
            "spreads": (metrics, width, width),
            "noise": (metrics,),
        }
        if any(arrays[name].shape != shape or arrays[name].dtype != np.float64 for name, shape in shapes.items()):
            raise ValueError("the arrays of the regression do not fit together")
        self._arrays = {name: arrays[name] for name in shapes}


def _regress(x: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Mean of the weights [d], a square root of their covariance [d, d], noise's variance; for values with mean 0."""
    left, singular, right = np.linalg.svd(x, full_matrices=False)
    power, projected = singular**2, left.T @ y
    rest = float(np.square(y).sum() - np.square(projected).sum())
    n = len(y)
    prior, noise = 1.0, 0.1 * float(y.var()) + 1e-12
    for _ in range(_ITERATIONS):
        shrunk = power / (power + prior * noise)  # how well each direction is determined
        weights = np.divide(shrunk * projected, singular, out=np.zeros_like(singular), where=singular > 1e-9)
        determined = float(shrunk.sum())
        error = max(rest, 0) + float(np.square((1 - shrunk) * projected).sum())
        before = prior * noise
        prior = float(np.clip(determined / max(float(weights @ weights), 1e-12), 1e-6, 1e9))
        noise = max(error / max(n - determined, 1e-3), 1e-9)
        if abs(np.log(prior * noise / before)) < _CONVERGED:
            break
    # The covariance is (XᵀX / noise + prior)⁻¹: along the singular directions, and the prior's in all others.
    along = 1 / np.sqrt(power / noise + prior) - 1 / np.sqrt(prior)
    root = np.eye(x.shape[1]) / np.sqrt(prior) + (right.T * along) @ right
    return right.T @ weights, root, noise
