"""The best value so far against the number of queries: how fast searches find good architectures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError
from agnet.plots import style
from agnet.plots.chart import Axis, Chart, Line, Page, Rule
from agnet.plots.quantities import Quantity, quantity

_SETTLING = 0.04
"""Share of the queries at the start that the axis need not show: there a search is as bad as chance."""


@dataclass(frozen=True, slots=True)
class Run:
    """Histories of one way to search."""

    label: str
    values: NDArray[np.float64]
    """[n] the metric of each query, in order; NaN for a query that failed."""
    trials: NDArray[np.integer] | None = None
    """[n] which trial a query belongs to; None for a single trial."""


def best_so_far(values: NDArray[np.float64], *, maximize: bool) -> NDArray[np.float64]:
    """[n] the best of the first 1, 2, ... values; NaN until there is one."""
    return (np.fmax if maximize else np.fmin).accumulate(values)


def trajectories(run: Run, *, maximize: bool) -> NDArray[np.float64]:
    """[trials, queries] best value so far of each trial, over the queries that every trial has."""
    if run.trials is None:
        return best_so_far(run.values, maximize=maximize)[None]
    _, trial, counts = np.unique(run.trials, return_inverse=True, return_counts=True)
    by_trial = np.split(run.values[np.argsort(trial, kind="stable")], np.cumsum(counts)[:-1])
    return np.stack([best_so_far(values[: counts.min()], maximize=maximize) for values in by_trial])


def curve(
    runs: Sequence[Run],
    metric: str,
    *,
    maximize: bool,
    optimum: float | None = None,
    regret: bool = False,
    title: str = "",
) -> Page:
    """Mean over trials of the best value so far, with a band of one standard error.

    Args:
        runs: one line each, in this order.
        metric: name of the column that the values are from.
        maximize: whether larger is better.
        optimum: best value that exists, in the metric's own unit; a dashed line.
        regret: show how far the best value is from the optimum, on a logarithmic axis, instead of the value.
        title: above the picture.

    Raises:
        InputError: if ``regret`` is asked for without an optimum, or a run has no value.
    """
    if regret and optimum is None:
        raise InputError("regret is the distance to the optimum: give --optimum or --benchmark")
    shown = quantity(metric)
    lines = []
    for number, run in enumerate(runs):
        best = trajectories(run, maximize=maximize)
        if np.isnan(best[:, -1]).any():
            raise InputError(f"{run.label}: {metric} has no value" + (" in one of the trials" if len(best) > 1 else ""))
        if regret and optimum is not None:
            best = np.abs(optimum - best)
        lines.append(_line(run.label, shown.scale(best), shown, style.SERIES[number % len(style.SERIES)]))
    x = Axis("Queries (architectures evaluated)", limits=(0, None), whole=True)
    name = shown.label[:1].lower() + shown.label[1:]
    if regret:
        return Page([_regret(lines, x, f"Regret in {name}", title)])
    rules = []
    if optimum is not None:
        value = float(optimum) * shown.factor
        rules = [Rule("y", value, f"optimum {shown.text(value)}")]
    y = Axis(f"Best {name}", limits=_limits(lines, rules, maximize=maximize))
    return Page([Chart(x, y, [*rules, *lines], title, legend="lower right" if maximize else "upper right")])


def _line(label: str, best: NDArray[np.float64], shown: Quantity, colour: str) -> Line:
    """Mean over [trials, queries] and its standard error; queries before a trial's first value are a gap."""
    trials, queries = best.shape
    mean = best.mean(axis=0)
    x = np.arange(1, queries + 1)
    if trials == 1:
        return Line(x, mean, colour, f"{label}: {shown.text(mean[-1])}", step=True)
    error = best.std(axis=0, ddof=1) / np.sqrt(trials)
    text = f"{label}: {shown.text(mean[-1], spread=error[-1])} ({trials} trials)"
    return Line(x, mean, colour, text, mean - error, mean + error, step=True)


def _limits(lines: Sequence[Line], rules: Sequence[Rule], *, maximize: bool) -> tuple[float, float]:
    """Of the y axis: from where the searches are once they have settled to the best there is, with some air."""
    settled = np.concatenate([line.y[int(_SETTLING * len(line.y)) :] for line in lines])
    ends = [float(line.y[-1]) for line in lines] + [rule.value for rule in rules]
    low, high = (np.nanmin(settled), max(ends)) if maximize else (min(ends), np.nanmax(settled))
    air = 0.08 * (high - low) or 0.01 * abs(high) or 1.0
    return float(low - air), float(high + air)


def _regret(lines: Sequence[Line], x: Axis, label: str, title: str) -> Chart:
    """Distances on a logarithmic axis, which has no zero: a line that reaches the optimum leaves at the bottom."""
    values = np.concatenate([line.y for line in lines])
    floor = float(values[values > 0].min(initial=1.0)) / 2
    below = floor / 10

    lines = [
        replace(
            line,
            y=np.fmax(line.y, below),
            low=None if line.low is None else np.fmax(line.low, below),
            high=None if line.high is None else np.fmax(line.high, below),
        )
        for line in lines
    ]
    return Chart(x, Axis(label, log=True, limits=(floor, None)), lines, title, legend="upper right")
