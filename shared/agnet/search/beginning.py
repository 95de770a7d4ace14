"""Where a search begins, unless its strategy knows better: at random."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet.graphs import Graphs
from agnet.seeds import Seed
from agnet.spaces.base import Space
from agnet.spaces.sampling import Exhausted, distinct_blocks

Has = Callable[[Graphs], NDArray[np.bool_]]
"""Which of some architectures [n] a benchmark can answer."""

_VAIN = 20_000
"""Random architectures of which the benchmark can answer none that end the beginning."""


def at_random(space: Space, has: Has, seed: Seed, exclude: pa.Array | None = None) -> Iterator[Graphs]:
    """Random architectures that the benchmark can answer, all different, a block at a time, as long as there are any.

    Args:
        space: of which they are.
        has: says which the benchmark can answer.
        seed: decides which.
        exclude: keys of architectures that are not wanted.
    """
    wanted = sys.maxsize if space.size is None else space.size - (0 if exclude is None else len(exclude))
    vain = 0
    with suppress(Exhausted):
        for graphs in distinct_blocks(space, wanted, seed, exclude=exclude):
            known = np.flatnonzero(has(graphs))
            vain = 0 if len(known) else vain + len(graphs)
            if vain > _VAIN:
                return
            yield graphs.take(known)
