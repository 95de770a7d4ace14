"""Searches described by value, so that they can be repeated with other seeds and run in other processes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet import spaces
from agnet.benchmarks import Benchmark
from agnet.benchmarks.wrapped import Retrying
from agnet.engines import Engine, Setup, Tell
from agnet.engines.evaluating import Asked, Evaluator, Remote
from agnet.errors import AgnetError, InputError
from agnet.search import asynchronous, loop, pareto, strategies
from agnet.search.history import History
from agnet.search.journal import Journal, Record
from agnet.search.loop import Budget
from agnet.search.objective import Measured, Objective
from agnet.seeds import Seed
from agnet.spaces.base import Space
from agnet.spaces.held import Held
from agnet.spaces.pool import Pool

_SMALL = 20_000
"""Architectures of a space that are all looked at to know the best."""
_LIVES = 3
"""Workers that a trial may lose."""


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
        whole = self._asked().benchmark()
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
        space = _space(oracle)
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
        engine: Engine | None = None,
    ) -> History:
        """Search once.

        Args:
            seed: decides every random choice.
            journal: where to keep the answers while the search runs.
            resume: continue the journal instead of refusing to touch it.
            on_answers: called with the history after each answered batch.
            engine: where evaluations run; with several workers :func:`agnet.search.asynchronous.search` does.
        """
        if journal is None:
            return self.search(seed, on_answers=on_answers, engine=engine)
        several = engine is not None and engine.setup.several
        with self.journal(journal, seed, resume=resume, several=several) as opened:
            return self.search(seed, record=opened, on_answers=on_answers, engine=engine)

    def journal(self, path: Path, seed: Seed, *, resume: bool, several: bool = False) -> Journal:
        """The journal of a search; ``several``: of one with several workers, whose number may change."""
        settings = {**asdict(self), "seed": seed} | ({"workers": "several"} if several else {})
        return Journal(path, settings, resume=resume)

    def search(
        self,
        seed: Seed,
        *,
        record: Record | None = None,
        on_answers: Callable[[History], None] = lambda history: None,
        engine: Engine | None = None,
    ) -> History:
        """As :meth:`run`, with a record that has been opened."""
        benchmark = self.oracle() if engine is None else Remote(engine, self._asked(), self.retries)
        space = _space(benchmark)
        if self.one_cell:
            if isinstance(space, Pool):
                raise InputError(f"{benchmark.name}: one cell after the other needs a benchmark that answers any pair")
            if len(space.cells) == 1:
                raise InputError(f"{space.name}: its architectures have one cell, so there is none to search after it")
            space = Held(space)
        plain = self.objective is None or self.objective.plain
        strategy = strategies.make(
            self.strategy, space, self.metric, maximize=self.maximize, options=self.options, plain=plain
        )
        history = History(space, self.metric, maximize=self.maximize, objective=self.objective)
        if engine is None or not engine.setup.several:
            loop.search(
                benchmark, strategy, history, budget=self.budget, seed=seed, journal=record, on_answers=on_answers
            )
            return history
        asked = self._asked()
        metrics = list(dict.fromkeys([*benchmark.select(None), *history.objective.metrics]))
        evaluator = Evaluator(engine, asked, metrics, retries=self.retries)
        asynchronous.search(
            evaluator,
            strategy,
            history,
            budget=self.budget,
            seed=seed,
            at_once=asked.at_once or 1,
            journal=record,
            on_answers=on_answers,
        )
        return history

    def _asked(self) -> Asked:
        metrics = self.objective.metrics if self.objective else (self.metric,)
        return Asked.of(self.benchmark, self.space, self.given, metrics)


def _space(benchmark: Benchmark) -> Space:
    """What there is to search: the benchmark's space, or those of its architectures that it can answer."""
    space, pool = spaces.get(benchmark.space), benchmark.pool()
    return space if pool is None else Pool(space, pool)


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


def trial(tell: Tell, study: Study, seed: Seed, recorded: Sequence[bytes], alone: Setup | None) -> Outcome:
    """What a worker does: one search, each of whose answers it tells."""
    record = Record(recorded, tell, "journal")
    with nullcontext() if alone is None else alone.open() as engine:
        return Outcome.of(study.search(seed, record=record, engine=engine), study)


def run_trials(
    study: Study, seeds: Sequence[Seed], journals: Sequence[Path | None], *, resume: bool, setup: Setup
) -> Iterator[tuple[int, Outcome]]:
    """Search once for every seed, each search by one worker; yield (trial, outcome) as each ends.

    Journals are written here, wherever workers are. A trial whose worker dies goes on from its journal.

    Raises:
        AgnetError: that a trial raised, or if one has lost too many workers.
    """
    with ExitStack() as stack:
        records = [
            Record() if path is None else stack.enter_context(study.journal(path, seed, resume=resume))
            for path, seed in zip(journals, seeds, strict=True)
        ]
        told: list[list[bytes]] = [list(record.lines) for record in records]
        engine = stack.enter_context(replace(setup, timeout=0.0).open(most=len(seeds)))
        running: dict[int, int] = {}
        lives = [_LIVES] * len(seeds)

        def submit(number: int) -> None:
            def keep(lines: bytes) -> None:
                records[number].write(lines)
                told[number] += lines.splitlines()

            call = (trial, study, seeds[number], tuple(told[number]), setup.alone())
            running[engine.submit(*call, on_note=keep, lives=1)] = number

        for number in range(len(seeds)):
            submit(number)
        while running:
            for done in engine.wait():
                number = running.pop(done.ticket)
                if done.failure is None:
                    yield number, done.value
                    continue
                lives[number] -= 1
                if not lives[number]:
                    raise AgnetError(f"trial {number}: {done.failure}; --resume goes on from what it has answered")
                submit(number)
