"""Every example of the pages about benchmarks, on real files or on files in the official layouts."""

from __future__ import annotations

import json
import pickle
import re
import tarfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import lightgbm
import numpy as np
import pandas as pd
import pytest
import torch
import xgboost

from agnet import arrow, benchmarks, spaces
from agnet.benchmarks import x11
from agnet.benchmarks.official.x11 import FEATURES
from agnet.spaces.nb301 import NB301
from agnet.spaces.nb301.vectors import configspace_vector

from ..layouts import (
    ensemble,
    gin,
    hw_pickle,
    nats_meta,
    nats_states,
    nb101_full,
    nb201_pth,
    nb301_result,
    nbnlp_archive,
    nbnlp_log,
    nbnlp_naslib,
    x11_fit,
    x11_folder,
)
from .conftest import Shell

_ROOT = Path(__file__).parents[2]
_PAGES = ("tools/benchmarks/README.md", "docs/benchmarks.md")
_EXAMPLES = [
    example for page in _PAGES for example in re.findall(r"```sh\n(.*?)```", (_ROOT / page).read_text(), re.DOTALL)
]
_REAL = {
    "nasbench_only108.tfrecord": "nb101/nb101_fixture_66x3.tfrecord",
    "NATS-tss-v1_0-3ffb9-simple": "nb201/NATS-tss-v1_0-3ffb9-simple",
    "hw_nas_bench_nb201.parquet": "hwnas/hw_nas_bench_nb201.parquet",
    "new_model.onnx": "nb301/new_model.onnx",
    "nbnlp-wikitext-2-logs.zip": "nbnlp/logs.zip",
}


@pytest.fixture(scope="module")
def files(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with everything that the examples import, by the official names."""
    folder = tmp_path_factory.mktemp("files")
    for name, file in _REAL.items():
        (folder / name).symlink_to(data / file)
    nb101_full(folder / "nasbench_full.tfrecord", folder / "nasbench_only108.tfrecord")
    nats = folder / "NATS-tss-v1_0-3ffb9-simple"
    with tarfile.open(f"{nats}.tar", "w") as archive:
        archive.add(nats.resolve(), nats.name)
    states = nats_states(nats, (0, 11, 284))
    for version in ("v1_0-e61699", "v1_1-096897"):
        path = folder / f"NAS-Bench-201-{version}.pth"
        torch.save(nb201_pth(states, nats_meta(nats)), path, _use_new_zipfile_serialization=False)
    table = pd.read_parquet(folder / "hw_nas_bench_nb201.parquet")
    content = hw_pickle(table, len(table), numpy=False)
    (folder / "HW-NAS-Bench-v1_0.pickle").write_bytes(pickle.dumps(content))
    columns = {f"cifar100_{name}": name for name in ("edgegpu_latency", "fpga_energy")}
    table[["arch_str", *columns]].rename(columns=columns).to_csv(folder / "hw-cifar100.csv", index=False)
    _nb301(folder)
    logs = [nbnlp_log(init_time=str(run), val_losses=[6.0, 5.0 + run, 5.5]) for run in range(3)]
    nbnlp_archive(folder / "nbnlp-single_run-logs.zip", logs[0])
    nbnlp_archive(folder / "nbnlp-multi_runs-logs.zip", *logs[1:])
    nbnlp_naslib(folder / "nb_nlp.pickle")
    _x11(folder)
    return folder


def _nb301(folder: Path) -> None:
    graphs = spaces.get("nb301").sample(60, np.random.default_rng(0))
    x = configspace_vector(graphs)
    y = 93 + np.sin(x[:, 32:].sum(axis=1))
    options = {"colsample_bytree": 0.3}
    trees = [xgboost.train(options | {"seed": seed}, xgboost.DMatrix(x, label=y), 5) for seed in range(2)]
    options = {"num_threads": 1, "verbose": -1, "min_data_in_leaf": 2}
    times = lightgbm.train(options, lightgbm.Dataset(x, label=60 * y), 5)
    for version in ("0.9", "1.0"):
        models = folder / f"nb_models_{version}"
        ensemble(models / f"xgb_v{version}", "xgb", trees)
        ensemble(models / f"lgb_runtime_v{version}", "lgb_time", [times])
    ensemble(folder / "nb_models_1.0" / "gnn_gin_v1.0", "gnn_gin", [gin()])
    results = folder / "nb_301_v13" / "rs"
    results.mkdir(parents=True)
    darts = spaces.get("nb301").parse(arrow.strings([NB301.example])).graphs
    (results / "results_0.json").write_text(json.dumps(nb301_result(graphs, 0)))
    (results / "results_1.json").write_text(json.dumps(nb301_result(darts, 0)))


def _x11(folder: Path) -> None:
    """Models of each kind: what is published is of the kind svd_lgb."""
    vectors = {"nb211": x11._nb201, "nb311": x11._nb301, "nbnlp": x11._nbnlp}
    lgb = lightgbm.LGBMRegressor(n_estimators=5, num_leaves=10, verbose=-1, n_jobs=1)
    for model, function in vectors.items():
        graphs = spaces.get(model.replace("11", "01")).sample(300, np.random.default_rng(1))
        if model == "nbnlp":
            graphs = graphs.take(graphs.sizes[:, 0] <= 14)
        content = x11_fit(model, function(graphs, FEATURES[model][0]), lgb)
        x11_folder(folder / ("nbnlp_v01" if model == "nbnlp" else f"{model}-v0.5"), content)
    x = np.random.default_rng(2).random((200, 30))
    x11_folder(folder / "nb111-v0.5", x11_fit("nb111", x, lgb))


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("AGNET_CACHE", str(tmp_path / "cache"))
    benchmarks.get.cache_clear()
    yield tmp_path / "cache"
    benchmarks.get.cache_clear()


@pytest.mark.parametrize("example", _EXAMPLES)
def test_examples(shell: Shell, files: Path, cache: Path, tmp_path: Path, example: str) -> None:
    for word, package in (("onnx", "onnxruntime"), ("analog", "analognasbench")):
        if word in example and find_spec(package) is None:
            pytest.skip(f"{package} is not installed")
    for file in files.iterdir():
        (tmp_path / file.name).symlink_to(file)
    done = shell(f"set -e\n{example}")
    assert done.returncode == 0, done.stderr
    assert done.stdout


_FILES = (
    "nasbench_only108.tfrecord",
    "nasbench_full.tfrecord",
    "NAS-Bench-201-v1_0-e61699.pth",
    "NAS-Bench-201-v1_1-096897.pth",
    "NATS-tss-v1_0-3ffb9-simple",
    "NATS-tss-v1_0-3ffb9-simple.tar",
    *(f"nb_models_{v}/{kind}_v{v}" for v in ("0.9", "1.0") for kind in ("xgb", "lgb_runtime")),
    "nb_models_1.0/gnn_gin_v1.0",
    "nb_301_v13",
    "new_model.onnx",
    "nbnlp-single_run-logs.zip",
    "nbnlp-multi_runs-logs.zip",
    "nbnlp-wikitext-2-logs.zip",
    "nb_nlp.pickle",
    "nb111-v0.5",
    "nb211-v0.5",
    "nb311-v0.5",
    "nbnlp_v01",
    "HW-NAS-Bench-v1_0.pickle",
    "hw-cifar100.csv",
    "hw_nas_bench_nb201.parquet",
)


def test_every_benchmark_and_file_is_in_an_example() -> None:
    text = "\n".join(_EXAMPLES)
    (devices,) = re.findall(r"for device in (.*?); do query hw/\$device", text)
    queried = {*re.findall(r"query ([\w/-]+)", text), *(f"hw/{device}" for device in devices.split())}
    assert {name for name in benchmarks.names() if name not in queried} == set()
    imported = {*re.findall(r"^benchmarks import [\w/-]+ (\S+)", text, re.MULTILINE)}
    assert {name for name in _FILES if name not in imported} == set()
