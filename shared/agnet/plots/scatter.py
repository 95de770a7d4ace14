"""One metric against another, such as predicted against true, with rank correlations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from agnet.errors import InputError
from agnet.plots import style
from agnet.plots.chart import Axis, Chart, Diagonal, Page, Points
from agnet.plots.quantities import counted, quantity
from agnet.plots.ranges import aired, fences


def scatter(x: NDArray[np.float64], y: NDArray[np.float64], metrics: tuple[str, str], *, title: str = "") -> Page:
    """A point for each architecture that has both values.

    A prediction stands over the metric that it predicts in a square, with the line on which both are equal.

    Args:
        x: [n] values of the first metric, NaN for none.
        y: [n] of the second.
        metrics: their names.
        title: above the picture.

    Raises:
        InputError: if fewer than two architectures have both values.
    """
    both = ~np.isnan(x) & ~np.isnan(y)
    if both.sum() < 2:
        raise InputError(
            f"{both.sum()} of {len(both):,} records have both {metrics[0]} and {metrics[1]}; two are needed"
        )
    shown_x, shown_y = (quantity(name) for name in metrics)
    x, y = shown_x.scale(x[both]), shown_y.scale(y[both])
    x_range, y_range = fences(x), fences(y)
    # A surrogate that ranks predicts scores on a scale of its own.
    predicts = metrics[1] == f"pred_{metrics[0]}" and x_range[0] < y_range[1] and y_range[0] < x_range[1]
    if predicts:
        x_range = y_range = min(x_range[0], y_range[0]), max(x_range[1], y_range[1])
    shown = (x >= x_range[0]) & (x <= x_range[1]) & (y >= y_range[0]) & (y <= y_range[1])
    points = Points(x, y, style.BLUE, size=_size(len(x)), alpha=_alpha(len(x)))
    tau, rho = stats.kendalltau(x, y).statistic, stats.spearmanr(x, y).statistic
    note = f"Kendall τ {tau:.3f}, Spearman ρ {rho:.3f}, {counted(len(x))}"
    if not shown.all():
        note += f" ({(~shown).sum():,} outside)"
    return Page(
        [
            Chart(
                Axis(shown_x.label, limits=aired(*x_range)),
                Axis(shown_y.label, limits=aired(*y_range)),
                [Diagonal("predicted = true"), points] if predicts else [points],
                title,
                note,
                square=predicts,
            )
        ]
    )


def _size(n: int) -> float:
    """Diameter of one of ``n`` points, so that many still show where they are dense."""
    return float(np.clip(40 / n**0.35, 1.6, 6.0))


def _alpha(n: int) -> float:
    return float(np.clip(12 / n**0.45, 0.15, 0.8))
