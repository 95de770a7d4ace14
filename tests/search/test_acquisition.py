from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnet.errors import InputError
from agnet.search.acquisition import (
    BETA,
    expected_improvement,
    independent,
    log_expected_improvement,
    of,
    upper_confidence_bound,
)


def test_expected_improvement_is_the_mean_gain() -> None:
    mean, std, best = np.array([0.0, 1.0, -1.5]), np.array([1.0, 0.3, 2.0]), 0.5
    draws = mean + std * np.random.default_rng(0).standard_normal((1_000_000, 3))
    assert expected_improvement(mean, std, best) == pytest.approx(np.maximum(draws - best, 0).mean(axis=0), rel=0.01)


@given(st.floats(-1e6, 30), st.floats(1e-6, 1e3))
def test_log_expected_improvement_grows_with_the_mean_however_hopeless(u: float, std: float) -> None:
    mean = std * np.array([u, u + 1e-3 * (1 + abs(u))])
    lower, higher = log_expected_improvement(mean, np.full(2, std), 0.0)
    assert np.isfinite(lower)
    assert lower < higher


@pytest.mark.parametrize("seam", [-1.0, -1e3])
def test_log_expected_improvement_has_no_seams(seam: float) -> None:
    around = log_expected_improvement(np.nextafter(seam, [-np.inf, np.inf]), np.ones(2), 0.0)
    assert around[0] == pytest.approx(around[1], rel=1e-6)


def test_upper_confidence_bound() -> None:
    assert upper_confidence_bound(np.array([1.0]), np.array([0.5]), 2.0).tolist() == [2.0]


def test_each_function_orders_architectures_as_it_says() -> None:
    mean, std, keys = np.array([0.0, 0.5, 0.4]), np.array([2.0, 0.1, 0.3]), np.arange(3)
    worth = {
        name: independent(of(name), mean, std, 0.45, keys, (0,)).tolist() for name in ("mean", "ucb", "ei", "thompson")
    }
    assert worth["mean"] == mean.tolist()
    assert worth["ucb"] == (mean + BETA * std).tolist()
    assert np.exp(worth["ei"]) == pytest.approx(expected_improvement(mean, std, 0.45))
    with pytest.raises(InputError, match="no acquisition is called 'thomson'; did you mean 'thompson'"):
        of("thomson")


def test_a_draw_depends_on_the_architecture_and_the_seed_alone() -> None:
    keys, mean, std = np.arange(20_000), np.full(20_000, 3.0), np.full(20_000, 0.5)
    draws = independent("thompson", mean, std, 0.0, keys, (0,))
    assert (draws.mean(), draws.std()) == pytest.approx((3, 0.5), abs=0.02)
    few = independent("thompson", mean[:5], std[:5], 0.0, keys[100:105], (0,))
    np.testing.assert_array_equal(few, draws[100:105])
    assert not np.isin(draws, independent("thompson", mean, std, 0.0, keys, (1,))).any()
