from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnet.search.targets import Target


@given(st.lists(st.floats(0, 1), min_size=1, max_size=50))
def test_goes_there_and_back(values: list[float]) -> None:
    scores = np.array(values)
    target = Target.of(scores)
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
