"""Between NumPy and Arrow.

``pyarrow.array``, ``pyarrow.scalar`` and ``to_numpy`` import pandas wherever it is installed, which costs a third of a
second before the first record; these do not, and they copy nothing that they need not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_DIGITS = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)


def numbers(values: NDArray[np.number] | NDArray[np.bool_], null: NDArray[np.bool_] | None = None) -> pa.Array:
    """[n] numbers or truth values; rows where ``null`` is true are null."""
    values = np.ascontiguousarray(values)
    data = _bits(values) if values.dtype == np.bool_ else pa.py_buffer(values)
    present = None if null is None else _bits(~null)
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [present, data])


def strings(values: Sequence[str]) -> pa.StringArray:
    """Text, without nulls."""
    encoded = [value.encode() for value in values]
    offsets = np.zeros(len(values) + 1, dtype=np.int32)
    np.cumsum([len(value) for value in encoded], out=offsets[1:])
    return pa.StringArray.from_buffers(len(values), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded)))


def characters(text: NDArray[np.uint8]) -> pa.StringArray:
    """[n] strings of the ASCII characters [n, length]."""
    n, length = text.shape
    if text.size >= 1 << 31:
        raise ValueError(f"{n:,} strings of {length} characters do not fit into one array: take fewer rows at a time")
    offsets = np.arange(n + 1, dtype=np.int32) * np.int32(length)
    return pa.StringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(text)))


def hexadecimal(values: NDArray[np.unsignedinteger]) -> pa.StringArray:
    """[n] strings of all hexadecimal digits, leading zeros too, of the numbers [n, k]."""
    n, k = values.shape
    octets = np.ascontiguousarray(values.astype(values.dtype.newbyteorder(">"))).view(np.uint8)
    digits = np.stack([octets >> 4, octets & 15], axis=-1).reshape(n, 2 * k * values.dtype.itemsize)
    return characters(_DIGITS[digits])


def text(value: str) -> pa.StringScalar:
    """One string, for :func:`pyarrow.repeat` and as an argument of compute functions."""
    return strings([value])[0]


def lists(values: NDArray[np.number]) -> pa.FixedSizeListArray:
    """[n, d] numbers, one list of length d a row."""
    n, d = values.shape
    type_ = pa.list_(pa.from_numpy_dtype(values.dtype), d)
    return pa.FixedSizeListArray.from_buffers(type_, n, [None], children=[numbers(values.reshape(-1))])


def to_numpy(array: pa.Array) -> NDArray[Any]:
    """[n] numbers or truth values, as a read-only view where Arrow's memory allows; nulls become NaN (in float64)."""
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.uint8())
        return to_numpy(array) if array.null_count else to_numpy(array).view(np.bool_)
    if array.null_count:
        array = array.cast(pa.float64()).fill_null(numbers(np.array([np.nan]))[0])
    return np.from_dlpack(array)


def _bits(values: NDArray[Any]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))
