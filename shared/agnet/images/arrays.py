"""NumPy arrays in one ``.npz`` file; nothing in it is unpickled.

Names of the arrays: ``x`` and ``y``; or ``train_x``, ``train_y`` and if there are ``val_x``, ``val_y``, ``test_x``,
``test_y``. ``x_train`` (Keras' files), ``train_images`` and ``train_labels`` (MedMNIST's) and so on are understood too.

Images are [n, height, width] (grey), [n, height, width, channels] or [n, channels, height, width], with 1 or 3
channels, as bytes or as floats from 0 to 1, of which 8 bits are kept. Classes are [n] or [n, 1] integers or strings.
"""

from __future__ import annotations

import math
import tokenize
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet import archives
from agnet.errors import InputError
from agnet.images.base import Images, Split, with_test
from agnet.unpickling import ERRORS

_DEFLATE = 1032  # bytes that one can stand for at most
_PACKED = 100
"""Bytes that one stands for in all arrays together; scanned digits as 64-bit floats come to 11."""
_ANYWAY = 64 << 20
_WORDS = (("x", "y"), ("images", "labels"))
_ERRORS = (*ERRORS, *archives.ERRORS, SyntaxError, tokenize.TokenError)


def load(name: str, *, size: int, classes: int) -> Images:
    """The arrays of a file.

    Raises:
        InputError: if the file is damaged, or its arrays are no classified images.
    """
    try:
        _check_sizes(name)
        with np.load(name, allow_pickle=False) as file:
            found = {part: _pair(name, file, part) for part in ("train", "val", "test", "")}
    except _ERRORS as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"data {name}: not read as NumPy arrays: {' '.join(str(error).split())}") from None
    pairs = {part or "train": pair for part, pair in found.items() if pair}
    if "train" not in pairs:
        raise InputError(f"data {name}: it has neither x and y nor train_x and train_y")
    known = np.unique(pairs["train"][1])
    splits = {part: _split(name, *pair, known) for part, pair in pairs.items()}
    names = tuple(map(str, known.tolist()))
    if set(splits) == {"train"}:
        return with_test(name, names, splits["train"])
    return Images(name, names, splits["train"], splits.get("val"), splits.get("test"))


def _check_sizes(name: str) -> None:
    """Refuse arrays that claim more than their bytes can hold, or far more than images would: NumPy makes room first.

    Raises:
        ValueError: if there are such.
    """
    size = Path(name).stat().st_size
    total = 0
    with zipfile.ZipFile(name) as archive:
        for member in archive.infolist():
            if not member.filename.endswith(".npy"):
                continue
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
            claimed = math.prod(shape) * dtype.itemsize
            if claimed > _DEFLATE * min(member.compress_size, size):
                raise ValueError(f"{member.filename} claims the shape {shape}, for which there are too few bytes")
            total += claimed
    if total > max(_ANYWAY, _PACKED * size):
        raise ValueError(f"its arrays have {total >> 20:,} MB, more than {_PACKED} times as much as the file")


def _pair(name: str, file: Mapping[str, Any], part: str) -> tuple[NDArray[np.uint8], NDArray[Any]] | None:
    """Images [n, channels, height, width] and classes [n] of a part; None if there is none."""
    for x, y in _WORDS:
        for first, second in ((f"{part}_{x}", f"{part}_{y}"), (f"{x}_{part}", f"{y}_{part}")):
            keys = (first, second) if part else (x, y)
            if keys[0] in file:
                if keys[1] not in file:
                    raise InputError(f"data {name}: it has {keys[0]} and no {keys[1]}")
                return _pixels(name, keys[0], file[keys[0]]), _labels(name, keys[1], file[keys[1]])
    return None


def _pixels(name: str, key: str, values: NDArray[Any]) -> NDArray[np.uint8]:
    if values.ndim == 3:
        values = values[:, None]
    elif values.ndim == 4 and values.shape[1] not in (1, 3):
        values = values.transpose(0, 3, 1, 2)
    if values.ndim != 4 or values.shape[1] not in (1, 3) or 0 in values.shape:
        raise InputError(
            f"data {name}: {key} has the shape {values.shape}: give [n, height, width] or with 1 or 3 channels"
        )
    if values.dtype.kind == "f":
        # not >: NaN is no brightness either
        if not (values.min() >= 0 and values.max() <= 1):
            raise InputError(f"data {name}: {key}: floats must be from 0 to 1")
        values = np.rint(values * 255).astype(np.uint8)
    if values.dtype != np.uint8:
        raise InputError(f"data {name}: {key} is {values.dtype}: give uint8, or floats from 0 to 1")
    return np.ascontiguousarray(values)


def _labels(name: str, key: str, values: NDArray[Any]) -> NDArray[Any]:
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim != 1 or values.dtype.kind not in "iuU":
        raise InputError(f"data {name}: {key} is {values.dtype} {values.shape}: give [n] integers or strings")
    return values


def _split(name: str, x: NDArray[np.uint8], y: NDArray[Any], known: NDArray[Any]) -> Split:
    if len(x) != len(y):
        raise InputError(f"data {name}: {len(x):,} images with {len(y):,} classes")
    if (strange := ~np.isin(y, known)).any():
        raise InputError(f"data {name}: class {y[strange][0]} is not among those to train on")
    return Split(x, np.searchsorted(known, y))
