"""Bayesian optimisation: the default, which needs the fewest queries.

A Gaussian process that compares architectures by operations, paths, size and more learns from every answer. The next
queries are those of its candidates (see :mod:`agnet.search.promising`) from which most improvement is expected, chosen
one by one. What that is changes from one query to the next and with the course of the search, see
:mod:`agnet.search.standing`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

import numpy as np
from numpy.typing import NDArray

from agnet import arrow
from agnet.graphs import Graphs
from agnet.records import records
from agnet.search import candidates
from agnet.search.acquisition import BETA, of, upper_confidence_bound
from agnet.search.beginning import Has
from agnet.search.history import History
from agnet.search.prior import Prior
from agnet.search.promising import FIRST, MATTER, RELEARN, SINGLY, Candidates, Evaluated, memorable, spread_out
from agnet.search.standing import TURNS, Standing, stalled
from agnet.search.strategies import Proposal, Strategy
from agnet.seeds import Seed, numpy_stream
from agnet.spaces.base import Space
from agnet.surrogates.process import Posterior, Process
from agnet.surrogates.respects import respects
from agnet.surrogates.targets import Target

_DRAWN = 500
"""Candidates at which the process is drawn for Thompson sampling."""


class BayesianStrategy(Strategy):
    """Gaussian process, expected improvement, neighbours.

    Args:
        space, metric, maximize: what is searched.
        acquisition: ``ei``, expected improvement; ``ucb``, mean and ``beta`` deviations of the
            process; ``thompson``, Thompson sampling; ``mean``, what is expected to be best, without exploring.
        beta: deviations that ``ucb`` adds.
        prior: what is known before any training, see :class:`agnet.search.prior.Prior`: part of where to begin.

    Raises:
        InputError: if there is no such acquisition, or no such prior.
    """

    init = FIRST
    begins = "far apart"
    batch = 2
    singly = SINGLY
    meanwhile = 1

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
        self._evaluated = Evaluated(self._respects)
        self._candidates = Candidates(self._respects)
        self._process = Process(self._respects.kinds, MATTER)
        self._learned = 0

    def begin(self, has: Has, seed: Seed) -> Iterator[Graphs]:
        """See :meth:`Strategy.begin`."""
        return spread_out(self.space, has, seed, None if self._prior is None else self._prior.promising(seed))

    def ask(self, history: History, n: int, seed: Seed) -> Proposal:
        """Up to ``n`` new architectures, the most promising first, with what is predicted for them."""
        if np.count_nonzero(np.isfinite(history.scores)) < FIRST:
            graphs = candidates.random(history, min(n, max(FIRST - len(history), 1)), seed)
            return Proposal(graphs, records(self.space, graphs))
        scores, y, target = self._numbers(history)
        self._condition(history, y)
        process = self._process
        standing = Standing(len(y), stalled(scores), float(y.max()), float(process.fitted.max()), process.noise)
        rng = numpy_stream(seed, "candidates")

        def worth(posteriors: list[Posterior], ahead: int) -> NDArray[np.float64]:
            return self._value(posteriors[0], standing, ahead)

        graphs, (posterior,) = self._candidates.find(
            history,
            y,
            lambda groups: [process.posterior(groups)],
            [partial(worth, ahead=ahead) for ahead in range(TURNS)],
            rng,
        )
        choice = candidates.Choice(graphs, history.has)
        chosen = self._choose(choice, posterior, n, standing, rng)
        rows = np.concatenate([chosen, choice.unanswerable])
        if not len(rows):  # all around is known; the space may have more elsewhere
            graphs = candidates.random(history, n, seed)
            return Proposal(graphs, records(self.space, graphs))
        return self._proposal(graphs.take(rows), posterior.mean[rows], np.sqrt(posterior.variance[rows]), target)

    def follow(self, history: History) -> bool:
        """See :meth:`Strategy.follow`: it knows what it last learned, and learns the more rarely the longer it goes."""
        if np.count_nonzero(np.isfinite(history.scores)) >= FIRST and self._is_due(len(history)):
            self._condition(history, self._numbers(history)[1])
        return True

    def state(self) -> dict[str, NDArray]:
        """See :meth:`Strategy.state`."""
        return {"learned": np.array([self._learned]), "parameters": self._process.parameters}

    def restore(self, state: Mapping[str, NDArray]) -> None:
        """See :meth:`Strategy.restore`."""
        if state["parameters"].shape != self._process.parameters.shape:
            raise ValueError("another process")
        self._learned, self._process.parameters = int(state["learned"][0]), state["parameters"]

    def _numbers(self, history: History) -> tuple[NDArray[np.float64], NDArray[np.float64], Target]:
        """[n] scores, the same as numbers of the process, and how they became that."""
        scores = history.scores
        finite = np.isfinite(scores)
        # A failure says that an architecture is no good, but not by how much.
        scores = np.where(finite, scores, scores[finite].min())
        target = Target.below_best(scores)
        return scores, target.apply(scores), target

    def _is_due(self, answers: int) -> bool:
        return answers >= RELEARN * self._learned

    def _condition(self, history: History, y: NDArray[np.float64]) -> None:
        rows = memorable(y)
        groups = self._evaluated(history, rows)
        if self._is_due(len(y)):
            self._process.learn(groups, y[rows])
            self._learned = len(y)
        self._process.condition(groups, y[rows])
        if (pending := self._evaluated.pending(history)) is not None:
            self._process.believe(pending)

    def _value(self, posterior: Posterior, standing: Standing, ahead: int = 0) -> NDArray[np.float64]:
        """[m] how much each candidate is worth a query."""
        if self.acquisition == "ei":
            return standing.worth(posterior.mean, posterior.variance, ahead)
        if self.acquisition == "mean":
            return posterior.mean.copy()
        return upper_confidence_bound(posterior.mean, np.sqrt(posterior.variance), self.beta)

    def _choose(
        self, choice: candidates.Choice, posterior: Posterior, n: int, standing: Standing, rng: np.random.Generator
    ) -> NDArray[np.int64]:
        """Rows of up to ``n`` candidates."""
        if self.acquisition == "thompson":
            return _thompson(choice, posterior, n, self._value(posterior, standing), rng)
        chosen: list[int] = []
        while len(chosen) < n:
            if chosen:
                posterior.expect(chosen[-1])
            value = self._value(posterior, standing, len(chosen))
            value[chosen] = -np.inf
            best = choice.best(value)
            if best is None:
                break
            chosen.append(best)
        return np.array(chosen, dtype=np.int64)

    def _proposal(
        self, graphs: Graphs, mean: NDArray[np.float64], std: NDArray[np.float64], target: Target
    ) -> Proposal:
        sign = 1 if self.maximize else -1
        table = records(self.space, graphs)
        table = table.append_column(f"pred_{self.metric}", arrow.numbers(sign * target.invert(mean)))
        spread = arrow.numbers(target.spread(mean, std))
        return Proposal(graphs, table.append_column(f"pred_{self.metric}_std", spread))


def _thompson(
    choice: candidates.Choice, posterior: Posterior, n: int, value: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Rows of the largest candidate of each of up to ``n`` draws, the next largest where one was taken."""
    few = choice.among(candidates.best_rows(value, max(_DRAWN, n)))
    if not len(few):
        return few
    draws = posterior.take(few).draw(min(n, len(few)), rng)
    for draw in range(len(draws)):
        draws[draw + 1 :, draws[draw].argmax()] = -np.inf
    rows: NDArray[np.int64] = few[draws.argmax(axis=1)]
    return rows
