"""The trainings behind NAS-Bench-301: its dataset of ``results_*.json`` (nasbench301, ``surrogate_models/utils.py``).

Each file has the configuration (the architecture and the training), the final accuracies, and the time it took.
"""

from __future__ import annotations

import math
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
from numpy.typing import NDArray

from agnet import archives, arrow
from agnet.benchmarks.official import Progress
from agnet.benchmarks.tabular import ARCH, KEY
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.spaces.nb301 import NB301
from agnet.spaces.nb301.darts import from_graphs, index

METRICS = ("val_acc", "test_acc", "train_time_s", "params_m")
_LARGEST = 8 << 20
_CELL_BITS = 30  # a cell is one of 1,037,664,180
_EVERY = 500


def keys(graphs: Graphs) -> NDArray[np.int64]:
    """[n] key of each architecture: the numbers of its two cells; -1 for one that could not be read."""
    cells = index(from_graphs(graphs))
    return np.where((graphs.sizes > 0).all(axis=1), (cells[:, 0] << _CELL_BITS) | cells[:, 1], -1)


def read(path: Path, progress: Progress) -> pa.Table:
    """All architectures; of several trainings of one the mean.

    Raises:
        InputError: if there are no results, or a file is damaged.
    """
    texts: list[str] = []
    values: list[tuple[float, ...]] = []
    try:
        for number, total, name, content in _files(path):
            try:
                text, row = _result(content)
            except (ValueError, KeyError, TypeError, IndexError, AttributeError, OverflowError) as error:
                reason = f"it has no {error}" if isinstance(error, KeyError) else str(error)
                raise InputError(f"{path}: {name}: not a result of NAS-Bench-301: {reason}") from None
            texts.append(text)
            values.append(row)
            if number % _EVERY == 0:
                progress(number, total)
    except archives.ERRORS as error:
        if path.is_file() and not archives.is_zip(path):
            raise InputError(f"{path}: neither a folder nor a whole ZIP file with results_*.json") from None
        raise InputError(f"{path}: damaged: {error}; get it again") from None
    if not texts:
        raise InputError(f"{path}: no results_*.json in it")
    space = NB301()
    parsed = space.parse(arrow.strings(texts))
    if parsed.problems:
        raise InputError(f"{path}: result {min(parsed.problems) + 1}: {parsed.problems[min(parsed.problems)]}")
    found, first, row_of = np.unique(keys(parsed.graphs), return_index=True, return_inverse=True)
    table = np.array(values)
    there = ~np.isnan(table)
    total_, count = np.zeros((len(found), len(METRICS))), np.zeros((len(found), len(METRICS)))
    np.add.at(total_, row_of, np.where(there, table, 0))
    np.add.at(count, row_of, there)
    mean = total_ / np.where(count, count, np.nan)
    columns = {name: arrow.numbers(mean[:, k]) for k, name in enumerate(METRICS)}
    return pa.table({KEY: arrow.numbers(found), **columns, ARCH: space.format(parsed.graphs.take(first))})


def _files(path: Path) -> Iterator[tuple[int, int, str, bytes]]:
    """Number, how many there are, name and content of each result."""
    if path.is_dir():
        files = sorted(path.rglob("results_*.json"))
        for number, file in enumerate(files, start=1):
            with file.open("rb") as opened:
                yield number, len(files), str(file.relative_to(path)), opened.read(_LARGEST + 1)
        return
    with zipfile.ZipFile(path) as archive:
        names = [n for n in archive.namelist() if Path(n).name.startswith("results_") and n.endswith(".json")]
        for number, name in enumerate(names, start=1):
            with archive.open(name) as opened:
                yield number, len(names), name, opened.read(_LARGEST + 1)


def _result(content: bytes) -> tuple[str, tuple[float, ...]]:
    """The configuration as text, and the metrics."""
    if len(content) > _LARGEST:
        raise ValueError("too large for a result")
    result: dict[str, Any] = orjson.loads(content.replace(b"NaN", b"null"))
    info = result["info"][0]
    numbers = (info["val_accuracy"], result["test_accuracy"], result["runtime"], info["model_parameters"])
    val, test, time, params = (math.nan if number is None else float(number) for number in numbers)
    row = (val / 100, test / 100, time, params / 1e6)
    return orjson.dumps(result["optimized_hyperparamater_config"]).decode(), row
