"""Features of candidates, computed once: from one round of a search to the next most candidates stay the same."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agnet import arrow
from agnet.graphs import Graphs
from agnet.surrogates.respects import Respects


class Remembered:
    """What :class:`Respects` says of architectures, with those of this round and the last kept."""

    def __init__(self, respects: Respects) -> None:
        self._respects = respects
        self._keys = pa.array([], pa.string())
        self._groups = [np.empty((0, width)) for width in respects.widths]
        self._this: list[tuple[pa.Array, list[NDArray[np.float64]]]] = []

    def turn(self) -> None:
        """A new round: forget the round before the last."""
        if self._this:
            keys, groups = zip(*self._this, strict=True)
            self._keys = pa.concat_arrays(keys)
            self._groups = [np.concatenate(parts) for parts in zip(*groups, strict=True)]
            self._this = []

    def __call__(self, graphs: Graphs, keys: pa.Array) -> list[NDArray[np.float64]]:
        """[n, d] features in each group of ``n`` architectures with these keys."""
        if self._respects.space.index(graphs) is not None:
            return self._respects(graphs)  # a table has them
        place = arrow.to_numpy(pc.index_in(keys, value_set=self._keys).fill_null(-1))
        new = np.flatnonzero(place < 0)
        if len(new) == len(keys):
            groups = self._respects(graphs)
        else:
            groups = [group.take(place, axis=0, mode="clip") for group in self._groups]
            if len(new):
                for group, computed in zip(groups, self._respects(graphs.take(new)), strict=True):
                    group[new] = computed
        self._this.append((keys, groups))
        return groups
