"""Benchmarks around another one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from agnet.benchmarks.base import Answer, Benchmark
from agnet.graphs import Graphs
from agnet.seeds import Seed

_FACTS = ("name", "space", "title", "source", "size", "metrics", "details", "curves", "at_once")


class Wrapped(Benchmark):
    """What ``first`` is and answers; a subclass changes some of it."""

    def __init__(self, first: Benchmark) -> None:
        self.first = first
        for fact in _FACTS:
            setattr(self, fact, getattr(first, fact))

    def missing(self) -> str | None:
        """See :meth:`Benchmark.missing`."""
        return self.first.missing()

    def select(self, names: Sequence[str] | None) -> list[str]:
        """See :meth:`Benchmark.select`."""
        return self.first.select(names)

    def has(self, graphs: Graphs) -> NDArray[np.bool_]:
        """See :meth:`Benchmark.has`."""
        return self.first.has(graphs)

    def pool(self) -> Graphs | None:
        """See :meth:`Benchmark.pool`."""
        return self.first.pool()

    def answered(self) -> list[str]:
        """See :meth:`Benchmark.answered`."""
        return self.first.answered()

    def optimum(self, metric: str) -> float | None:
        """See :meth:`Benchmark.optimum`."""
        return self.first.optimum(metric)

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        """See :meth:`Benchmark.query`."""
        return self.first.query(graphs, metrics, draw=draw)


class Retrying(Wrapped):
    """Asks again, up to ``retries`` times, where an evaluation failed: a machine may have been busy, a disk full."""

    def __init__(self, first: Benchmark, retries: int) -> None:
        super().__init__(first)
        self._retries = retries

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        """See :meth:`Benchmark.query`; architectures that cannot be read are not asked again."""
        answer = self.first.query(graphs, metrics, draw=draw)
        if not answer.problems or not self._retries:
            return answer
        known = self.has(graphs)
        for _ in range(self._retries):
            rows = np.array([row for row in sorted(answer.problems) if known[row]], np.int64)
            if not len(rows):
                break
            again = self.first.query(graphs.take(rows), metrics, draw=draw)
            columns = {name: values.copy() for name, values in answer.columns.items()}
            for name, values in again.columns.items():
                columns.setdefault(name, np.full(len(graphs), np.nan))[rows] = values
            problems = {row: reason for row, reason in answer.problems.items() if not known[row]}
            problems |= {int(rows[row]): reason for row, reason in again.problems.items()}
            answer = Answer(columns, problems)
        return answer
