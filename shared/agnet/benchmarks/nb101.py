"""NAS-Bench-101: every cell trained three times for 108 epochs on CIFAR-10, and for 4, 12 and 36."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet.benchmarks import sources
from agnet.benchmarks.base import Curve
from agnet.benchmarks.official.nb101 import BUDGETS, RUNS
from agnet.benchmarks.tabular import Table, Tabular
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.metrics import Metric, direction
from agnet.spaces.nb101 import NB101 as Space

_UNITS = {"train_time_s": "s"}
_TEXTS = {
    "val_acc": "validation accuracy",
    "test_acc": "test accuracy",
    "train_acc": "training accuracy",
    "train_time_s": "training time",
}


def _metric(name: str, suffix: str, when: str) -> Metric:
    return Metric(name + suffix, _UNITS.get(name, "fraction"), direction(name), f"{_TEXTS[name]} {when}")


def _suffix(budget: int) -> str:
    return "" if budget == max(BUDGETS) else f"_{budget}ep"


def _means(budget: int) -> tuple[Metric, ...]:
    return tuple(_metric(name, _suffix(budget), f"with {budget} epochs, mean of the runs") for name in _TEXTS)


def _runs(budget: int) -> tuple[Metric, ...]:
    return tuple(
        _metric(name, f"{_suffix(budget)}_s{run}", f"with {budget} epochs, run {run}")
        for name in _TEXTS
        for run in range(RUNS)
    )


def _half(budget: int) -> tuple[Curve, ...]:
    when = f"half way through {budget} epochs"
    return tuple(Curve(_metric(name, _suffix(budget), when), (budget // 2,), RUNS) for name in _TEXTS)


class NB101(Tabular):
    """Accuracies and training times of all 423,624 cells."""

    name = "nb101"
    space = "nb101"
    title = "NAS-Bench-101 trained on CIFAR-10"
    source = "imported from NAS-Bench-101's files (Apache-2.0)"
    size = 423_624
    metrics = (
        *(metric for metric in _means(108) if metric.name != "train_acc"),
        Metric("params_m", "10^6", "minimize", "trainable parameters"),
    )
    details = (
        *(metric for metric in _means(108) if metric.name == "train_acc"),
        *_runs(108),
        *(metric for budget in (36, 12, 4) for metric in (*_means(budget), *_runs(budget))),
    )
    curves = tuple(curve for budget in (108, 36, 12, 4) for curve in _half(budget))
    repeats: Mapping[str, Sequence[str]] = {
        metric.name: tuple(f"{metric.name}_s{run}" for run in range(RUNS))
        for budget in BUDGETS
        for metric in _means(budget)
    }

    def missing(self) -> str | None:
        """How to import it."""
        todo = sources.missing("nb101")
        return f"{self.name} {todo}" if todo else None

    def keys(self, graphs: Graphs) -> NDArray[np.int64]:
        """[n] canonical code of each cell."""
        return Space().codes(graphs)

    def open(self) -> pa.Table:
        """The imported table."""
        table = sources.table("nb101")
        if table is None:
            raise InputError(self.missing())
        return table

    def holding(self, name: str) -> Table:
        """The table, if its file had the budget that ``name`` asks for."""
        if name not in self.table.columns:
            raise InputError(
                f"nb101 has no {name.rstrip('@')} in the file that was imported; nasbench_full.tfrecord has all budgets"
            )
        return self.table
