"""Boosted trees as plain arrays, so that a file of them can be checked before XGBoost sees it.

XGBoost's own loaders trust what they read: a damaged file makes them crash. What reaches them from here is a document
written anew from arrays that are known to be trees.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

_ROOT = 2**31 - 1  # XGBoost's mark for a node without a parent


@dataclass(frozen=True, slots=True)
class Trees:
    """The trees of one ensemble, their nodes one after the other; children are numbered within their tree."""

    sizes: NDArray[np.int32]
    """[trees] nodes of each."""
    left: NDArray[np.int32]
    """[nodes] child where the feature is below the threshold, behind its parent; -1 for a leaf."""
    right: NDArray[np.int32]
    """[nodes] the other child."""
    feature: NDArray[np.int32]
    """[nodes] which column is compared."""
    value: NDArray[np.float32]
    """[nodes] threshold, or what a leaf adds to the prediction."""

    @classmethod
    def of(cls, booster: xgboost.Booster) -> Trees:
        """The trees of a booster that splits by thresholds."""
        trees = json.loads(booster.save_raw("json"))["learner"]["gradient_booster"]["model"]["trees"]

        def joined(name: str, kind: type) -> NDArray[Any]:
            return np.concatenate([np.array(tree[name], dtype=kind) for tree in trees])

        return cls(
            np.array([len(tree["left_children"]) for tree in trees], dtype=np.int32),
            joined("left_children", np.int32),
            joined("right_children", np.int32),
            joined("split_indices", np.int32),
            joined("split_conditions", np.float32),
        )

    def arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """The arrays by name."""
        return {f"{prefix}{name}": getattr(self, name) for name in _KINDS}

    @classmethod
    def read(cls, arrays: Mapping[str, NDArray[Any]], prefix: str) -> Trees:
        """The inverse of :meth:`arrays`.

        Raises:
            KeyError: if an array is missing.
            ValueError: if they are not trees.
        """
        trees = cls(**{name: arrays[f"{prefix}{name}"] for name in _KINDS})
        trees._check()
        return trees

    def _check(self) -> None:
        for name, kind in _KINDS.items():
            array = getattr(self, name)
            if array.dtype != kind or array.ndim != 1:
                raise ValueError(f"the trees' {name} are not [n] {np.dtype(kind)}")
        n = len(self.left)
        if (self.sizes < 1).any() or self.sizes.sum(dtype=np.int64) != n:
            raise ValueError("the trees' sizes do not add up")
        if any(len(array) != n for array in (self.right, self.feature, self.value)):
            raise ValueError("the trees' nodes are not of one number")
        node = np.concatenate([np.arange(size) for size in self.sizes]) if n else np.zeros(0, np.int64)
        size = np.repeat(self.sizes, self.sizes)
        inner = self.left != -1
        for child in (self.left, self.right):
            # A child behind its parent rules out circles.
            if ((child <= node) | (child >= size))[inner].any() or (child[~inner] != -1).any():
                raise ValueError("a tree's node has a child that cannot be")
        # XGBoost goes to the right by adding one to the left child's place.
        if (self.right != self.left + 1)[inner].any():
            raise ValueError("a tree's children do not lie side by side")
        if (self.feature < 0).any() or not np.isfinite(self.value).all():
            raise ValueError("a tree compares what cannot be compared")

    def booster(self, features: int) -> xgboost.Booster:
        """A booster that gives the sum of the leaves, for rows of ``features`` numbers.

        Raises:
            ValueError: if a tree looks at other features than these.
        """
        if len(self.feature) and self.feature.max() >= features:
            raise ValueError(f"a tree looks at feature {self.feature.max()} of {features}")
        frame = json.loads(_frame(features))
        count = len(self.sizes)
        model = frame["learner"]["gradient_booster"]["model"]
        model["gbtree_model_param"]["num_trees"] = str(count)
        model["iteration_indptr"] = list(range(count + 1))
        model["tree_info"] = [0] * count
        ends = np.cumsum(self.sizes)
        model["trees"] = [self._tree(i, int(end - self.sizes[i]), int(end), features) for i, end in enumerate(ends)]
        booster = xgboost.Booster(model_file=bytearray(json.dumps(frame), "utf-8"))
        booster.set_param({"nthread": 0, "verbosity": 0})
        return booster

    def _tree(self, number: int, start: int, end: int, features: int) -> dict[str, Any]:
        """One tree as XGBoost writes it; what only training needs is zero."""
        rows, n = slice(start, end), end - start
        left, right = self.left[rows], self.right[rows]
        parents = np.full(n, _ROOT)
        inner = np.flatnonzero(left != -1)
        parents[left[inner]] = parents[right[inner]] = inner
        values = self.value[rows].astype(np.float64).tolist()
        zeros = [0] * n
        return {
            "base_weights": values,
            "categories": [],
            "categories_nodes": [],
            "categories_segments": [],
            "categories_sizes": [],
            "default_left": zeros,
            "id": number,
            "left_children": left.tolist(),
            "loss_changes": [0.0] * n,
            "parents": parents.tolist(),
            "right_children": right.tolist(),
            "split_conditions": values,
            "split_indices": self.feature[rows].tolist(),
            "split_type": zeros,
            "sum_hessian": [0.0] * n,
            "tree_param": {
                "num_deleted": "0",
                "num_feature": str(features),
                "num_nodes": str(n),
                "size_leaf_vector": "1",
            },
        }


PLAIN = {"objective": "reg:squarederror", "base_score": 0.0, "verbosity": 0}
"""Parameters of a booster whose prediction is the sum of its leaves and nothing else."""
_KINDS = {"sizes": np.int32, "left": np.int32, "right": np.int32, "feature": np.int32, "value": np.float32}


@lru_cache(maxsize=8)
def _frame(features: int) -> bytes:
    """A model without trees, in the form that this XGBoost reads: what it makes without rounds of training."""
    empty = xgboost.DMatrix(np.zeros((1, features), dtype=np.float32), label=np.zeros(1))
    return bytes(xgboost.train(PLAIN, empty, num_boost_round=0).save_raw("json"))
