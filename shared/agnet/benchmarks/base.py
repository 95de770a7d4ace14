"""What a benchmark has to say about itself; one module a benchmark implements it."""

from __future__ import annotations

import re
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


@dataclass(frozen=True, slots=True)
class Curve:
    """A metric that is known after several epochs of one training, as ``val_acc@50``."""

    metric: Metric
    """What is measured; its name is the part before the ``@``."""
    epochs: Sequence[int]
    """The epochs after which it is known."""
    runs: int = 1
    """Training runs; ``val_acc_s0@50`` is that of the first, ``val_acc@50`` the mean."""
    digits: int | None = None
    """Decimals that are kept; None: all."""

    @property
    def label(self) -> str:
        """What stands for all its names: ``val_acc@1..200``."""
        dots = ".." if len(self.epochs) > 2 else "," if len(self.epochs) == 2 else ""
        last = self.epochs[-1] if dots else ""
        return f"{self.metric.name}@{self.epochs[0]}{dots}{last}"

    def place(self, name: str) -> tuple[int | None, int] | None:
        """Run (None: their mean) and position in ``epochs`` that ``name`` stands for; None if it is none of these."""
        match = re.fullmatch(rf"{re.escape(self.metric.name)}(?:_s(\d))?@(\d{{1,9}})", name, re.ASCII)
        if not match or int(match[2]) not in self.epochs:
            return None
        run = int(match[1]) if match[1] else None
        return None if run is not None and run >= self.runs else (run, self.epochs.index(int(match[2])))


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
    at_once: int | None = None
    """How many architectures make one evaluation that takes a while; a search keeps the answers after each. None: it
    answers at once, however many there are."""
    curves: tuple[Curve, ...] = ()
    """What it answers for one epoch at a time, when asked by name."""

    def missing(self) -> str | None:
        """What to do to get the data, in one line; None when it is here."""
        return None

    @abstractmethod
    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        """Metrics of ``n`` architectures.

        Args:
            graphs: architectures of this benchmark's space; one of size 0 (it could not be read) is a problem.
            metrics: names out of ``metrics``, ``details`` and ``curves``; all ``metrics`` by default.
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
        readable: NDArray[np.bool_] = np.all(graphs.sizes > 0, axis=1)
        return readable

    def pool(self) -> Graphs | None:
        """All architectures that it can answer, each once, where a search should not look at others; None: whatever
        the space has."""
        return None

    def answered(self) -> list[str]:
        """Names of all metrics and details that the data which is here has; a curve's points are only asked for."""
        return [metric.name for metric in (*self.metrics, *self.details)]

    def select(self, names: Sequence[str] | None) -> list[str]:
        """The metrics called ``names``, each once; the default ones if None.

        Raises:
            InputError: if one is unknown.
        """
        if names is None:
            return [metric.name for metric in self.metrics]
        known = [metric.name for metric in (*self.metrics, *self.details)]
        for name in names:
            if name not in known and not self.curve(name):
                # A whole curve is listed under one name.
                labels = [*known, *(curve.label for curve in self.curves)]
                raise InputError(f"{self.name} has no metric {name!r}{nearest(name, labels)}")
        return list(dict.fromkeys(names))

    def curve(self, name: str) -> Curve | None:
        """The curve that a metric such as ``val_acc@50`` is a point of; None if it is of none."""
        return next((curve for curve in self.curves if "@" in name and curve.place(name)), None)
