from __future__ import annotations

from dataclasses import replace

import numpy as np

from agnet.search.standing import Standing, stalled

MEAN = np.array([0.0, 0.9, 0.5, 0.3])
VARIANCE = np.array([1.0, 0.01, 0.04, 0.09])
HERE = Standing(queries=20, stalled=0, measured=1.5, believed=1.0, noise=0.25)


def test_queries_since_the_best() -> None:
    assert [stalled(np.array(scores)) for scores in ([], [1.0], [0.5, 1.0, -np.inf, 1.0])] == [0, 0, 2]


def test_two_ways_to_expect_take_turns() -> None:
    even, odd = HERE.worth(MEAN, VARIANCE), HERE.worth(MEAN, VARIANCE, ahead=1)
    assert not np.array_equal(even, odd)
    assert np.array_equal(odd, replace(HERE, queries=21).worth(MEAN, VARIANCE))
    # only over a measured value does its noise count, and how lucky it was
    louder, luckier = replace(HERE, noise=1.0), replace(HERE, measured=3.0)
    for other in (louder, luckier):
        assert np.array_equal(other.worth(MEAN, VARIANCE), even)
        assert not np.array_equal(other.worth(MEAN, VARIANCE, ahead=1), odd)


def test_after_many_vain_queries_every_other_asks_what_is_predicted_best() -> None:
    late = replace(HERE, stalled=30)
    assert np.array_equal(late.worth(MEAN, VARIANCE), HERE.worth(MEAN, VARIANCE))
    assert late.worth(MEAN, VARIANCE).argmax() == 0  # of which nothing is known
    assert late.worth(MEAN, VARIANCE, ahead=1).argmax() == 1
