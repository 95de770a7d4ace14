"""Gradient-boosted trees (Chen and Guestrin, KDD 2016).

The parameters are those that AG-Net's published scripts give XGBoost. Theirs reads the flat one-hot encoding; the
default here is structural features, which rank far better (docs/surrogates.md).
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import xgboost
from numpy.typing import NDArray

from agnet.seeds import Seed, integer
from agnet.surrogates.base import Batch, Prediction, Scale, Surrogate
from agnet.surrogates.trees import PLAIN, Trees

_AGNET = {"max_depth": 6, "min_child_weight": 1, "learning_rate": 0.3}


class XGB(Surrogate):
    """One ensemble of trees a metric, fitted to the metric's values."""

    name = "xgb"
    title = "gradient-boosted trees (XGBoost), AG-Net's parameters"
    rounds: ClassVar[int] = 500
    objective: ClassVar[dict[str, Any]] = {}

    _boosters: list[xgboost.Booster]
    _scale: Scale

    def fit(self, batch: Batch, y: NDArray[np.float64], *, seed: Seed) -> None:
        """See :meth:`Surrogate.fit`."""
        x = self.inputs.of(batch)
        self._scale = Scale.of(y)
        # One thread: a sum over rows must not depend on how many cores there are.
        settings = PLAIN | _AGNET | self.objective | {"seed": integer(seed, self.name), "nthread": 1}
        self._boosters = []
        for column in y.T:
            known = np.isfinite(column)
            data = self._data(x[known], column[known])
            self._boosters.append(xgboost.train(settings, data, num_boost_round=self.rounds))

    def _data(self, x: NDArray[np.float32], y: NDArray[np.float64]) -> xgboost.DMatrix:
        return xgboost.DMatrix(x, label=Scale.of(y[:, None]).apply(y[:, None])[:, 0])

    def predict(self, batch: Batch) -> Prediction:
        """See :meth:`Surrogate.predict`."""
        return Prediction(self._scale.invert(self._raw(batch)))

    def _raw(self, batch: Batch) -> NDArray[np.float32]:
        """[n, metrics] what the trees say."""
        x = self.inputs.of(batch)
        if not len(x):
            return np.zeros((0, len(self._boosters)), dtype=np.float32)
        return np.stack([booster.inplace_predict(x, validate_features=False) for booster in self._boosters], axis=1)

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """See :meth:`Surrogate.state`."""
        arrays = {"mean": self._scale.mean, "std": self._scale.std}
        for i, booster in enumerate(self._boosters):
            arrays |= Trees.of(booster).arrays(f"trees.{i}.")
        return arrays, {"features": self._boosters[0].num_features()}

    def restore(self, arrays: dict[str, NDArray[Any]], settings: dict[str, Any]) -> None:
        """See :meth:`Surrogate.restore`."""
        self._scale = Scale.read(arrays)
        every = [Trees.read(arrays, f"trees.{i}.") for i in range(len(self._scale.mean))]
        self._boosters = [trees.booster(settings["features"]) for trees in every]


class XGBRank(XGB):
    """Trees fitted to the order of the architectures, not to how far apart they are.

    LambdaMART without a discount (``rank:pairwise``), all evaluated architectures being one group. Every pair counts of
    which one is among the 256 ranked first, so nothing is sampled.
    """

    name = "xgb-rank"
    title = "gradient-boosted trees on ranks (XGBoost's rank:pairwise)"
    scores = True
    rounds = 100
    objective: ClassVar[dict[str, Any]] = {
        "objective": "rank:pairwise",
        "lambdarank_pair_method": "topk",
        "lambdarank_num_pair_per_sample": 256,
    }

    def _data(self, x: NDArray[np.float32], y: NDArray[np.float64]) -> xgboost.DMatrix:
        ranks = np.unique(y, return_inverse=True)[1]
        return xgboost.DMatrix(x, label=ranks, qid=np.zeros(len(x), dtype=np.uint32))

    def predict(self, batch: Batch) -> Prediction:
        """See :meth:`Surrogate.predict`."""
        return Prediction(self._raw(batch))
