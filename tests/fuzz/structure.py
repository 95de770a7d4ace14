"""Changes to pickles that leave them pickles: what bytes at random hardly ever do beyond the first of them."""

from __future__ import annotations

import pickletools
import random
import struct
from functools import lru_cache

from tests.fuzz.evil import VALUES

_OTHERS = [
    *(value for name, value in VALUES.items() if len(value) < 1000 and name != "deep list"),
    *(struct.pack("<cI", b"X", length) + b"a" for length in (2, 1 << 20, 0xFFFFFFFF)),
    *(struct.pack("<cQ", b"\x8e", length) + b"a" for length in (2, 1 << 40)),
    b"cbuiltins\neval\n",
    b"(",
    b"0",
    b"2",
    b"R",
    b"b",
    b"a",
    b"s",
    b"u",
    b"t",
    b"}",
    b")",
    b"\x81",
    b"Q",
]


def of_pickle(data: bytes, seed: int) -> bytes | None:
    """A value or an operation replaced, left out, said twice, or two exchanged; None if this is no pickle."""
    places = _places(data)
    if places is None:
        return None
    chance = random.Random(seed)
    made = data
    for _ in range(1 + (chance.random() < 0.3)):
        row = chance.randrange(len(places) - 1)
        start, end = places[row], places[row + 1]
        if made is not data and end > len(made):
            break
        kind = chance.random()
        if kind < 0.45:
            made = made[:start] + chance.choice(_OTHERS) + made[end:]
        elif kind < 0.6:
            other = chance.randrange(len(places) - 1)
            made = made[:start] + data[places[other] : places[other + 1]] + made[end:]
        elif kind < 0.75:
            made = made[:start] + made[end:]
        elif kind < 0.85:
            made = made[:end] + made[start:end] * chance.choice((1, 2, 100)) + made[end:]
        else:  # the bits of what an operation is given: a number, a length, an index
            place = chance.randrange(start, end)
            made = made[:place] + bytes([made[place] ^ 1 << chance.randrange(8)]) + made[place + 1 :]
    return made


@lru_cache(maxsize=2000)
def _places(data: bytes) -> list[int] | None:
    """Where each operation begins, and the end."""
    places: list[int] = []
    try:
        for _, _, place in pickletools.genops(data):
            places.append(place or 0)
    except Exception:  # whatever it says about damage
        if len(places) < 4:
            return None
        return places  # what is behind it stays as it is
    return [*places, len(data)]
