"""A curve of a few characters, for beside a progress bar."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_BLOCKS = "▁▂▃▄▅▆▇█"


def sparkline(values: NDArray[np.float64], width: int = 24, *, maximize: bool = True) -> str:
    """The last of each of up to ``width`` stretches of [n] values, good ones high; empty where none is finite."""
    if not len(values):
        return ""
    ends = np.unique(np.linspace(0, len(values) - 1, min(width, len(values))).astype(np.intp))
    chosen = values[ends] if maximize else -values[ends]
    known = np.isfinite(chosen)
    if not known.any():
        return ""
    chosen = np.where(known, chosen, 0) / 2  # the difference of two large numbers is one, then
    low, high = chosen[known].min(), chosen[known].max()
    share = np.where(known, chosen - low, 0) / (high - low or 1)
    return "".join(
        _BLOCKS[int(level)] if there else " " for level, there in zip(share * (len(_BLOCKS) - 1), known, strict=True)
    )
