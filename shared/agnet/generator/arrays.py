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

    def matmul(self, a: Array, b: Array, out: Array) -> Array:
        """``a @ b``, broadcast over leading axes, to ``out``."""

    def add(self, a: Array, b: Array, out: Array) -> Array:
        """``a + b`` to ``out``."""

    def subtract(self, a: Array, b: Array, out: Array) -> Array:
        """``a - b`` to ``out``."""

    def multiply(self, a: Array, b: Array, out: Array) -> Array:
        """``a * b`` to ``out``."""

    def divide(self, a: Array, b: Array, out: Array) -> Array:
        """``a / b`` to ``out``."""

    def sqrt(self, x: Array, out: Array) -> Array:
        """``x ** 0.5`` to ``out``."""

    def alike(self, rows: Array) -> bool:
        """Whether all rows are equal, if that can be told at once."""

    def log(self, x: Array) -> Array:
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

    matmul, add, subtract, multiply, divide, sqrt = np.matmul, np.add, np.subtract, np.multiply, np.divide, np.sqrt

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

    def alike(self, rows: Array) -> bool:
        return bool((rows == rows[:1]).all())

    def log(self, x: Array) -> Array:
        return np.log(x)

    def softmax(self, x: Array) -> Array:
        y = np.exp(x - x.max(axis=-1, keepdims=True))
        y /= y.sum(axis=-1, keepdims=True)
        return y

    def tanh_(self, x: Array) -> Array:
        return np.tanh(x, out=x)

    def sigmoid_(self, x: Array) -> Array:
        # Without an overflow to warn of.
        x *= 0.5
        np.tanh(x, out=x)
        x *= 0.5
        x += 0.5
        return x

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

    def matmul(self, a: Array, b: Array, out: Array) -> Array:
        # PyTorch's own ``out`` loses its place in a larger tensor when there are several leading axes.
        return out.copy_(a @ b)

    def add(self, a: Array, b: Array, out: Array) -> Array:
        return self._torch.add(a, b, out=out)

    def subtract(self, a: Array, b: Array, out: Array) -> Array:
        return self._torch.subtract(a, b, out=out)

    def multiply(self, a: Array, b: Array, out: Array) -> Array:
        return self._torch.multiply(a, b, out=out)

    def divide(self, a: Array, b: Array, out: Array) -> Array:
        return self._torch.divide(a, b, out=out)

    def sqrt(self, x: Array, out: Array) -> Array:
        return self._torch.sqrt(x, out=out)

    def alike(self, rows: Array) -> bool:
        return False  # to look would be to wait for the device

    def log(self, x: Array) -> Array:
        return x.log()

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
