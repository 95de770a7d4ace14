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
        self._last, self._this = (_Known(respects) for _ in range(2))

    def turn(self) -> None:
        """A new round: forget the round before the last."""
        self._last, self._this = self._this, _Known(self._respects)

    def __call__(self, graphs: Graphs, keys: pa.Array) -> list[NDArray[np.float64]]:
        """[n, d] features in each group of ``n`` architectures with these keys."""
        if self._respects.space.index(graphs) is not None:
            return self._respects(graphs)  # a table has them
        place = arrow.to_numpy(pc.index_in(keys, value_set=self._last.keys).fill_null(-1))
        new = np.flatnonzero(place < 0)
        groups = [group[place] if len(group) else np.empty((len(keys), group.shape[1])) for group in self._last.groups]
        if len(new):
            for group, computed in zip(groups, self._respects(graphs.take(new)), strict=True):
                group[new] = computed
        self._this.add(keys, groups)
        return groups


class _Known:
    def __init__(self, respects: Respects) -> None:
        self.keys = pa.array([], pa.string())
        self.groups = [np.empty((0, width)) for width in respects.widths]

    def add(self, keys: pa.Array, groups: list[NDArray[np.float64]]) -> None:
        self.keys = pa.concat_arrays([self.keys, keys])
        self.groups = [np.concatenate(pair) for pair in zip(self.groups, groups, strict=True)]
