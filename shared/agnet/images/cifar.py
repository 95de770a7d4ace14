"""CIFAR-10 and CIFAR-100 as their authors publish them, "python version" and "binary version", unpacked.

https://www.cs.toronto.edu/~kriz/cifar.html (Krizhevsky, 2009). The folder is the one with the batches in it:
``cifar-10-batches-py`` (``data_batch_1``..``5``, ``test_batch``), ``cifar-100-python`` (``train``, ``test``),
``cifar-10-batches-bin`` (``data_batch_1.bin``.., ``test_batch.bin``) or ``cifar-100-binary`` (``train.bin``,
``test.bin``). Batches to train on may be fewer, and smaller. CIFAR-100 has its 100 fine classes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet import pickles
from agnet.errors import InputError
from agnet.images.base import Images, Split, merged

_BYTES = 3 * 32 * 32
_CLASSES = {
    10: ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
    100: tuple(map(str, range(100))),
}


def layout(folder: Path) -> tuple[int, str] | None:
    """Number of classes and ending of the files in ``folder``; None if it has none of CIFAR's."""
    for ending in ("", ".bin"):
        if (folder / f"data_batch_1{ending}").is_file():
            return 10, ending
        if (folder / f"train{ending}").is_file():
            return 100, ending
    return None


def load(name: str, *, size: int, classes: int) -> Images:
    """CIFAR-10 or CIFAR-100, whichever is there.

    Raises:
        InputError: if a file is missing or damaged.
    """
    folder = Path(name)
    found = layout(folder)
    assert found  # the caller looked
    count, ending = found
    if count == 10:
        train = [path for n in range(1, 6) if (path := folder / f"data_batch_{n}{ending}").is_file()]
        test = folder / f"test_batch{ending}"
    else:
        train, test = [folder / f"train{ending}"], folder / f"test{ending}"
    if not test.is_file():
        raise InputError(f"data {name}: {test.name} is missing")
    read = _binary if ending else _pickled
    return Images(name, _CLASSES[count], merged([read(path, count) for path in train]), test=read(test, count))


def _binary(path: Path, classes: int) -> Split:
    """A class in one byte (CIFAR-100: the coarse class in one more before it), then red, green and blue, row by row."""
    head = 1 if classes == 10 else 2
    try:
        content = np.fromfile(path, np.uint8)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    if not len(content) or len(content) % (head + _BYTES):
        raise InputError(
            f"{path}: {len(content):,} bytes are no multiple of {head + _BYTES:,}, an image of CIFAR-{classes}"
        )
    rows = content.reshape(-1, head + _BYTES)
    return _split(path, rows[:, head:], rows[:, head - 1], classes)


def _pickled(path: Path, classes: int) -> Split:
    """A dict of Python 2 with ``data`` [n, 3072] and a list of classes; rewritten by Python 3, its keys are bytes."""
    try:
        content = pickles.load(path, pickles.NUMPY, strings="latin1")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a batch of CIFAR-{classes}: no dict")
    batch = {key.decode("latin1") if isinstance(key, bytes) else key: value for key, value in content.items()}
    pixels, numbers = (_array(path, batch, key, classes) for key in ("data", _LABELS[classes]))
    return _split(path, pixels, numbers, classes)


_LABELS = {10: "labels", 100: "fine_labels"}


def _array(path: Path, batch: dict[Any, Any], key: str, classes: int) -> NDArray[Any]:
    try:
        return pickles.array(batch[key])
    except KeyError:
        raise InputError(f"{path}: not a batch of CIFAR-{classes}: it has no {key!r}") from None
    except ValueError as error:
        raise InputError(f"{path}: {key}: {error}") from None


def _split(path: Path, pixels: NDArray[Any], numbers: NDArray[Any], classes: int) -> Split:
    if pixels.dtype != np.uint8 or pixels.shape != (len(numbers), _BYTES) or numbers.ndim != 1:
        raise InputError(f"{path}: {pixels.dtype} {pixels.shape} with {numbers.shape} classes are no images of CIFAR")
    if numbers.dtype.kind not in "iu" or not len(numbers) or numbers.min() < 0 or numbers.max() >= classes:
        raise InputError(f"{path}: classes must be integers from 0 to {classes - 1}")
    return Split(np.ascontiguousarray(pixels).reshape(-1, 3, 32, 32), numbers.astype(np.int64))
