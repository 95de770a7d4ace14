"""Two metrics at once: which architectures no other one beats in both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError
from agnet.plots import style
from agnet.plots.chart import Axis, Chart, Corner, Line, Page, Points
from agnet.plots.quantities import counted, quantity
from agnet.plots.ranges import aired, fences

_WORST: dict[tuple[bool, bool], Corner] = {
    (True, True): "lower left",
    (True, False): "upper left",
    (False, True): "lower right",
    (False, False): "upper right",
}
"""The corner where both metrics are worst, by which of them are maximised."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Architectures of one source."""

    label: str
    x: NDArray[np.float64]
    y: NDArray[np.float64]
    """[n] the two metrics, NaN for none."""


def front(x: NDArray[np.float64], y: NDArray[np.float64], maximize: tuple[bool, bool]) -> NDArray[np.intp]:
    """Rows that no other row beats: better in one metric and not worse in the other; the best in x first.

    Of rows that are equal in both the first is taken. Rows with NaN are never among them.
    """
    x, y = -x if maximize[0] else x, -y if maximize[1] else y
    order = np.lexsort((y, x))
    order = order[~np.isnan(x[order]) & ~np.isnan(y[order])]
    lowest = np.minimum.accumulate(y[order])
    return order[np.concatenate([[True], lowest[1:] < lowest[:-1]])[: len(order)]]


def pareto(
    sources: Sequence[Candidates], metrics: tuple[str, str], *, maximize: tuple[bool, bool], title: str = ""
) -> Page:
    """All architectures, and as a staircase the front of each source.

    Args:
        sources: one front each.
        metrics: names of the two metrics.
        maximize: for each metric whether larger is better.
        title: above the picture.

    Raises:
        InputError: if no architecture of a source has both values.
    """
    shown_x, shown_y = (quantity(name) for name in metrics)
    clouds, lines, tops = [], [], []
    for number, source in enumerate(sources):
        x, y = shown_x.scale(source.x), shown_y.scale(source.y)
        rows = front(x, y, maximize)
        if not len(rows):
            raise InputError(f"{source.label}: no record has both {metrics[0]} and {metrics[1]}")
        colour = style.SERIES[number % len(style.SERIES)]
        there = ~np.isnan(x) & ~np.isnan(y)
        cloud = style.MUTED if len(sources) == 1 else colour
        size = float(np.clip(40 / len(x) ** 0.35, 2.0, 5.0))
        clouds.append(Points(x[there], y[there], cloud, size=size, alpha=0.25))
        label = f"{source.label}: {len(rows):,} of {there.sum():,} on the front"
        lines.append(Line(x[rows], y[rows], colour, label, step=True))
        tops.append(Points(x[rows], y[rows], colour, size=float(np.clip(40 / len(rows) ** 0.5, 3.0, 6.0))))
    limits = [
        _limits([getattr(cloud, axis) for cloud in clouds], [getattr(top, axis) for top in tops], upwards)
        for axis, upwards in zip("xy", maximize, strict=True)
    ]
    outside = sum(int((_outside(cloud.x, limits[0]) | _outside(cloud.y, limits[1])).sum()) for cloud in clouds)
    return Page(
        [
            Chart(
                Axis(shown_x.label, limits=limits[0]),
                Axis(shown_y.label, limits=limits[1]),
                [*clouds, *lines, *tops],
                title,
                f"{counted(outside)} outside of the axes" if outside else "",
                legend=_WORST[maximize],  # the front bends towards the opposite one
            )
        ]
    )


def _limits(
    clouds: Sequence[NDArray[np.float64]], fronts: Sequence[NDArray[np.float64]], maximize: bool
) -> tuple[float, float]:
    """What is not far out, and at the good end all; the front may come from outside at the bad end."""
    low, high = fences(np.concatenate(clouds))
    front = np.concatenate(fronts)
    return aired(low, max(high, float(front.max()))) if maximize else aired(min(low, float(front.min())), high)


def _outside(values: NDArray[np.float64], limits: tuple[float, float]) -> NDArray[np.bool_]:
    return (values < limits[0]) | (values > limits[1])
