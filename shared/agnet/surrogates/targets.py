"""Metrics as surrogates learn them: the good half as it is, the tail drawn in.

Accuracies have terrible tails: a tenth of a space may be near chance, while what matters happens within a percent of
the best. Below the median the deficit counts by its logarithm, so a failed network still says "bad" but no longer bends
everything else; the upper half keeps its true proportions, which ranks would lose.

A search sees mostly good architectures, and wants to know how far from the best they are: there the distance from the
best counts by its logarithm, throughout, smoothly.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields

import numpy as np
from numpy.typing import NDArray

_NORMAL_90 = 1.2816
"""90th percentile of the normal distribution: what is scaled to deviation 1 is the upper half."""
_DISTANCES = 3
"""Times the median distance from the best, up to which distances count in proportion."""


@dataclass(frozen=True, slots=True)
class Target:
    """A monotone map from values to numbers of mean 0 and deviation 1, and back."""

    sign: float
    """1 if the tail is at small values, -1 if it is at large ones; large numbers are far from the tail."""
    begin: float
    """Where drawing in begins, in the direction of the sign: the median, or the best."""
    unit: float
    mean: float
    std: float

    @classmethod
    def of(cls, values: NDArray[np.float64], sign: float | None = None) -> Target:
        """The map that suits [n] finite values, at least one; the longer tail is drawn in if ``sign`` is not given."""
        if sign is None:
            sign = 1.0 if values.mean() <= np.median(values) else -1.0
        scores = sign * values
        median = float(np.median(scores))
        return cls._from(scores, sign, median, (float(np.quantile(scores, 0.9)) - median) / _NORMAL_90)

    @classmethod
    def below_best(cls, scores: NDArray[np.float64]) -> Target:
        """The map that suits [n] finite scores of a search, larger being better: the distance from the best so far."""
        best = float(scores.max())
        return cls._from(scores, 1.0, best, _DISTANCES * (best - float(np.median(scores))))

    @classmethod
    def _from(cls, scores: NDArray[np.float64], sign: float, begin: float, unit: float) -> Target:
        unit = max(unit, 1e-6 * max(abs(begin), 1e-6))
        drawn = _draw_in((scores - begin) / unit)
        return cls(sign, begin, unit, float(drawn.mean()), max(float(drawn.std()), 1e-9))

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values to numbers."""
        return (_draw_in((self.sign * values - self.begin) / self.unit) - self.mean) / self.std

    def invert(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """Numbers to values."""
        drawn = numbers * self.std + self.mean
        scores = self.begin + self.unit * np.where(drawn < 0, -np.expm1(np.minimum(-drawn, 50)), drawn)
        return self.sign * scores

    def spread(self, mean: NDArray[np.float64], std: NDArray[np.float64]) -> NDArray[np.float64]:
        """What a deviation around a number is in values: half the way from one below to one above."""
        return np.abs(self.invert(mean + std) - self.invert(mean - std)) / 2


@dataclass(frozen=True, slots=True)
class Targets:
    """A :class:`Target` for each of several metrics."""

    numbers: NDArray[np.float64]
    """[metrics, fields of Target]"""

    @classmethod
    def of(cls, values: NDArray[np.float64]) -> Targets:
        """The maps that suit [n, metrics] values, NaN being none; each metric has at least one."""
        return cls(np.array([astuple(Target.of(column[np.isfinite(column)])) for column in values.T]))

    @classmethod
    def read(cls, numbers: NDArray[np.float64]) -> Targets:
        """The inverse of ``numbers``.

        Raises:
            ValueError: if they are none.
        """
        if numbers.ndim != 2 or numbers.shape[1] != len(fields(Target)) or numbers.dtype != np.float64:
            raise ValueError("the scale of the metrics is damaged")
        return cls(numbers)

    def apply(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """[n, metrics] values to numbers."""
        return self._each("apply", values)

    def invert(self, numbers: NDArray[np.float64]) -> NDArray[np.float64]:
        """[n, metrics] numbers to values."""
        return self._each("invert", numbers)

    def spread(self, mean: NDArray[np.float64], std: NDArray[np.float64]) -> NDArray[np.float64]:
        """[n, metrics] what deviations around numbers are in values."""
        return self._each("spread", mean, std)

    def _each(self, method: str, *arrays: NDArray[np.float64]) -> NDArray[np.float64]:
        columns = zip(self.numbers, *(array.T for array in arrays), strict=True)
        made = [getattr(Target(*numbers.tolist()), method)(*column) for numbers, *column in columns]
        return np.stack(made, axis=1)


def _draw_in(scaled: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(scaled < 0, -np.log1p(-np.minimum(scaled, 0)), scaled)
