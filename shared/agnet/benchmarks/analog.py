"""AnalogNAS-Bench: NAS-Bench-201's cells on analog in-memory computing hardware, as analog-nasbench carries them.

Every cell was trained again on CIFAR-10, then tested as it is, quantised, under the noise of analog hardware, trained
for that hardware, and after its conductances had drifted for up to 30 days. The package's file is a pickle of two
classes that hold values; it states no licence, so it is an optional dependency.

Its keys are six digits without a legend. They are NASLib's: of all 720 orders of the edges and 120 of the operations,
NASLib's gives the highest rank correlation of ``test_acc`` with NAS-Bench-201's own test accuracy on CIFAR-10 (Spearman
0.991), the runner-up (the edges mirrored) 0.969, the next 0.905.
"""

from __future__ import annotations

import importlib.util
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import arrow, cache, pickles
from agnet.benchmarks.tabular import KEY, Tabular
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.metrics import Metric
from agnet.spaces.nb201 import NB201

_LAYOUT = 1  # raise it when the columns made here change
_ACCURACIES = {
    "analog_acc": ("analog_accuracy", "test accuracy on analog hardware, trained for its noise"),
    "test_acc": ("baseline_accuracy", "test accuracy in floating point"),
    "ptq_acc": ("ptq_accuracy", "test accuracy, quantised after training"),
    "qat_acc": ("qat_accuracy", "test accuracy, trained for quantisation"),
    "noisy_acc": ("noisy_accuracy", "test accuracy on analog hardware, trained without its noise"),
}
_SECONDS = {"60s": 60, "1h": 3600, "1d": 86_400, "30d": 2_592_000}
_DRIFTS = {
    f"{model}_drift_{age}_acc": (f"{model}_drift_{seconds}", f"{text} {age} after programming")
    for model, text in (("baseline", "noisy_acc"), ("analog", "analog_acc"))
    for age, seconds in _SECONDS.items()
}


class _Record:
    """Stands in for the package's classes; unpickling fills its attributes."""


def _drift_metrics() -> tuple[Metric, ...]:
    return tuple(
        metric
        for name, (_, text) in _DRIFTS.items()
        for metric in (
            Metric(name, "fraction", "maximize", text),
            Metric(f"{name}_std", "fraction", "minimize", f"standard deviation of {name}"),
        )
    )


class AnalogResults(Tabular):
    """CIFAR-10 accuracy of all 15,625 cells on digital and analog hardware."""

    name = "nb201/analog"
    space = "nb201"
    title = "AnalogNAS-Bench: NAS-Bench-201 cells on analog in-memory hardware, CIFAR-10"
    source = "PyPI analog-nasbench 0.1.3 (no licence stated)"
    size = 15_625
    metrics = tuple(Metric(name, "fraction", "maximize", text) for name, (_, text) in _ACCURACIES.items())
    details = _drift_metrics()

    def _path(self) -> Path | None:
        spec = importlib.util.find_spec("analognasbench")
        folders = map(Path, spec.submodule_search_locations or ()) if spec else ()
        return next((path for folder in folders if (path := folder / "data.anb").is_file()), None)

    def missing(self) -> str | None:
        """How to install the optional package."""
        return None if self._path() else f"{self.name} needs the package analog-nasbench: pip install 'agnet[analog]'"

    def keys(self, graphs: Graphs) -> NDArray[np.int64]:
        """[n] index of each cell."""
        return NB201().index(graphs)

    def open(self) -> pa.Table:
        """The table, from the cache folder if it was made before."""
        path = self._path()
        if not path:
            raise InputError(self.missing())
        return cache.table(f"nb201-analog-{_LAYOUT}", path, partial(_read, path))


def _read(path: Path) -> pa.Table:
    """The table of the package's file."""
    classes = {f"analognasbench.data.{name}": _Record for name in ("Architecture", "DriftMeasurement")}
    records: dict[tuple[int, ...], Any] = pickles.load(path, classes)
    try:
        return _table(records)
    except (AttributeError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not analog-nasbench's file: {error}") from error


def _table(records: dict[tuple[int, ...], Any]) -> pa.Table:
    index, problems = NB201().parse_index(arrow.strings([str(key) for key in records]))
    if problems:
        raise ValueError(next(iter(problems.values())))
    columns: dict[str, NDArray[Any]] = {KEY: index}
    for name, (attribute, _) in _ACCURACIES.items():
        columns[name] = np.array([getattr(record, attribute) for record in records.values()]) / 100
    for name, (attribute, _) in _DRIFTS.items():
        drifts = [getattr(record, attribute) for record in records.values()]
        columns[name] = np.array([drift.value for drift in drifts]) / 100
        columns[f"{name}_std"] = np.array([drift.uncertainty for drift in drifts]) / 100
    return pa.table({name: arrow.numbers(values) for name, values in columns.items()}).sort_by(KEY)


analog = AnalogResults
