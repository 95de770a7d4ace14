"""Reading plain values out of pickle files without running anything that is in them."""

from __future__ import annotations

import pickle
import re
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError
from agnet.unpickling import ERRORS, Machine, Readable, keys

_DTYPE = re.compile(r"[biuf][1248]")


class Dtype:
    """Stands in for ``numpy.dtype``: numbers and truth values only."""

    def __init__(self, code: str, *_: object) -> None:
        if not isinstance(code, str) or not _DTYPE.fullmatch(code.lstrip("<>|=")):
            raise pickle.UnpicklingError(f"it has values of the type {str(code)[:20]!r}, which are no numbers")
        self.value = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        if state[1] in ("<", ">"):
            self.value = self.value.newbyteorder(state[1])


class Array:
    """Stands in for ``numpy.ndarray``: :func:`array` gives what is in it."""

    value: NDArray[Any]

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, dtype, fortran, data = state
        if isinstance(data, str):  # a string of Python 2
            data = data.encode("latin1")
        if not isinstance(dtype, Dtype) or not isinstance(data, bytes | bytearray):
            raise pickle.UnpicklingError("it has an array of something else than numbers")
        self.value = np.frombuffer(data, dtype.value).reshape(shape, order="F" if fortran else "C")


def array(value: Any) -> NDArray[Any]:
    """The array that a value read with :data:`NUMPY` stands for: an :class:`Array`, or a list of numbers.

    Raises:
        ValueError: if it is neither.
    """
    result = getattr(value, "value", None) if isinstance(value, Array) else np.array(value)
    if result is None or result.dtype.kind not in "biuf":
        raise ValueError(f"{str(value)[:40]} where numbers are needed")
    return result


def _scalar(dtype: Dtype, data: bytes = b"") -> bool | int | float:
    value: bool | int | float = np.frombuffer(data, dtype.value, count=1)[0].item()
    return value


def _reconstruct(kind: type, *_: object) -> Array:
    if kind is not Array:
        raise pickle.UnpicklingError("it has an array of an unknown kind")
    return Array()


def _from_buffer(data: bytes, dtype: Dtype, shape: tuple[int, ...], order: str) -> Array:
    made = Array()
    made.__setstate__((1, shape, dtype, order == "F", data))
    return made


class Ordered(OrderedDict[Any, Any]):
    """Stands in for ``collections.OrderedDict``."""

    def __init__(self, pairs: Sequence[Any] = ()) -> None:
        super().__init__()
        keys([key for key, _ in pairs])
        self.update(pairs)


def members(items: Sequence[Any] = ()) -> set[Any]:
    """Stands in for ``set``."""
    return set(keys(items))


def changeable(data: bytes = b"", *_: object) -> bytearray:
    """Stands in for ``bytearray``, which would make room for as many bytes as a number says."""
    if not isinstance(data, bytes | bytearray):
        raise pickle.UnpicklingError("it has bytes that are none")
    return bytearray(data)


def _encode(text: str, encoding: str = "latin1") -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it has bytes in the encoding {encoding[:20]!r}")
    return text.encode("latin1")


NUMPY: Mapping[str, Callable[..., Any]] = {
    "collections.OrderedDict": Ordered,
    "_codecs.encode": _encode,
    "numpy.dtype": Dtype,
    "numpy.ndarray": Array,
    **{
        f"numpy.{core}.multiarray.{name}": stand_in
        for core in ("core", "_core")
        for name, stand_in in (("scalar", _scalar), ("_reconstruct", _reconstruct))
    },
    **{f"numpy.{core}.numeric._frombuffer": _from_buffer for core in ("core", "_core")},
}
"""Stand-ins for what pickles of NumPy's numbers and arrays name."""


def load(path: Path, classes: Mapping[str, Callable[..., Any]] | None = None, *, strings: str = "ascii") -> Any:
    """The dicts, lists, tuples, strings and numbers in a pickle file.

    Args:
        path: the file.
        classes: what stands in for each class that the file may name, by its full name ``module.Class``. No other name
            is looked up, so no code can be reached.
        strings: encoding of Python 2's strings; latin1 where arrays are kept in them.

    Raises:
        InputError: if the file is damaged, or names anything else.
    """
    with path.open("rb") as file:
        return read(file, str(path), classes, strings=strings)


def read(
    file: Readable, name: str, classes: Mapping[str, Callable[..., Any]] | None = None, *, strings: str = "ascii"
) -> Any:
    """As :func:`load`, from an open file that errors call ``name``."""
    try:
        return Machine(file, classes or {}, strings=strings).load()
    except (*ERRORS, OSError) as e:
        reason = " ".join(str(e).split()) or type(e).__name__
        raise InputError(f"{name}: not read as a pickle: {reason}") from e
