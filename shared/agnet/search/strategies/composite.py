"""Bayesian optimisation of several goals, or under limits: one Gaussian process for each of them.

Candidates are those of :mod:`agnet.search.strategies.bayesian`. With one goal they are worth the improvement expected
over the best that keeps the limits, times the probability that they keep the limits themselves (Gardner et al.,
"Bayesian Optimization with Inequality Constraints", ICML 2014). With several goals each choice looks into a random
direction from the worst corner of the front: what counts is how far an architecture reaches in it, which over all
directions makes up the hypervolume (Golovin and Zhang, "Random Hypervolume Scalarizations", 2020). The expected gain in
reach is one integral over a product of normal distributions.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.special import log_ndtr

from agnet import arrow
from agnet.graphs import Graphs
from agnet.records import records
from agnet.search import candidates, pareto
from agnet.search.acquisition import log_expected_improvement
from agnet.search.history import History
from agnet.search.strategies import Proposal, Strategy
from agnet.seeds import Seed, numpy_stream
from agnet.spaces.base import Space
from agnet.surrogates.process import Posterior, Process
from agnet.surrogates.respects import respects
from agnet.surrogates.targets import Target

_Numbers = NDArray[np.float64]
_FIRST = 5
_RANDOM, _BEST, _CLIMBS, _CLIMBERS = 500, 10, 2, 5
"""Random candidates; architectures whose neighbours are candidates; how often, and of how many, neighbours follow."""
_KNOWN = 300
"""Latest evaluations that the processes know."""
_RELEARN = 1.25
_STEPS = 48
"""Steps of the integral."""
_LEAST = 1e-30


class CompositeStrategy(Strategy):
    """A process for every goal and every limit."""

    init = _FIRST
    batch = 2
    meanwhile = 1

    def __init__(self, space: Space, metric: str, *, maximize: bool) -> None:
        super().__init__(space, metric, maximize=maximize)
        self._respects = respects(space.name)
        self._processes: list[Process] = []
        self._learned = 0

    def ask(self, history: History, n: int, seed: Seed) -> Proposal:
        """Up to ``n`` new architectures, the most promising first, with what is predicted for their goals."""
        measured = history.measured
        known = np.isfinite(measured.goals).all(axis=1)
        if known.sum() < _FIRST:
            graphs = candidates.random(history, min(n, max(_FIRST - len(history), 1)), seed)
            return Proposal(graphs, records(self.space, graphs))
        rows, goals, y, targets = self._numbers(history)
        self._condition(history.graphs.take(rows), y)
        if history.pending is not None:
            pending = self._respects(history.pending.take(slice(-_KNOWN, None)))
            for process in self._processes:
                process.believe(pending)
        width = goals.shape[1]
        limits = [float(target.apply(np.zeros(1))[0]) for target in targets[width:]]
        worth = _Worth(self._processes, y[:, :width], measured.feasible[rows], limits)
        rng = numpy_stream(seed, "candidates")
        worth.turn(rng)
        graphs, posteriors = self._candidates(history, worth, rng)
        chosen: list[int] = []
        for _ in range(min(n, len(graphs))):
            if chosen:
                worth.turn(rng)
                for posterior in posteriors:
                    posterior.expect(chosen[-1])
            value = worth(posteriors)
            value[chosen] = -np.inf
            chosen.append(int(value.argmax()))
        if not chosen:  # all around is known; the space may have more elsewhere
            graphs = candidates.random(history, n, seed)
            return Proposal(graphs, records(self.space, graphs))
        table = records(self.space, graphs.take(np.array(chosen)))
        if history.objective.combine != "ranks":
            for goal, posterior, target in zip(history.objective.goals, posteriors, targets, strict=False):
                if goal.expression.plain:
                    mean, std = posterior.mean[chosen], np.sqrt(posterior.variance[chosen])
                    name, sign = f"pred_{goal.expression.metrics[0]}", 1 if goal.maximize else -1
                    table = table.append_column(name, arrow.numbers(sign * target.invert(mean)))
                    table = table.append_column(f"{name}_std", arrow.numbers(target.spread(mean, std)))
        return Proposal(graphs.take(np.array(chosen)), table)

    def follow(self, history: History) -> bool:
        """See :meth:`Strategy.follow`: it knows what it last learned."""
        known = int(np.isfinite(history.measured.goals).all(axis=1).sum())
        if known >= _FIRST and self._is_due(known):
            rows, _, y, _ = self._numbers(history)
            self._condition(history.graphs.take(rows), y)
        return True

    def _numbers(self, history: History) -> tuple[NDArray[np.int64], _Numbers, _Numbers, list[Target]]:
        """Rows that have all goals; [n, goals] of these; goals and margins as numbers; and how they became that."""
        measured = history.measured
        known = np.isfinite(measured.goals).all(axis=1)
        rows = np.flatnonzero(known)
        goals = measured.goals[rows]
        if history.objective.combine == "ranks":
            goals = history.objective.combined(goals)[:, None]
        margins = measured.margins[rows]
        # what could not be measured is as bad as the worst that could
        worst = np.nanmin(np.where(np.isfinite(margins), margins, np.inf), axis=0, initial=0)
        margins = np.where(np.isfinite(margins), margins, worst)
        outputs = np.concatenate([goals, margins], axis=1)
        targets = [Target.of(column, sign=1) for column in outputs.T]
        y = np.stack([target.apply(column) for target, column in zip(targets, outputs.T, strict=True)], axis=1)
        return rows, goals, y, targets

    def _is_due(self, answers: int) -> bool:
        return answers >= _RELEARN * self._learned

    def _condition(self, graphs: Graphs, y: _Numbers) -> None:
        groups = [group[-_KNOWN:] for group in self._respects(graphs)]
        latest = y[-_KNOWN:]
        learn = self._is_due(len(y))
        if not self._processes:
            self._processes = [Process(self._respects.kinds) for _ in range(y.shape[1])]
        for process, values in zip(self._processes, latest.T, strict=True):
            if learn:
                process.learn(groups, values)
            process.condition(groups, values)
        self._learned = len(y) if learn else self._learned

    def _candidates(self, history: History, worth: _Worth, rng: np.random.Generator) -> tuple[Graphs, list[Posterior]]:
        space, seen = self.space, history.seen
        near = space.neighbours(history.graphs.take(candidates.best_rows(history.scores, _BEST)))[0]
        graphs, keys = candidates.fresh(space, Graphs.concat([space.sample(_RANDOM, rng), near]), seen)
        posteriors = self._posteriors(graphs)
        for _ in range(_CLIMBS if len(graphs) else 0):
            climbers = candidates.best_rows(worth(posteriors), _CLIMBERS)
            found = space.neighbours(graphs.take(climbers))[0]
            more, more_keys = candidates.fresh(space, found, pa.concat_arrays([seen, keys]))
            if not len(more):
                break
            graphs, keys = Graphs.concat([graphs, more]), pa.concat_arrays([keys, more_keys])
            pairs = zip(posteriors, self._posteriors(more), strict=True)
            posteriors = [posterior.extend(other) for posterior, other in pairs]
        return graphs, posteriors

    def _posteriors(self, graphs: Graphs) -> list[Posterior]:
        groups = self._respects(graphs)
        return [process.posterior(groups) for process in self._processes]


class _Worth:
    """How much candidates are worth a query, by what is known of [n, g] goals and of limits."""

    def __init__(
        self, processes: list[Process], goals: _Numbers, feasible: NDArray[np.bool_], limits: list[float]
    ) -> None:
        self._noise = [process.noise for process in processes]
        self._goals = goals[feasible]
        self._limits = limits
        self._width = goals.shape[1]
        self._direction = np.ones(self._width)
        if self._width > 1 and len(self._goals):
            front = self._goals[pareto.nondominated(self._goals)]
            low, high = front.min(axis=0), front.max(axis=0)
            self._corner = low - 0.1 * np.maximum(high - low, 0.1)

    def turn(self, rng: np.random.Generator) -> None:
        """Look into another direction."""
        if self._width > 1:
            direction = np.abs(rng.standard_normal(self._width)) + 1e-3
            self._direction = direction / np.linalg.norm(direction)

    def __call__(self, posteriors: list[Posterior]) -> _Numbers:
        """[m] logarithm of the worth of each candidate."""
        mean = np.stack([posterior.mean for posterior in posteriors], axis=1)
        noise = np.array(self._noise)
        std = np.sqrt(np.stack([posterior.variance for posterior in posteriors], axis=1) + noise)
        width = self._width
        value = np.zeros(len(mean))
        for column, limit in enumerate(self._limits, width):
            value += log_ndtr((mean[:, column] - limit) / std[:, column])
        if not len(self._goals):  # nothing keeps the limits yet: find something that does
            return value
        if width == 1:
            best = float(self._goals.max())
            return np.asarray(value + log_expected_improvement(mean[:, 0], std[:, 0], best))
        return value + self._log_reach(mean[:, :width], std[:, :width])

    def _log_reach(self, mean: _Numbers, std: _Numbers) -> _Numbers:
        """[m] logarithm of the expected gain in reach."""
        corner, direction = self._corner, self._direction
        best = float(((self._goals - corner) / direction).min(axis=1).max())
        optimistic = ((mean + 4 * std - corner) / direction).min(axis=1)
        step = max(float(optimistic.max()) - best, 1e-6) / _STEPS
        at = best + step * (np.arange(_STEPS) + 0.5)
        below = (corner + at[:, None, None] * direction - mean) / std  # [steps, m, goals]
        gain = np.exp(log_ndtr(-below).sum(axis=2)).sum(axis=0) * step
        # where nothing can be gained, nearer is better
        nearness = ((mean - corner) / direction).min(axis=1)
        return np.log(np.maximum(gain, _LEAST)) + 1e-6 * nearness
