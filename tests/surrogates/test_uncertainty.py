from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import kendalltau

from agnet import benchmarks, encodings, spaces, surrogates
from agnet.surrogates import Batch
from agnet.surrogates.bayes import _regress
from agnet.surrogates.fitted import fit

_SPACE = spaces.get("nb201")
_ALL = next(_SPACE.enumerate(15_625))
_Y = benchmarks.get("nb201/cifar100").query(_ALL, ["val_acc"]).columns["val_acc"]
_ROWS = np.random.default_rng(0).permutation(15_625)


def _predict(name: str, n: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    train, test = _ROWS[:n], _ROWS[-2000:]
    fitted = fit(surrogates.make(name), Batch(_SPACE, _ALL.take(train)), ["val_acc"], _Y[train, None], seed=(0,))
    prediction = fitted.predict(Batch(_SPACE, _ALL.take(test)))
    assert prediction.std is not None
    return prediction.mean[:, 0], prediction.std[:, 0], _Y[test]


@pytest.mark.parametrize("name", ["gp", "bayes", "xgb", "mlp", "ensemble", "gnn"])
def test_truth_lies_within_two_spreads_about_as_often_as_it_should(name: str) -> None:
    mean, std, truth = _predict(name, 128)
    assert 0.8 < (np.abs(truth - mean) < 2 * std).mean() < 0.999


@pytest.mark.parametrize("name", ["gp", "bayes", "xgb", "mlp", "ensemble", "gnn"])
def test_knows_where_it_errs(name: str) -> None:
    mean, std, truth = _predict(name, 128)
    sure, unsure = (np.median(np.abs(truth - mean)[half]) for half in (std < np.median(std), std >= np.median(std)))
    assert sure < unsure


def test_gp_ranks_better_than_lines_and_more_data_help() -> None:
    def error(name: str, n: int) -> float:
        mean, _, truth = _predict(name, n)
        return float(np.median(np.abs(mean - truth)))

    assert error("gp", 128) < error("bayes", 128)
    assert error("gp", 256) < error("gp", 32)


def test_gp_takes_no_more_rows_than_it_can_and_does_without_missing_values() -> None:
    rows = _ROWS[:1300]
    y = np.stack([_Y[rows], np.where(np.arange(1300) < 3, _Y[rows], np.nan)], axis=1)
    surrogate = surrogates.make("gp")
    surrogate.fit(Batch(_SPACE, _ALL.take(rows)), y, seed=(0,))
    arrays, _ = surrogate.state()
    assert len(arrays["y"]) == 1000
    assert np.isfinite(arrays["y"]).sum(axis=0).tolist() == [1000, 3]


def test_regression_finds_weights_noise_and_covariance() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 5))
    truth = np.array([1.0, -2.0, 0.0, 0.5, 0.0])
    y = x @ truth + 0.3 * rng.normal(size=400)
    weights, root, noise = _regress(x, y)
    assert weights == pytest.approx(truth, abs=0.06)
    assert noise == pytest.approx(0.09, rel=0.2)
    covariance = noise * np.linalg.inv(x.T @ x)  # with so many rows the prior hardly matters
    assert root @ root.T == pytest.approx(covariance, rel=0.05, abs=1e-5)


def test_regression_on_fewer_rows_than_inputs_stays_unsure() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(6, 20))
    _, root, _ = _regress(x, x[:, 0])
    seen = np.linalg.norm(x @ root, axis=1) / np.linalg.norm(x, axis=1)
    unseen = np.linalg.svd(x)[2][-1]
    assert np.linalg.norm(unseen @ root) > 1.5 * seen.max()


def test_parts_disagree_about_what_is_far_from_the_examples() -> None:
    """Trained on cells of one operation, sure of those, less sure of what it has never met."""
    counts = encodings.encode(_SPACE, _ALL, "features")[
        :, encodings.columns(_SPACE, "features").index("count:nor_conv_3x3")
    ]
    none, some = np.flatnonzero(counts == 0), np.flatnonzero(counts >= 2)
    train = np.random.default_rng(0).permutation(none)[:200]
    surrogate = surrogates.make("ensemble")
    surrogate.fit(Batch(_SPACE, _ALL.take(train)), _Y[train, None], seed=(0,))
    spreads = [surrogate.predict(Batch(_SPACE, _ALL.take(rows[:300]))) for rows in (none, some)]
    near, far = (np.median(made.std) for made in spreads if made.std is not None)
    assert far > 1.5 * near


def test_ranks_have_a_spread_on_the_scale_of_their_scores() -> None:
    mean, std, truth = _predict("xgb-rank", 128)
    assert (std > 0).all()
    order = kendalltau(mean, truth).statistic
    assert order > 0.7
    assert 0.01 < np.median(std) / mean.std() < 2


def test_a_graph_network_learns_from_more_examples() -> None:
    pytest.importorskip("torch_geometric")
    mean, _, truth = _predict("gnn", 500)
    assert kendalltau(mean, truth).statistic > 0.68
