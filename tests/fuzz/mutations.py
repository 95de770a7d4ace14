"""Damage to valid inputs, without a library and the same each time: what a short run makes do with."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_TOKENS = (
    b"\x00",
    b"\xff\xff\xff\x7f",
    b"\xff" * 8,
    b"\n",
    b"[" * 40,
    b"{",
    b'"',
    b"-1",
    b"1e999",
    b"NaN",
    b"null",
    b"\xc3\x28",
)


def mutations(corpus: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """``count`` inputs: bytes changed, cut out, repeated, put in, or the end of another input put on."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        data = bytearray(corpus[rng.integers(len(corpus))])
        for _ in range(int(rng.geometric(0.5))):
            start, stop = sorted(rng.integers(0, len(data) + 1, 2).tolist())
            near = min(stop, start + int(rng.geometric(0.2)))
            kind = rng.integers(7)
            if kind == 0 and start < len(data):
                data[start] ^= 1 << int(rng.integers(8))
            elif kind == 1 and start < len(data):
                data[start] = int(rng.integers(256))
            elif kind == 2:
                del data[start:near]
            elif kind == 3:
                data[start:start] = data[start:near] * int(rng.integers(1, 4))
            elif kind == 4:
                data[start:near] = _TOKENS[rng.integers(len(_TOKENS))]
            elif kind == 5:
                del data[start:]
            else:
                other = corpus[rng.integers(len(corpus))]
                data[start:] = other[int(rng.integers(0, len(other) + 1)) :]
        yield bytes(data)
