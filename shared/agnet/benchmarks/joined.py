"""A benchmark together with those that know about devices: ``latency_ms@edgegpu`` is answered by ``hw/edgegpu``."""

from __future__ import annotations

from collections.abc import Sequence

from agnet import benchmarks
from agnet.benchmarks.base import Answer, Benchmark
from agnet.benchmarks.wrapped import Wrapped
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.seeds import Seed


def joined(benchmark: Benchmark, metrics: Sequence[str]) -> Benchmark:
    """``benchmark`` itself if it knows all ``metrics``, else with the devices that know the others.

    Raises:
        InputError: if a metric is known to neither, or a device's data is not here.
    """
    others: dict[str, tuple[Benchmark, str]] = {}
    for name in metrics:
        metric, at, device = name.partition("@")
        if not at or f"hw/{device}" not in benchmarks.names():
            continue
        try:
            if not benchmark.metrics:  # a program, that would have to be asked
                raise InputError(name)
            benchmark.select([name])
        except InputError:
            other = benchmarks.load(f"hw/{device}")
            if other.space == benchmark.space:
                other.select([metric])
                others[name] = (other, metric)
    benchmark.select([name for name in metrics if name not in others])
    return Joined(benchmark, others) if others else benchmark


class Joined(Wrapped):
    """Answers what the first benchmark does, and metrics of devices."""

    def __init__(self, first: Benchmark, others: dict[str, tuple[Benchmark, str]]) -> None:
        super().__init__(first)
        self.others = others

    def select(self, names: Sequence[str] | None) -> list[str]:
        """See :meth:`Benchmark.select`."""
        mine = names and [name for name in names if name not in self.others]
        chosen = self.first.select(mine)
        return list(dict.fromkeys(names)) if names else chosen

    def optimum(self, metric: str) -> float | None:
        """See :meth:`Benchmark.optimum`."""
        if metric in self.others:
            other, name = self.others[metric]
            return other.optimum(name)
        return self.first.optimum(metric)

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        """See :meth:`Benchmark.query`."""
        names = self.select(metrics)
        mine = [name for name in names if name not in self.others]
        answer = self.first.query(graphs, mine, draw=draw)
        columns = dict(answer.columns)
        for name in names:
            if name in self.others:
                other, metric = self.others[name]
                columns[name] = other.query(graphs, [metric]).columns[metric]
        return Answer(columns, answer.problems)
