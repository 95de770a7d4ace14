"""Benchmarks that are tables: every answer was measured before, a query looks it up."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import arrow, seeds
from agnet.benchmarks.base import Answer, Benchmark
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.metrics import direction
from agnet.seeds import Seed

KEY = "key"
"""The key column of a table."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows sorted by key; made from Arrow without copying, so memory-mapped files are read as far as they are used."""

    keys: NDArray[np.int64]
    """[rows] strictly increasing, not negative."""
    columns: Mapping[str, NDArray[np.float64]]
    """Name to [rows] values; NaN where there is none."""

    @classmethod
    def of(cls, table: pa.Table) -> Table:
        """From an Arrow table of a column ``key`` and one column a metric, in any row order."""
        arrays = {name: arrow.to_numpy(table[name].combine_chunks()) for name in table.column_names}
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
        rows = np.searchsorted(self.keys, keys).clip(max=n - 1)
        return np.where(self.keys[rows] == keys, rows, -1)


class Tabular(Benchmark):
    """A benchmark whose table holds one row for each architecture."""

    repeats: ClassVar[Mapping[str, Sequence[str]]] = {}
    """Metric that is a mean over training runs to the columns of the single runs."""

    @abstractmethod
    def keys(self, graphs: Graphs) -> NDArray[np.int64]:
        """[n] key of each architecture in the table; negative for one that cannot be in it."""

    @abstractmethod
    def open(self) -> pa.Table:
        """The table: a column ``key`` and one float64 column for each of ``metrics`` and ``details``."""

    @cached_property
    def table(self) -> Table:
        """The opened table."""
        return Table.of(self.open())

    def has(self, graphs: Graphs) -> NDArray[np.bool_]:
        """[n] which architectures are in the table."""
        return self.table.rows(self.keys(graphs)) >= 0

    def query(self, graphs: Graphs, metrics: Sequence[str] | None = None, *, draw: Seed | None = None) -> Answer:
        """Look ``n`` architectures up; see :meth:`Benchmark.query`."""
        names = self.select(metrics)
        if draw is not None and not self.repeats:
            raise InputError(f"{self.name} holds one run of each architecture, none to draw from")
        keys = self.keys(graphs)
        rows = self.table.rows(keys)
        unknown = np.flatnonzero(rows < 0)
        columns = {
            name: self._draw(self.repeats[name], rows, keys, draw)
            if draw is not None and name in self.repeats
            else self.table.columns[name][rows]
            for name in names
        }
        if len(unknown):
            for values in columns.values():
                values[unknown] = np.nan
        return Answer(columns, dict.fromkeys(unknown.tolist(), f"{self.name} does not have this architecture"))

    def optimum(self, metric: str) -> float:
        """The best value of ``metric`` in the table; NaN if it holds none."""
        (name,) = self.select([metric])
        best = np.fmax if direction(name) == "maximize" else np.fmin
        return float(best.reduce(self.table.columns[name]))

    def _draw(
        self, runs: Sequence[str], rows: NDArray[np.int64], keys: NDArray[np.int64], seed: Seed
    ) -> NDArray[np.float64]:
        """[n] the value of one run of each architecture, those that it has being equally likely."""
        values = np.stack([self.table.columns[run][rows] for run in runs], axis=1)
        there = ~np.isnan(values)
        nth = (seeds.keyed_uniform(seed, "run", keys) * there.sum(axis=1)).astype(np.intp)
        chosen = (there.cumsum(axis=1) > nth[:, None]).argmax(axis=1)
        drawn: NDArray[np.float64] = np.take_along_axis(values, chosen[:, None], axis=1)[:, 0]
        return drawn
