"""A space of which all cells but one are held, to search an architecture one cell after the other."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agnet.graphs import Graphs
from agnet.spaces.base import Space
from agnet.spaces.part import Part


class Held(Part):
    """``whole`` itself, until :meth:`hold` is called; then its architectures that have certain cells."""

    def __init__(self, whole: Space) -> None:
        super().__init__(whole)
        self._others: list[int] = []
        self._kept = Graphs.blank(1, len(whole.cells), whole.max_nodes)

    def hold(self, free: int, kept: Graphs) -> None:
        """From now on all cells but the one of number ``free`` are those of ``kept``, one architecture."""
        self._others = [cell for cell in range(len(self.cells)) if cell != free]
        self._kept = kept

    def release(self) -> None:
        """All cells are free again."""
        self._others = []

    def sample(self, n: int, rng: np.random.Generator) -> Graphs:
        """``n`` independent random architectures with the held cells."""
        return self.put(self.whole.sample(n, rng))

    def neighbours(self, graphs: Graphs) -> tuple[Graphs, NDArray[np.int64]]:
        """Those one edit of the free cell away, after the held cells were put in."""
        near, rows = self.whole.neighbours(self.put(graphs))
        same = np.flatnonzero(self._has_kept(near))
        return near.take(same), rows[same]

    def valid(self, graphs: Graphs) -> NDArray[np.bool_]:
        """[n] which are architectures of the space with the held cells."""
        return self._has_kept(graphs) & self.whole.valid(graphs)

    def resolve(self, graphs: Graphs, edge_scores: NDArray[np.floating]) -> Graphs:
        """What the space makes of samples, with the held cells in them."""
        return self.put(self.whole.resolve(graphs, edge_scores))

    def put(self, graphs: Graphs) -> Graphs:
        """``graphs`` with the held cells in place of their own."""
        if not self._others:
            return graphs
        ordered = None
        if graphs.operands is not None or self._kept.operands is not None:
            ordered = self._mixed(graphs.ordered(), self._kept.ordered())
        return Graphs(
            self._mixed(graphs.ops, self._kept.ops),
            self._mixed(graphs.adjacency, self._kept.adjacency),
            self._mixed(graphs.sizes, self._kept.sizes),
            ordered,
        )

    def _mixed(self, own: NDArray, kept: NDArray) -> NDArray:
        made = own.copy()
        made[:, self._others] = kept[:, self._others]
        return made

    def _has_kept(self, graphs: Graphs) -> NDArray[np.bool_]:
        kept = self._kept
        pairs = (
            (graphs.ops, kept.ops),
            (graphs.adjacency, kept.adjacency),
            (graphs.sizes, kept.sizes),
            (graphs.ordered(), kept.ordered()),
        )
        same = np.ones(len(graphs), np.bool_)
        for own, held in pairs:
            same &= (own[:, self._others] == held[:, self._others]).reshape(len(graphs), -1).all(axis=1)
        return same
