"""Random streams that depend on a seed and on what they are for, and on nothing else.

A seed is one non-negative integer or several joined by colons: ``7``, ``7:3``. ``search --seed 7`` uses the stream
``7:r`` in round r, so that a shell loop can draw the same numbers. Two tools with one seed never share a stream,
because the purpose is part of the key (NumPy's ``SeedSequence``).
"""

from __future__ import annotations

import zlib
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError

if TYPE_CHECKING:
    import torch

Seed = tuple[int, ...]


def parse_seed(text: str) -> Seed:
    """``"7:3"`` to ``(7, 3)``.

    Raises:
        InputError: if a part is not a non-negative integer.
    """
    parts = text.split(":")
    if not all(part.isascii() and part.isdigit() for part in parts):
        raise InputError(f"seed {text!r}: give a non-negative integer, or several joined by colons such as 7:3")
    return tuple(int(part) for part in parts)


def _sequence(seed: Seed, purpose: str, index: int) -> np.random.SeedSequence:
    # SeedSequence pads entropy with zeros, so (7,) and (7, 0) would be one stream: the length goes into the key.
    return np.random.SeedSequence(seed, spawn_key=(zlib.crc32(purpose.encode()), len(seed), index))


def numpy_stream(seed: Seed, purpose: str, index: int = 0) -> np.random.Generator:
    """Independent NumPy generator for the ``index``-th piece of ``purpose``."""
    return np.random.default_rng(_sequence(seed, purpose, index))


def torch_stream(seed: Seed, purpose: str, index: int = 0) -> torch.Generator:
    """Independent CPU torch generator for the ``index``-th piece of ``purpose``."""
    import torch  # noqa: PLC0415 - heavy

    generator = torch.Generator()
    # 63 bits: manual_seed takes a signed 64-bit integer
    generator.manual_seed(int(_sequence(seed, purpose, index).generate_state(1, np.uint64)[0] >> np.uint64(1)))
    return generator


def integer(seed: Seed, purpose: str, index: int = 0) -> int:
    """31-bit seed for libraries that take one integer (XGBoost)."""
    return int(_sequence(seed, purpose, index).generate_state(1)[0] >> np.uint32(1))


def keyed_uniform(seed: Seed, purpose: str, keys: NDArray[np.integer]) -> NDArray[np.float64]:
    """[n] numbers in [0, 1), each determined by the seed, the purpose and its key alone, not by order or batch.

    SplitMix64's output function (Steele, Lea and Flood, OOPSLA 2014) of the key, offset by the seed.
    """
    offset = _sequence(seed, purpose, 0).generate_state(1, np.uint64)
    mixed = (keys.astype(np.uint64) + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15) + offset
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    mixed = (mixed ^ (mixed >> np.uint64(31))) >> np.uint64(11)  # 53 bits, what a float64 holds
    return mixed.astype(np.float64) * 2.0**-53
