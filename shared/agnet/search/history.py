"""The evaluated architectures of a search, in the order they were queried."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet.graphs import Graphs
from agnet.search import pareto
from agnet.search.beginning import Has
from agnet.search.objective import Measured, Objective, single
from agnet.spaces.base import Space
from agnet.streams.chunk import Chunk


class History:
    """What a search knows: architectures, and the objective's value for each.

    The records themselves are kept as the text that goes to disk, so a search that continues from its journal computes
    with exactly the numbers of one that was never interrupted.
    """

    def __init__(self, space: Space, metric: str, *, maximize: bool, objective: Objective | None = None) -> None:
        """``objective`` is that metric alone where none is given; else ``metric`` names what strategies predict."""
        self.space = space
        self.metric = metric
        self.maximize = maximize
        self.objective = objective or single(metric, maximize=maximize)
        self.has: Has = lambda graphs: np.ones(len(graphs), dtype=np.bool_)
        """Which the benchmark can answer; a search says it."""
        self.chunks: list[Chunk] = []
        self._graphs: list[Graphs] = []
        self._columns: list[pa.Table] = []
        self._measured: tuple[int, Measured, NDArray[np.float64]] | None = None
        self._keys: list[pa.Array] = []
        self._unanswerable: list[pa.Array] = []
        self._pending: dict[str, Graphs] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def extend(self, graphs: Graphs, answered: Chunk) -> None:
        """Add evaluated architectures; ``answered`` holds their records, row for row."""
        numbers = [(name, pa.float64()) for name in self.objective.metrics]
        columns = answered.columns(pa.schema([(self.space.identity, pa.string()), *numbers]))
        self.chunks.append(answered)
        self._length += len(answered)
        self._graphs.append(graphs)
        self._keys.append(columns[self.space.identity].combine_chunks())
        for key in self._keys[-1].to_pylist():
            self._pending.pop(key, None)
        self._columns.append(columns)

    def reject(self, keys: pa.Array) -> None:
        """Remember architectures that the benchmark cannot answer: they cost no query and are not proposed again."""
        self._unanswerable.append(keys)

    def expect(self, graphs: Graphs, keys: pa.Array) -> None:
        """Remember architectures that are being evaluated, until :meth:`extend` brings their answers."""
        for row, key in enumerate(keys.to_pylist()):
            self._pending[key] = graphs.take(slice(row, row + 1))

    @property
    def pending(self) -> Graphs | None:
        """Architectures that were asked for and not answered yet, in that order; None where there are none."""
        return Graphs.concat(list(self._pending.values())) if self._pending else None

    @property
    def graphs(self) -> Graphs:
        """All architectures."""
        if len(self._graphs) > 1:  # answers that arrive one by one are many
            self._graphs = [Graphs.concat(self._graphs)]
        return self._graphs[0] if self._graphs else Graphs.concat([])

    @property
    def keys(self) -> pa.Array:
        """What makes each architecture distinct: its ``arch`` or ``id``, as the space says."""
        if len(self._keys) > 1:
            self._keys = [pa.concat_arrays(self._keys)]
        return self._keys[0] if self._keys else pa.array([], pa.string())

    @property
    def seen(self) -> pa.Array:
        """Keys that a strategy should not propose: evaluated, pending, and those that the benchmark cannot answer."""
        pending = pa.array(list(self._pending), pa.string())
        return pa.concat_arrays([pending, self.keys, *self._unanswerable])

    @property
    def columns(self) -> dict[str, NDArray[np.float64]]:
        """The objective's metrics, name to [n] values; NaN where there is none."""
        if len(self._columns) > 1:
            self._columns = [pa.concat_tables(self._columns).combine_chunks()]
        return {
            name: np.concatenate([np.empty(0), *(columns[name].to_numpy() for columns in self._columns)])
            for name in self.objective.metrics
        }

    @property
    def measured(self) -> Measured:
        """Goals and limits of all architectures."""
        return self._judged()[0]

    @property
    def values(self) -> NDArray[np.float64]:
        """[n] the (first) goal, as measured; NaN where an evaluation failed."""
        return np.asarray(self.measured.goals[:, 0] * (1 if self.objective.goals[0].maximize else -1))

    @property
    def scores(self) -> NDArray[np.float64]:
        """[n] one number each, larger is better: the goal itself if there is but one, see :meth:`Objective.scores`.

        Minus infinity where an evaluation failed.
        """
        return self._judged()[1]

    def _judged(self) -> tuple[Measured, NDArray[np.float64]]:
        if self._measured is None or self._measured[0] != len(self):
            measured = self.objective.measure(self.columns)
            self._measured = (len(self), measured, self.objective.scores(measured))
        return self._measured[1], self._measured[2].copy()

    def best(self) -> int | None:
        """Row of the best architecture that keeps all limits, the first of equals; None when there is none."""
        feasible = np.flatnonzero(self.measured.feasible)
        return int(feasible[self.scores[feasible].argmax()]) if len(feasible) else None

    def results(self) -> list[int]:
        """Rows of what the search is for: the best architecture, or the front where there are several goals."""
        if not self.objective.several:
            best = self.best()
            return [] if best is None else [best]
        feasible = np.flatnonzero(self.measured.feasible)
        front = feasible[pareto.nondominated(self.measured.goals[feasible])]
        return [int(row) for row in front]

    def hypervolumes(self, reference: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """[n] what the front covers after each query, beyond ``reference``: by default the worst of each goal."""
        goals = np.where(self.measured.feasible[:, None], self.measured.goals, np.nan)
        if not self.measured.feasible.any():
            return np.zeros(len(self))
        return pareto.hypervolumes(goals, np.nanmin(goals, axis=0) if reference is None else reference)

    def best_so_far(self) -> NDArray[np.float64]:
        """[n] the (first) goal of the best architecture after each query; infinitely bad until one keeps the limits."""
        best = np.maximum.accumulate(np.where(self.measured.feasible, self.measured.goals[:, 0], -np.inf))
        return np.asarray(best if self.objective.goals[0].maximize else -best)
