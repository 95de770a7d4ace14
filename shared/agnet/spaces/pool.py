"""A pool of architectures of a space, to search where no others can be evaluated."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from agnet.encodings import flat
from agnet.graphs import Graphs
from agnet.seen import hashes
from agnet.spaces.base import Space
from agnet.spaces.part import Part

_NEIGHBOURS = 8
"""Where fewer are one edit away, so many of the nearest are neighbours: most of a sparse pool has none otherwise."""


class Pool(Part):
    """The architectures ``graphs`` [n] of ``whole``, all different."""

    def __init__(self, whole: Space, graphs: Graphs) -> None:
        super().__init__(whole)
        self._graphs = graphs
        keys = hashes(whole.keys(graphs))
        self._order = np.argsort(keys, kind="stable")
        self._keys = keys[self._order]
        self.size = len(graphs)  # type: ignore[assignment,misc]

    def sample(self, n: int, rng: np.random.Generator) -> Graphs:
        """``n`` of them, each as likely as any other; independent, so there may be equal ones."""
        return self._graphs.take(rng.integers(len(self._graphs), size=n))

    def enumerate(self, chunk: int = 65536) -> Iterator[Graphs]:
        """All of them, in their order."""
        for first in range(0, len(self._graphs), chunk):
            yield self._graphs.take(slice(first, first + chunk))

    def valid(self, graphs: Graphs) -> NDArray[np.bool_]:
        """[n] which are in the pool."""
        valid = self.whole.valid(graphs)
        rows = np.flatnonzero(valid)
        valid[rows] = self._rows(graphs.take(rows)) >= 0
        return valid

    def resolve(self, graphs: Graphs, edge_scores: NDArray[np.floating]) -> Graphs:
        """What the space makes of samples."""
        return self.whole.resolve(graphs, edge_scores)

    def neighbours(self, graphs: Graphs) -> tuple[Graphs, NDArray[np.int64]]:
        """Those of the pool one edit away; where they are few, the nearest by their one-hot encoding too."""
        near, of = self.whole.neighbours(graphs)
        rows = self._rows(near)
        rows, of = rows[rows >= 0], of[rows >= 0]
        few = np.flatnonzero(np.bincount(of, minlength=len(graphs)) < _NEIGHBOURS)
        if len(few):
            nearest = self._nearest(graphs.take(few))
            rows = np.concatenate([rows, nearest.ravel()])
            of = np.concatenate([of, np.repeat(few, nearest.shape[1])])
            of, rows = np.unique(np.stack([of, rows]), axis=1)
        return self._graphs.take(rows), of

    def _rows(self, graphs: Graphs) -> NDArray[np.int64]:
        """[n] row of each valid architecture in the pool; -1 where it is not in it."""
        keys = hashes(self.whole.keys(graphs))
        place = np.searchsorted(self._keys, keys).clip(max=len(self._keys) - 1)
        return np.where(self._keys[place] == keys, self._order[place], -1)

    def _nearest(self, graphs: Graphs) -> NDArray[np.int64]:
        """[n, up to _NEIGHBOURS] rows with the fewest differing places, not counting the architecture itself."""
        encoded, (pool, there) = flat(self.whole, graphs).astype(np.float32), self._encoded
        differing = (encoded.sum(axis=1)[:, None] + there - 2 * (encoded @ pool.T)).astype(np.int64)
        # of as near ones the first: what differs is a whole number, to which the row adds less than one
        order = differing * len(pool) + np.arange(len(pool))
        own = self._rows(graphs)
        inside = np.flatnonzero(own >= 0)
        order[inside, own[inside]] = np.iinfo(np.int64).max
        count = min(_NEIGHBOURS, len(pool) - 1)
        nearest = np.argpartition(order, count - 1, axis=1)[:, :count]
        return np.take_along_axis(nearest, np.argsort(np.take_along_axis(order, nearest, axis=1), axis=1), axis=1)

    @cached_property
    def _encoded(self) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """[n, d] one-hot encoding of the pool, [n] how many ones it has."""
        encoded = flat(self.whole, self._graphs).astype(np.float32)
        return encoded, encoded.sum(axis=1)
