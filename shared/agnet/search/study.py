"""Searches described by value, so that they can be repeated with other seeds and run in other processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from agnet import benchmarks, spaces
from agnet.benchmarks import Benchmark
from agnet.search import strategies
from agnet.search.history import History
from agnet.search.journal import Journal
from agnet.search.loop import Budget, search
from agnet.seeds import Seed


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

    def oracle(self) -> Benchmark:
        """The benchmark.

        Raises:
            InputError: see :func:`agnet.benchmarks.load`.
        """
        return benchmarks.load(self.benchmark, space=self.space, options=self.given)

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
        strategy = strategies.make(self.strategy, space, self.metric, maximize=self.maximize, options=self.options)
        history = History(space, self.metric, maximize=self.maximize)
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
    """Best value of the metric after each query."""

    @classmethod
    def of(cls, history: History) -> Outcome:
        """The outcome of a search that has ended."""
        lines = b"".join(chunk.json_lines().to_pybytes() for chunk in history.chunks)
        return cls(lines, history.best(), history.best_so_far().tolist())


def _run(study: Study, seed: Seed, journal: Path | None, resume: bool) -> Outcome:
    return Outcome.of(study.run(seed, journal=journal, resume=resume))


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
