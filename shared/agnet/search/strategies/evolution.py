"""Regularised evolution (Real et al., "Regularized Evolution for Image Classifier Architecture Search", AAAI 2019)."""

from __future__ import annotations

import numpy as np

from agnet.graphs import Graphs
from agnet.records import records
from agnet.search import candidates
from agnet.search.history import History
from agnet.search.strategies import Proposal, Strategy
from agnet.seeds import Seed, numpy_stream
from agnet.spaces.base import Space


class EvolutionStrategy(Strategy):
    """The best of a random few of the latest architectures has a child, one edit away; the oldest dies.

    Args:
        space, metric, maximize: what is searched.
        population: architectures alive; so many are drawn at random to begin with.
        tournament: architectures that compete for each child.
    """

    init = 30
    batch = 1

    def __init__(
        self, space: Space, metric: str, *, maximize: bool, population: int = 30, tournament: int = 10
    ) -> None:
        super().__init__(space, metric, maximize=maximize)
        self.population = population
        self.tournament = tournament

    def ask(self, history: History, n: int, seed: Seed) -> Proposal:
        """``n`` children; random architectures while the population is not complete."""
        missing = self.population - len(history)
        if missing > 0:
            graphs = candidates.random(history, min(n, missing), seed)
            return Proposal(graphs, records(self.space, graphs))
        rng = numpy_stream(seed, "evolution")
        alive = history.scores[-self.population :]
        first = len(history) - self.population
        children = [Graphs.blank(0, len(self.space.cells), self.space.max_nodes)]
        taken = history.seen
        for _ in range(n):
            rivals = rng.choice(len(alive), min(self.tournament, len(alive)), replace=False)
            parent = first + int(rivals[alive[rivals].argmax()])
            near = self.space.neighbours(history.graphs.take(np.array([parent])))[0]
            near, keys = candidates.fresh(self.space, near, taken)
            if not len(near):  # everything around it is known
                continue
            child = np.array([rng.integers(len(near))])
            children.append(near.take(child))
            taken = candidates.join(taken, keys, child)
        graphs = Graphs.concat(children)
        if not len(graphs):
            graphs = candidates.random(history, n, seed)
        return Proposal(graphs, records(self.space, graphs))

    def follow(self, history: History) -> bool:
        """See :meth:`Strategy.follow`: all it knows is the history."""
        return True
