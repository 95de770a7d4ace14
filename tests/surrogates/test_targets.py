from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnet.surrogates.targets import Target


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50), st.sampled_from([1, -1, None]))
def test_goes_there_and_back(values: list[float], sign: float | None) -> None:
    scores = np.array(values)
    target = Target.of(scores, sign)
    numbers = target.apply(scores)
    assert np.isfinite(numbers).all()
    assert target.invert(numbers) == pytest.approx(scores, abs=1e-6)


def test_keeps_the_order_and_draws_the_tail_in() -> None:
    scores = np.concatenate([[0.1, 0.1, 0.4], np.linspace(0.88, 0.92, 40)])
    numbers = Target.of(scores).apply(scores)
    assert (np.diff(numbers[2:]) > 0).all()
    assert numbers.mean() == pytest.approx(0)
    assert numbers.std() == pytest.approx(1)
    # as plain standard scores the failures would take all of the scale
    upper = numbers[-1] - np.median(numbers)
    plain = (scores[-1] - np.median(scores)) / scores.std()
    assert upper > 5 * plain


def test_draws_in_the_longer_tail() -> None:
    losses = np.concatenate([np.linspace(2, 3, 40), [90, 200]])
    assert Target.of(losses) == Target.of(losses, sign=-1)
    assert Target.of(-losses) == Target.of(-losses, sign=1)
    numbers = Target.of(losses).apply(losses)
    assert numbers[0] == numbers.max()


def test_spread_is_larger_in_the_tail() -> None:
    target = Target.of(np.linspace(0.5, 0.9, 30) ** 0.2, sign=1)
    spread = target.spread(np.array([-2.0, 1.0]), np.full(2, 0.1))
    assert spread[0] > spread[1] > 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_distances_from_the_best_go_there_and_back(values: list[float]) -> None:
    scores = np.array(values)
    target = Target.below_best(scores)
    numbers = target.apply(scores)
    assert np.isfinite(numbers).all()
    assert target.invert(numbers) == pytest.approx(scores, abs=1e-6)
    assert numbers.argmax() == scores.argmax()


def test_distances_from_the_best_count_less_the_larger_they_are() -> None:
    scores = 0.9 - np.array([0, 0.01, 0.02, 0.03, 0.04, 0.4, 0.8])
    numbers = Target.below_best(scores).apply(scores)
    steps = -np.diff(numbers)
    assert (np.diff(steps[:4]) < 0).all()
    assert steps[3] > 0.7 * steps[0]  # among the good nearly in proportion
    assert steps[-1] < 0.2 * 40 * steps[0]  # twice as bad is far from twice as far
