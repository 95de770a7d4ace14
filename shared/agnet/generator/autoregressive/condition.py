"""What a generator can be asked for: metrics, by how good they should be.

A generator that was adapted to evaluated architectures knows, for each of their metrics, what share of all that it
generates unasked is as good as a value. A target is such a share, ``top1%``, or a value, whose share is looked up.
Where a metric is not asked for, nothing is added to the network; without targets it generates as it did before.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from agnet.errors import InputError
from agnet.metrics import direction
from agnet.names import nearest

KNOTS = np.log([0.01, 0.03, 0.1, 0.3, 1.0])
"""Logarithms of the shares that the network knows; between them it interpolates, beyond them the nearest counts."""
TABLE = np.linspace(0, 1, 101) ** 2
"""Shares whose metric's values are kept, denser among the best."""


def parse_targets(texts: Sequence[str]) -> dict[str, str]:
    """``["val_acc=top1%", "latency_ms=4"]`` to metrics and what is asked of them.

    Raises:
        InputError: if one cannot be read.
    """
    targets: dict[str, str] = {}
    for text in texts:
        metric, equals, wanted = text.partition("=")
        if not metric or not equals or not wanted:
            raise InputError(
                f"target {text!r}: write METRIC=topP% or METRIC=VALUE, such as val_acc=top1% or val_acc=0.94"
            )
        if metric in targets:
            raise InputError(f"target {text!r}: {metric} is asked for twice")
        targets[metric] = wanted
    return targets


def shares(targets: Mapping[str, str], metrics: Sequence[str], quantiles: NDArray[np.floating]) -> NDArray[np.float64]:
    """[metrics] share of architectures that are as good as each target; NaN where there is none.

    Args:
        targets: what :func:`parse_targets` gives.
        metrics: those that the generator knows.
        quantiles: [metrics, len(TABLE)] value of each metric at the shares of :data:`TABLE`, the best first.

    Raises:
        InputError: if the generator does not know a metric, or a target makes no sense.
    """
    found = np.full(len(metrics), np.nan)
    for metric, wanted in targets.items():
        if metric not in metrics:
            known = (
                f" {metric!r}{nearest(metric, metrics)}" if metrics else "; train-gen --condition METRIC teaches it one"
            )
            raise InputError(f"target {metric}={wanted}: the generator knows no metric{known}")
        row = list(metrics).index(metric)
        if wanted.startswith("top"):
            found[row] = _number(f"target {metric}={wanted}", wanted.removeprefix("top").removesuffix("%")) / 100
            if not wanted.endswith("%") or not 0 < found[row] <= 1:
                raise InputError(f"target {metric}={wanted}: write a share between 0 and 100 %, such as top1%")
        else:
            value = _number(f"target {metric}={wanted}", wanted)
            found[row] = share_of(np.array([value]), metric, quantiles[row])[0]
    return found


def share_of(values: NDArray[np.floating], metric: str, quantiles: NDArray[np.floating]) -> NDArray[np.float64]:
    """[n] share of architectures that are at least as good as each value."""
    sign = -1.0 if direction(metric) == "maximize" else 1.0
    return np.interp(sign * values, sign * quantiles, TABLE)


def features(shares: NDArray[np.floating]) -> NDArray[np.float32]:
    """[..., len(KNOTS)] how near each share is to each knot: two neighbours sum to 1. Zeros where a share is NaN."""
    known = np.isfinite(shares)
    place = np.interp(np.log(np.clip(np.where(known, shares, 1), 1e-9, 1)), KNOTS, np.arange(len(KNOTS)))
    near = np.maximum(1 - np.abs(place[..., None] - np.arange(len(KNOTS))), 0)
    return (near * known[..., None]).astype(np.float32)


def _number(where: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise InputError(f"{where}: {text!r} is not a number; write topP% or a value, such as top1% or 0.94")
    return value
