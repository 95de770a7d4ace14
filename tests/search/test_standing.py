from __future__ import annotations

from dataclasses import replace

import numpy as np

from agnet.search.acquisition import log_expected_improvement
from agnet.search.standing import Keeping, Standing, stalled
from agnet.surrogates.process import Process

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


def test_under_limits_a_measured_value_counts_until_nothing_better_comes() -> None:
    limited = replace(HERE, limited=True)
    improvement = log_expected_improvement(MEAN, np.sqrt(VARIANCE + 0.25), 1.5)
    assert np.array_equal(limited.worth(MEAN, VARIANCE), improvement)
    assert np.array_equal(limited.worth(MEAN, VARIANCE, ahead=1), improvement)
    late = replace(limited, stalled=30)
    assert np.array_equal(late.worth(MEAN, VARIANCE), improvement)
    assert np.array_equal(late.worth(MEAN, VARIANCE, ahead=1), replace(HERE, stalled=30).worth(MEAN, VARIANCE, 1))


def test_a_limit_is_kept_as_often_as_is_said() -> None:
    rng = np.random.default_rng(0)
    x = [rng.normal(size=(400, 2)), rng.normal(size=(400, 1))]
    margin = x[0][:, 0] + 0.5 * x[1][:, 0] + 0.3 * rng.standard_t(3, 400)  # with outliers
    known, other = [group[:150] for group in x], [group[150:] for group in x]
    process = Process(("matern", "linear"))
    process.learn(known, margin[:150])
    process.condition(known, margin[:150])
    keeping = Keeping.of(process, 0.0, margin[:150] >= 0)
    posterior = process.posterior(other)
    probability, weight = np.exp(keeping.log_probability(posterior)), np.exp(keeping.log_weight(posterior))
    likely = probability >= 0.3
    assert (weight[likely] == 1).all()
    assert (weight[probability < 0.2] < 0.001).all()
    assert (np.argsort(weight[~likely]) == np.argsort(probability[~likely])).all()
    kept = margin[150:] >= 0
    for low, high in ((0, 0.2), (0.2, 0.8), (0.8, 1)):
        here = (low <= probability) & (probability < high)
        assert here.sum() > 30
        assert abs(kept[here].mean() - probability[here].mean()) < 0.1
