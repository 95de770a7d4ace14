"""NAS-Bench-101's files, ``nasbench_only108.tfrecord`` and ``nasbench_full.tfrecord``.

One record for each training: a JSON list of the module hash, the epochs, the adjacency as digits, the operations, and
the results as a protocol buffer in Base64 (google-research/nasbench, ``api.py`` and ``model_metrics.proto``). A cell
was trained three times with each budget of epochs, and tested before, half way through and at the end.
"""

from __future__ import annotations

import binascii
import math
import struct
from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from agnet import arrow
from agnet.benchmarks.official import Progress, protobuf, tfrecord
from agnet.benchmarks.tabular import KEY
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.spaces import nb101_cells as cells
from agnet.spaces.nb101 import NB101
from agnet.spaces.nb101_hash import module_hashes

RUNS = 3
BUDGETS = (4, 12, 36, 108)
METRICS = ("train_time_s", "train_acc", "val_acc", "test_acc")
"""In the order of the fields of an evaluation, from the second on."""

_TYPES = {
    "input": "input",
    "conv3x3-bn-relu": "conv3x3",
    "conv1x1-bn-relu": "conv1x1",
    "maxpool3x3": "maxpool3x3",
    "output": "output",
}
_EVALUATION = struct.Struct("<" + "Bd" * 5)
_TAGS = (0x09, 0x11, 0x19, 0x21, 0x29)  # of five doubles, fields 1 to 5
_EVERY = 10_000  # records between two reports of progress


class _Cells:
    """The cells of a file in the order of their first record."""

    def __init__(self) -> None:
        self.rows: dict[bytes, int] = {}
        self.params = array("q")
        self._sizes = bytearray()
        self._adjacency: list[str] = []
        self._ops = bytearray()

    def row(self, digest: str, adjacency: str, operations: str, params: int) -> int:
        """Number of the cell with this hash."""
        key = bytes.fromhex(digest)
        row = self.rows.setdefault(key, len(self.rows))
        if row == len(self._sizes):
            ops = [cells.NODE_TYPES.index(_TYPES[name]) for name in operations.split(",")]
            if not 2 <= len(ops) <= cells.MAX_VERTICES or len(adjacency) != len(ops) ** 2 or set(adjacency) - {*"01"}:
                raise ValueError(f"an adjacency of {len(adjacency)} digits for {len(ops)} operations")
            self._sizes.append(len(ops))
            self._adjacency.append(adjacency)
            self._ops += bytes(ops).ljust(cells.MAX_VERTICES, b"\0")
            self.params.append(params)
        return row

    def graphs(self) -> Graphs:
        """All cells, as they are numbered in the file."""
        n, nodes = len(self._sizes), cells.MAX_VERTICES
        sizes = np.frombuffer(bytes(self._sizes), np.uint8)
        adjacency = np.zeros((n, 1, nodes, nodes), np.bool_)
        for size in range(2, nodes + 1):
            rows = np.flatnonzero(sizes == size)
            digits = np.frombuffer("".join(self._adjacency[row] for row in rows.tolist()).encode(), np.uint8)
            adjacency[rows, 0, :size, :size] = digits.reshape(len(rows), size, size) == ord("1")
        ops = np.frombuffer(bytes(self._ops), np.uint8).reshape(n, 1, nodes)
        return Graphs(ops, adjacency, sizes[:, None])


class _Trainings:
    """The trainings with one budget."""

    def __init__(self) -> None:
        self.rows = array("q")
        self.values = array("d")
        """Eight for each training: the four metrics half way, then at the end."""

    def columns(self, number: int) -> NDArray[np.float64]:
        """[number of cells, 3 runs, 2 times, 4 metrics]; NaN for trainings that are not there."""
        rows = np.frombuffer(self.rows, np.int64)
        order = np.argsort(rows, kind="stable")
        sorted_rows = rows[order]
        starts = np.flatnonzero(np.diff(sorted_rows, prepend=-1))
        run = np.arange(len(rows)) - np.repeat(starts, np.diff(starts, append=len(rows)))
        if run.max(initial=0) >= RUNS:
            raise ValueError(f"a cell was trained more than {RUNS} times with one budget")
        table = np.full((number, RUNS, 2, len(METRICS)), np.nan)
        table[sorted_rows, run] = np.frombuffer(self.values).reshape(len(rows), 2, len(METRICS))[order]
        return table


def read(path: Path, progress: Progress) -> pa.Table:
    """All cells: the key (their canonical code), parameters, and for each budget and metric mean, runs and half way.

    Raises:
        InputError: if the file is damaged, or a cell is not the one that its module hash says.
    """
    found, trainings = _Cells(), {budget: _Trainings() for budget in BUDGETS}
    size = path.stat().st_size
    number = 0
    for number, (done, record) in enumerate(tfrecord.records(path), start=1):
        try:
            _add(record, found, trainings)
        except (ValueError, KeyError, TypeError, AttributeError, OverflowError) as error:
            raise InputError(f"{path}: record {number} is not one of NAS-Bench-101: {error}") from None
        if number % _EVERY == 0:
            progress(done, size)
    if not number:
        raise InputError(f"{path}: no record in it; NAS-Bench-101's file is nasbench_only108.tfrecord")
    try:
        return _table(found, trainings)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from None


def _add(record: bytes, found: _Cells, trainings: dict[int, _Trainings]) -> None:
    row = orjson.loads(record)
    if not isinstance(row, list) or len(row) != 5:
        raise ValueError("not a list of five")
    digest, epochs, adjacency, operations, metrics = row
    budget = int(epochs)
    if budget not in trainings:
        raise ValueError(f"a training of {budget} epochs; there are {', '.join(map(str, BUDGETS))}")
    evaluations: list[Sequence[float]] = []
    params = -1
    for field, value in protobuf.fields(binascii.a2b_base64(metrics)):
        if field == 1 and isinstance(value, bytes):
            evaluations.append(_evaluation(value))
        elif field == 2 and isinstance(value, int):
            params = value
    if params < 0 or not evaluations or evaluations[-1][0] != budget:
        raise ValueError(f"no result after {budget} epochs, or no number of parameters")
    training = trainings[budget]
    training.rows.append(found.row(digest, adjacency, operations, params))
    # EC-NAS, whose files look the same, has a test after the first epoch instead of one half way.
    half = next((evaluation for evaluation in evaluations if evaluation[0] == budget / 2), (math.nan,) * 5)
    training.values.extend(half[1:])
    training.values.extend(evaluations[-1][1:])


def _evaluation(message: bytes) -> Sequence[float]:
    """Epoch, training time, and training, validation and test accuracy."""
    if len(message) >= _EVALUATION.size:
        parts = _EVALUATION.unpack_from(message)
        if parts[::2] == _TAGS:  # as every writer writes it
            return parts[1::2]
    values = {field: value for field, value in protobuf.fields(message) if isinstance(value, float)}
    return [values[field] for field in range(1, 6)]


def _table(found: _Cells, trainings: dict[int, _Trainings]) -> pa.Table:
    number = len(found.rows)
    codes = NB101().codes(found.graphs())
    digests = np.frombuffer(b"".join(found.rows), np.uint8).reshape(number, 16)
    hashes = np.frombuffer(bytes.fromhex(module_hashes(np.maximum(codes, 0)).tobytes().decode()), np.uint8)
    wrong = np.flatnonzero((codes < 0) | (hashes.reshape(number, 16) != digests).any(axis=1))
    if len(wrong):
        digest = digests[wrong[0]].tobytes().hex()
        raise ValueError(f"the cell with the module hash {digest} is another one; this is not NAS-Bench-101's file")
    order = np.argsort(codes)
    columns: dict[str, pa.Array] = {
        KEY: arrow.numbers(codes[order]),
        "params_m": arrow.numbers(np.frombuffer(found.params, np.int64)[order] / 1e6),
    }
    for budget, training in trainings.items():
        if not training.rows:
            continue
        suffix = "" if budget == max(BUDGETS) else f"_{budget}ep"
        values = training.columns(number)[order]
        for position, name in enumerate(METRICS):
            half, final = values[:, :, 0, position], values[:, :, 1, position]
            # As AG-Net, NASLib and others take it; the runs are kept in the file's own precision.
            columns[f"{name}{suffix}"] = arrow.numbers(_mean(final))
            columns |= {f"{name}{suffix}_s{run}": arrow.numbers(_short(final[:, run])) for run in range(RUNS)}
            if not np.isnan(half).all():
                columns[f"{name}{suffix}@"] = arrow.lists(_short(half))
    return pa.table(columns)


def _mean(runs: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n] means of the runs that there are."""
    count = (~np.isnan(runs)).sum(axis=1)
    mean: NDArray[np.float64] = np.nansum(runs, axis=1) / np.where(count, count, np.nan)
    return mean


def _short(values: NDArray[np.float64]) -> NDArray[np.floating]:
    """The values as 32-bit numbers where that changes nothing, as for every value of the official files."""
    short = values.astype(np.float32)
    return short if np.array_equal(short, values, equal_nan=True) else values
