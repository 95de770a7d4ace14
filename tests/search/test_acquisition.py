from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnet.search.acquisition import expected_improvement, log_expected_improvement, upper_confidence_bound


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
