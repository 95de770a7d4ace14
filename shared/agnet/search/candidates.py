"""Architectures that a search has not met: none twice, none that the history has."""

from __future__ import annotations

from contextlib import suppress

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agnet import arrow
from agnet.graphs import Graphs
from agnet.search.history import History
from agnet.seeds import Seed
from agnet.spaces.base import Space
from agnet.spaces.sampling import Exhausted, distinct_blocks


def fresh(space: Space, graphs: Graphs, taken: pa.Array) -> tuple[Graphs, pa.Array]:
    """The first of each architecture among ``graphs`` whose key is not in ``taken``, and their keys."""
    keys = space.keys(graphs)
    first = np.zeros(len(graphs), dtype=np.bool_)
    first[np.unique(keys.dictionary_encode().indices.to_numpy(), return_index=True)[1]] = True
    rows = np.flatnonzero(first & ~pc.is_in(keys, value_set=taken).to_numpy(zero_copy_only=False))
    return graphs.take(rows), keys.take(arrow.numbers(rows))


def random(history: History, n: int, seed: Seed) -> Graphs:
    """``n`` random architectures that the history does not have; what is left when there are fewer."""
    space = history.space
    found = [Graphs.blank(0, len(space.cells), space.max_nodes)]
    with suppress(Exhausted):
        found.extend(distinct_blocks(space, n, seed, exclude=history.seen if len(history) else None))
    return Graphs.concat(found)


def best_rows(scores: NDArray[np.float64], n: int) -> NDArray[np.int64]:
    """Rows of the ``n`` largest scores, the first of equals first."""
    return np.argsort(-scores, kind="stable")[:n]


def join(taken: pa.Array, keys: pa.Array, rows: NDArray[np.int64]) -> pa.Array:
    """``taken`` and those of ``keys`` that stand at ``rows``."""
    return pa.concat_arrays([taken, keys.take(arrow.numbers(rows))])
