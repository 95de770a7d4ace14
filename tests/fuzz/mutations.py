"""Damage to valid inputs, without a library and the same each time: what a short run makes do with."""

from __future__ import annotations

import random
from collections.abc import Iterator

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
    chance = random.Random(seed).random
    for _ in range(count):
        data = bytearray(corpus[int(chance() * len(corpus))])
        again = True
        while again:
            start = int(chance() * (len(data) + 1))
            near = start
            while near < len(data) and chance() < 0.8:
                near += 1
            kind = int(chance() * 7)
            if kind == 0 and start < len(data):
                data[start] ^= 1 << int(chance() * 8)
            elif kind == 1 and start < len(data):
                data[start] = int(chance() * 256)
            elif kind == 2:
                del data[start:near]
            elif kind == 3:
                data[start:start] = data[start:near] * int(1 + chance() * 3)
            elif kind == 4:
                data[start:near] = _TOKENS[int(chance() * len(_TOKENS))]
            elif kind == 5:
                del data[start:]
            else:
                other = corpus[int(chance() * len(corpus))]
                data[start:] = other[int(chance() * (len(other) + 1)) :]
            again = chance() < 0.5
        yield bytes(data)
