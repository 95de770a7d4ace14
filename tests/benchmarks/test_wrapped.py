"""Benchmarks around another one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agnet import benchmarks, spaces
from agnet.benchmarks.base import Answer, Benchmark
from agnet.benchmarks.wrapped import Retrying, Wrapped
from agnet.graphs import Graphs
from agnet.metrics import Metric
from agnet.seeds import Seed

_GRAPHS = spaces.get("nb201").from_index(np.array([0, 1, 2, -1, 4]))  # type: ignore[attr-defined]


class Flaky(Benchmark):
    """Answers the cell of index i when it is asked for the i-th time."""

    name, space, title, source, size = "flaky", "nb201", "", "", None
    metrics = (Metric("val_acc", "", "maximize", ""),)

    def __init__(self) -> None:
        self.asked = np.zeros(5, np.int64)

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        index = spaces.get("nb201").index(graphs)
        assert index is not None
        np.add.at(self.asked, index[index >= 0], 1)
        works = (index >= 0) & (self.asked[index] > index)
        problems = {int(row): f"failed {self.asked[index[row]]}" for row in np.flatnonzero(~works)}
        return Answer({"val_acc": np.where(works, index / 10, np.nan)}, problems)


def test_asks_again_where_it_failed_and_nowhere_else() -> None:
    for retries, working in ((0, 1), (1, 2), (2, 3), (9, 4)):
        flaky = Flaky()
        answer = Retrying(flaky, retries).query(_GRAPHS)
        values = answer.columns["val_acc"]
        assert np.isfinite(values).sum() == working
        assert set(answer.problems) == set(np.flatnonzero(np.isnan(values)))
        assert flaky.asked.tolist() == [min(index, retries) + 1 if index != 3 else 0 for index in range(5)]
    assert values[4] == 0.4


def test_a_wrapped_benchmark_is_the_same() -> None:
    first = benchmarks.load("nb201/cifar10")
    wrapped = Wrapped(first)
    graphs = _GRAPHS.take(slice(0, 3))
    assert (wrapped.name, wrapped.size, wrapped.metrics) == (first.name, first.size, first.metrics)
    assert wrapped.missing() is None
    assert wrapped.select(None) == first.select(None)
    assert wrapped.answered() == first.answered()
    assert wrapped.optimum("val_acc") == first.optimum("val_acc")
    assert wrapped.has(graphs).all()
    expected = first.query(graphs, draw=(1,)).columns
    found = wrapped.query(graphs, draw=(1,)).columns
    assert all(np.array_equal(found[name], expected[name]) for name in expected)
