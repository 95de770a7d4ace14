from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import kendalltau, spearmanr

from agnet import spaces
from agnet.errors import InputError
from agnet.seeds import Seed
from agnet.surrogates import Batch, Inputs, Prediction, Surrogate
from agnet.surrogates.validation import cross_validate

_SPACE = spaces.get("nb201")
_BATCH = Batch(_SPACE, _SPACE.sample(60, np.random.default_rng(0)))


class _Known(Surrogate):
    """Predicts a fixed function of the index, whatever it has learned; remembers what it was shown."""

    shown: list[tuple[frozenset[int], Seed]]
    noise = 0.0

    def __init__(self) -> None:
        super().__init__(Inputs())

    def fit(self, batch: Batch, y: NDArray[np.float64], *, seed: Seed) -> None:
        assert np.isfinite(y).all()
        self.shown.append((frozenset(_index(batch).tolist()), seed))

    def predict(self, batch: Batch) -> Prediction:
        return Prediction(_value(_index(batch))[:, None].astype(np.float32))

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        raise NotImplementedError

    def restore(self, arrays: dict[str, NDArray[Any]], settings: dict[str, Any]) -> None:
        raise NotImplementedError


class _Reversed(_Known):
    scores = True

    def predict(self, batch: Batch) -> Prediction:
        return Prediction(-super().predict(batch).mean)


class _Constant(_Known):
    def predict(self, batch: Batch) -> Prediction:
        return Prediction(np.zeros((len(batch), 1), np.float32))


def _index(batch: Batch) -> NDArray[np.int64]:
    index = _SPACE.index(batch.graphs)
    assert index is not None
    return index


def _value(index: NDArray[np.int64]) -> NDArray[np.float64]:
    return (index * 7919 % 1009) / 1009


_Y = _value(_index(_BATCH))[:, None]


@pytest.fixture(autouse=True)
def _forget() -> None:
    _Known.shown = []


def test_a_perfect_and_a_reversed_predictor() -> None:
    (perfect,) = cross_validate(_Known, _BATCH, _Y, seed=(0,))
    assert perfect.kendall == pytest.approx((1, 0))
    assert perfect.spearman == pytest.approx((1, 0))
    assert perfect.r2 is not None
    assert perfect.rmse is not None
    assert perfect.r2[0] == pytest.approx(1)
    assert perfect.rmse[0] == pytest.approx(0, abs=1e-6)
    (backwards,) = cross_validate(_Reversed, _BATCH, _Y, seed=(0,))
    assert backwards.kendall[0] == pytest.approx(-1)
    assert backwards.r2 is backwards.rmse is None
    assert (perfect.records, perfect.folds, perfect.repeats) == (60, 5, 3)


def test_a_constant_predictor_ranks_nothing() -> None:
    (quality,) = cross_validate(_Constant, _BATCH, _Y, seed=(0,))
    assert quality.kendall == quality.spearman == (0, 0)


def test_tests_on_what_was_not_shown_each_record_once_a_repeat() -> None:
    cross_validate(_Known, _BATCH, _Y, seed=(0,))
    every = frozenset(_index(_BATCH).tolist())
    assert len(_Known.shown) == 15
    assert len({seed for _, seed in _Known.shown}) == 15
    for repeat in range(3):
        left_out = [every - shown for shown, _ in _Known.shown[5 * repeat : 5 * repeat + 5]]
        assert frozenset.union(*left_out) == every
        assert sum(map(len, left_out)) == len(every)
    assert _Known.shown[0][0] != _Known.shown[5][0]


def test_failed_evaluations_take_no_part() -> None:
    y = np.concatenate([_Y, _Y], axis=1)
    y[:50, 1] = np.nan
    whole, few = cross_validate(_Known, _BATCH, y, seed=(0,))
    assert (whole.records, few.records) == (60, 10)


def test_few_records() -> None:
    (quality,) = cross_validate(_Known, _BATCH.take(slice(0, 4)), _Y[:4], seed=(0,))
    assert (quality.folds, quality.kendall[0]) == (2, pytest.approx(1))
    with pytest.raises(InputError, match="3 evaluated records, at least 4"):
        cross_validate(_Known, _BATCH.take(slice(0, 3)), _Y[:3], seed=(0,))


def test_the_numbers_are_scipys() -> None:
    noise = np.random.default_rng(0).normal(scale=0.3, size=_Y.shape)
    (quality,) = cross_validate(_Known, _BATCH, _Y + noise, seed=(1,), repeats=1)
    taus, rhos = [], []
    every = _index(_BATCH)
    for shown, _ in _Known.shown:
        test = np.array([index not in shown for index in every.tolist()])
        taus.append(kendalltau(_Y[test, 0], (_Y + noise)[test, 0]).statistic)
        rhos.append(spearmanr(_Y[test, 0], (_Y + noise)[test, 0]).statistic)
    assert quality.kendall == pytest.approx((np.mean(taus), np.std(taus, ddof=1) / 5**0.5))
    assert quality.spearman[0] == pytest.approx(np.mean(rhos))
