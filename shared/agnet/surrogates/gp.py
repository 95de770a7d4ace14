"""A Gaussian process on structure, paths and size: the surrogate of the default search.

See :mod:`agnet.surrogates.process` for the process, :mod:`agnet.surrogates.respects` for what it compares. It begins
with the belief that structure matters as a whole and each respect by itself little: among random architectures that
ranks the best better than respects alone, which a search, whose architectures are alike in most, does better with. Of a
metric's two tails it draws in the longer one, see :mod:`agnet.surrogates.targets`; predictions are medians.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from agnet import spaces
from agnet.seeds import Seed, numpy_stream
from agnet.surrogates.base import Batch, Prediction, Scale, Surrogate
from agnet.surrogates.process import Kind, Process
from agnet.surrogates.respects import Respects, respects
from agnet.surrogates.targets import Target

_LEARNED, _KNOWN = 300, 1000
"""Rows from which parameters are learned and predictions are made, at most: both are cubic."""
_WHOLE, _RESPECT, _COLUMN = 0.0, -4.0, -2.0
"""How much structure as a whole is expected to matter, each respect by itself, and columns beside the graph; see
:class:`Process`."""
_ROWS, _COVARIANCES = 4096, 1 << 17
"""Rows that columns are made of at once, and covariances that are: as many as fit a cache."""


class GP(Surrogate):
    """One process a metric; its spread is that of a measured value."""

    name = "gp"
    title = "Gaussian process on structure, paths and size"

    _space: str
    _groups: list[NDArray[np.float64]]
    _columns: Scale
    """Of the columns beside the graph."""
    _y: NDArray[np.float64]
    _parameters: NDArray[np.float64]

    def fit(self, batch: Batch, y: NDArray[np.float64], *, seed: Seed) -> None:
        """See :meth:`Surrogate.fit`."""
        rows = numpy_stream(seed, self.name).permutation(len(y))
        # those that have every metric first, so that none is left without values
        rows = rows[np.argsort(~np.isfinite(y[rows]).all(axis=1), kind="stable")][:_KNOWN]
        self._space, self._y = batch.space.name, y[rows]
        known = batch.take(rows)
        columns = self._columns_of(known)
        self._columns = Scale.of(columns)
        self._groups = self._groups_of(known)
        processes = []
        for metric in range(y.shape[1]):
            process = self._process()
            groups, values, _ = self._metric(metric)
            process.learn([group[:_LEARNED] for group in groups], values[:_LEARNED])
            processes.append(process)
        self._parameters = np.array([process.parameters for process in processes])
        self._condition()

    def predict(self, batch: Batch) -> Prediction:
        """See :meth:`Surrogate.predict`."""
        n, metrics = len(batch), self._y.shape[1]
        mean, std = (np.empty((n, metrics), dtype=np.float32) for _ in range(2))
        step = max(_COVARIANCES // len(self._y), 1)
        for block in range(0, n, _ROWS):
            columns = self._groups_of(batch.take(slice(block, block + _ROWS)))
            for start in range(0, len(columns[0]), step):
                groups = [group[start : start + step] for group in columns]
                rows = slice(block + start, block + start + len(groups[0]))
                for metric, (process, target) in enumerate(zip(self._processes, self._targets, strict=True)):
                    posterior = process.posterior(groups)
                    spread = np.sqrt(posterior.variance + process.noises_at(posterior.mean))
                    mean[rows, metric] = target.invert(posterior.mean)
                    std[rows, metric] = target.spread(posterior.mean, spread)
        return Prediction(mean, std)

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """See :meth:`Surrogate.state`."""
        groups = {f"group.{i}": group for i, group in enumerate(self._groups)}
        columns = {"mean": self._columns.mean, "std": self._columns.std} if self.inputs.columns else {}
        return {**groups, **columns, "y": self._y, "parameters": self._parameters}, {"space": self._space}

    def restore(self, arrays: dict[str, NDArray[Any]], settings: dict[str, Any]) -> None:
        """See :meth:`Surrogate.restore`."""
        self._space = spaces.get(str(settings["space"])).name
        self._columns = Scale.read(arrays) if self.inputs.columns else Scale(np.zeros(0), np.ones(0))
        self._groups = [np.asarray(arrays[f"group.{i}"], np.float64) for i in range(len(self._kinds()))]
        self._y, self._parameters = (np.asarray(arrays[name], np.float64) for name in ("y", "parameters"))
        expected = (self._y.shape[1], len(self._process().parameters))
        widths = [*self._respects().widths, *(len(self._columns.mean) for _ in self._kinds_of_columns())]
        shapes = [(len(self._y), width) for width in widths]
        if self._parameters.shape != expected or [group.shape for group in self._groups] != shapes:
            raise ValueError("the arrays of the process do not fit together")
        self._condition()

    def _process(self) -> Process:
        matter = [_WHOLE, *[_RESPECT] * len(self._respects().kinds[1:]), *[_COLUMN] * len(self._kinds_of_columns())]
        return Process(self._kinds(), matter)

    def _respects(self) -> Respects:
        return respects(self._space, together=True)

    def _kinds(self) -> tuple[Kind, ...]:
        return (*self._respects().kinds, *self._kinds_of_columns())

    def _kinds_of_columns(self) -> tuple[Kind, ...]:
        return ("linear", "matern") if self.inputs.columns else ()

    def _columns_of(self, batch: Batch) -> NDArray[np.float64]:
        return self.inputs.columns_of(batch).astype(np.float64) if self.inputs.columns else np.zeros((len(batch), 0))

    def _groups_of(self, batch: Batch) -> list[NDArray[np.float64]]:
        """[n, d] of each respect; the columns beside the graph are two more, as a trend and as a likeness."""
        groups = self._respects()(batch.graphs)
        if self.inputs.columns:
            columns = self._columns.apply(self._columns_of(batch)) / np.sqrt(len(self.inputs.columns))
            groups += [columns, columns]
        return groups

    def _metric(self, metric: int) -> tuple[list[NDArray[np.float64]], NDArray[np.float64], Target]:
        """Groups and numbers of the rows that have this metric, and how it became those numbers."""
        there = np.isfinite(self._y[:, metric])
        target = Target.of(self._y[there, metric])
        return [group[there] for group in self._groups], target.apply(self._y[there, metric]), target

    def _condition(self) -> None:
        self._processes: list[Process] = []
        self._targets: list[Target] = []
        for metric, parameters in enumerate(self._parameters):
            groups, values, target = self._metric(metric)
            process = self._process()
            process.parameters = parameters
            process.condition(groups, values)
            self._processes.append(process)
            self._targets.append(target)
