"""How good a surrogate is: repeated cross-validation on evaluated architectures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from agnet.errors import InputError
from agnet.seeds import Seed, numpy_stream
from agnet.surrogates.base import Batch, Surrogate

FOLDS, REPEATS = 5, 3


@dataclass(frozen=True, slots=True)
class Quality:
    """How predictions of one metric agree with its values: each the mean and the standard error over all test sets.

    Correlations are 0 where all predictions are the same.
    """

    kendall: tuple[float, float]
    """Kendall's tau-b: the share of pairs in the right order less that of pairs in the wrong one."""
    spearman: tuple[float, float]
    """Correlation of the ranks."""
    r2: tuple[float, float] | None
    """Coefficient of determination; None for surrogates that predict scores."""
    rmse: tuple[float, float] | None
    """Root mean squared error in the metric's unit; None for surrogates that predict scores."""
    records: int
    folds: int
    repeats: int


def cross_validate(
    make: Callable[[], Surrogate], batch: Batch, y: NDArray[np.float64], *, seed: Seed, repeats: int = REPEATS
) -> list[Quality]:
    """Fit to all but one of up to 5 parts, test on that part, for each part and ``repeats`` divisions.

    Args:
        make: gives a surrogate that has learned nothing.
        batch: [n] evaluated architectures.
        y: [n, metrics] their values; NaN where there is none.
        seed: decides the divisions and what the surrogate draws.
        repeats: how many divisions.

    Returns:
        One entry a metric.

    Raises:
        InputError: if a metric has fewer than 4 values.
    """
    return [_quality(make, batch, column, seed, repeats) for column in y.T]


def _quality(
    make: Callable[[], Surrogate], batch: Batch, values: NDArray[np.float64], seed: Seed, repeats: int
) -> Quality:
    known = np.flatnonzero(np.isfinite(values))
    if len(known) < 4:
        raise InputError(f"{len(known)} evaluated records, at least 4 are needed for cross-validation")
    folds = min(FOLDS, len(known) // 2)
    scores = []
    for number, (train, test) in enumerate(_splits(known, folds, repeats, seed)):
        surrogate = make()
        surrogate.fit(batch.take(train), values[train][:, None], seed=(*seed, number))
        scores.append(_compare(surrogate.predict(batch.take(test)).mean[:, 0], values[test]))
    tau, rho, r2, rmse = (_mean(column) for column in np.array(scores).T)
    exact = not make().scores
    return Quality(tau, rho, r2 if exact else None, rmse if exact else None, len(known), folds, repeats)


def _splits(
    rows: NDArray[np.intp], folds: int, repeats: int, seed: Seed
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
    for repeat in range(repeats):
        parts = np.array_split(numpy_stream(seed, "cross-validation", repeat).permutation(rows), folds)
        for i, test in enumerate(parts):
            yield np.concatenate(parts[:i] + parts[i + 1 :]), test


def _compare(predicted: NDArray[np.float32], true: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Kendall's tau, Spearman's rho, R², RMSE."""
    error = predicted.astype(np.float64) - true
    varies = np.ptp(predicted) > 0 and np.ptp(true) > 0
    spread = np.square(true - true.mean()).sum()
    return (
        float(stats.kendalltau(predicted, true).statistic) if varies else 0.0,
        float(stats.spearmanr(predicted, true).statistic) if varies else 0.0,
        float(1 - np.square(error).sum() / spread) if spread > 0 else np.nan,
        float(np.sqrt(np.square(error).mean())),
    )


def _mean(scores: NDArray[np.float64]) -> tuple[float, float]:
    scores = scores[np.isfinite(scores)]
    if not len(scores):
        return np.nan, np.nan
    return float(scores.mean()), float(scores.std(ddof=1) / np.sqrt(len(scores))) if len(scores) > 1 else np.nan
