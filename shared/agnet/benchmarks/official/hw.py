"""HW-NAS-Bench's results for NAS-Bench-201: its pickle, or a table in which they were published again.

``HW-NAS-Bench-v1_0.pickle`` is a dict ``{"nasbench201": {data set: {metric: list, "config": list}}}``, each list with
one entry for each of the 15,625 cells (GATECH-EIC/HW-NAS-Bench, ``hw_nas_bench_api.py``).

A table (CSV or Parquet) has a column ``arch_str``, ``arch`` or ``net`` and one for each metric, ``edgegpu_latency`` or
``cifar100_edgegpu_latency``; without a data set in front it is the one that the file is named after, else CIFAR-10.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from agnet import arrow, pickles
from agnet.benchmarks.official import Progress
from agnet.benchmarks.tabular import KEY
from agnet.errors import InputError
from agnet.spaces.nb201 import NB201

DATA_SETS = ("cifar10", "cifar100", "ImageNet16-120")
DEVICES = {
    "edgegpu": ("latency", "energy"),
    "raspi4": ("latency",),
    "edgetpu": ("latency",),
    "pixel3": ("latency",),
    "eyeriss": ("latency", "energy", "arithmetic_intensity"),
    "fpga": ("latency", "energy"),
}
"""What was measured or estimated on each device."""
COLUMNS = {"latency": "latency_ms", "energy": "energy_mj", "arithmetic_intensity": "arithmetic_intensity"}
"""Our name for each."""

_ARCHITECTURES = ("arch_str", "arch", "net")


def read(path: Path, progress: Progress) -> pa.Table:
    """All cells: the key (their index) and columns ``cifar10/latency_ms@edgegpu``; NaN where nothing was measured.

    Raises:
        InputError: if the file is none of these, or lacks a column or a cell.
    """
    with path.open("rb") as file:
        head = file.read(4)
    try:
        arch, columns = _from_pickle(path) if head[:1] == b"\x80" else _from_table(path, head)
        index, problems = NB201().parse_index(arch)
        if problems:
            row, problem = next(iter(problems.items()))
            raise ValueError(f"row {row + 1}: {problem}")
        if len(np.unique(index)) < len(index):
            raise ValueError("a cell is in it twice")
        return pa.table({KEY: arrow.numbers(index), **columns}).sort_by(KEY)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, pa.ArrowException) as error:
        reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(f"{path}: not HW-NAS-Bench's results for NAS-Bench-201: {reason}") from None


def _from_pickle(path: Path) -> tuple[pa.StringArray, dict[str, pa.Array]]:
    content = pickles.load(path, pickles.NUMPY)["nasbench201"]
    names: list[str] = [config["arch_str"] for config in content[DATA_SETS[0]]["config"]]
    columns = {}
    for data_set in DATA_SETS:
        if [config["arch_str"] for config in content[data_set]["config"]] != names:
            raise ValueError(f"the cells of {data_set} are not those of {DATA_SETS[0]}")
        for device, metrics in DEVICES.items():
            for metric in metrics:
                values = pickles.array(content[data_set][f"{device}_{metric}"]).astype(np.float64).reshape(len(names))
                columns[_name(data_set, device, metric)] = _measured(values)
    return arrow.strings(names), columns


def _from_table(path: Path, head: bytes) -> tuple[pa.StringArray, dict[str, pa.Array]]:
    table = pa.parquet.read_table(path) if head == b"PAR1" else pa.csv.read_csv(path)
    arch = next((name for name in _ARCHITECTURES if name in table.column_names), None)
    if arch is None:
        raise ValueError(f"no column {', '.join(_ARCHITECTURES)}")
    unnamed = next((name for name in reversed(DATA_SETS) if name.lower() in path.name.lower()), DATA_SETS[0])
    columns = {}
    for data_set in DATA_SETS:
        for device, metrics in DEVICES.items():
            for metric in metrics:
                names = [f"{data_set}_{device}_{metric}", *([f"{device}_{metric}"] if data_set == unnamed else [])]
                found = next((name for name in names if name in table.column_names), None)
                if found:
                    values = table[found].cast(pa.float64()).combine_chunks()
                    columns[_name(data_set, device, metric)] = _measured(arrow.to_numpy(values).copy())
    if not columns:
        raise ValueError("no column such as edgegpu_latency or cifar100_edgegpu_latency")
    return pc.cast(table[arch], pa.string()).combine_chunks(), columns


def _name(data_set: str, device: str, metric: str) -> str:
    return f"{data_set}/{COLUMNS[metric]}@{device}"


def _measured(values: NDArray[Any]) -> pa.Array:
    """The values as an Arrow array; HW-NAS-Bench marks what could not be measured (on the Edge TPU) with -1."""
    values[values < 0] = np.nan
    return arrow.numbers(values)
