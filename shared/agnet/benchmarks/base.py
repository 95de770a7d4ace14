"""What a benchmark has to say about itself; one module a benchmark implements it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.metrics import Metric
from agnet.names import nearest
from agnet.seeds import Seed


@dataclass(frozen=True, slots=True)
class Answer:
    """What a benchmark answered about a batch of architectures."""

    columns: dict[str, NDArray[np.float64]]
    """Metric name to its [n] values; NaN where there is none."""
    problems: dict[int, str]
    """Row number to the reason why that architecture has no answer; its values are NaN."""


class Benchmark(ABC):
    """What answers a query: true metrics of architectures of one space.

    Making one is cheap; its data is opened by the first query.
    """

    name: str
    """Key on the command line: ``nb201/cifar10``."""
    space: str
    """Name of the space whose architectures it knows."""
    title: str
    """What was measured, in one line."""
    source: str
    """Where the data comes from, with its licence."""
    size: int | None
    """Number of architectures it knows; None when it can evaluate any of its space."""
    metrics: tuple[Metric, ...]
    """What it answers by default; the first is what a search optimises unless told otherwise."""
    details: tuple[Metric, ...] = ()
    """What it answers only when asked by name, such as the values of single training runs."""

    def missing(self) -> str | None:
        """What to do to get the data, in one line; None when it is here."""
        return None

    @abstractmethod
    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        """Metrics of ``n`` architectures.

        Args:
            graphs: architectures of this benchmark's space; one of size 0 (it could not be read) is a problem.
            metrics: names out of ``metrics`` and ``details``; all ``metrics`` by default.
            draw: answer with one training run per architecture instead of the mean of its runs. Which one depends on
                this seed and on the architecture, so asking twice gives the same answer.

        Raises:
            InputError: if a metric is unknown, the data is not here, or ``draw`` is given and there is but one run.
        """

    def optimum(self, metric: str) -> float | None:
        """The best value of ``metric`` that an architecture has; None when nobody knows.

        Raises:
            InputError: if the metric is unknown, or the data is not here.
        """
        self.select([metric])
        return None

    def has(self, graphs: Graphs) -> NDArray[np.bool_]:
        """[n] which architectures it can answer; by default all that could be read."""
        return (graphs.sizes > 0).all(axis=1)

    def select(self, names: Sequence[str] | None) -> list[str]:
        """The metrics called ``names``, each once; the default ones if None.

        Raises:
            InputError: if one is unknown.
        """
        if names is None:
            return [metric.name for metric in self.metrics]
        known = [metric.name for metric in (*self.metrics, *self.details)]
        for name in names:
            if name not in known:
                raise InputError(f"{self.name} has no metric {name!r}{nearest(name, known)}")
        return list(dict.fromkeys(names))
