"""``noise``: independent Gaussian pixels with classes drawn at random, for scores that only need some images.

There is nothing to learn from it. Pixels have a mean of a half and a deviation of a sixth of the range, so that one in
370 is cut off; three channels; 1,024 images to train on, 256 for the test, always the same ones for one size.
"""

from __future__ import annotations

import numpy as np

from agnet.images.base import Images, Split

_TRAIN, _TEST = 1024, 256


def load(name: str, *, size: int, classes: int) -> Images:
    """Noise of ``size`` pixels (32 if 0) in ``classes`` classes (10 if 0)."""
    size, classes = size or 32, classes or 10
    rng = np.random.default_rng(0)

    def split(count: int) -> Split:
        numbers = rng.standard_normal((count, 3, size, size), dtype=np.float32)
        return Split(
            np.clip(np.rint(numbers * (255 / 6) + 127.5), 0, 255).astype(np.uint8), _classes(rng, count, classes)
        )

    return Images(name, tuple(map(str, range(classes))), split(_TRAIN), test=split(_TEST))


def _classes(rng: np.random.Generator, count: int, classes: int) -> np.ndarray:
    """[count] classes in random order, all equally often as far as that goes."""
    return rng.permutation(np.arange(count, dtype=np.int64) % classes)
