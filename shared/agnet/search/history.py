"""The evaluated architectures of a search, in the order they were queried."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet.graphs import Graphs
from agnet.spaces.base import Space
from agnet.streams.chunk import Chunk


class History:
    """What a search knows: architectures, and the objective's value for each.

    The records themselves are kept as the text that goes to disk, so a search that continues from its journal computes
    with exactly the numbers of one that was never interrupted.
    """

    def __init__(self, space: Space, metric: str, *, maximize: bool) -> None:
        self.space = space
        self.metric = metric
        self.maximize = maximize
        self.chunks: list[Chunk] = []
        self._graphs: list[Graphs] = []
        self._values: list[NDArray[np.float64]] = []
        self._keys: list[pa.Array] = []
        self._unanswerable: list[pa.Array] = []

    def __len__(self) -> int:
        return sum(len(chunk) for chunk in self.chunks)

    def extend(self, graphs: Graphs, answered: Chunk) -> None:
        """Add evaluated architectures; ``answered`` holds their records, row for row."""
        columns = answered.columns(pa.schema([(self.space.identity, pa.string()), (self.metric, pa.float64())]))
        self.chunks.append(answered)
        self._graphs.append(graphs)
        self._keys.append(columns[self.space.identity].combine_chunks())
        self._values.append(columns[self.metric].to_numpy())

    def reject(self, keys: pa.Array) -> None:
        """Remember architectures that the benchmark cannot answer: they cost no query and are not proposed again."""
        self._unanswerable.append(keys)

    @property
    def graphs(self) -> Graphs:
        """All architectures."""
        return Graphs.concat(self._graphs)

    @property
    def keys(self) -> pa.Array:
        """What makes each architecture distinct: its ``arch`` or ``id``, as the space says."""
        return pa.concat_arrays(self._keys)

    @property
    def seen(self) -> pa.Array:
        """Keys that a strategy should not propose: evaluated ones and those that the benchmark cannot answer."""
        return pa.concat_arrays(self._keys + self._unanswerable)

    @property
    def values(self) -> NDArray[np.float64]:
        """[n] the objective's metric, as measured; NaN where an evaluation failed."""
        return np.concatenate(self._values) if self._values else np.empty(0)

    @property
    def scores(self) -> NDArray[np.float64]:
        """[n] the metric turned so that larger is better; minus infinity where an evaluation failed."""
        values = self.values if self.maximize else -self.values
        return np.where(np.isnan(values), -np.inf, values)

    def best(self) -> int | None:
        """Row of the best architecture, the first of equals; None when nothing was evaluated successfully."""
        scores = self.scores
        return int(scores.argmax()) if len(scores) and np.isfinite(scores).any() else None

    def best_so_far(self) -> NDArray[np.float64]:
        """[n] the metric of the best architecture after each query."""
        best = np.maximum.accumulate(self.scores)
        return best if self.maximize else -best
