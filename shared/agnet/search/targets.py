"""Scores as surrogates learn them: the upper half as it is, the tail below drawn in.

Accuracies have terrible tails: a tenth of a space may be near chance, while what matters happens within a percent of
the best. Below the median the deficit counts by its logarithm, so a failed network still says "bad" but no longer bends
everything else; the upper half keeps its true proportions, which ranks would lose.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_NORMAL_90 = 1.2816
"""90th percentile of the normal distribution: what is scaled to deviation 1 is the upper half."""


@dataclass(frozen=True, slots=True)
class Target:
    """An increasing map from scores to numbers of mean 0 and deviation 1, and back."""

    median: float
    unit: float
    mean: float
    std: float

    @classmethod
    def of(cls, scores: NDArray[np.float64]) -> Target:
        """The map that suits [n] finite scores, at least one."""
        median = float(np.median(scores))
        unit = max((float(np.quantile(scores, 0.9)) - median) / _NORMAL_90, 1e-6 * max(abs(median), 1e-6))
        drawn = _draw_in((scores - median) / unit)
        return cls(median, unit, float(drawn.mean()), max(float(drawn.std()), 1e-9))

    def apply(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """Scores to numbers."""
        return (_draw_in((scores - self.median) / self.unit) - self.mean) / self.std

    def invert(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Numbers to scores."""
        drawn = numbers * self.std + self.mean
        return self.median + self.unit * np.where(drawn < 0, -np.expm1(np.minimum(-drawn, 50)), drawn)


def _draw_in(scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(scaled < 0, -np.log1p(-np.minimum(scaled, 0)), scaled)
