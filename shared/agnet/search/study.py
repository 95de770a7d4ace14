"""Searches described by value, so that they can be repeated with other seeds and run in other processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet import benchmarks, spaces
from agnet.benchmarks import Benchmark
from agnet.benchmarks.joined import joined
from agnet.benchmarks.wrapped import Retrying
from agnet.errors import InputError
from agnet.search import pareto, strategies
from agnet.search.history import History
from agnet.search.journal import Journal
from agnet.search.loop import Budget, search
from agnet.search.objective import Measured, Objective
from agnet.seeds import Seed
from agnet.spaces.held import Held

_SMALL = 20_000
"""Architectures of a space that are all looked at to know the best."""


@dataclass(frozen=True, slots=True)
class Study:
    """Everything a search depends on but its seed."""

    benchmark: str
    metric: str
    maximize: bool
    strategy: str
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of the strategy."""
    budget: Budget = field(default_factory=Budget)
    space: str | None = None
    """Space to search, for a benchmark that takes any."""
    given: Mapping[str, str] = field(default_factory=dict)
    """What the benchmark was told, name to text."""
    objective: Objective | None = None
    """Goals and limits; None: ``metric`` alone."""
    retries: int = 0
    """How often a failed evaluation is asked for again."""
    one_cell: bool = False
    """Whether one cell of an architecture is searched after the other."""

    def oracle(self) -> Benchmark:
        """The benchmark.

        Raises:
            InputError: see :func:`agnet.benchmarks.load`.
        """
        benchmark = benchmarks.load(self.benchmark, space=self.space, options=self.given)
        whole = joined(benchmark, self.objective.metrics if self.objective else (self.metric,))
        return Retrying(whole, self.retries) if self.retries else whole

    def optimum(self) -> float | None:
        """The best value of the (first) goal that an architecture has which keeps all limits; None if nobody knows."""
        oracle = self.oracle()
        if self.objective is None or self.objective.plain:
            return oracle.optimum(self.metric)
        measured = self._everything(oracle)
        if measured is None or not measured.feasible.any():
            return None
        best = float(measured.goals[measured.feasible, 0].max())
        return best if self.objective.goals[0].maximize else -best

    def best_front(self) -> NDArray[np.float64] | None:
        """[n, g] the front of the whole space, larger is better; None if nobody knows it."""
        measured = self._everything(self.oracle())
        if measured is None:
            return None
        goals = measured.goals[measured.feasible]
        goals = np.unique(goals, axis=0)
        order = goals[np.argsort(-goals[:, 0], kind="stable")]
        return order[pareto.nondominated(order)]

    def _everything(self, oracle: Benchmark) -> Measured | None:
        space = spaces.get(oracle.space)
        if self.objective is None or space.size is None or space.size > _SMALL or oracle.size != space.size:
            return None
        names = self.objective.metrics
        parts = [oracle.query(graphs, names).columns for graphs in space.enumerate()]
        return self.objective.measure({name: np.concatenate([part[name] for part in parts]) for name in names})

    def run(
        self,
        seed: Seed,
        *,
        journal: Path | None = None,
        resume: bool = False,
        on_answers: Callable[[History], None] = lambda history: None,
    ) -> History:
        """Search once.

        Args:
            seed: decides every random choice.
            journal: where to keep the answers while the search runs.
            resume: continue the journal instead of refusing to touch it.
            on_answers: called with the history after each answered batch.
        """
        benchmark = self.oracle()
        space = spaces.get(benchmark.space)
        if self.one_cell:
            if len(space.cells) == 1:
                raise InputError(f"{space.name}: its architectures have one cell, so there is none to search after it")
            space = Held(space)
        plain = self.objective is None or self.objective.plain
        strategy = strategies.make(
            self.strategy, space, self.metric, maximize=self.maximize, options=self.options, plain=plain
        )
        history = History(space, self.metric, maximize=self.maximize, objective=self.objective)
        if journal is None:
            search(benchmark, strategy, history, budget=self.budget, seed=seed, on_answers=on_answers)
            return history
        with Journal(journal, {**asdict(self), "seed": seed}, resume=resume) as opened:
            search(benchmark, strategy, history, budget=self.budget, seed=seed, journal=opened, on_answers=on_answers)
        return history


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a finished search leaves; plain values, so it travels between processes."""

    lines: bytes
    """The history as JSON lines."""
    best: int | None
    """Row of the best architecture."""
    best_so_far: list[float]
    """Best value of the (first) goal after each query."""
    results: list[int]
    """Rows of what the search was for: the best architecture, or the front."""
    feasible: list[bool]
    """Which architectures keep all limits."""
    hypervolumes: list[float]
    """What the front covers after each query, beyond ``corner``; empty unless there are several goals."""
    corner: list[float]
    """[g] Larger is better: the worst of the whole space's front where that is known, else of what was evaluated."""

    @classmethod
    def of(cls, history: History, study: Study) -> Outcome:
        """The outcome of a search of ``study`` that has ended."""
        lines = b"".join(chunk.json_lines().to_pybytes() for chunk in history.chunks)
        return cls(lines, history.best(), history.best_so_far().tolist(), *_result(history, study))


def _result(history: History, study: Study) -> tuple[list[int], list[bool], list[float], list[float]]:
    measured = history.measured
    feasible = measured.feasible.tolist()
    if not history.objective.several or not measured.feasible.any():
        return history.results(), feasible, [], []
    front = study.best_front()
    corner = (measured.goals[measured.feasible] if front is None else front).min(axis=0)
    return history.results(), feasible, history.hypervolumes(corner).tolist(), corner.tolist()


def _run(study: Study, seed: Seed, journal: Path | None, resume: bool) -> Outcome:
    return Outcome.of(study.run(seed, journal=journal, resume=resume), study)


def run_trials(
    study: Study, seeds: Sequence[Seed], journals: Sequence[Path | None], *, resume: bool, jobs: int
) -> Iterator[tuple[int, Outcome]]:
    """Search once for every seed in up to ``jobs`` processes; yield (trial, outcome) as each ends."""
    # spawn: a forked torch would inherit thread pools that do not survive a fork
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(seeds)), mp_context=context) as pool:
        running = {
            pool.submit(_run, study, seed, journal, resume): trial
            for trial, (seed, journal) in enumerate(zip(seeds, journals, strict=True))
        }
        try:
            for future in as_completed(running):
                yield running[future], future.result()
        except BaseException:
            # one trial failed, or the user gave up: the trials that have not begun never do
            pool.shutdown(wait=False, cancel_futures=True)
            raise
