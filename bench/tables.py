"""Real benchmarks to measure on, the same for all of bench: ``open_table(name, data)``.

NAS-Bench-201 comes with the installation. Of the rest, ``data`` is a folder with known cells of NAS-Bench-101
(``nb101/nb101_108ep_151644.npz``), YAHPO Gym's surrogate of NAS-Bench-301 (``nb301/new_model.onnx``), NASLib's
zero-cost scores (``zerocost/naslib_zero_cost.parquet``) and more, see bench.devices and bench.surrogates; what is not
there is left out.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from agnet import benchmarks, spaces
from agnet.benchmarks import sources
from agnet.benchmarks.base import Answer, Benchmark
from agnet.benchmarks.tabular import KEY, Tabular
from agnet.graphs import Graphs
from agnet.metrics import Metric
from agnet.seeds import Seed

METRIC = "val_acc"
NB201 = ("nb201/cifar10", "nb201/cifar100", "nb201/ImageNet16-120")
KNOWN, YAHPO, HARDWARE = "nb101-known", "nb301/yahpo", "hw"
TITLES = dict(zip(NB201, ("CIFAR-10", "CIFAR-100", "ImageNet16-120"), strict=True)) | {
    KNOWN: "NAS-Bench-101, known cells",
    YAHPO: "NAS-Bench-301, YAHPO Gym's surrogate",
}
_FILES = {KNOWN: "nb101/nb101_108ep_151644.npz", YAHPO: "nb301/new_model.onnx"}
_IMPORTS = {YAHPO: _FILES[YAHPO], HARDWARE: "hwnas/hw_nas_bench_nb201.parquet"}
RESULTS = Path(__file__).parent / "results"
_PARTS = (("val", "validation"), ("test", "test"))


def names(data: Path | None) -> list[str]:
    """The benchmarks that can be opened."""
    there = [name for name, file in _FILES.items() if data is not None and (data / file).exists()]
    return [*NB201, *(name for name in there if name != YAHPO or importlib.util.find_spec("onnxruntime"))]


def zero_cost(space: str, data: Path | None) -> Path | None:
    """NASLib's published scores of untrained networks on CIFAR-10, as records; None where there are none."""
    source = data / "zerocost" / "naslib_zero_cost.parquet" if data else None
    if source is None or not source.exists() or space not in ("nb201", "nb301"):
        return None
    file = RESULTS / "cache" / f"zerocost-{space}.parquet"
    if not file.exists():
        rows = (pc.field("space") == space) & (pc.field("dataset") == "cifar10")
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(pq.read_table(source, filters=rows), file)
    return file


@cache
def open_table(name: str, data: Path | None) -> Benchmark:
    """The benchmark called ``name``; its file is imported when it is first asked for."""
    if name == KNOWN:
        assert data is not None
        return KnownCells(data / _FILES[KNOWN])
    if name in _IMPORTS and data is not None:
        bring(name, data)
    return benchmarks.load(name)


def bring(name: str, data: Path) -> None:
    """Import what is called ``name`` from ``data``; imports of the user's own stay as they are."""
    os.environ["AGNET_CACHE"] = str(RESULTS / "cache")
    if sources.missing(name):
        sources.bring_in(name, data / _IMPORTS[name])


class KnownCells(Tabular):
    """The cells of NAS-Bench-101 in an NPZ file of their graphs and accuracies."""

    name, space, size = KNOWN, "nb101", None
    title = "validation and test accuracy after 108 epochs"
    source = "a part of NAS-Bench-101"
    metrics = (Metric(METRIC, "", "maximize", ""), Metric("test_acc", "", "maximize", ""))
    repeats = {METRIC: [f"{METRIC}_{run}" for run in range(3)]}  # noqa: RUF012

    def __init__(self, path: Path) -> None:
        self.path = path

    def keys(self, graphs: Graphs) -> np.ndarray:
        """[n] code of each cell."""
        return spaces.get("nb101").codes(graphs)  # type: ignore[attr-defined]

    def open(self) -> pa.Table:
        """The file as a table."""
        with np.load(self.path) as file:
            accuracy = {f"{part}_acc": file[f"final_{name}_accuracy_x9984"] / 9984 for part, name in _PARTS}
            keys = self.keys(_cells(file))
        runs = {f"{METRIC}_{run}": accuracy[METRIC][:, run] for run in range(3)}
        return pa.table({KEY: keys, **{name: values.mean(axis=1) for name, values in accuracy.items()}, **runs})


def _cells(file: Any) -> Graphs:
    types = [spaces.get("nb101").node_types.index(name) for name in ("conv3x3", "conv1x1", "maxpool3x3")]
    sizes = file["num_vertices"]
    ops = np.zeros((len(sizes), 1, 7), np.uint8)
    adjacency = np.zeros((len(sizes), 1, 7, 7), np.bool_)
    for size in np.unique(sizes):
        rows = np.flatnonzero(sizes == size)
        a, b = np.triu_indices(size, 1)
        bits = file["adj_triu_bits"][rows][:, None] >> np.arange(len(a), dtype=np.uint32) & 1
        adjacency[rows[:, None], 0, a, b] = bits
        inner = np.array([*types, 0], np.uint8)[np.minimum(file["ops"][rows, : size - 2], 3)]
        ops[rows, 0, 1 : size - 1] = inner
    ops[:, :, 0] = 1
    return Graphs(ops, adjacency, sizes[:, None])


class OneRun(Benchmark):
    """A benchmark that answers with one training run of each architecture."""

    def __init__(self, whole: Benchmark, seed: Seed) -> None:
        self.whole, self.seed = whole, seed
        self.name, self.space, self.metrics = whole.name, whole.space, whole.metrics

    def has(self, graphs: Graphs) -> np.ndarray:
        """[n] which architectures it can answer."""
        return self.whole.has(graphs)

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        """Metrics of one run, which the seed and the architecture decide."""
        return self.whole.query(graphs, metrics, draw=self.seed)
