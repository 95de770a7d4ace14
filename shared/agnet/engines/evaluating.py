"""Evaluations on an engine: a benchmark that is asked in other processes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from agnet import benchmarks
from agnet.benchmarks.base import Answer, Benchmark
from agnet.benchmarks.joined import joined
from agnet.benchmarks.wrapped import Wrapped
from agnet.engines import Engine, Tell
from agnet.graphs import Graphs
from agnet.seeds import Seed


@dataclass(frozen=True, slots=True)
class Asked:
    """A benchmark by value."""

    name: str
    space: str | None = None
    options: tuple[tuple[str, str], ...] = ()
    metrics: tuple[str, ...] | None = None
    """Those of devices among these are answered by their own benchmarks, see :func:`joined`; None: there are none."""

    @classmethod
    def of(
        cls, name: str, space: str | None, options: Mapping[str, str], metrics: Sequence[str] | None = None
    ) -> Asked:
        """With what :func:`agnet.benchmarks.load` takes."""
        return cls(name, space, tuple(options.items()), None if metrics is None else tuple(metrics))

    def benchmark(self) -> Benchmark:
        """The benchmark.

        Raises:
            InputError: see :func:`agnet.benchmarks.load`.
        """
        found = benchmarks.load(self.name, space=self.space, options=dict(self.options))
        return found if self.metrics is None else joined(found, self.metrics)

    @property
    def at_once(self) -> int | None:
        """Architectures of one evaluation where evaluations are spread: what works one by one is asked one by one.

        None for a table, which answers so many as fast as one.
        """
        if benchmarks.is_open(self.name):
            return self.benchmark().at_once or 1
        return None


@lru_cache(4)
def _opened(asked: Asked) -> Benchmark:
    return asked.benchmark()


def evaluate(tell: Tell, asked: Asked, graphs: Graphs, metrics: Sequence[str], draw: Seed | None) -> Answer:
    """What a worker does; the benchmark, and the images it has read, stay for the next call."""
    return _opened(asked).query(graphs, metrics, draw=draw)


class Evaluator:
    """Asks a benchmark on an engine, and again where an evaluation failed."""

    def __init__(
        self,
        engine: Engine,
        asked: Asked,
        metrics: Sequence[str],
        *,
        retries: int = 0,
        draw: Seed | None = None,
    ) -> None:
        """Args: see :meth:`Benchmark.query`; ``retries`` is how often an evaluation that failed is asked for again."""
        self.engine = engine
        self.benchmark = asked.benchmark()
        self._asked, self._metrics, self._draw = asked, list(metrics), draw
        self._retries = retries
        self._open: dict[int, _Evaluation] = {}
        self._count = 0

    @property
    def unfinished(self) -> int:
        """Evaluations that have not ended."""
        return len(self._open)

    def submit(self, graphs: Graphs) -> int:
        """Have architectures evaluated, together; returns what :meth:`wait` calls them."""
        self._count += 1
        self._ask(_Evaluation(self._count, graphs, self.benchmark.has(graphs), np.arange(len(graphs)), self._retries))
        return self._count

    def wait(self) -> list[tuple[int, Answer]]:
        """The evaluations that have ended, at least one as long as there are any that have not.

        Raises:
            AgnetError: that the benchmark raised.
        """
        ended: list[tuple[int, Answer]] = []
        while self._open and not ended:
            for done in self.engine.wait():
                evaluation = self._open.pop(done.ticket)
                if done.failure is None:
                    evaluation.put(done.value)
                else:
                    evaluation.fail(f"{self.benchmark.name}: {done.failure}", self._metrics)
                evaluation.rows = evaluation.failed()
                if len(evaluation.rows) and evaluation.retries:
                    evaluation.retries -= 1
                    self._ask(evaluation)
                else:
                    ended.append((evaluation.name, Answer(evaluation.columns, evaluation.problems)))
        return ended

    def _ask(self, evaluation: _Evaluation) -> None:
        graphs = evaluation.graphs.take(evaluation.rows)
        ticket = self.engine.submit(evaluate, self._asked, graphs, self._metrics, self._draw)
        self._open[ticket] = evaluation


class _Evaluation:
    """Architectures that are evaluated together, and what is known so far."""

    def __init__(
        self, name: int, graphs: Graphs, known: NDArray[np.bool_], rows: NDArray[np.int64], retries: int
    ) -> None:
        self.name, self.graphs, self.rows, self.retries = name, graphs, rows, retries
        self._known = known
        self.columns: dict[str, NDArray[np.float64]] = {}
        self.problems: dict[int, str] = {}

    def put(self, answer: Answer) -> None:
        """What was answered about the rows that were asked for."""
        for row in self.rows.tolist():
            self.problems.pop(row, None)
        self.problems |= {int(self.rows[row]): reason for row, reason in answer.problems.items()}
        for name, values in answer.columns.items():
            self.columns.setdefault(name, np.full(len(self.graphs), np.nan))[self.rows] = values

    def fail(self, reason: str, metrics: Sequence[str]) -> None:
        """That nothing was answered about them."""
        columns = {name: np.full(len(self.rows), np.nan) for name in metrics}
        self.put(Answer(columns, dict.fromkeys(range(len(self.rows)), reason)))

    def failed(self) -> NDArray[np.int64]:
        """Rows to ask for again: architectures that the benchmark cannot answer stay as they are."""
        return np.array([row for row in sorted(self.problems) if self._known[row]], np.int64)


class Remote(Wrapped):
    """A benchmark that is asked in a worker, one question at a time: one that hangs is ended."""

    def __init__(self, engine: Engine, asked: Asked, retries: int = 0) -> None:
        super().__init__(asked.benchmark())
        self._engine, self._asked, self._retries = engine, asked, retries

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        """See :meth:`Benchmark.query`."""
        evaluator = Evaluator(self._engine, self._asked, self.select(metrics), retries=self._retries, draw=draw)
        evaluator.submit(graphs)
        return evaluator.wait()[0][1]
