"""BANANAS (White, Neiswanger and Savani, AAAI 2021): an ensemble on path encodings, independent Thompson sampling.

The baseline that most published comparisons have. Ours differs in the ensemble, :mod:`agnet.surrogates.ensemble`: five
smaller networks that learn the metric instead of its distance from a bound that would have to be known.
"""

from __future__ import annotations

import numpy as np

from agnet import arrow, surrogates
from agnet.graphs import Graphs
from agnet.records import records
from agnet.search import candidates
from agnet.search.history import History
from agnet.search.strategies import Proposal, Strategy
from agnet.seeds import Seed, numpy_stream
from agnet.surrogates.fitted import fit

_PARENTS, _RANDOM = 10, 100
"""Best architectures whose neighbours are candidates, and random candidates beside them."""


class BananasStrategy(Strategy):
    """Neighbours of the best, each with one draw from what the ensemble expects of it; the best draws are queried."""

    init = 10
    batch = 10

    def ask(self, history: History, n: int, seed: Seed) -> Proposal:
        """Up to ``n`` new architectures, and what is predicted for them."""
        scores = history.scores
        known = np.isfinite(scores)
        if known.sum() < 2:
            graphs = candidates.random(history, n, seed)
            return Proposal(graphs, records(self.space, graphs))
        batch = surrogates.Batch(self.space, history.graphs.take(known))
        surrogate = surrogates.make("ensemble", surrogates.Inputs(("paths",)))
        fitted = fit(surrogate, batch, [self.metric], scores[known, None], seed=seed)
        rng = numpy_stream(seed, "bananas")
        near = self.space.neighbours(history.graphs.take(candidates.best_rows(scores, _PARENTS)))[0]
        found = Graphs.concat([near, self.space.sample(_RANDOM, rng)])
        graphs, _ = candidates.fresh(self.space, found, history.seen)
        if not len(graphs):  # all around is known; the space may have more elsewhere
            graphs = candidates.random(history, n, seed)
            return Proposal(graphs, records(self.space, graphs))
        predicted = fitted.predict(surrogates.Batch(self.space, graphs))
        mean = predicted.mean[:, 0].astype(np.float64)
        assert predicted.std is not None
        drawn = mean + predicted.std[:, 0] * rng.standard_normal(len(mean))
        rows = candidates.best_rows(drawn, n)
        table = records(self.space, graphs.take(rows))
        if history.objective.plain:
            sign = 1 if self.maximize else -1
            table = table.append_column(f"pred_{self.metric}", arrow.numbers(sign * mean[rows]))
            std = arrow.numbers(predicted.std[rows, 0])
            table = table.append_column(f"pred_{self.metric}_std", std)
        return Proposal(graphs.take(rows), table)

    def follow(self, history: History) -> bool:
        """See :meth:`Strategy.follow`: all it knows is the history."""
        return True
