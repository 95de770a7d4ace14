"""Bayesian optimisation: the default, which needs the fewest queries.

A Gaussian process that compares architectures by structure, paths and size learns from every answer. Candidates are
random architectures and neighbours of the best, and twice the neighbours of the most promising of them; that finds what
scoring a whole space would. The next queries are those from which most improvement is expected, chosen one by one.

There are two ways to expect, and they take turns. One is of a *measured* value, with the noise of training, over the
best measured one: near the top of a space networks differ by no more than that noise, so it pays to try all that are
predicted to be about as good. But where the best measured one was lucky, hardly anything is expected to beat it but
what is merely unknown. So the other is of what the process thinks, without noise, over the best that it thinks of what
was evaluated. Spaces differ in which of the two finds the best sooner; together they are about as fast as the better
one. Both take the process to be half as wrong again as it says, because its parameters were found from the same few
values: a search that does not looks too long where it is.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import arrow
from agnet.graphs import Graphs
from agnet.records import records
from agnet.search import candidates
from agnet.search.acquisition import BETA, log_expected_improvement, of, upper_confidence_bound
from agnet.search.history import History
from agnet.search.prior import Prior
from agnet.search.remembered import Remembered
from agnet.search.strategies import Proposal, Strategy
from agnet.seeds import Seed, numpy_stream
from agnet.spaces.base import Space
from agnet.surrogates.process import Posterior, Process
from agnet.surrogates.respects import respects
from agnet.surrogates.targets import Target

_FIRST = 5
"""Random architectures to begin with."""
_RANDOM = 500
_BEST = 10
"""Evaluated architectures whose neighbours are candidates."""
_CLIMBS = 2
_CLIMBERS = 5
"""Candidates whose neighbours become candidates, so often."""
_RELEARN = 1.15
"""Growth of the history after which the process learns its parameters anew."""
_DOUBT = 1.5
"""Factor on the deviations of the process."""
_KNOWN = (200, 100)
"""Best and latest evaluations that the process knows at most: its cost is cubic, a search's must be linear."""
_DRAWN = 500
"""Candidates at which the process is drawn for Thompson sampling."""


class BayesianStrategy(Strategy):
    """Gaussian process, expected improvement, neighbours.

    Args:
        space, metric, maximize: what is searched.
        acquisition: ``ei``, expected improvement; ``ucb``, mean and ``beta`` deviations of the
            process; ``thompson``, Thompson sampling; ``mean``, what is expected to be best, without exploring.
        beta: deviations that ``ucb`` adds.
        prior: what is known before any training, see :class:`agnet.search.prior.Prior`: where to begin.

    Raises:
        InputError: if there is no such acquisition, or no such prior.
    """

    init = _FIRST
    batch = 2

    def __init__(
        self,
        space: Space,
        metric: str,
        *,
        maximize: bool,
        acquisition: str = "ei",
        beta: float = BETA,
        prior: str | None = None,
    ) -> None:
        super().__init__(space, metric, maximize=maximize)
        self._prior = None if prior is None else Prior(space, prior)
        self.acquisition = of(acquisition)
        self.beta = beta
        self._respects = respects(space.name)
        self._features = Remembered(self._respects)
        self._process = Process(self._respects.kinds)
        self._learned = 0
        self._groups: list[NDArray[np.float64]] = []

    def ask(self, history: History, n: int, seed: Seed) -> Proposal:
        """Up to ``n`` new architectures, the most promising first, with what is predicted for them."""
        scores = history.scores
        finite = np.isfinite(scores)
        if finite.sum() < _FIRST:
            graphs = self._first(history, min(n, max(_FIRST - len(history), 1)), seed)
            return Proposal(graphs, records(self.space, graphs))
        # A failure says that an architecture is no good, but not by how much.
        scores = np.where(finite, scores, scores[finite].min())
        target = Target.of(scores, sign=1)
        y = target.apply(scores)
        self._condition(history, y)
        rng = numpy_stream(seed, "candidates")
        graphs, posterior = self._candidates(history, y, rng)
        rows = self._choose(posterior, n, float(y.max()), len(history), rng)
        if not len(rows):  # all around is known; the space may have more elsewhere
            graphs = candidates.random(history, n, seed)
            return Proposal(graphs, records(self.space, graphs))
        return self._proposal(graphs.take(rows), posterior.mean[rows], np.sqrt(posterior.variance[rows]), target)

    def _first(self, history: History, n: int, seed: Seed) -> Graphs:
        """Where nothing has been learned yet."""
        graphs = self._prior.start(n, seed, history.seen) if self._prior else None
        return graphs if graphs is not None and len(graphs) else candidates.random(history, n, seed)

    def _condition(self, history: History, y: NDArray[np.float64]) -> None:
        known = len(self._groups[0]) if self._groups else 0
        if known < len(y):
            new = self._respects(history.graphs.take(slice(known, None)))
            self._groups = [np.concatenate(pair) for pair in zip(self._groups, new, strict=True)] if known else new
        best, latest = _KNOWN
        rows = np.arange(len(y))
        if len(y) > best + latest:
            rows = np.union1d(candidates.best_rows(y[:-latest], best), rows[-latest:])
        groups = [group[rows] for group in self._groups]
        if len(y) >= _RELEARN * self._learned:
            self._process.learn(groups, y[rows])
            self._learned = len(y)
        self._process.condition(groups, y[rows])

    def _candidates(
        self, history: History, y: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[Graphs, Posterior]:
        space, seen = self.space, history.seen
        best = history.graphs.take(candidates.best_rows(y, _BEST))
        near = space.neighbours(best)[0]
        found = Graphs.concat([space.sample(_RANDOM, rng), near])
        graphs, keys = candidates.fresh(space, found, seen)
        self._features.turn()
        posterior = self._process.posterior(self._features(graphs, keys))
        for _ in range(_CLIMBS):
            climbers = candidates.best_rows(self._value(posterior, float(y.max()), len(history)), _CLIMBERS)
            found = space.neighbours(graphs.take(climbers))[0]
            more, more_keys = candidates.fresh(space, found, pa.concat_arrays([seen, keys]))
            if not len(more):
                break
            graphs, keys = Graphs.concat([graphs, more]), pa.concat_arrays([keys, more_keys])
            posterior = posterior.extend(self._process.posterior(self._features(more, more_keys)))
        return graphs, posterior

    def _value(self, posterior: Posterior, best: float, turn: int) -> NDArray[np.float64]:
        """[m] how much each candidate is worth a query; ``best`` has been measured."""
        if self.acquisition == "ei":
            variance = _DOUBT**2 * posterior.variance
            if turn % 2:
                return log_expected_improvement(posterior.mean, np.sqrt(variance + self._process.noise), best)
            return log_expected_improvement(posterior.mean, np.sqrt(variance), float(self._process.fitted.max()))
        if self.acquisition == "mean":
            return posterior.mean.copy()
        return upper_confidence_bound(posterior.mean, np.sqrt(posterior.variance), self.beta)

    def _choose(
        self, posterior: Posterior, n: int, best: float, turn: int, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Rows of up to ``n`` candidates; ``turn`` is the number of queries so far."""
        count = min(n, len(posterior.mean))
        if self.acquisition == "thompson":
            return _thompson(posterior, count, self._value(posterior, best, turn), rng)
        chosen: list[int] = []
        for _ in range(count):
            value = self._value(posterior, best, turn + len(chosen))
            value[chosen] = -np.inf
            chosen.append(int(value.argmax()))
            if len(chosen) < count:
                posterior.expect(chosen[-1])
        return np.array(chosen, dtype=np.int64)

    def _proposal(
        self, graphs: Graphs, mean: NDArray[np.float64], std: NDArray[np.float64], target: Target
    ) -> Proposal:
        sign = 1 if self.maximize else -1
        table = records(self.space, graphs)
        table = table.append_column(f"pred_{self.metric}", arrow.numbers(sign * target.invert(mean)))
        spread = arrow.numbers(target.spread(mean, std))
        return Proposal(graphs, table.append_column(f"pred_{self.metric}_std", spread))


def _thompson(posterior: Posterior, n: int, value: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Rows of the largest candidate of each of ``n`` draws, the next largest where one was taken."""
    few = candidates.best_rows(value, max(_DRAWN, n))
    draws = posterior.take(few).draw(n, rng)
    for draw in range(n):
        draws[draw + 1 :, draws[draw].argmax()] = -np.inf
    rows: NDArray[np.int64] = few[draws.argmax(axis=1)]
    return rows
