"""How a metric is distributed over a benchmark, and where in it a search found its architectures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError
from agnet.plots import style
from agnet.plots.chart import Axis, Bars, Chart, Page, Points, Rule
from agnet.plots.quantities import Quantity, counted, quantity
from agnet.plots.ranges import aired, beyond, fences

_BINS = 90


@dataclass(frozen=True, slots=True)
class Found:
    """The architectures that a search evaluated."""

    label: str
    values: NDArray[np.float64]
    """[n] the metric of each; NaN for one that failed."""
    queries: NDArray[np.integer]
    """[n] the how-manieth query of its search it was, from 1."""


def distribution(
    values: NDArray[np.float64], metric: str, *, maximize: bool, found: Found | None = None, title: str = ""
) -> Page:
    """Histogram of a metric, the best value named; below it, on the same axis, what a search found and when.

    Args:
        values: [n] the metric of all architectures; NaN is left out.
        metric: name of the column that the values are from.
        maximize: whether larger is better.
        found: a search to mark.
        title: above the picture.

    Raises:
        InputError: if ``found`` has no value.
    """
    shown = quantity(metric)
    values = shown.scale(values[~np.isnan(values)])
    low, high = fences(values)
    heights, edges = np.histogram(values, _BINS, (low, high))
    bars = Bars(edges, heights, style.FAINT if found else style.BLUE)
    x = Axis(shown.label, limits=aired(low, high))
    y = Axis("Architectures", limits=(0, 1.16 * heights.max()), whole=True)
    note = f"{counted(len(values))}{beyond(values, low, high, shown)}"
    if found is None:
        best = float(values.max() if maximize else values.min())
        return Page([Chart(x, y, [bars, Rule("x", best, f"best {shown.text(best)}", style.INK)], title, note)])
    there = ~np.isnan(found.values)
    if not there.any():
        raise InputError(f"{found.label}: {metric} has no value")
    marks, queries = shown.scale(found.values[there]), found.queries[there]
    row = int(marks.argmax() if maximize else marks.argmin())
    best = float(marks[row])
    rule = Rule("x", best, _rank(values, best, shown, maximize=maximize), style.VERMILION)
    plain = Rule("x", best, "", style.VERMILION)
    points = Points(marks, queries, style.VERMILION, size=4.0, alpha=0.7)
    top = Points(marks[row : row + 1], queries[row : row + 1], style.VERMILION, size=8.0)
    return Page(
        [
            Chart(x, y, [bars, rule], title, note),
            Chart(x, Axis(f"Query ({found.label})", limits=(0, None), whole=True), [plain, points, top]),
        ],
        heights=(1.0, 0.6),
        share_x=True,
    )


def _rank(values: NDArray[np.float64], best: float, shown: Quantity, *, maximize: bool) -> str:
    # Values that went through text may differ in the last digit.
    tolerance = 1e-9 * max(abs(best), 1.0)
    better = int((values > best + tolerance).sum() if maximize else (values < best - tolerance).sum())
    place = f"rank {better + 1:,} of {len(values):,}" if better else "the best there is"
    return f"best found {shown.text(best)}, {place}"
