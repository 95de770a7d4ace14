from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize
from scipy.stats import multivariate_normal

from agnet.surrogates.process import Posterior, Process


def groups(n: int, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n, 4)) / 2, rng.normal(size=(n, 3)) / 2, rng.normal(size=(n, 1))]


def conditioned(n: int = 12) -> tuple[Process, list[np.ndarray], np.ndarray]:
    process = Process(("matern", "matern", "linear"))
    known = groups(n)
    y = np.sin(2 * known[0][:, 0]) + known[2][:, 0]
    process.learn(known, y)
    process.condition(known, y)
    return process, known, y


def test_what_is_known_before_any_value() -> None:
    """A value changes the variances as if the process had been conditioned on it."""
    process, known, _ = conditioned()
    prior = process.prior(known)
    assert prior.variance == pytest.approx(np.diag(process.covariance(known, known)))
    assert not prior.mean.any()
    for row in (3, 7):
        prior.expect(row)
    some = [group[[3, 7]] for group in known]
    covariance, cross = process.covariance(some, some), process.covariance(some, known)
    left = np.linalg.solve(covariance + process.noise * np.eye(2), cross)
    assert prior.variance == pytest.approx(prior.process.prior(known).variance - (cross * left).sum(axis=0), abs=1e-6)


def test_posterior_is_that_of_the_joint_normal_distribution() -> None:
    process, known, y = conditioned()
    new = groups(5, seed=1)
    both = [np.concatenate(pair) for pair in zip(known, new, strict=True)]
    joint = process.covariance(both, both)
    k = len(y)
    joint[:k, :k] += np.diag(process.noises(y))
    gain = joint[k:, :k] @ np.linalg.inv(joint[:k, :k])
    posterior = process.posterior(new)
    assert posterior.mean == pytest.approx(gain @ y, abs=1e-6)
    without_noise = process.covariance(known, known) @ np.linalg.solve(joint[:k, :k], y)
    assert process.fitted == pytest.approx(without_noise, abs=1e-6)
    covariance = joint[k:, k:] - gain @ joint[:k, k:]
    assert posterior.variance == pytest.approx(np.diag(covariance), abs=1e-6)
    draws = posterior.draw(20_000, np.random.default_rng(0))
    assert np.cov(draws.T) == pytest.approx(covariance, abs=0.05)


def test_learning_raises_the_evidence_by_exact_slopes(monkeypatch: pytest.MonkeyPatch) -> None:
    known = groups(12)
    y = np.sin(2 * known[0][:, 0]) + known[2][:, 0]
    losses = []

    def record(loss, start, **settings):  # type: ignore[no-untyped-def]
        losses.append(optimize.check_grad(lambda p: loss(p)[0], lambda p: loss(p)[1], start))
        return minimize(loss, start, **settings)

    minimize = optimize.minimize
    monkeypatch.setattr(optimize, "minimize", record)
    process = Process(("matern", "matern", "linear"))

    def evidence() -> float:
        covariance = process.covariance(known, known) + np.diag(process.noises(y))
        return float(multivariate_normal(cov=covariance).logpdf(y))

    before = evidence()
    process.learn(known, y)
    assert losses[0] < 1e-4
    assert evidence() > before + 1


def test_expecting_an_answer_is_conditioning_on_it() -> None:
    process, known, y = conditioned()
    new = groups(6, seed=1)
    posterior = process.posterior(new)
    posterior.expect(2)
    posterior.expect(4)
    told = [np.concatenate([a, b[[2, 4]]]) for a, b in zip(known, new, strict=True)]
    # the variance depends on what is told by its noise only, and what is chosen is expected to be good
    process.condition(told, np.concatenate([y, np.full(2, y.max())]))
    assert posterior.variance == pytest.approx(process.posterior(new).variance, abs=1e-6)


def test_parts_of_a_posterior_are_the_whole() -> None:
    process, _, _ = conditioned()
    new = groups(6, seed=1)
    whole = process.posterior(new)
    first, last = (process.posterior([group[rows] for group in new]) for rows in (slice(0, 4), slice(4, 6)))
    for part, rows in ((first.extend(last), np.arange(6)), (whole.take(np.array([5, 1])), np.array([5, 1]))):
        assert isinstance(part, Posterior)
        assert part.mean == pytest.approx(whole.mean[rows])
        assert part.variance == pytest.approx(whole.variance[rows])


def test_noise_that_grows_below_the_best_is_told_from_noise_everywhere() -> None:
    known = groups(150)
    rng = np.random.default_rng(2)
    smooth = np.sin(2 * known[0][:, 0]) + known[2][:, 0]
    deficit = smooth.max() - smooth
    rates = []
    for spread in (0.02 * np.exp(0.7 * deficit), np.full(150, 0.2)):
        process = Process(("matern", "matern", "linear"))
        values = smooth + spread * rng.standard_normal(150)
        process.learn(known, values)
        rates.append(process.noises(values).max() / process.noise)
    assert rates[0] > 3 * rates[1]


def test_believing_leaves_what_is_expected_and_makes_it_surer() -> None:
    rng = np.random.default_rng(0)
    known, pending, others = ([rng.standard_normal((n, 3)), rng.standard_normal((n, 2))] for n in (30, 6, 40))
    y = known[0][:, 0] + 0.1 * rng.standard_normal(30)
    made, whole = Process(["matern", "linear"]), Process(["matern", "linear"])
    made.learn(known, y)
    whole.parameters = made.parameters
    made.condition(known, y)
    fitted, before = made.fitted, made.posterior(others)
    expected = made.posterior(pending).mean
    made.believe(pending)
    after = made.posterior(others)
    assert np.allclose(after.mean, before.mean)
    assert (after.variance <= before.variance + 1e-9).all() and (after.variance < before.variance - 1e-3).any()
    assert made.fitted is fitted
    # what conditioning on the expected values would give
    assert expected.max() < y.max()
    whole.condition([np.concatenate(pair) for pair in zip(known, pending, strict=True)], np.concatenate([y, expected]))
    there = whole.posterior(others)
    assert np.allclose(after.mean, there.mean) and np.allclose(after.variance, there.variance)


def test_what_is_left_out_is_predicted_by_the_rest() -> None:
    process, known, y = conditioned()
    mean, variance = process.left_out()
    noises = process.noises(y)
    for row in range(len(y)):
        rest = np.arange(len(y)) != row
        others = [group[rest] for group in known]
        covariance = process.covariance(others, others) + np.diag(noises[rest])
        cross = process.covariance([group[[row]] for group in known], others)[0]
        assert mean[row] == pytest.approx(cross @ np.linalg.solve(covariance, y[rest]), abs=1e-4)
        here = process.covariance(*[[group[[row]] for group in known]] * 2)[0, 0]
        assert variance[row] == pytest.approx(here - cross @ np.linalg.solve(covariance, cross), abs=1e-4)
