"""Networks among NAS-Bench-x11's models: a pickled PyTorch module in place of a chain of trees.

``models/svd_nn.py`` of automl/nas-bench-x11 saves the module itself: a first layer, a plain list of hidden layers, each
with a ReLU before it, and a last layer (the batch normalisation that stands beside them is never applied). Its objects
are read through stand-ins as all others.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet import pickles, tensors


class _Module:
    """Stands in for a PyTorch module."""


CLASSES: Mapping[str, Callable[..., Any]] = {
    "nas_bench_x11.models.svd_nn.NNSurrogateModel": _Module,
    **{f"torch.nn.modules.{name}": _Module for name in ("linear.Linear", "batchnorm.BatchNorm1d", "dropout.Dropout")},
    **tensors.STAND_INS,
    "builtins.set": pickles.members,
}


def layers(module: object) -> list[tuple[NDArray[np.float64], NDArray[np.float64]]]:
    """[outputs, inputs] weights and [outputs] biases of each layer, the first first.

    Raises:
        ValueError, KeyError, TypeError, AttributeError: if it is not such a module, or its layers do not fit.
    """
    state = vars(module)
    # In a list, not a ModuleList: so they are attributes of the module, and were never trained.
    linear = [state["_modules"]["inlayer"], *state["fclayers"], state["_modules"]["outlayer"]]
    found: list[tuple[NDArray[np.float64], NDArray[np.float64]]] = []
    for layer in linear:
        weight, bias = (vars(layer)["_parameters"][name].array().astype(np.float64) for name in ("weight", "bias"))
        if weight.ndim != 2 or bias.shape != weight.shape[:1] or (found and weight.shape[1] != len(found[-1][1])):
            raise ValueError("its layers do not fit together")
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ValueError("its weights are not all numbers")
        found.append((weight, bias))
    return found


def scores(
    layers: Sequence[tuple[NDArray[np.float64], NDArray[np.float64]]], x: NDArray[np.float64]
) -> NDArray[np.float64]:
    """[n, components] what the network says of features [n, d]; without dropout."""
    for number, (weight, bias) in enumerate(layers):
        x = (np.maximum(x, 0) if number else x) @ weight.T + bias
    return x
