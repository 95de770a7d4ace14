"""NAS-Bench-301: models in the official layout, YAHPO Gym's own network, and results in the official form.

The models are made here with the same libraries; the official ones are not at hand.
"""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st

from agnet import arrow, benchmarks, spaces
from agnet.benchmarks import sources, store
from agnet.benchmarks.official import boosters, models, nb301, silent, ubjson
from agnet.errors import InputError
from agnet.spaces.nb301 import NB301
from agnet.spaces.nb301.vectors import configspace_vector, yahpo_codes

from ..layouts import ensemble, nb301_result

_SPACE = NB301()
_GRAPHS = _SPACE.sample(300, np.random.default_rng(5))
_X = configspace_vector(_GRAPHS)
_Y = 92 + 0.2 * _X[:, 32:].max(axis=1) + np.sin(_X[:, 36]) + 0.1 * np.random.default_rng(1).normal(size=len(_X))


def _xgboost(seed: int) -> xgboost.Booster:
    options = {"max_depth": 5, "eta": 0.1, "seed": seed, "objective": "reg:squarederror", "colsample_bytree": 0.5}
    return xgboost.train(options, xgboost.DMatrix(_X, label=_Y), 30)


def _lightgbm(seed: int, scale: float = 1) -> lightgbm.Booster:
    options = {"objective": "regression", "num_leaves": 15, "verbose": -1, "seed": seed, "feature_fraction": 0.5}
    options |= {"num_threads": 1, "min_data_in_leaf": 5}
    return lightgbm.train(options, lightgbm.Dataset(_X, label=_Y * scale), 30)


@pytest.mark.parametrize("version", ["0.9", "1.0"])
def test_xgboost_ensemble(tmp_path: Path, fresh: Path, version: str) -> None:
    members = [_xgboost(seed) for seed in range(3)]
    sources.bring_in("nb301", ensemble(tmp_path / f"nb_models_{version}" / f"xgb_v{version}", "xgb", members))
    benchmark = benchmarks.load("nb301")
    official = np.stack([member.predict(xgboost.DMatrix(_X)) for member in members]).astype(float) / 100
    answer = benchmark.query(_GRAPHS, ["val_acc", "val_acc_std"]).columns
    np.testing.assert_allclose(answer["val_acc"], official.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(answer["val_acc_std"], official.std(axis=0), atol=1e-9)
    assert benchmark.answered() == ["val_acc", "val_acc_std"]
    with pytest.raises(InputError, match="nb301 needs NAS-Bench-301's models for the time"):
        benchmark.query(_GRAPHS, ["train_time_s"])


def test_noise_is_of_the_ensemble(tmp_path: Path, fresh: Path) -> None:
    sources.bring_in("nb301", ensemble(tmp_path / "xgb", "xgb", [_xgboost(seed) for seed in range(3)]))
    benchmark = benchmarks.load("nb301")
    plain = benchmark.query(_GRAPHS, ["val_acc", "val_acc_std"]).columns
    drawn = benchmark.query(_GRAPHS, ["val_acc"], draw=(1,)).columns["val_acc"]
    again = benchmark.query(_GRAPHS.take(np.arange(300)[::-1]), ["val_acc"], draw=(1,)).columns["val_acc"]
    np.testing.assert_array_equal(drawn, again[::-1])
    scaled = (drawn - plain["val_acc"]) / plain["val_acc_std"]
    assert abs(scaled.mean()) < 0.2
    assert 0.85 < scaled.std() < 1.15


def test_lightgbm_runtime(tmp_path: Path, fresh: Path) -> None:
    members = [_lightgbm(seed, 60) for seed in range(2)]
    sources.bring_in("nb301", ensemble(tmp_path / "xgb", "xgb", [_xgboost(0)]))
    sources.bring_in("nb301/runtime", ensemble(tmp_path / "lgb_runtime_v1.0", "lgb_time", members))
    official = np.stack([member.predict(_X) for member in members]).mean(axis=0)
    answer = benchmarks.load("nb301").query(_GRAPHS, ["train_time_s"]).columns["train_time_s"]
    np.testing.assert_allclose(answer, official, rtol=1e-6)
    assert "train_time_s" in benchmarks.get("nb301").answered()


@settings(max_examples=15)
@given(st.integers(0, 10_000))
def test_lightgbm_decides_the_same(seed: int) -> None:
    """Zeros, negative numbers, and numbers that are only just on one side of a threshold."""
    rng = np.random.default_rng(seed)
    x = rng.choice([-1.0, 0.0, 0.25, 0.5, 1.0, 2.0, *rng.normal(size=4).astype(np.float32)], size=(200, 4))
    y = (x @ rng.normal(size=4)) + np.where(x[:, 0] > 0, x[:, 1], 0)
    options = {"objective": "regression", "num_leaves": 9, "verbose": -1, "min_data_in_leaf": 2, "num_threads": 1}
    model = lightgbm.train(options, lightgbm.Dataset(x, label=y), 5)
    forest = boosters.from_lightgbm(model.model_to_string())
    ours = boosters.load(forest.write()).inplace_predict(x.astype(np.float32))
    np.testing.assert_allclose(ours, model.predict(x), atol=1e-5)
    few = boosters.from_lightgbm(model.model_to_string(), 2)
    ours = boosters.load(few.write()).inplace_predict(x.astype(np.float32))
    np.testing.assert_allclose(ours, model.predict(x, num_iteration=2), atol=1e-5)


class _Evil:
    def __reduce__(self) -> Any:
        return os.system, ("exit 3",)


@pytest.mark.parametrize(
    ("kind", "member", "reason"),
    [
        ("xgb", _Evil(), "it asks for posix.system, which is not plain data"),
        ("xgb", [1], "not a model of the kind 'xgb'"),
        ("svr", [1], "a model of the kind 'svr', known are xgb, lgb, gnn_gin"),
        ("lgb_time", [1], "it is imported as nb301/runtime"),
    ],
)
def test_other_models(tmp_path: Path, fresh: Path, kind: str, member: object, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        sources.bring_in("nb301", ensemble(tmp_path / "models", kind, [member]))
    assert store.find("nb301") is None


def test_folders_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no surrogate_model.model below it"):
        nb301.read(tmp_path, silent)
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match=r"not a folder; unpack the archive"):
        nb301.read(tmp_path / "file", silent)
    (tmp_path / "surrogate_model.model").touch()
    with pytest.raises(InputError, match=r"model_config.json: "):
        models.config(tmp_path / "surrogate_model.model")


def test_boosters_are_checked_before_xgboost_sees_them() -> None:
    handle = bytes(_xgboost(0).__getstate__()["handle"])
    forest = boosters.from_xgboost(handle)
    assert forest.features == 56
    for old, new, reason in (
        (b"gbtree", b"dart__", "a booster of the kind"),
        (b"reg:squarederror", b"reg:squaredlogxx", "a booster of the kind"),
        (b"left_children[$l#", b"left_children[$Z#", None),
    ):
        with pytest.raises((ValueError, KeyError, TypeError), match=reason):
            boosters.from_xgboost(handle.replace(old, new))
    # A child that is its own ancestor.
    start = handle.index(b"left_children[$l#L") + len(b"left_children[$l#L") + 8
    circular = handle[:start] + b"\0\0\0\0" + handle[start + 4 :]
    with pytest.raises(ValueError, match="a child that cannot be"):
        boosters.from_xgboost(circular)
    with pytest.raises(ValueError, match="cut short"):
        boosters.from_xgboost(handle[: len(handle) // 2])
    with pytest.raises(ValueError, match=r"saved by XGBoost 1.1 or older"):
        boosters.from_xgboost(b"CONFIG-offset:12345")
    text = _lightgbm(0).model_to_string()
    for old_text, new_text, reason in (
        ("left_child=", "left_child=0 ", "has .* of left_child"),
        ("decision_type=2", "decision_type=1", "categorical"),
        ("objective=regression", "objective=binary", "a booster of the kind binary"),
        ("left_child=1", "left_child=0", "cannot be"),
        ("left_child=1", "left_child=-99", "cannot be"),
        ("left_child=1", "left_child=99", "cannot be"),
    ):
        with pytest.raises(ValueError, match=reason):
            boosters.from_lightgbm(text.replace(old_text, new_text, 1))


@given(st.binary(max_size=80))
def test_ubjson_reads_or_refuses(data: bytes) -> None:
    try:
        ubjson.loads(data)
    except ValueError:
        return


def test_yahpo(data: Path, fresh: Path, tmp_path: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    file = data / "nb301" / "new_model.onnx"
    imported = sources.bring_in("nb301/yahpo", file)
    assert sources.official(imported.originals[0], sources.get("nb301/yahpo").files) is not None
    benchmark = benchmarks.load("nb301/yahpo")
    names = ["val_acc", "train_time_s", "val_acc@10", "train_time_s@98"]
    answer = benchmark.query(_GRAPHS, names).columns
    session = onnxruntime.InferenceSession(str(file))
    for row in range(5):
        codes = yahpo_codes(_GRAPHS.take(np.array([row])))
        last, tenth = (
            session.run(None, {"x_cat": codes, "x_cont": np.array([[epoch]], np.float32)})[0][0] for epoch in (98, 10)
        )
        expected = [last[0] / 100, last[1], tenth[0] / 100, last[1]]
        np.testing.assert_allclose([answer[name][row] for name in names], expected, rtol=1e-5)
    # Not a bit depends on what else is asked.
    shuffled = np.random.default_rng(0).permutation(300)
    again = benchmark.query(_GRAPHS.take(shuffled), names).columns
    for name in names:
        np.testing.assert_array_equal(again[name], answer[name][shuffled])
    with pytest.raises(InputError, match="nb301/yahpo has no noise"):
        benchmark.query(_GRAPHS, draw=(0,))
    for content, reason in (
        (file.read_bytes()[:-100], "damaged"),
        (b"", "not an ONNX file"),
        (file.read_bytes().replace(b"x_cont", b"x_kont"), "no inputs x_cat and x_cont"),
    ):
        (tmp_path / "other.onnx").write_bytes(content)
        with pytest.raises(InputError, match=reason):
            sources.bring_in("nb301/yahpo", tmp_path / "other.onnx")


def test_results(tmp_path: Path, fresh: Path) -> None:
    folder = tmp_path / "data" / "rs"
    folder.mkdir(parents=True)
    (folder / "results_0.json").write_text(json.dumps(nb301_result(_GRAPHS, 0)))
    (folder / "results_1.json").write_text(json.dumps(nb301_result(_GRAPHS, 1, runtime=6000)))
    second = nb301_result(
        _GRAPHS, 0, info=[{"val_accuracy": 94.5, "model_parameters": 1_234_567}], test_accuracy=float("nan")
    )
    (folder / "results_2.json").write_text(json.dumps(second))
    (folder / "other.json").write_text("{")
    expected = [[0.94, 0.9225, 5000, 1.234567], [0.935, 0.9225, 6000, 1.234567]]
    with zipfile.ZipFile(tmp_path / "data.zip", "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"data/{file.name}")
    names = ["val_acc", "test_acc", "train_time_s", "params_m"]
    for path in (tmp_path / "data", tmp_path / "data.zip"):
        if path.suffix:
            (folder / "results_2.json").rename(folder / "gone.json")
        benchmarks.get.cache_clear()
        sources.bring_in("nb301/runs", path)
        answer = benchmarks.load("nb301/runs").query(_GRAPHS.take(np.array([0, 1, 2])), names)
        np.testing.assert_allclose([[answer.columns[name][row] for name in names] for row in range(2)], expected)
        assert list(answer.problems) == [2]


def test_wrong_results(tmp_path: Path, fresh: Path) -> None:
    for content, reason in (
        ("{", "not a result of NAS-Bench-301"),
        (json.dumps({"info": []}), "not a result of NAS-Bench-301"),
        (json.dumps(nb301_result(_GRAPHS, 0, info=[{}])), "it has no 'val_accuracy'"),
        (json.dumps(nb301_result(_GRAPHS, 0, optimized_hyperparamater_config={"a": 1})), "result 1: an object without"),
    ):
        (tmp_path / "results_7.json").write_text(content)
        with pytest.raises(InputError, match=reason):
            sources.bring_in("nb301/runs", tmp_path)
    (tmp_path / "results_7.json").unlink()
    with pytest.raises(InputError, match=r"no results_\*.json"):
        sources.bring_in("nb301/runs", tmp_path)


def test_architectures_that_cannot_be_read(tmp_path: Path, fresh: Path) -> None:
    sources.bring_in("nb301", ensemble(tmp_path / "xgb", "xgb", [_xgboost(0)]))
    graphs = spaces.get("nb301").parse(arrow.strings([NB301.example, "x"])).graphs
    answer = benchmarks.load("nb301").query(graphs)
    assert list(answer.problems) == [1]
    assert np.isnan(answer.columns["val_acc"]).tolist() == [False, True]
