"""The few array operations that generators are made of, on the CPU by NumPy and on other devices by PyTorch.

AG-Net trains on batches of 16 cells, where an operation costs its call and not its arithmetic. NumPy's calls cost a
third of PyTorch's, and a tool that does without PyTorch starts two seconds earlier. Code written with these works on
both, because NumPy's arrays and PyTorch's tensors share operators, slices, ``reshape``, ``swapaxes`` and ``sum``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from math import prod
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError

Array = Any
"""``numpy.ndarray`` or ``torch.Tensor``: what a backend makes."""


class Backend(Protocol):
    """Arrays of one number type on one device."""

    def array(self, values: NDArray[Any]) -> Array:
        """Floating point ``values`` in this backend's number type, other values as they are; may share memory."""

    def numpy(self, values: Array) -> NDArray[Any]:
        """``values`` in main memory; may share memory."""

    def empty(self, *shape: int) -> Array:
        """Array to be filled."""

    def full(self, value: float, *shape: int) -> Array:
        """Array of one value."""

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """``a @ b``, broadcast over leading axes."""

    def log(self, x: Array) -> Array:
        """A new array."""

    def sqrt(self, x: Array) -> Array:
        """A new array."""

    def softmax(self, x: Array) -> Array:
        """A new array, along the last axis."""

    def tanh_(self, x: Array) -> Array:
        """In place."""

    def sigmoid_(self, x: Array) -> Array:
        """In place."""

    def relu_(self, x: Array) -> Array:
        """In place."""

    def concat(self, parts: list[Array], axis: int) -> Array:
        """``parts`` side by side."""


class _NumPy:
    """Arrays in main memory."""

    def __init__(self, dtype: type = np.float32) -> None:
        self._dtype = dtype

    def array(self, values: NDArray[Any]) -> Array:
        return np.asarray(values, self._dtype if np.issubdtype(values.dtype, np.floating) else None)

    def numpy(self, values: Array) -> NDArray[Any]:
        return values

    def empty(self, *shape: int) -> Array:
        return np.empty(shape, self._dtype)

    def full(self, value: float, *shape: int) -> Array:
        return np.full(shape, value, self._dtype)

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        return np.matmul(a, b, out=out)

    def log(self, x: Array) -> Array:
        return np.log(x)

    def sqrt(self, x: Array) -> Array:
        return np.sqrt(x)

    def softmax(self, x: Array) -> Array:
        y = np.exp(x - x.max(axis=-1, keepdims=True))
        y /= y.sum(axis=-1, keepdims=True)
        return y

    def tanh_(self, x: Array) -> Array:
        return np.tanh(x, out=x)

    def sigmoid_(self, x: Array) -> Array:
        # Half a tanh has no overflow to warn of, but takes twice as long.
        np.negative(x, out=x)
        np.minimum(x, 80, out=x)
        np.exp(x, out=x)
        x += 1
        return np.reciprocal(x, out=x)

    def relu_(self, x: Array) -> Array:
        return np.maximum(x, 0, out=x)

    def concat(self, parts: list[Array], axis: int) -> Array:
        return np.concatenate(parts, axis)


class _Torch:
    """Tensors on a device of PyTorch's."""

    def __init__(self, device: str, dtype: str = "float32") -> None:
        import torch  # noqa: PLC0415 - heavy, and on the CPU not needed

        self._torch = torch
        self._device, self._dtype = torch.device(device), getattr(torch, dtype)

    def array(self, values: NDArray[Any]) -> Array:
        tensor = self._torch.from_numpy(np.ascontiguousarray(values))
        return tensor.to(self._device, self._dtype if tensor.is_floating_point() else None)

    def numpy(self, values: Array) -> NDArray[Any]:
        return values.cpu().numpy()

    def empty(self, *shape: int) -> Array:
        return self._torch.empty(shape, device=self._device, dtype=self._dtype)

    def full(self, value: float, *shape: int) -> Array:
        return self._torch.full(shape, value, device=self._device, dtype=self._dtype)

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        return self._torch.matmul(a, b, out=out)

    def log(self, x: Array) -> Array:
        return x.log()

    def sqrt(self, x: Array) -> Array:
        return x.sqrt()

    def softmax(self, x: Array) -> Array:
        return x.softmax(-1)

    def tanh_(self, x: Array) -> Array:
        return x.tanh_()

    def sigmoid_(self, x: Array) -> Array:
        return x.sigmoid_()

    def relu_(self, x: Array) -> Array:
        return x.relu_()

    def concat(self, parts: list[Array], axis: int) -> Array:
        return self._torch.cat(parts, axis)


@cache
def backend(device: str = "cpu", *, double: bool = False) -> Backend:
    """Single (or double) precision arrays on ``device``: ``cpu``, ``cuda``, ``cuda:1``, ...

    Raises:
        InputError: if PyTorch has no such device.
    """
    if device == "cpu":
        return _NumPy(np.float64 if double else np.float32)
    try:
        made = _Torch(device, "float64" if double else "float32")
        made.empty(1)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"device {device!r} cannot be used: {reason}; use cpu, cuda or cuda:N") from error
    return made


def views(vector: Array, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Array]:
    """The named arrays that lie one after the other in a vector."""
    named, end = {}, 0
    for name, shape in shapes.items():
        start, end = end, end + prod(shape)
        named[name] = vector[start:end].reshape(shape)
    return named
