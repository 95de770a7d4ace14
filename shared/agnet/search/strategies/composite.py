"""Bayesian optimisation of several goals, or under limits: one Gaussian process for each of them.

With one goal candidates are worth what :mod:`agnet.search.standing` says, less where they are not likely to keep the
limits. With several goals each choice looks into a random direction from the worst corner of the front: what counts is
how far an architecture reaches in it, which over all directions makes up the hypervolume (Golovin and Zhang, "Random
Hypervolume Scalarizations", 2020). The expected gain in reach is one integral over a product of normal distributions.

Processes of limits, and of what is to be small beside another goal, also compare what is written, what is counted and
what is used: see :mod:`agnet.surrogates.respects`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from agnet import arrow
from agnet.graphs import Graphs
from agnet.records import records
from agnet.search import candidates, packed, pareto
from agnet.search.beginning import Has
from agnet.search.history import History
from agnet.search.promising import FIRST, MATTER, RELEARN, SINGLY, Candidates, Evaluated, memorable, spread_out
from agnet.search.standing import Keeping, Standing, stalled
from agnet.search.strategies import Proposal, Strategy
from agnet.seeds import Seed, numpy_stream
from agnet.spaces.base import Space
from agnet.surrogates.process import Groups, Posterior, Process
from agnet.surrogates.respects import respects
from agnet.surrogates.targets import Target

_Numbers = NDArray[np.float64]
_KEEP = 300
"""Most promising candidates of a round that are candidates of the next, under limits."""
_STEPS = 48
"""Steps of the integral."""
_LEAST = 1e-30


class CompositeStrategy(Strategy):
    """A process for every goal and every limit."""

    init = FIRST
    begins = "far apart"
    batch = 2
    singly = SINGLY
    meanwhile = 1

    def __init__(self, space: Space, metric: str, *, maximize: bool) -> None:
        super().__init__(space, metric, maximize=maximize)
        everything = respects(space.name, costs=True)
        self._kinds = everything.kinds
        self._few = len(respects(space.name).kinds)
        self._evaluated = Evaluated(everything)
        self._candidates = Candidates(everything)
        self._processes: list[Process] = []
        self._restored: list[_Numbers] = []
        """Parameters of the processes, where they are those of a state."""
        self._learned = 0

    def begin(self, has: Has, seed: Seed) -> Iterator[Graphs]:
        """See :meth:`Strategy.begin`."""
        return spread_out(self.space, has, seed)

    def ask(self, history: History, n: int, seed: Seed) -> Proposal:
        """Up to ``n`` new architectures, the most promising first, with what is predicted for their goals."""
        measured = history.measured
        known = np.isfinite(measured.goals).all(axis=1)
        if known.sum() < FIRST:
            graphs = candidates.random(history, min(n, max(FIRST - len(history), 1)), seed)
            return Proposal(graphs, records(self.space, graphs))
        rows, goals, y, targets = self._numbers(history)
        self._condition(history, rows, y)
        width = goals.shape[1]
        limits = zip(
            self._processes[width:],
            targets[width:],
            history.objective.parsed_limits,
            measured.margins[rows].T,
            strict=True,
        )
        keeping = [
            Keeping.of(process, float(target.apply(np.zeros(1))[0]), limit.holds(margin))
            for process, target, limit, margin in limits
        ]
        self._believe(history)
        worth = _Worth(self._processes[:width], history, rows, y[:, :width], keeping)
        rng = numpy_stream(seed, "candidates")
        worth.turn(rng)
        graphs, posteriors = self._candidates.find(
            history, history.scores, self._posteriors, [worth], rng, _KEEP if keeping else 0
        )
        choice = candidates.Choice(graphs, history.has)
        chosen: list[int] = []
        while len(chosen) < n:
            if chosen:
                worth.turn(rng)
                for posterior in posteriors:
                    posterior.expect(chosen[-1])
            value = worth(posteriors, len(chosen))
            value[chosen] = -np.inf
            best = choice.best(value)
            if best is None:
                break
            chosen.append(best)
        chosen += choice.unanswerable.tolist()
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
        """See :meth:`Strategy.follow`: it knows what it last learned; under limits also what was promising last."""
        if history.objective.limits:
            return False
        known = int(np.isfinite(history.measured.goals).all(axis=1).sum())
        if known >= FIRST and self._is_due(len(history)):
            rows, _, y, _ = self._numbers(history)
            self._condition(history, rows, y)
        return True

    def state(self) -> dict[str, NDArray]:
        """See :meth:`Strategy.state`."""
        learned = {f"process.{number}": process.parameters for number, process in enumerate(self._processes)}
        kept = packed.of_graphs(self._candidates.kept[0]) if self._candidates.kept else {}
        return {"learned": np.array([self._learned]), **learned, **kept}

    def restore(self, state: Mapping[str, NDArray]) -> None:
        """See :meth:`Strategy.restore`."""
        count = sum(name.startswith("process.") for name in state)
        restored = [state[f"process.{number}"] for number in range(count)]
        shapes = {Process(kinds, MATTER).parameters.shape for kinds in (self._kinds, self._kinds[: self._few])}
        if any(parameters.shape not in shapes for parameters in restored):
            raise ValueError("another process")
        self._learned = int(state["learned"][0])
        self._processes, self._restored = [], restored
        self._candidates.kept = [packed.graphs_of(state)] if "ops" in state else []

    def _is_due(self, answers: int) -> bool:
        return answers >= RELEARN * self._learned

    def _numbers(self, history: History) -> tuple[NDArray[np.int64], _Numbers, _Numbers, list[Target]]:
        """Rows that are to be known; [n, goals] of these; goals and margins as numbers; and how they became that."""
        measured = history.measured
        known = np.isfinite(measured.goals).all(axis=1)
        rows = np.flatnonzero(known)
        rows = rows[memorable(history.scores[rows])]
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

    def _condition(self, history: History, rows: NDArray[np.int64], y: _Numbers) -> None:
        groups = self._evaluated(history, rows)
        if not self._processes:
            kinds = {True: self._kinds, False: self._kinds[: self._few]}
            self._processes = [Process(kinds[cost], MATTER) for cost in _costs(history)]
            for process, parameters in zip(self._processes, self._restored, strict=False):
                process.parameters = parameters
        learn = self._is_due(len(history))
        for process, values in zip(self._processes, y.T, strict=True):
            seen = groups[: len(process.kinds)]
            if learn:
                process.learn(seen, values)
            process.condition(seen, values)
        self._learned = len(history) if learn else self._learned

    def _believe(self, history: History) -> None:
        if (pending := self._evaluated.pending(history)) is not None:
            for process in self._processes:
                process.believe(pending[: len(process.kinds)])

    def _posteriors(self, groups: Groups) -> list[Posterior]:
        return [process.posterior(groups[: len(process.kinds)]) for process in self._processes]


def _costs(history: History) -> list[bool]:
    """Of each process, those of goals first, whether it is of what an architecture costs."""
    objective = history.objective
    goals = [not goal.maximize for goal in objective.goals] if objective.several else [False]
    return goals + [True] * len(objective.limits)


class _Worth:
    """How much candidates are worth a query, by what is known of [n, g] goals, in the order of the queries."""

    def __init__(
        self,
        processes: list[Process],
        history: History,
        rows: NDArray[np.int64],
        goals: _Numbers,
        keeping: list[Keeping],
    ) -> None:
        feasible = history.measured.feasible[rows]
        self._noise = np.array([process.noise for process in processes])
        self._goals = goals[feasible]
        self._keeping = keeping
        self._width = goals.shape[1]
        self._direction = np.ones(self._width)
        if not len(self._goals):
            return
        if self._width == 1:
            vain = stalled(np.where(history.measured.feasible, history.scores, -np.inf))
            believed = float(processes[0].fitted[feasible].max())
            best = float(self._goals.max())
            self._standing = Standing(len(history), vain, best, believed, float(self._noise[0]), bool(keeping))
        else:
            front = self._goals[pareto.nondominated(self._goals)]
            low, high = front.min(axis=0), front.max(axis=0)
            self._corner = low - 0.1 * np.maximum(high - low, 0.1)

    def turn(self, rng: np.random.Generator) -> None:
        """Look into another direction."""
        if self._width > 1:
            direction = np.abs(rng.standard_normal(self._width)) + 1e-3
            self._direction = direction / np.linalg.norm(direction)

    def __call__(self, posteriors: list[Posterior], ahead: int = 0) -> _Numbers:
        """[m] logarithm of the worth of each candidate, or alike, when ``ahead`` are chosen for the same round."""
        width = self._width
        limits = list(zip(self._keeping, posteriors[width:], strict=True))
        if not len(self._goals):  # nothing keeps the limits yet: find something that does
            return np.sum([keeping.log_probability(posterior) for keeping, posterior in limits], axis=0)
        value = np.zeros(len(posteriors[0].mean))
        for keeping, posterior in limits:
            value += keeping.log_weight(posterior)
        if width == 1:
            return value + self._standing.worth(posteriors[0].mean, posteriors[0].variance, ahead)
        mean = np.stack([posterior.mean for posterior in posteriors[:width]], axis=1)
        variance = np.stack([posterior.variance for posterior in posteriors[:width]], axis=1)
        return value + self._log_reach(mean, np.sqrt(variance + self._noise))

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
