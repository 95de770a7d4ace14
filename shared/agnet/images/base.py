"""What images are inside the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError


@dataclass(frozen=True, slots=True)
class Split:
    """Images and their classes."""

    x: NDArray[np.uint8]
    """[n, channels, height, width] from 0 (dark) to 255."""
    y: NDArray[np.int64]
    """[n] number of the class."""

    def __post_init__(self) -> None:
        if self.x.dtype != np.uint8 or self.x.ndim != 4 or self.y.shape != self.x.shape[:1]:
            raise ValueError(f"images {self.x.dtype} {self.x.shape} with classes {self.y.shape}")

    def __len__(self) -> int:
        return len(self.y)

    def take(self, rows: NDArray[np.integer]) -> Split:
        """The images in ``rows``, in that order."""
        return Split(self.x[rows], self.y[rows])


@dataclass(frozen=True, slots=True)
class Images:
    """Classified images: those to train on, and those that were set apart."""

    name: str
    classes: tuple[str, ...]
    train: Split
    val: Split | None = None
    """To choose networks by, where whoever published the images has set some apart for that."""
    test: Split | None = None
    """To say how good the chosen network is."""

    def __post_init__(self) -> None:
        if not len(self.train):
            raise InputError(f"data {self.name}: there are no images to train on")
        if len(self.classes) < 2:
            raise InputError(f"data {self.name}: there is only one class, {self.classes[0]!r}")
        for split in (self.val, self.test):
            if split is not None and split.x.shape[1:] != self.train.x.shape[1:]:
                shapes = ["×".join(map(str, part.x.shape[1:])) for part in (split, self.train)]
                raise InputError(f"data {self.name}: images of {shapes[0]} beside those to train on of {shapes[1]}")

    @property
    def channels(self) -> int:
        """1 if grey, 3 if coloured."""
        return self.train.x.shape[1]

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width."""
        height, width = self.train.x.shape[2:]
        return height, width

    def statistics(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Mean and standard deviation of each channel over the images to train on, [channels] each, 255 being 1."""
        count = len(self.train) * self.shape[0] * self.shape[1]
        # from a histogram: exact, and without the images as floats
        numbers = np.arange(256) / 255
        found = np.stack([np.bincount(self.train.x[:, c].ravel(), minlength=256) for c in range(self.channels)]) / count
        mean = found @ numbers
        deviation = np.sqrt(np.maximum(found @ numbers**2 - mean**2, 0))
        return mean.astype(np.float32), np.where(deviation > 0, deviation, 1).astype(np.float32)


def merged(splits: Sequence[Split]) -> Split:
    """All images of several splits, in order."""
    return Split(np.concatenate([split.x for split in splits]), np.concatenate([split.y for split in splits]))


def set_apart(split: Split, share: float, rng: np.random.Generator) -> tuple[Split, Split]:
    """``split`` in two: what remains, and ``share`` of each class (rounded, at least one image where there are two).

    Both keep the order of the images.
    """
    apart = np.zeros(len(split), dtype=np.bool_)
    for number in np.unique(split.y):
        rows = np.flatnonzero(split.y == number)
        count = min(max(round(share * len(rows)), 1), len(rows) - 1)
        apart[rng.permutation(rows)[:count]] = True
    return split.take(np.flatnonzero(~apart)), split.take(np.flatnonzero(apart))


def with_test(name: str, classes: tuple[str, ...], split: Split) -> Images:
    """Images that nobody has divided: a fifth of each class becomes the test, always the same one."""
    rest, test = set_apart(split, 0.2, np.random.default_rng(0))
    return Images(name, classes, rest, test=test)
