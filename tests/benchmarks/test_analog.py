import pickle
from itertools import permutations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray
from scipy.stats import spearmanr

from agnet import benchmarks
from agnet.benchmarks.analog import AnalogResults
from agnet.errors import InputError
from agnet.spaces.nb201 import NB201

_SPACE = NB201()
_ALL = _SPACE.from_index(np.arange(15_625))


@pytest.fixture(scope="module")
def analog() -> AnalogResults:
    benchmark = benchmarks.get("nb201/analog")
    if todo := benchmark.missing():
        pytest.skip(todo)
    assert isinstance(benchmark, AnalogResults)
    return benchmark


def test_accuracies_are_fractions_of_every_cell(analog: AnalogResults) -> None:
    names = [metric.name for metric in (*analog.metrics, *analog.details)]
    answer = analog.query(_ALL, names)
    assert not answer.problems
    for name, values in answer.columns.items():
        assert np.isfinite(values).all(), name
        low, high = (0, 0.2) if name.endswith("_std") else (0.05, 0.95)
        assert low <= values.min() <= values.max() <= high, name


def test_drift_costs_accuracy(analog: AnalogResults) -> None:
    ages = [f"analog_drift_{age}_acc" for age in ("60s", "1h", "1d", "30d")]
    medians = [np.median(values) for values in analog.query(_ALL, ages).columns.values()]
    assert medians == sorted(medians, reverse=True)


def test_no_other_edge_order_fits_better(analog: AnalogResults, data: Path) -> None:
    """The keys have no legend: what they mean is what agrees best with accuracies measured independently."""
    table = pq.read_table(data / "nb201" / "nb201_nats.parquet", columns=["arch_str", "cifar10_test_acc"])
    index = _SPACE.parse_index(table["arch_str"].cast(pa.string()).combine_chunks())[0]
    published = np.empty(15_625)
    published[index] = table["cifar10_test_acc"].to_numpy()
    ours = analog.query(_ALL).columns["test_acc"]

    powers = 5 ** np.arange(5, -1, -1)
    digits = np.arange(15_625)[:, None] // powers % 5

    def agreement(order: tuple[int, ...]) -> float:
        shuffled: NDArray[np.int64] = digits[:, order] @ powers
        return float(spearmanr(ours, published[shuffled]).statistic)

    orders = list(permutations(range(6)))[::7]  # a seventh, with the identity
    scores = [agreement(order) for order in orders]
    assert scores[0] > 0.99
    assert max(scores[1:]) < 0.97


class _Other:
    pass


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ([1], "not analog-nasbench's file"),
        ({(1, 2): 3}, "not analog-nasbench's file"),
        ({(0,) * 6: _Other()}, "not plain data"),
    ],
)
def test_another_file_is_one_line(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: object, message: str
) -> None:
    path = tmp_path / "data.anb"
    path.write_bytes(pickle.dumps(content))
    monkeypatch.setenv("AGNET_CACHE", str(tmp_path / "cache"))
    benchmark = AnalogResults()
    monkeypatch.setattr(benchmark, "_path", lambda: path)
    with pytest.raises(InputError, match=f"data.anb: .*{message}"):
        benchmark.query(_ALL)


def test_one_run_cannot_be_drawn(analog: AnalogResults) -> None:
    with pytest.raises(InputError, match="nb201/analog holds one run"):
        analog.query(_ALL, draw=(0,))
