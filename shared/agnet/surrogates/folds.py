"""Spread for models that have none: each of a few more is fitted without one part of the examples.

How wrong those models are about the part that they have not seen is how wrong a prediction is on average
(cross-validation); how much they disagree about an architecture says where it is worse than that. Both are measured on
the scale of :mod:`agnet.surrogates.targets`, where a few failed networks do not drown the differences that matter.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray

from agnet.seeds import Seed, numpy_stream
from agnet.surrogates.base import Batch, Prediction, Surrogate
from agnet.surrogates.targets import Targets

_ROWS = 4096


class Model(Protocol):
    """What maps rows of numbers to metrics."""

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """[n, metrics] of [n, d] rows; a row's numbers do not depend on the others."""

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Everything that was learned."""


class Folded(Surrogate):
    """A model of all examples, or the average of those that each leave out a part; the parts give the spread."""

    averages: ClassVar[bool] = False
    """Whether the mean is the average of the parts' models, instead of a further model's prediction."""

    parts: ClassVar[int] = 5

    _whole: Model | None
    _parts: list[Model]
    _targets: Targets
    """The scale on which spreads are measured."""
    _errors: NDArray[np.float64]
    """[metrics] root mean squared error on parts that were not seen, on that scale."""

    @abstractmethod
    def _learn(self, x: NDArray[np.float32], y: NDArray[np.float64], seed: Seed) -> Model:
        """A model of [n, d] rows and their [n, metrics] values, NaN being none; each metric has at least one."""

    @abstractmethod
    def _read(self, arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> Model:
        """The model whose arrays these are.

        Raises:
            ValueError, KeyError, TypeError: if they are none.
        """

    def _rows(self, batch: Batch) -> NDArray[np.float32]:
        """[n, d] what models read of ``n`` architectures."""
        return self.inputs.of(batch)

    def _settings(self) -> dict[str, Any]:
        """What :meth:`_read` needs besides the arrays."""
        return {}

    def fit(self, batch: Batch, y: NDArray[np.float64], *, seed: Seed) -> None:
        """See :meth:`Surrogate.fit`."""
        x = self._rows(batch)
        left_out = np.array_split(numpy_stream(seed, f"{self.name} parts").permutation(len(y)), min(self.parts, len(y)))
        known = np.isfinite(y)
        left_out = [rows for rows in left_out if (known.sum(axis=0) - known[rows].sum(axis=0) > 0).all()]
        self._parts = [
            self._learn(np.delete(x, rows, axis=0), np.delete(y, rows, axis=0), (*seed, part))
            for part, rows in enumerate(left_out)
        ]
        # with values so rare that every part is needed there is one model, and no telling how good it is
        self._whole = None if self.averages and self._parts else self._learn(x, y, seed)
        truth = y if not self.scores else self._mean(x)[0]
        self._targets = Targets.of(np.where(known, truth, np.nan))
        unseen = np.full(y.shape, np.nan)
        for rows, model in zip(left_out, self._parts, strict=True):
            unseen[rows] = model.predict(x[rows])
        error = self._targets.apply(unseen) - self._targets.apply(truth)
        error[~known] = np.nan
        square, count = np.nansum(error**2, axis=0), np.isfinite(error).sum(axis=0)
        self._errors = np.where(count > 0, np.sqrt(square / np.maximum(count, 1)), 1.0)

    def predict(self, batch: Batch) -> Prediction:
        """See :meth:`Surrogate.predict`."""
        x = self._rows(batch)
        mean, std = (np.empty((len(x), len(self._errors)), dtype=np.float32) for _ in range(2))
        for start in range(0, len(x), _ROWS):
            rows = slice(start, start + _ROWS)
            expected, members = self._mean(x[rows])
            mean[rows] = expected
            if members:
                disagreement = np.var([self._targets.apply(member) for member in members], axis=0)
            else:
                disagreement = np.zeros_like(expected)
            spread = np.sqrt(disagreement + self._errors**2)
            std[rows] = self._targets.spread(self._targets.apply(expected), spread)
        return Prediction(mean, std)

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """See :meth:`Surrogate.state`."""
        arrays = {} if self._whole is None else self._whole.arrays()
        for part, model in enumerate(self._parts):
            arrays |= {f"part.{part}.{name}": array for name, array in model.arrays().items()}
        return {**arrays, "targets": self._targets.numbers, "errors": self._errors}, self._settings()

    def restore(self, arrays: dict[str, NDArray[Any]], settings: dict[str, Any]) -> None:
        """See :meth:`Surrogate.restore`."""
        self._targets, self._errors = Targets.read(arrays["targets"]), arrays["errors"]
        if self._errors.dtype != np.float64 or self._errors.shape != (len(self._targets.numbers),):
            raise ValueError("the scale of the spreads is damaged")
        parts: dict[int, dict[str, NDArray[Any]]] = {}
        whole = {}
        for name, array in arrays.items():
            if not name.startswith("part."):
                whole[name] = array
                continue
            _, part, rest = name.split(".", 2)
            parts.setdefault(int(part), {})[rest] = array
        self._parts = [self._read(parts[part], settings) for part in range(len(parts))]
        self._whole = None if self.averages and self._parts else self._read(whole, settings)

    def _mean(self, x: NDArray[np.float32]) -> tuple[NDArray[np.float64], list[NDArray[np.float64]]]:
        """[n, metrics] the prediction, and those of the parts' models."""
        members = [model.predict(x) for model in self._parts]
        return (np.mean(members, axis=0) if self._whole is None else self._whole.predict(x)), members
