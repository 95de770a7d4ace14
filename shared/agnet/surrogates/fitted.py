"""A surrogate that has learned: for which space, and which metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError
from agnet.names import nearest
from agnet.seeds import Seed
from agnet.surrogates.base import Batch, Prediction, Predictor, Surrogate


@dataclass(frozen=True, slots=True)
class Fitted:
    """What predicts metrics of a space's architectures."""

    space: str
    """Name of the space."""
    learned: Sequence[str]
    """Metrics in the order of the surrogate's predictions."""
    surrogate: Predictor
    metrics: Sequence[str] = ()
    """Those to predict; all by default."""

    def __post_init__(self) -> None:
        if not self.metrics:
            object.__setattr__(self, "metrics", self.learned)

    def predict(self, batch: Batch) -> Prediction:
        """Metrics of ``n`` architectures of the space; NaN for those of size 0, or with a latent that is NaN."""
        readable = np.asarray((batch.graphs.sizes > 0).all(axis=1))
        if batch.latent is not None:
            readable &= np.isfinite(batch.latent).all(axis=1)
        if readable.all():
            return self._choose(self.surrogate.predict(batch))
        few = self._choose(self.surrogate.predict(batch.take(readable)))
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

    def _choose(self, prediction: Prediction) -> Prediction:
        if self.metrics == self.learned:
            return prediction
        columns = [list(self.learned).index(name) for name in self.metrics]
        std = prediction.std
        return Prediction(prediction.mean[:, columns], None if std is None else std[:, columns])


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
    surrogate.fit(batch, np.where(np.isfinite(y), y, np.nan), seed=seed)
    return Fitted(batch.space.name, metrics, surrogate)


def _spread(rows: NDArray[np.float32], where: NDArray[np.bool_]) -> NDArray[np.float32]:
    """[n, metrics] with ``rows`` where ``where`` is true, NaN elsewhere."""
    spread = np.full((len(where), rows.shape[1]), np.nan, dtype=np.float32)
    spread[where] = rows
    return spread
