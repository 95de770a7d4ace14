"""A file of measured architectures as the benchmark: ``file:measured.parquet``.

Any stream that the tools read or write will do: records with ``arch``, with ``space`` unless it is given, and columns
of numbers, each of which is a metric. So what ``query`` or ``search`` once wrote answers again, and so does a table of
one's own.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.types as pt
from numpy.typing import NDArray

from agnet import arrow, records, spaces, streams
from agnet.benchmarks import FILE
from agnet.benchmarks.tabular import KEY, Tabular
from agnet.errors import InputError, RecordError
from agnet.graphs import Graphs
from agnet.metrics import Metric, direction
from agnet.seen import hashes

_USUAL = "val_acc"
"""The metric that a search optimises where the file has it; otherwise the first column of numbers."""
_PREDICTED = "pred_"


def measured(name: str, space: str | None) -> Measured:
    """The benchmark ``file:FILE``; the file is read once as long as it does not change.

    Args:
        name: with the file behind the colon.
        space: of its architectures; None: as its records say.

    Raises:
        InputError: if there is no such file, or it does not hold measured architectures of the space.
        RecordError: if a record is wrong; its place is in the message.
    """
    path = Path(name.removeprefix(FILE))
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise InputError(f"{name}: {getattr(error, 'strerror', None) or error}") from None
    if not path.is_file():
        raise InputError(f"{name}: not a file; name one with measured architectures")
    return _opened(name, str(path.resolve()), space, (status.st_mtime_ns, status.st_size, status.st_ino))


@lru_cache(4)
def _opened(name: str, path: str, space: str | None, version: tuple[int, ...]) -> Measured:
    return Measured(name, path, space)


class Measured(Tabular):
    """Rows of a file by architecture; of several about the same one the mean."""

    title = "measured architectures in a file"

    def __init__(self, name: str, path: str, space: str | None) -> None:
        self.name, self.source = name, f"the file {path}"
        parts = list(streams.read([path]))
        if not parts:
            raise InputError(f"{name}: no records")
        chunk = streams.concat(parts)
        self._space = spaces.get(space) if space else records.space_of(chunk)
        self.space = self._space.name
        parsed = records.read(self._space, chunk)
        if parsed.problems:
            row = min(parsed.problems)
            raise RecordError(chunk.place(row), "arch", parsed.problems[row])
        table = chunk.table()
        numbers = [
            field.name
            for field in table.schema
            if (pt.is_floating(field.type) or pt.is_integer(field.type)) and not field.name.startswith(_PREDICTED)
        ]
        if not numbers:
            raise InputError(f"{name}: no column of numbers, which metrics would be")
        numbers.sort(key=lambda column: column != _USUAL)
        self.metrics = tuple(Metric(column, "", direction(column), "a column of the file") for column in numbers)
        values = np.stack([arrow.to_numpy(chunk.column(column, pa.float64())) for column in numbers], axis=1)
        keys, first, columns = _means(self.keys(parsed.graphs), values)
        if not len(keys):
            raise InputError(f"{name}: no number in any of {', '.join(numbers)}")
        self._graphs = parsed.graphs.take(first)
        self._table = pa.table([keys, *columns], names=[KEY, *numbers])
        self.size = len(keys)

    def keys(self, graphs: Graphs) -> NDArray[np.int64]:
        """[n] hash of what makes an architecture distinct; -1 for one that could not be read."""
        keys = np.full(len(graphs), -1, np.int64)
        there = np.flatnonzero(np.all(graphs.sizes > 0, axis=1))
        keys[there] = (hashes(self._space.keys(graphs.take(there))) >> np.uint64(1)).astype(np.int64)
        return keys

    def pool(self) -> Graphs:
        """See :class:`Benchmark`: a search looks at nothing else."""
        return self._graphs

    def open(self) -> pa.Table:
        """See :class:`Tabular`."""
        return self._table


def _means(
    keys: NDArray[np.int64], values: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[NDArray[np.float64]]]:
    """The distinct keys, the first row of each, and for each column of [n, k] values the mean of what the key has.

    Rows without any number, such as failed evaluations, do not count. NaN is a mean of nothing.
    """
    values = np.where(np.isfinite(values), values, np.nan)
    some = np.flatnonzero(~np.isnan(values).all(axis=1))
    distinct, first, place = np.unique(keys[some], return_index=True, return_inverse=True)
    columns = []
    for column in values[some].T:
        there = ~np.isnan(column)
        count = np.bincount(place[there], minlength=len(distinct))
        total = np.bincount(place[there], column[there], minlength=len(distinct))
        columns.append(np.where(count, total / np.maximum(count, 1), np.nan))
    return distinct, some[first], columns
