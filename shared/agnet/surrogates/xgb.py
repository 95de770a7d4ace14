"""Gradient-boosted trees (Chen and Guestrin, KDD 2016).

The parameters are those that AG-Net's published scripts give XGBoost. Theirs reads the flat one-hot encoding; the
default here is structural features, which rank far better (docs/surrogates.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import xgboost
from numpy.typing import NDArray

from agnet.seeds import Seed, integer
from agnet.surrogates.base import Scale
from agnet.surrogates.folds import Folded
from agnet.surrogates.trees import PLAIN, Trees

_AGNET = {"max_depth": 6, "min_child_weight": 1, "learning_rate": 0.3}


@dataclass(frozen=True, slots=True)
class Boosters:
    """One ensemble of trees a metric."""

    boosters: list[xgboost.Booster]
    scale: Scale
    """What the trees' sums are in."""

    def predict(self, x: NDArray[np.float32]) -> NDArray[np.float64]:
        """[n, metrics] of [n, d] rows."""
        if not len(x):
            return np.zeros((0, len(self.boosters)))
        raw = [booster.inplace_predict(x, validate_features=False) for booster in self.boosters]
        return self.scale.invert(np.stack(raw, axis=1)).astype(np.float64)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The trees, and the scale."""
        arrays = {"mean": self.scale.mean, "std": self.scale.std}
        for i, booster in enumerate(self.boosters):
            arrays |= Trees.of(booster).arrays(f"trees.{i}.")
        return arrays


class XGB(Folded):
    """One ensemble of trees a metric, fitted to the metric's values."""

    name = "xgb"
    title = "gradient-boosted trees (XGBoost), AG-Net's parameters"
    rounds: ClassVar[int] = 500
    objective: ClassVar[dict[str, Any]] = {}

    def _learn(self, x: NDArray[np.float32], y: NDArray[np.float64], seed: Seed) -> Boosters:
        # One thread: a sum over rows must not depend on how many cores there are.
        settings = PLAIN | _AGNET | self.objective | {"seed": integer(seed, self.name), "nthread": 1}
        boosters = []
        for column in y.T:
            known = np.isfinite(column)
            data = self._data(x[known], column[known])
            boosters.append(xgboost.train(settings, data, num_boost_round=self.rounds))
            boosters[-1].set_param({"nthread": 0})  # predictions are of a row each
        self._features = x.shape[1]
        return Boosters(boosters, self._scale(y))

    def _scale(self, y: NDArray[np.float64]) -> Scale:
        return Scale.of(y)

    def _data(self, x: NDArray[np.float32], y: NDArray[np.float64]) -> xgboost.DMatrix:
        return xgboost.DMatrix(x, label=Scale.of(y[:, None]).apply(y[:, None])[:, 0])

    def _settings(self) -> dict[str, Any]:
        return {"features": self._features}

    def _read(self, arrays: Mapping[str, NDArray[Any]], settings: Mapping[str, Any]) -> Boosters:
        self._features = settings["features"]
        scale = Scale.read(arrays)
        every = [Trees.read(arrays, f"trees.{i}.") for i in range(len(scale.mean))]
        return Boosters([trees.booster(self._features) for trees in every], scale)


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

    def _scale(self, y: NDArray[np.float64]) -> Scale:
        return Scale(np.zeros(y.shape[1]), np.ones(y.shape[1]))  # scores have no unit
