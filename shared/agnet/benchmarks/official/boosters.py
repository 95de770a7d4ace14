"""Pickled boosters of XGBoost and LightGBM as checked trees.

The pickles hold a booster as XGBoost's or LightGBM's own file. Their loaders trust what they read, so neither sees it:
the trees are taken out, checked, and written anew for XGBoost, which evaluates both kinds. LightGBM's trees ask whether
a feature is not above a threshold, in 64 bits, XGBoost's whether it is below, in 32: the next 32-bit number above
LightGBM's threshold decides the same for every 32-bit feature.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
import orjson
import xgboost
from numpy.typing import NDArray

from agnet.benchmarks.official import ubjson
from agnet.surrogates.trees import Trees

_LGB_CATEGORICAL, _LGB_MISSING = 1, 12
_LGB_ZERO = 4  # of _LGB_MISSING: zeros count as missing


class Forest(NamedTuple):
    """Trees, what is added to the sum of their leaves, and how many features they look at."""

    trees: Trees
    base: float
    features: int

    def write(self) -> bytes:
        """As XGBoost's file, without the base."""
        return bytes(self.trees.booster(self.features).save_raw("ubj"))


def load(data: memoryview | bytes) -> xgboost.Booster:
    """A booster from what :meth:`Forest.write` wrote."""
    return xgboost.Booster(model_file=bytearray(data))


def from_xgboost(handle: bytes | bytearray) -> Forest:
    """The trees in the ``handle`` of a pickled XGBoost booster.

    Raises:
        ValueError, KeyError, TypeError: if it is none.
    """
    data = bytes(handle)
    if data.startswith(b"CONFIG-offset:"):
        raise ValueError(
            "saved by XGBoost 1.1 or older in its old binary format; load and pickle it again with XGBoost 1.2 to 3.0"
        )
    # XGBoost 1.1 to 1.5 wrote JSON, later versions write UBJSON.
    content = orjson.loads(data) if data[1:2] in (b'"', b"\n", b" ") else ubjson.loads(data)
    learner = content["Model"]["learner"]
    booster = learner["gradient_booster"]
    if booster["name"] != "gbtree" or learner["objective"]["name"] not in ("reg:squarederror", "reg:linear"):
        raise ValueError(f"a booster of the kind {booster['name']}, {learner['objective']['name']}")
    trees = booster["model"]["trees"]
    if any(np.any(tree.get("split_type", 0)) for tree in trees):
        raise ValueError("a tree with categorical splits")

    def joined(name: str, kind: type) -> NDArray[Any]:
        return np.concatenate([np.asarray(tree[name]).astype(kind) for tree in trees])

    arrays = {
        "sizes": np.array([len(tree["left_children"]) for tree in trees], np.int32),
        "left": joined("left_children", np.int32),
        "right": joined("right_children", np.int32),
        "feature": joined("split_indices", np.int32),
        "value": joined("split_conditions", np.float32),
    }
    base = float(str(learner["learner_model_param"]["base_score"]).strip("[]"))
    features = int(learner["learner_model_param"]["num_feature"])
    return _checked(arrays, base, features)


def from_lightgbm(text: str, iterations: int = -1) -> Forest:
    """The trees in LightGBM's text form (``Booster.model_to_string``).

    Args:
        text: the file.
        iterations: how many trees are used, as many as there are if not positive.

    Raises:
        ValueError, KeyError: if it is none, or has what regression trees on numbers do not have.
    """
    head, *blocks = text.split("\nTree=")
    header = _values(head)
    objective = header.get("objective", "regression").split()
    if header.get("num_class") != "1" or objective[:1] not in (["regression"], ["regression_l2"], ["l2"], ["mse"]):
        raise ValueError(f"a booster of the kind {' '.join(objective)}")
    if "sqrt" in objective or "average_output" in head.split("\n"):
        raise ValueError("a booster whose output is transformed")
    parts = [_lightgbm_tree(_values(block)) for block in blocks]
    if iterations > 0:
        parts = parts[:iterations]
    if not parts:
        raise ValueError("a booster without trees")
    arrays = {name: np.concatenate([part[name] for part in parts]) for name in ("left", "right", "feature", "value")}
    arrays["sizes"] = np.array([len(part["left"]) for part in parts], np.int32)
    return _checked(arrays, 0.0, int(header["max_feature_idx"]) + 1)


def _values(block: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in block.split("\n") if "=" in line)


def _lightgbm_tree(tree: dict[str, str]) -> dict[str, NDArray[Any]]:
    """Inner nodes first, then leaves, all numbered through; LightGBM numbers leaf k as -1 - k."""
    leaves = int(tree["num_leaves"])

    def numbers(name: str, count: int, kind: type) -> NDArray[Any]:
        try:
            found: NDArray[Any] = np.array(tree[name].split() if name in tree else [], dtype=kind)
        except OverflowError:
            raise ValueError(f"a tree's {name} has a number of more than 64 bits") from None
        if len(found) != count:
            raise ValueError(f"a tree of {leaves} leaves has {len(found)} of {name}")
        return found

    values = numbers("leaf_value", leaves, np.float64)
    inner = leaves - 1
    kinds = numbers("decision_type", inner, np.int64)
    if int(tree.get("num_cat", "0")) or tree.get("is_linear", "0") != "0" or (kinds & _LGB_CATEGORICAL).any():
        raise ValueError("a tree with categorical splits or linear leaves")
    if ((kinds & _LGB_MISSING) == _LGB_ZERO).any():
        raise ValueError("a tree that takes zeros for missing")
    children = [numbers(f"{side}_child", inner, np.int64) for side in ("left", "right")]
    if any(((child < -leaves) | (child >= inner)).any() for child in children):
        raise ValueError("a tree's node has a child that cannot be")
    left, right = (
        np.concatenate([np.where(child < 0, inner - 1 - child, child), np.full(leaves, -1)]).astype(np.int32)
        for child in children
    )
    thresholds = numbers("threshold", inner, np.float64)
    above = thresholds.astype(np.float32)
    above = np.where(above <= thresholds, np.nextafter(above, np.float32(math.inf)), above)
    feature = np.concatenate([numbers("split_feature", inner, np.int32), np.zeros(leaves, np.int32)])
    value = np.concatenate([above, values.astype(np.float32)]).astype(np.float32)
    return _siblings_together({"left": left, "right": right, "feature": feature, "value": value})


def _siblings_together(tree: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The tree renumbered level by level: XGBoost takes the node behind a left child for the right one."""
    left, right = tree["left"].tolist(), tree["right"].tolist()
    order = [0]
    for node in order:  # grows meanwhile
        if left[node] >= 0:
            order += [left[node], right[node]]
        if len(order) > len(left):
            raise ValueError("a tree's node has a child that cannot be")
    if len(order) != len(left):
        raise ValueError("a tree with nodes that nothing leads to")
    place = np.empty(len(order), np.int32)
    place[order] = np.arange(len(order))
    renumbered = {name: values[order] for name, values in tree.items()}
    for side in ("left", "right"):
        renumbered[side] = np.where(renumbered[side] >= 0, place[renumbered[side]], -1).astype(np.int32)
    return renumbered


def _checked(arrays: dict[str, NDArray[Any]], base: float, features: int) -> Forest:
    trees = Trees.read(arrays, "")
    if not 1 <= features <= 10_000 or not math.isfinite(base):
        raise ValueError(f"{features} features, or a base of {base}")
    inner = trees.left != -1
    if (trees.right != trees.left + 1)[inner].any():
        raise ValueError("a tree whose siblings are not together")
    if len(trees.feature) and trees.feature.max() >= features:
        raise ValueError(f"a tree looks at feature {trees.feature.max()} of {features}")
    return Forest(trees, base, features)
