"""NAS-Bench-x11: models in the official layout, made here with LightGBM, XGBoost, scikit-learn, SciPy and joblib."""

from __future__ import annotations

import os
import sys
import types
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import torch
import xgboost
from numpy.typing import NDArray
from torch import nn

from agnet import arrow, benchmarks, spaces
from agnet.benchmarks import sources, store, x11
from agnet.benchmarks.official.x11 import EPOCHS
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.spaces.nb101_cells import unpack
from agnet.spaces.nbnlp.vectors import x11_vector

from ..layouts import X11_COMPONENTS, nb101_full, x11_fit, x11_folder

_VECTORS = {"nb111": x11._nb101, "nb211": x11._nb201, "nb311": x11._nb301, "nbnlp": x11._nbnlp}
_FEATURES = {"nb111": 26, "nb211": 6, "nb311": 56, "nbnlp": 185}
_SPACES = {"nb111": "nb101", "nb211": "nb201", "nb311": "nb301", "nbnlp": "nbnlp"}


def _graphs(model: str) -> Graphs:
    graphs = spaces.get(_SPACES[model]).sample(300, np.random.default_rng(3))
    return graphs.take(graphs.sizes[:, 0] <= 14) if model == "nbnlp" else graphs


def _official(content: list[Any], x: NDArray[np.float64]) -> NDArray[np.float64]:
    chain, scaler, s, vh, k = content[:5]
    curves: NDArray[np.float64] = scaler.inverse_transform(chain.predict(x)) @ np.diag(s[:k]) @ vh[:k]
    return curves


def _values(model: str, curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """What is answered for points of an official curve."""
    return 100 - curve if model == "nbnlp" else curve / (1 if model == "nb111" else 100)


def _lgb() -> lightgbm.LGBMRegressor:
    return lightgbm.LGBMRegressor(n_estimators=20, num_leaves=10, verbose=-1, n_jobs=1)


@pytest.mark.parametrize("model", list(_VECTORS))
def test_curves(tmp_path: Path, fresh: Path, model: str) -> None:
    graphs = _graphs(model)
    x = _VECTORS[model](graphs, _FEATURES[model])
    assert x.shape == (len(graphs), _FEATURES[model])
    content = x11_fit(model, x, _lgb(), order=[1, 0, 2])
    sources.bring_in(f"x11/{model}", x11_folder(tmp_path / f"{model}-v0.5", content))
    benchmark = benchmarks.load(f"x11/{model}")
    metric = benchmark.metrics[0].name
    last, third = (_official(content, x)[:, at] for at in (-1, 2))
    answer = benchmark.query(graphs, [metric, f"{metric}@3", f"{metric}@{EPOCHS[model]}"]).columns
    expected = [_values(model, last), _values(model, third)]
    # A feature of the chain may fall on the other side of a threshold in 32 bits, so not of every row.
    close = np.isclose(answer[metric], expected[0], rtol=1e-5) & np.isclose(
        answer[f"{metric}@3"], expected[1], rtol=1e-5
    )
    assert close.mean() > 0.98
    np.testing.assert_array_equal(answer[metric], answer[f"{metric}@{EPOCHS[model]}"])


@pytest.mark.parametrize("model", list(_VECTORS))
def test_noise_of_each_space(tmp_path: Path, fresh: Path, model: str) -> None:
    graphs = _graphs(model)
    content = x11_fit(model, _VECTORS[model](graphs, _FEATURES[model]), _lgb())
    sources.bring_in(f"x11/{model}", x11_folder(tmp_path, content))
    benchmark = benchmarks.load(f"x11/{model}")
    name = benchmark.metrics[0].name
    noise = benchmark.query(graphs, draw=(1,)).columns[name] - benchmark.query(graphs).columns[name]
    official = np.clip(content[5].resample(3000, seed=1), -3, 3)[-1] / 2
    np.testing.assert_allclose(noise.std(), _values(model, official).std(), rtol=0.2)


def test_noise(tmp_path: Path, fresh: Path) -> None:
    graphs = _graphs("nb211")
    content = x11_fit("nb211", x11._nb201(graphs, 6), _lgb())
    sources.bring_in("x11/nb211", x11_folder(tmp_path, content))
    benchmark = benchmarks.load("x11/nb211")
    names = [f"val_acc@{epoch}" for epoch in range(1, 201)]
    plain = np.stack(list(benchmark.query(graphs, names).columns.values()), axis=1)
    drawn = np.stack(list(benchmark.query(graphs, names, draw=(1,)).columns.values()), axis=1)
    again = np.stack(list(benchmark.query(graphs.take(np.arange(9)), names, draw=(1,)).columns.values()), axis=1)
    np.testing.assert_array_equal(again, drawn[:9])
    noise = (drawn - plain) * 100 * 2
    official = np.clip(content[5].resample(3000, seed=1), -3, 3)
    np.testing.assert_allclose(noise.std(axis=0).mean(), official.std(axis=1).mean(), rtol=0.1)
    np.testing.assert_allclose(noise.mean(), official.mean(), atol=0.05)
    sources.bring_in("x11/nb211", x11_folder(tmp_path, content[:5]))
    benchmarks.get.cache_clear()
    with pytest.raises(InputError, match="has no noise"):
        benchmarks.load("x11/nb211").query(graphs, draw=(1,))


@pytest.mark.parametrize("model", list(_VECTORS))
def test_xgboost(tmp_path: Path, fresh: Path, model: str) -> None:
    graphs = _graphs(model)
    x = _VECTORS[model](graphs, _FEATURES[model])
    content = x11_fit(model, x, xgboost.XGBRegressor(n_estimators=20, max_depth=4, n_jobs=1))[:5]
    sources.bring_in(f"x11/{model}", x11_folder(tmp_path, content, "svd_xgb"))
    benchmark = benchmarks.load(f"x11/{model}")
    answer = benchmark.query(graphs).columns[benchmark.metrics[0].name]
    np.testing.assert_allclose(answer, _values(model, _official(content, x)[:, -1]), rtol=1e-5)


def test_first_epochs(data: Path, tmp_path: Path, fresh: Path) -> None:
    """Models that want to know how the training begins: nb111 looks it up, nbnlp takes what AG-Net takes."""
    full = tmp_path / "nasbench_full.tfrecord"
    nb101_full(full, data / "nb101" / "nb101_fixture_66x3.tfrecord")
    sources.bring_in("nb101", full)
    begun = benchmarks.load("nb101")
    graphs = unpack(begun.table.keys)
    x = x11._nb101(graphs, 30)
    names = ["val_acc_4ep", "val_acc_12ep", "val_acc_36ep", "val_acc"]
    np.testing.assert_array_equal(x[:, 26:], np.stack([begun.table.columns[name] for name in names], axis=1))
    content = x11_fit("nb111", x, _lgb())
    sources.bring_in("x11/nb111", x11_folder(tmp_path / "nb111-v0.5", content))
    answer = benchmarks.load("x11/nb111").query(graphs).columns["val_acc"]
    np.testing.assert_allclose(answer, _official(content, x)[:, -1], rtol=1e-5)
    sources.bring_in("nb101", data / "nb101" / "nb101_fixture_66x3.tfrecord")
    benchmarks.get.cache_clear()
    with pytest.raises(InputError, match="nb101 has no val_acc_4ep in the file that was imported; nasbench_full"):
        benchmarks.load("x11/nb111").query(graphs)

    cells = _graphs("nbnlp")
    x = np.concatenate([x11_vector(cells), np.full((len(cells), 3), 93.5)], axis=1)
    content = x11_fit("nbnlp", x, xgboost.XGBRegressor(n_estimators=20, max_depth=4, n_jobs=1))
    sources.bring_in("x11/nbnlp", x11_folder(tmp_path / "nbnlp_v01", content, "svd_xgb"))
    answer = benchmarks.load("x11/nbnlp").query(cells).columns["val_loss"]
    np.testing.assert_allclose(answer, 100 - _official(content, x)[:, -1], rtol=1e-5)


class NNSurrogateModel(nn.Module):
    """That of ``nas_bench_x11.models.svd_nn``, attribute for attribute; its hidden layers are in plain lists."""

    def __init__(self, inputs: int, hidden: int, layers: int, outputs: int) -> None:
        super().__init__()
        self.inlayer = nn.Linear(inputs, hidden)
        self.fclayers = [nn.Linear(hidden, hidden) for _ in range(layers)]
        self.bnlayers = [nn.BatchNorm1d(hidden) for _ in range(layers)]
        self.droplayers = [nn.Dropout(0.0) for _ in range(layers)]
        self.outlayer = nn.Linear(hidden, outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = nn.functional.relu(self.inlayer(x))
        for fc, drop in zip(self.fclayers, self.droplayers, strict=True):
            x = drop(nn.functional.relu(fc(x)))
        result: torch.Tensor = self.outlayer(x)
        return result

    def predict(self, x: NDArray[np.float64]) -> NDArray[np.float32]:
        with torch.no_grad():
            return self(torch.tensor(x, dtype=torch.float32)).numpy()  # type: ignore[no-any-return]


@pytest.fixture
def network(monkeypatch: pytest.MonkeyPatch) -> NNSurrogateModel:
    """A network that pickle takes for one of NAS-Bench-x11's package."""
    module = types.ModuleType("nas_bench_x11.models.svd_nn")
    module.NNSurrogateModel = NNSurrogateModel  # type: ignore[attr-defined]
    for name in ("nas_bench_x11", "nas_bench_x11.models"):
        monkeypatch.setitem(sys.modules, name, types.ModuleType(name))
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(NNSurrogateModel, "__module__", module.__name__)
    torch.manual_seed(0)
    return NNSurrogateModel(6, 16, 2, X11_COMPONENTS)


@pytest.mark.parametrize("model", list(_VECTORS))
def test_network_of_each_space(tmp_path: Path, fresh: Path, network: NNSurrogateModel, model: str) -> None:
    graphs = _graphs(model)
    x = _VECTORS[model](graphs, _FEATURES[model])
    content = [type(network)(_FEATURES[model], 16, 2, X11_COMPONENTS), *x11_fit(model, x, _lgb())[1:5]]
    sources.bring_in(f"x11/{model}", x11_folder(tmp_path, content, "svd_nn"))
    benchmark = benchmarks.load(f"x11/{model}")
    answer = benchmark.query(graphs).columns[benchmark.metrics[0].name]
    np.testing.assert_allclose(answer, _values(model, _official(content, x)[:, -1]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("protocol", [3, 4, 5])
def test_network(tmp_path: Path, fresh: Path, network: NNSurrogateModel, protocol: int) -> None:
    graphs = _graphs("nb211")
    x = x11._nb201(graphs, 6)
    content = [network, *x11_fit("nb211", x, _lgb())[1:5]]
    sources.bring_in("x11/nb211", x11_folder(tmp_path, content, "svd_nn", protocol=protocol))
    benchmark = benchmarks.load("x11/nb211")
    answer = benchmark.query(graphs, ["val_acc", "val_acc@7"]).columns
    official = _official(content, x)
    assert official[:, -1].std() > 0.1
    np.testing.assert_allclose(answer["val_acc"], official[:, -1] / 100, rtol=1e-5)
    np.testing.assert_allclose(answer["val_acc@7"], official[:, 6] / 100, rtol=1e-5)
    alone = [benchmark.query(graphs.take(np.array([row]))).columns["val_acc"][0] for row in range(5)]
    assert alone == answer["val_acc"][:5].tolist()
    with pytest.raises(InputError, match="has no noise"):
        benchmark.query(graphs, draw=(1,))


def test_networks_that_do_not_fit(tmp_path: Path, fresh: Path, network: NNSurrogateModel) -> None:
    content = [network, *x11_fit("nb211", x11._nb201(_graphs("nb211"), 6), _lgb())[1:5]]

    def refused(reason: str) -> None:
        with pytest.raises(InputError, match=reason):
            sources.bring_in("x11/nb211", x11_folder(tmp_path, content, "svd_nn"))
        assert store.find("x11/nb211") is None

    network.fclayers[1] = nn.Linear(15, 16)
    refused("its layers do not fit together")
    network.fclayers[1] = nn.Linear(16, 16)
    with torch.no_grad():
        network.fclayers[1].bias[3] = torch.nan
    refused("its weights are not all numbers")
    network.fclayers[1] = nn.Linear(16, 16)
    network.outlayer = nn.Linear(16, X11_COMPONENTS + 1)
    refused(f"its parts do not fit {X11_COMPONENTS} components")
    network.outlayer = nn.Linear(16, X11_COMPONENTS)
    network.inlayer = nn.Linear(6, 16)
    network.fclayers = [_Evil()]  # type: ignore[list-item]
    refused("it asks for posix.system")


def test_encodings() -> None:
    """Written out by hand after the published code."""
    parse = spaces.get("nb201").parse(
        arrow.strings(["|avg_pool_3x3~0|+|nor_conv_1x1~0|nor_conv_3x3~1|+|none~0|skip_connect~1|nor_conv_3x3~2|"])
    )
    assert x11._nb201(parse.graphs, 6).tolist() == [[0, 1, 2, 3, 4, 2]]
    graphs = spaces.get("nb101").parse(arrow.strings(["conv1x1:0,maxpool3x3:1,output:02"])).graphs
    (row,) = x11._nb101(graphs, 26).tolist()
    # 0→1 and 0→output, 1→2, 2→output; the output in the last place.
    edges = np.zeros((7, 7))
    edges[[0, 0, 1, 2], [1, 6, 2, 6]] = 1
    assert row == [*edges[np.triu_indices(7, 1)], 0.0, 1.0, 0.5, 0.5, 0.5]


class _Evil:
    def __reduce__(self) -> Any:
        return os.system, ("exit 3",)


def test_files_that_are_no_models(tmp_path: Path, fresh: Path) -> None:
    graphs = _graphs("nb211")
    content = x11_fit("nb211", x11._nb201(graphs, 6), _lgb())
    other = [*content[:4], 2]
    cases: list[tuple[object, dict[str, Any], str]] = [
        ([content[0], _Evil(), *content[2:]], {}, "it asks for posix.system"),
        ([content[0], np.array([_Evil()], object), *content[2:]], {}, "not read as an uncompressed joblib file"),
        (content[:3], {}, "not a list of 5 or 6"),
        (content, {"compress": 3}, "not read as an uncompressed joblib file"),
        (other, {}, "do not fit 2 components"),
    ]
    for value, options, reason in cases:
        with pytest.raises(InputError, match=reason):
            sources.bring_in("x11/nb211", x11_folder(tmp_path, value, **options))
    with pytest.raises(InputError, match="200 epochs from 6 features, nb311 predicts 98 from 56"):
        sources.bring_in("x11/nb311", x11_folder(tmp_path, content))
    with pytest.raises(InputError, match="the kind 'vae_nn', known are svd_lgb, svd_xgb, svd_nn"):
        sources.bring_in("x11/nb211", x11_folder(tmp_path, content, "vae_nn"))
    with pytest.raises(InputError, match="not a model of NAS-Bench-x11: '_modules'"):
        sources.bring_in("x11/nb211", x11_folder(tmp_path, content, "svd_nn"))
    file = x11_folder(tmp_path, content) / "ensemble_member_0" / "surrogate_model.model"
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(InputError, match="the file ends inside it"):
        sources.bring_in("x11/nb211", tmp_path)
    assert store.find("x11/nb211") is None
