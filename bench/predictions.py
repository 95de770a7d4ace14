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
from agnet.surrogates.respects import respects
from bench.measure import Row, compare

_RECORDS, _SEEN, _SLICE = 400_000, 192, 20_000
"""Cells of NAS-Bench-101, of which hardly any are equal; a slice for what takes gigabytes elsewhere."""

_Columns = Callable[[surrogates.Batch], NDArray[np.floating]]
_Call = Callable[[NDArray[np.floating]], object]


def rows() -> Iterator[Row]:
    """Each surrogate that some library has too."""
    space = spaces.get("nb101")
    rng = np.random.default_rng(0)
    cells = surrogates.Batch(space, space.sample(_RECORDS, rng))
    few = surrogates.Batch(space, cells.graphs.take(slice(0, _SLICE)))
    seen = surrogates.Batch(space, cells.graphs.take(slice(0, _SEEN)))
    values = rng.normal(0.9, 0.02, _SEEN)
    inputs = Inputs(("features",))
    for name, title, columns, call, batch in _peers(inputs.of, seen, values, cells, few):
        fitted = fit(surrogates.make(name, inputs), seen, ("val_acc",), values[:, None], seed=(0,))

        def ours(fitted=fitted, batch=batch) -> None:  # type: ignore[no-untyped-def]
            fitted.predict(batch)

        def theirs(columns: _Columns = columns, call: _Call = call, batch: surrogates.Batch = batch) -> None:
            call(columns(batch))

        yield compare(f"{name}, {len(batch.graphs):,} predictions", ours, title, theirs, limit=1.5, turns=3)


def _peers(
    features: _Columns,
    seen: surrogates.Batch,
    y: NDArray[np.float64],
    cells: surrogates.Batch,
    few: surrogates.Batch,
) -> Iterator[tuple[str, str, _Columns, _Call, surrogates.Batch]]:
    """Surrogate, the library's name for the like, the columns of both, the library's prediction, and what of."""
    import xgboost  # noqa: PLC0415
    from sklearn.gaussian_process import GaussianProcessRegressor, kernels  # noqa: PLC0415
    from sklearn.linear_model import BayesianRidge  # noqa: PLC0415
    from sklearn.neural_network import MLPRegressor  # noqa: PLC0415

    def compared(batch: surrogates.Batch) -> NDArray[np.float64]:
        """The columns of ``gp``: its groups, scaled, side by side."""
        return np.concatenate(respects(batch.space.name, together=True)(batch.graphs), axis=1)

    # One kernel of all columns, where ours adds several up: scikit-learn's know no groups.
    kernel = kernels.Matern(nu=2.5) + kernels.WhiteKernel()
    process = GaussianProcessRegressor(kernel, optimizer=None, normalize_y=True).fit(compared(seen), y)
    yield "gp", "scikit-learn's Gaussian process", compared, lambda x: process.predict(x, return_std=True), few
    x = features(seen)
    scale = x.std(axis=0) + 1e-9
    ridge = BayesianRidge().fit(x, y)
    yield "bayes", "scikit-learn's BayesianRidge", features, lambda x: ridge.predict(x, return_std=True), cells
    trees = [xgboost.train({"max_depth": 6, "seed": seed}, xgboost.DMatrix(x, y), 500) for seed in range(6)]
    yield "xgb", "six of XGBoost's boosters", features, lambda x: [b.predict(xgboost.DMatrix(x)) for b in trees], few
    networks = [
        MLPRegressor(hidden_layer_sizes=(56, 56, 56, 56), max_iter=5, random_state=seed).fit(x / scale, y)
        for seed in range(6)
    ]
    yield (
        "mlp",
        "six of scikit-learn's perceptrons",
        features,
        lambda x: [n.predict(x / scale) for n in networks],
        cells,
    )
