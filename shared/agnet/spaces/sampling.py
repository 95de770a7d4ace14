"""Random architectures without repetition."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.seeds import Seed, numpy_stream
from agnet.seen import Seen, hashes
from agnet.spaces.base import Space

# Blocks grow so that asking for one architecture is cheap and asking for a million is fast. Their sizes depend on
# nothing, which is what makes a short sample the beginning of a longer one.
_FIRST_BLOCK = 64
_LARGEST_BLOCK = 65536
_FRUITLESS_BLOCKS = 64


class Exhausted(InputError):
    """The space does not have as many new architectures as were asked for."""


def blocks(space: Space, seed: Seed) -> Iterator[Graphs]:
    """Independent random architectures without end, a block at a time."""
    size, index = _FIRST_BLOCK, 0
    while True:
        yield space.sample(size, numpy_stream(seed, "random architectures", index))
        size, index = min(2 * size, _LARGEST_BLOCK), index + 1


def distinct_blocks(space: Space, n: int, seed: Seed, *, exclude: pa.Array | None = None) -> Iterator[Graphs]:
    """``n`` random architectures that differ from each other and from ``exclude`` (keys as in ``space.identity``).

    A sample of 10 with one seed is the beginning of a sample of 20 with it.

    Raises:
        Exhausted: if the space does not have that many.
    """
    if space.size is not None and n > space.size:
        raise Exhausted(f"{n:,} distinct architectures asked for, but {space.name} has {space.size:,}")
    taken = Seen()
    if exclude is not None:
        taken.add(hashes(exclude))
    found = fruitless = 0
    for block in blocks(space, seed):
        if found == n:
            return
        keys = space.keys(block)
        new = np.flatnonzero(taken.add(hashes(keys)))[: n - found]
        fruitless = 0 if len(new) else fruitless + 1
        if fruitless == _FRUITLESS_BLOCKS:
            raise Exhausted(
                f"{n:,} distinct architectures asked for, but only {found:,} new ones turn up in {space.name}"
            )
        if len(new):
            found += len(new)
            yield block.take(new)


def distinct(space: Space, n: int, seed: Seed, *, exclude: pa.Array | None = None) -> Graphs:
    """All of :func:`distinct_blocks` at once."""
    none = Graphs.blank(0, len(space.cells), space.max_nodes)
    return Graphs.concat([none, *distinct_blocks(space, n, seed, exclude=exclude)])
