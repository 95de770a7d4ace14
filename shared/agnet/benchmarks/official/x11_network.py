"""Networks among NAS-Bench-x11's models: a pickled PyTorch module in place of a chain of trees.

``models/svd_nn.py`` of automl/nas-bench-x11 saves the module itself: a first layer, a plain list of hidden layers, each
with a ReLU before it, and a last layer (the batch normalisation that stands beside them is never applied). Its objects
are read through stand-ins as all others, and the bytes of a tensor by ``torch.load`` with ``weights_only``.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray


class _Module:
    """Stands in for a PyTorch module."""


def _bytes(data: bytes) -> NDArray[Any]:
    """The numbers of a storage."""
    import torch  # noqa: PLC0415 - heavy

    if not isinstance(data, bytes):
        raise pickle.UnpicklingError("it has a tensor without bytes")
    try:
        storage = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        values: NDArray[Any] = torch.tensor([], dtype=storage.dtype).set_(storage).numpy()
    except Exception as error:  # torch.load raises whatever its C++ does
        raise pickle.UnpicklingError(f"a tensor that cannot be read: {str(error).splitlines()[0][:80]}") from None
    return values


def _tensor(
    values: NDArray[Any], offset: int, shape: Sequence[int], strides: Sequence[int], *_: object
) -> NDArray[Any]:
    """A tensor that is one after the other in its storage."""
    if not isinstance(values, np.ndarray):
        raise pickle.UnpicklingError("a tensor of something else than numbers")
    size = int(np.prod(shape, dtype=np.int64))
    steps = np.cumprod([1, *list(shape)[:0:-1]])[::-1]
    if min([offset, *shape]) < 0 or (len(shape) and size and list(strides) != steps.tolist()):
        raise pickle.UnpicklingError("a tensor of an unusual layout")
    if offset + size > values.size:
        raise pickle.UnpicklingError("a tensor that is larger than its storage")
    return values[offset : offset + size].reshape(tuple(shape))


def _parameter(values: NDArray[Any], *_: object) -> NDArray[Any]:
    return values


CLASSES: Mapping[str, Callable[..., Any]] = {
    "nas_bench_x11.models.svd_nn.NNSurrogateModel": _Module,
    **{f"torch.nn.modules.{name}": _Module for name in ("linear.Linear", "batchnorm.BatchNorm1d", "dropout.Dropout")},
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch.storage._load_from_bytes": _bytes,
    "builtins.set": set,
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
        weight, bias = (np.asarray(vars(layer)["_parameters"][name], np.float64) for name in ("weight", "bias"))
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
