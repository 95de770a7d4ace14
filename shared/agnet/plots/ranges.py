"""Which part of the numbers an axis shows."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agnet.plots.quantities import Quantity

_FAR = 3.0
"""Values further from the quartiles than so many interquartile ranges are far out (Tukey, 1977)."""


def fences(values: NDArray[np.float64]) -> tuple[float, float]:
    """Lowest and highest of the values that are not far out, never the same."""
    first, third = np.quantile(values, [0.25, 0.75])
    far = _FAR * (third - first)
    inside = values[(values >= first - far) & (values <= third + far)]
    low, high = float(inside.min()), float(inside.max())
    return (low, high) if low < high else (low - 0.5, low + 0.5)


def aired(low: float, high: float, share: float = 0.03) -> tuple[float, float]:
    """The range with a margin on both sides."""
    air = share * (high - low)
    return low - air, high + air


def beyond(values: NDArray[np.float64], low: float, high: float, shown: Quantity) -> str:
    """How many values an axis does not show: ``, 781 of them below 70.78 %``; empty when it shows all."""
    parts = ((values < low, f"below {shown.text(low)}"), (values > high, f"above {shown.text(high)}"))
    return "".join(f", {outside.sum():,} of them {where}" for outside, where in parts if outside.any())
