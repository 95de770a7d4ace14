from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from agnet import spaces, surrogates
from agnet.errors import InputError
from agnet.generator.checkpoint import Checkpoint
from agnet.generator.sampling import predict_latents
from agnet.seeds import numpy_stream
from agnet.surrogates import Batch, Inputs
from agnet.surrogates.files import load, save
from agnet.surrogates.fitted import Fitted, fit

_SPACE = spaces.get("nb201")
_GRAPHS = _SPACE.sample(40, np.random.default_rng(0))
_GENERATOR = Checkpoint.initial(_SPACE, (0,))
_LATENT = np.random.default_rng(1).standard_normal((40, _GENERATOR.config.latent_length)).astype(np.float32)
_BATCH = Batch(_SPACE, _GRAPHS, _LATENT, np.random.default_rng(3).random((40, 1)))
_Y = np.random.default_rng(2).random((40, 2))


def _fitted(name: str, inputs: Inputs | None = None) -> Fitted:
    return fit(surrogates.make(name, inputs), _BATCH, ["a", "b"], _Y, seed=(0,))


@pytest.mark.parametrize("inputs", [Inputs(), Inputs(("onehot", "paths"), columns=("x",)), Inputs((), _GENERATOR)])
@pytest.mark.parametrize("name", surrogates.names())
def test_what_is_read_predicts_as_what_was_saved(tmp_path: Path, name: str, inputs: Inputs) -> None:
    fitted = _fitted(name, inputs)
    path = tmp_path / "model.safetensors"
    save(fitted, str(path))
    again = load(str(path))
    assert (again.space, list(again.metrics)) == ("nb201", ["a", "b"])
    assert again.ranges == fitted.ranges
    before, after = fitted.predict(_BATCH), again.predict(_BATCH)
    np.testing.assert_array_equal(after.mean, before.mean)
    np.testing.assert_array_equal(after.std, before.std)
    content = path.read_bytes()
    save(again, str(path))
    assert path.read_bytes() == content


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save(_fitted("mlp"), str(path))
    return path


def test_every_cut_is_one_line(path: Path) -> None:
    content = path.read_bytes()
    for length in [*range(0, 600, 7), len(content) // 2, len(content) - 1]:
        path.write_bytes(content[:length])
        with pytest.raises(InputError, match=r"^[^\n]*model.safetensors: [^\n]*$"):
            load(str(path))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 1),
        ("space", "nb999"),
        ("surrogate", "svm"),
        ("surrogate", "xgb"),
        ("surrogate", 7),
        ("encodings", ["?"]),
        ("encodings", 3),
        ("metrics", None),
        ("settings", []),
    ],
)
def test_a_header_that_makes_no_sense(path: Path, field: str, value: object) -> None:
    with safe_open(path, framework="numpy") as file:
        about = json.loads(file.metadata()["agnet-surrogate"])
    arrays = load_file(path)
    about[field] = value
    save_file(arrays, path, {"agnet-surrogate": json.dumps(about)})
    if (field, value) == ("settings", []):  # the perceptron has no settings
        load(str(path))
        return
    with pytest.raises(InputError, match=r"^[^\n]+$"):
        load(str(path))


@pytest.mark.parametrize("name", ["network.0", "network.3_bias", "mean"])
def test_arrays_that_do_not_fit(path: Path, name: str) -> None:
    with safe_open(path, framework="numpy") as file:
        about = file.metadata()
    arrays = load_file(path)
    for changed in ({name: arrays[name][:-1]}, {name: np.zeros(0, np.float32)}):
        save_file({**arrays, **changed}, path, about)
        with pytest.raises(InputError, match="not a surrogate that can be read"):
            load(str(path))
    del arrays[name]
    save_file(arrays, path, about)
    with pytest.raises(InputError, match="not a surrogate that can be read"):
        load(str(path))


@pytest.mark.parametrize(
    ("name", "place", "value"),
    [
        ("left", 0, 0),
        ("left", 0, 10_000),
        ("right", 0, -1),
        ("right", 0, -7),
        ("right", 0, 3),
        ("feature", 0, 500),
        ("feature", 0, -1),
        ("sizes", 0, 1),
        ("sizes", 0, -5),
        ("value", 0, np.nan),
    ],
)
def test_trees_that_are_none_never_reach_xgboost(tmp_path: Path, name: str, place: int, value: float) -> None:
    path = tmp_path / "model.safetensors"
    save(_fitted("xgb"), str(path))
    with safe_open(path, framework="numpy") as file:
        about = file.metadata()
    arrays = load_file(path)
    assert arrays["trees.1.left"][0] > 0
    arrays[f"trees.1.{name}"][place] = value
    save_file(arrays, path, about)
    with pytest.raises(InputError, match=r"^[^\n]*model.safetensors: not a surrogate that can be read: [^\n]*tree"):
        load(str(path))


def test_a_generator_without_a_predictor(tmp_path: Path) -> None:
    path = tmp_path / "generator.safetensors"
    _GENERATOR.save(str(path))
    with pytest.raises(InputError, match=r"generator.safetensors: a generator without a predictor"):
        load(str(path))


def test_a_generators_own_predictor(tmp_path: Path) -> None:
    config = dataclasses.replace(_GENERATOR.config, metrics=("val_acc", "latency_ms"))
    joint = Checkpoint("nb201", config, config.initial_parameters(numpy_stream((0,), "test")))
    path = tmp_path / "generator.safetensors"
    joint.save(str(path))
    fitted = load(str(path))
    assert fitted.metrics == ("val_acc", "latency_ms")
    np.testing.assert_array_equal(fitted.predict(_BATCH).mean, predict_latents(joint, _LATENT))
    assert fitted.select(["latency_ms"]).predict(_BATCH).mean.shape == (40, 1)


def test_no_such_file() -> None:
    with pytest.raises(InputError, match=r"nowhere/model.st: No such file"):
        load("nowhere/model.st")
