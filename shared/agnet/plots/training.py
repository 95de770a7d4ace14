"""How a generator learns: its losses and what it generates, against the course of training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError
from agnet.plots import style
from agnet.plots.chart import Axis, Chart, Line, Page
from agnet.plots.quantities import quantity

PROGRESS = ("samples", "instances", "steps", "step", "epoch", "tick")
"""Columns that say how far training has come; the first that a log has is the x axis."""
SHARES = ("validity", "uniqueness", "novelty", "coverage")
"""Columns that are shares of what was generated."""

_Series = tuple[NDArray[np.float64], NDArray[np.float64], str]
"""x, y and a label."""


def training(logs: Sequence[tuple[str, Mapping[str, NDArray[np.float64]]]], *, title: str = "") -> Page:
    """Losses in one chart, shares of what is generated in another one below.

    Args:
        logs: label and columns of each; all numbers, NaN where a line of the log lacks one.
        title: above the picture.

    Raises:
        InputError: if a log does not say how far training has come, or holds neither a loss nor a share.
    """
    losses, shares = list[_Series](), list[_Series]()
    progress = None
    for label, columns in logs:
        progress = next((name for name in PROGRESS if name in columns), None)
        if progress is None:
            raise InputError(f"{label}: no column says how far training has come; known are {', '.join(PROGRESS)}")
        x, prefix = columns[progress], f"{label}: " if len(logs) > 1 else ""
        losses += [
            (x, values, prefix + quantity(name).words) for name, values in columns.items() if "loss" in name.split("_")
        ]
        shares += [(x, 100 * columns[name], prefix + name) for name in SHARES if name in columns]
    charts = []
    x_axis = Axis(quantity(progress or "").label, whole=True)
    if losses:
        y = np.concatenate([values for _, values, _ in losses])
        y = y[~np.isnan(y)]
        log = bool((y > 0).all() and y.max() > 10 * y.min())
        charts.append(Chart(x_axis, Axis("Loss", log=log), _lines(losses), title, legend="upper right"))
    if shares:
        name = "" if losses else title
        charts.append(Chart(x_axis, Axis("Share (%)", limits=(0, 102)), _lines(shares), name, legend="lower right"))
    if not charts:
        raise InputError(f"{logs[0][0]}: neither a loss nor {', '.join(SHARES)}")
    return Page(charts, heights=(0.75,) * len(charts), share_x=True)


def _lines(series: Sequence[_Series]) -> list[Line]:
    return [
        Line(x[there], y[there], style.SERIES[number % len(style.SERIES)], label)
        for number, (x, y, label) in enumerate(series)
        for there in [~np.isnan(x) & ~np.isnan(y)]
    ]
