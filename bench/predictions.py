"""What a surrogate's arithmetic costs beside a library that has the like.

Both are given the same architectures and make the same columns of them; then the library's own call predicts with its
spread, where it has one. Models are of the same size.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from agnet import spaces, surrogates
from agnet.surrogates.fitted import fit
from agnet.surrogates.inputs import Inputs
from bench.measure import Row, compare

_RECORDS, _SEEN, _SLICE = 400_000, 192, 20_000
"""Cells of NAS-Bench-101, of which hardly any are equal; a slice for what takes gigabytes elsewhere."""

_Call = Callable[[NDArray[np.float32]], object]


def rows() -> Iterator[Row]:
    """Each surrogate that some library has too."""
    space = spaces.get("nb101")
    rng = np.random.default_rng(0)
    cells = surrogates.Batch(space, space.sample(_RECORDS, rng))
    few = surrogates.Batch(space, cells.graphs.take(slice(0, _SLICE)))
    seen = surrogates.Batch(space, cells.graphs.take(slice(0, _SEEN)))
    values = rng.normal(0.9, 0.02, _SEEN)
    inputs = Inputs(("features",))
    for name, title, call, batch in _peers(inputs.of(seen), values, cells, few):
        fitted = fit(surrogates.make(name, inputs), seen, ("val_acc",), values[:, None], seed=(0,))

        def ours(fitted=fitted, batch=batch) -> None:  # type: ignore[no-untyped-def]
            fitted.predict(batch)

        def theirs(call: _Call = call, batch: surrogates.Batch = batch) -> None:
            call(inputs.of(batch))

        yield compare(f"{name}, {len(batch.graphs):,} predictions", ours, title, theirs, limit=1.5, turns=3)


def _peers(
    x: NDArray[np.float32], y: NDArray[np.float64], cells: surrogates.Batch, few: surrogates.Batch
) -> Iterator[tuple[str, str, _Call, surrogates.Batch]]:
    """Surrogate, the library's name for the like, its prediction, and what of."""
    import xgboost  # noqa: PLC0415
    from sklearn.gaussian_process import GaussianProcessRegressor, kernels  # noqa: PLC0415
    from sklearn.linear_model import BayesianRidge  # noqa: PLC0415
    from sklearn.neural_network import MLPRegressor  # noqa: PLC0415

    scale = x.std(axis=0) + 1e-9
    kernel = kernels.RBF(np.full(x.shape[1], 10.0)) + kernels.WhiteKernel()
    process = GaussianProcessRegressor(kernel, optimizer=None, normalize_y=True).fit(x / scale, y)
    yield "gp", "scikit-learn's Gaussian process", lambda x: process.predict(x / scale, return_std=True), few
    ridge = BayesianRidge().fit(x, y)
    yield "bayes", "scikit-learn's BayesianRidge", lambda x: ridge.predict(x, return_std=True), cells
    trees = [xgboost.train({"max_depth": 6, "seed": seed}, xgboost.DMatrix(x, y), 500) for seed in range(6)]
    yield "xgb", "six of XGBoost's boosters", lambda x: [b.predict(xgboost.DMatrix(x)) for b in trees], few
    networks = [
        MLPRegressor(hidden_layer_sizes=(56, 56, 56, 56), max_iter=5, random_state=seed).fit(x / scale, y)
        for seed in range(6)
    ]
    yield "mlp", "six of scikit-learn's perceptrons", lambda x: [n.predict(x / scale) for n in networks], cells
