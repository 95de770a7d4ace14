"""``agnet.load``: a benchmark to query."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from agnet import benchmarks
from agnet.benchmarks import answers
from agnet.frames import Records, Source, records, seed_of


class Oracle:
    """A benchmark to query."""

    def __init__(self, benchmark: benchmarks.Benchmark) -> None:
        self.benchmark = benchmark
        """The benchmark as the library has it."""

    @property
    def name(self) -> str:
        """What it is called."""
        return self.benchmark.name

    @property
    def space(self) -> str:
        """The space whose architectures it knows."""
        return self.benchmark.space

    @property
    def metrics(self) -> list[str]:
        """What it answers unless asked for something else."""
        return [metric.name for metric in self.benchmark.metrics]

    def query(
        self,
        architectures: Source,
        metrics: Sequence[str] | None = None,
        *,
        draw: int | Sequence[int] | None = None,
        on_error: str = "fail",
    ) -> Records:
        """The architectures with the true values of metrics.

        Args:
            architectures: see :func:`agnet.frames.records`.
            metrics: names; by default the main ones.
            draw: a seed, to answer with one training run each and not with their mean.
            on_error: ``fail``, ``skip`` or ``keep``.

        Raises:
            InputError: if a metric is unknown, or an architecture and ``on_error`` is ``fail``.
        """
        names = self.benchmark.select(metrics)
        seed = None if draw is None else seed_of(draw)
        return Records(answers.answer(self.benchmark, records(architectures).chunk, names, seed, on_error))

    def optimum(self, metric: str | None = None) -> float | None:
        """The best value of a metric (the first by default) that an architecture has; None if nobody knows."""
        return self.benchmark.optimum(metric or self.metrics[0])

    def __repr__(self) -> str:
        return f"Oracle {self.name}: {self.benchmark.title}"


def load(name: str, *, space: str | None = None, **options: Any) -> Oracle:
    """A benchmark, such as ``nb201/cifar10``; ``options`` as the commands take by ``--with``.

    Raises:
        InputError: if there is none, or its data is not here; the message says how to get it.
    """
    return Oracle(benchmarks.load(name, space=space, options={key: str(value) for key, value in options.items()}))
