"""A surrogate that has learned: for which space, and which metrics."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from agnet import spaces
from agnet.errors import InputError
from agnet.names import nearest
from agnet.seeds import Seed
from agnet.surrogates.base import Batch, Prediction, Predictor, Surrogate


@dataclass(frozen=True)
class Fitted:
    """What predicts metrics of a space's architectures."""

    space: str
    """Name of the space."""
    learned: Sequence[str]
    """Metrics in the order of the surrogate's predictions."""
    surrogate: Predictor
    metrics: Sequence[str] = ()
    """Those to predict; all by default."""
    ranges: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    """The least and the largest value of each metric among what was learned, on the scale of the predictions."""

    def __post_init__(self) -> None:
        if not self.metrics:
            object.__setattr__(self, "metrics", self.learned)

    def predict(self, batch: Batch) -> Prediction:
        """Metrics of ``n`` architectures of the space; NaN for those of size 0, or with a latent or column that is."""
        readable = np.asarray((batch.graphs.sizes > 0).all(axis=1))
        if batch.columns is not None:
            readable &= np.isfinite(batch.columns).all(axis=1)
        if batch.latent is not None:
            readable &= np.isfinite(batch.latent).all(axis=1)
        if readable.all():
            return self._choose(self._predict(batch))
        few = self._choose(self._predict(batch.take(readable)))
        return Prediction(_spread(few.mean, readable), None if few.std is None else _spread(few.std, readable))

    def select(self, metrics: Sequence[str] | None) -> Fitted:
        """The same for some of its metrics only.

        Raises:
            InputError: if it does not know one.
        """
        for name in metrics or ():
            if name not in self.metrics:
                raise InputError(f"the surrogate has not learned {name!r}{nearest(name, self.metrics)}")
        return replace(self, metrics=list(dict.fromkeys(metrics))) if metrics else self

    def _predict(self, batch: Batch) -> Prediction:
        alone = batch.latent is None and batch.columns is None  # the graph says everything
        index = batch.space.index(batch.graphs) if alone else None
        return self.surrogate.predict(batch) if index is None else self._memory.predict(batch, index)

    @cached_property
    def _memory(self) -> _Memory:
        return _Memory(self.surrogate, spaces.get(self.space).size or 0, len(self.learned))

    def _choose(self, prediction: Prediction) -> Prediction:
        if self.metrics == self.learned:
            return prediction
        columns = [list(self.learned).index(name) for name in self.metrics]
        std = prediction.std
        return Prediction(prediction.mean[:, columns], None if std is None else std[:, columns])


class _Memory:
    """Predicts each architecture of a small space once, however often a stream has it."""

    def __init__(self, predictor: Predictor, size: int, metrics: int) -> None:
        self._predictor = predictor
        self._known = np.zeros(size, dtype=np.bool_)
        self._mean, self._std = (np.empty((size, metrics), dtype=np.float32) for _ in range(2))
        self._has_std = True

    def predict(self, batch: Batch, index: NDArray[np.int64]) -> Prediction:
        """Predictions for architectures with these numbers in the space."""
        new = np.flatnonzero(~self._known[index])
        if len(new):
            numbers, first = np.unique(index[new], return_index=True)
            made = self._predictor.predict(batch.take(new[first]))
            self._mean[numbers] = made.mean
            self._has_std = made.std is not None
            if made.std is not None:
                self._std[numbers] = made.std
            self._known[numbers] = True
        return Prediction(self._mean[index], self._std[index] if self._has_std else None)


def fit(surrogate: Surrogate, batch: Batch, metrics: Sequence[str], y: NDArray[np.float64], *, seed: Seed) -> Fitted:
    """Let ``surrogate`` learn the [n, metrics] values ``y`` of a batch; NaN where there is none.

    Raises:
        InputError: if a metric has fewer than two values.
    """
    for name, count in zip(metrics, np.isfinite(y).sum(axis=0), strict=True):
        if count < 2:
            raise InputError(
                f"{name}: at least 2 evaluated records are needed to learn from, there is {count or 'none'}"
            )
    y = np.where(np.isfinite(y), y, np.nan)
    surrogate.fit(batch, y, seed=seed)
    known = np.where(np.isfinite(y), surrogate.predict(batch).mean, np.nan) if surrogate.scores else y
    least, most = np.nanmin(known, axis=0).tolist(), np.nanmax(known, axis=0).tolist()
    ranges = dict(zip(metrics, zip(least, most, strict=True), strict=True))
    return Fitted(batch.space.name, metrics, surrogate, ranges=ranges)


def _spread(rows: NDArray[np.float32], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """[n, metrics] with ``rows`` where ``where`` is true, NaN elsewhere."""
    spread = np.full((len(where), rows.shape[1]), np.nan, dtype=np.float32)
    spread[where] = rows
    return spread
