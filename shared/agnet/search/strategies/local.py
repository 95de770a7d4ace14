"""Local search by first improvement (White et al., "Exploring the Loss Landscape in Neural Architecture Search", 2021).

It is the baseline that most published systems fail to beat on tabular benchmarks.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from agnet.graphs import Graphs
from agnet.records import records
from agnet.search import candidates, packed
from agnet.search.history import History
from agnet.search.strategies import Proposal, Strategy
from agnet.seeds import Seed, numpy_stream
from agnet.spaces.base import Space


class LocalStrategy(Strategy):
    """Walk to the first neighbour that is better; when none is, begin again somewhere else.

    Args:
        space, metric, maximize: what is searched.
        starts: random architectures of which the best is where a walk begins.
    """

    init = 10
    batch = 1

    def __init__(self, space: Space, metric: str, *, maximize: bool, starts: int = 10) -> None:
        super().__init__(space, metric, maximize=maximize)
        self.starts = starts
        self._begun = 0
        """Row at which the present walk's random architectures begin."""
        self._here = -1
        """Row of the architecture that the walk has come to; -1 while its random architectures are being evaluated."""
        self._looked = 0
        """Rows whose answers have been looked at."""
        self._ahead: Graphs | None = None
        """Neighbours that were not tried yet, in random order."""

    def ask(self, history: History, n: int, seed: Seed) -> Proposal:
        """The next ``n`` neighbours; they are fewer at the end of a walk."""
        scores = history.scores
        self._move(scores)
        if self._here >= 0:
            graphs = self._neighbours(history, seed)
            if len(graphs):
                self._ahead = graphs.take(slice(n, None))
                graphs = graphs.take(slice(0, n))
                return Proposal(graphs, records(self.space, graphs))
            self._here, self._begun, self._ahead = -1, len(scores), None
        graphs = candidates.random(history, min(n, self._begun + self.starts - len(scores)), seed)
        return Proposal(graphs, records(self.space, graphs))

    def state(self) -> dict[str, NDArray]:
        """See :meth:`Strategy.state`."""
        walk = np.array([self._begun, self._here, self._looked])
        return {"walk": walk, **({} if self._ahead is None else packed.of_graphs(self._ahead))}

    def restore(self, state: Mapping[str, NDArray]) -> None:
        """See :meth:`Strategy.restore`."""
        self._begun, self._here, self._looked = state["walk"].tolist()
        self._ahead = packed.graphs_of(state) if "ops" in state else None

    def _move(self, scores: np.ndarray) -> None:
        if self._here < 0:
            if len(scores) >= self._begun + self.starts:
                self._here, self._ahead = self._begun + int(scores[self._begun :].argmax()), None
        else:
            better = np.flatnonzero(scores[self._looked :] > scores[self._here])
            if len(better):
                self._here, self._ahead = self._looked + int(better[0]), None
        self._looked = len(scores)

    def _neighbours(self, history: History, seed: Seed) -> Graphs:
        ahead = self._ahead
        if ahead is None or not self.space.valid(ahead).all():  # another cell is held now, see Held
            ahead = self.space.neighbours(history.graphs.take(np.array([self._here])))[0]
            ahead = ahead.take(numpy_stream(seed, "local search").permutation(len(ahead)))
        return candidates.fresh(self.space, ahead, history.seen)[0]
