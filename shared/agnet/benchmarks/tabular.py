"""Benchmarks that are tables: every answer was measured before, a query looks it up."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import arrow, seeds, spaces
from agnet.benchmarks.base import Answer, Benchmark
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.metrics import direction
from agnet.seeds import Seed

KEY = "key"
"""The key column of a table."""
ARCH = "arch"
"""The column of a table that is all there is to search: what its architectures are."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows sorted by key; made from Arrow without copying, so memory-mapped files are read as far as they are used."""

    keys: NDArray[np.int64]
    """[rows] strictly increasing, not negative."""
    columns: Mapping[str, NDArray[np.floating]]
    """Name to [rows] values, or [rows, k] where a row has a list of them; NaN where there is none."""

    @classmethod
    def of(cls, table: pa.Table) -> Table:
        """From an Arrow table of a column ``key`` and columns of numbers or lists of fixed length, in any row order."""
        arrays = {name: _array(table[name]) for name in table.column_names}
        keys = arrays.pop(KEY)
        if (keys[1:] <= keys[:-1]).any():
            order = np.argsort(keys, kind="stable")
            keys, arrays = keys[order], {name: values[order] for name, values in arrays.items()}
        return cls(keys, arrays)

    def rows(self, keys: NDArray[np.int64]) -> NDArray[np.int64]:
        """[n] row of each key; -1 where the table does not have it."""
        n = len(self.keys)
        if n == 0:
            return np.full(len(keys), -1, dtype=np.int64)
        if self.keys[0] == 0 and self.keys[-1] == n - 1:  # every key: a key is its row
            return np.where((keys >= 0) & (keys < n), keys, -1)
        rows = np.empty(len(keys), dtype=np.int64)
        order = np.argsort(keys)  # in their order the searches share what they touch of the table
        rows[order] = np.searchsorted(self.keys, keys[order]).clip(max=n - 1)
        return np.where(self.keys[rows] == keys, rows, -1)


class Tabular(Benchmark):
    """A benchmark whose table holds one row for each architecture."""

    repeats: Mapping[str, Sequence[str]] = {}
    """Metric that is a mean over training runs to the columns of the single runs."""

    @abstractmethod
    def keys(self, graphs: Graphs) -> NDArray[np.int64]:
        """[n] key of each architecture in the table; negative for one that cannot be in it."""

    @abstractmethod
    def open(self) -> pa.Table:
        """The table: a column ``key`` and one float64 column for each of ``metrics`` and ``details``.

        A table of a small part of its space has a column ``arch``, too: a search looks at these architectures only.
        """

    @cached_property
    def _opened(self) -> pa.Table:
        return self.open()

    @cached_property
    def table(self) -> Table:
        """The opened table."""
        names = [name for name in self._opened.column_names if name != ARCH]
        return Table.of(self._opened.select(names))

    def pool(self) -> Graphs | None:
        """Its architectures, where the table says what they are; see :meth:`Benchmark.pool`."""
        if ARCH not in self._opened.column_names:
            return None
        return spaces.get(self.space).parse(self._opened[ARCH].combine_chunks()).graphs

    def has(self, graphs: Graphs) -> NDArray[np.bool_]:
        """[n] which architectures are in the table."""
        return self.table.rows(self.keys(graphs)) >= 0

    def holding(self, name: str) -> Table:
        """The table with the column ``name``, for benchmarks whose metrics come from more than one.

        Raises:
            InputError: if the data at hand does not have it.
        """
        if name not in self.table.columns:
            raise InputError(f"{self.name} has no {name} in the data that is here")
        return self.table

    def answered(self) -> list[str]:
        """Names of all metrics and details that are in the data which is here."""

        def there(name: str) -> bool:
            try:
                self.holding(name)
            except InputError:
                return False
            return True

        return [name for name in super().answered() if there(name)]

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        """Look ``n`` architectures up; see :meth:`Benchmark.query`."""
        names = self.select(metrics)
        if draw is not None and not self.repeats:
            raise InputError(f"{self.name} holds one run of each architecture, none to draw from")
        keys = self.keys(graphs)
        rows = _Rows(keys)
        unknown = np.flatnonzero(rows.of(self.table) < 0)
        columns = {name: self._values(name, rows, draw) for name in names}
        for values in columns.values():
            values[unknown] = np.nan
        return Answer(columns, dict.fromkeys(unknown.tolist(), f"{self.name} does not have this architecture"))

    def optimum(self, metric: str) -> float:
        """The best value of ``metric`` in the table; NaN if it holds none."""
        (name,) = self.select([metric])
        best = np.fmax if direction(name) == "maximize" else np.fmin
        curve = self.curve(name)
        table = self.holding(f"{curve.metric.name}@" if curve else name)
        return float(best.reduce(self._values(name, _Rows(table.keys), None)))

    def _values(self, name: str, found: _Rows, draw: Seed | None) -> NDArray[np.float64]:
        """[n] values of a metric, NaN where there is none."""
        keys = found.keys
        curve = self.curve(name)
        place = curve.place(name) if curve else None
        if curve and place:
            run, epoch = place
            table = self.holding(f"{curve.metric.name}@")
            rows = found.of(table)
            columns = [r * len(curve.epochs) + epoch for r in (range(curve.runs) if run is None else [run])]
            values = table.columns[f"{curve.metric.name}@"][rows[:, None], columns].astype(np.float64)
            drawn = _draw(values, keys, draw) if draw is not None else _mean(values)
            if curve.digits is not None:
                drawn = drawn.round(curve.digits)
        elif draw is not None and name in self.repeats:
            runs = self.repeats[name]
            table = self.holding(runs[0])
            rows = found.of(table)
            drawn = _draw(np.stack([table.columns[run][rows] for run in runs], axis=1, dtype=np.float64), keys, draw)
        else:
            table = self.holding(name)
            rows = found.of(table)
            drawn = table.columns[name][rows].astype(np.float64, copy=False)
        drawn[rows < 0] = np.nan
        return drawn


class _Rows:
    """Where keys are in tables; each table is searched once, for all metrics."""

    def __init__(self, keys: NDArray[np.int64]) -> None:
        self.keys = keys
        self._found: dict[int, NDArray[np.int64]] = {}

    def of(self, table: Table) -> NDArray[np.int64]:
        """[n] row of each key; -1 where the table does not have it."""
        if id(table) not in self._found:
            self._found[id(table)] = table.rows(self.keys)
        return self._found[id(table)]


def _array(chunks: pa.ChunkedArray) -> NDArray[Any]:
    # Combining copies even a single chunk, and so would read all of a memory-mapped file.
    column = chunks.chunk(0) if chunks.num_chunks == 1 else chunks.combine_chunks()
    if pa.types.is_fixed_size_list(column.type):
        return arrow.to_numpy(column.flatten()).reshape(len(column), column.type.list_size)
    return arrow.to_numpy(column)


def _mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """[n] means of the numbers among [n, runs]; NaN where there are none."""
    there = ~np.isnan(values)
    count = there.sum(axis=1)
    mean: NDArray[np.float64] = np.where(there, values, 0).sum(axis=1) / np.where(count, count, np.nan)
    return mean


def _draw(values: NDArray[np.float64], keys: NDArray[np.int64], seed: Seed) -> NDArray[np.float64]:
    """[n] one of the values [n, runs] of each architecture, those that it has being equally likely."""
    there = ~np.isnan(values)
    nth = (seeds.keyed_uniform(seed, "run", keys) * there.sum(axis=1)).astype(np.intp)
    chosen = (there.cumsum(axis=1) > nth[:, None]).argmax(axis=1)
    drawn: NDArray[np.float64] = np.take_along_axis(values, chosen[:, None], axis=1)[:, 0]
    return drawn
