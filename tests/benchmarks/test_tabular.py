from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from agnet.benchmarks.tabular import Table, Tabular
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.metrics import Metric
from agnet.spaces.nb201 import NB201

_SPACE = NB201()


class _Few(Tabular):
    """Three cells with up to three runs."""

    name = "few"
    space = "nb201"
    title = "three cells"
    source = "here"
    size = 3
    metrics = (Metric("acc", "fraction", "maximize", "mean"), Metric("time_s", "s", "minimize", "time"))
    details = tuple(Metric(f"acc_s{run}", "fraction", "maximize", "run") for run in range(3))
    repeats: Mapping[str, Sequence[str]] = {"acc": ("acc_s0", "acc_s1", "acc_s2")}

    def keys(self, graphs: Graphs) -> NDArray[np.int64]:
        return _SPACE.index(graphs)

    def open(self) -> pa.Table:
        nan = float("nan")
        return pa.table(
            {
                "key": [900, 7, 40],
                "acc": [0.9, 0.15, 0.4],
                "time_s": [1.0, 2.0, nan],
                "acc_s0": [0.8, 0.1, nan],
                "acc_s1": [0.9, 0.2, nan],
                "acc_s2": [1.0, nan, 0.4],
            }
        )


def _cells(*index: int) -> Graphs:
    return _SPACE.from_index(np.array(index, np.int64))


def test_rows_are_found_in_any_order_and_unknown_ones_are_problems() -> None:
    answer = _Few().query(_cells(40, 8, 7, 900, -1, 15_624, 7))
    np.testing.assert_array_equal(answer.columns["acc"], [0.4, np.nan, 0.15, 0.9, np.nan, np.nan, 0.15])
    np.testing.assert_array_equal(answer.columns["time_s"], [np.nan, np.nan, 2, 1, np.nan, np.nan, 2])
    assert list(answer.columns) == ["acc", "time_s"]
    assert _Few().has(_cells(40, 8, 7, -1)).tolist() == [True, False, True, False]
    assert answer.problems == dict.fromkeys((1, 4, 5), "few does not have this architecture")


def test_metrics_come_as_asked() -> None:
    answer = _Few().query(_cells(7), ["acc_s1", "acc", "acc_s1"])
    assert {name: values.tolist() for name, values in answer.columns.items()} == {"acc_s1": [0.2], "acc": [0.15]}
    with pytest.raises(InputError, match="few has no metric 'test_acc'"):
        _Few().query(_cells(7), ["test_acc"])


def test_nothing_asked() -> None:
    answer = _Few().query(_cells())
    assert answer.columns["acc"].shape == (0,)
    assert not answer.problems


def test_a_draw_is_one_of_the_runs_that_there_are() -> None:
    benchmark = _Few()
    drawn = np.array([benchmark.query(_cells(7, 40, 900), draw=(seed,)).columns["acc"] for seed in range(300)])
    for column, runs in zip(drawn.T, ([0.1, 0.2], [0.4], [0.8, 0.9, 1.0]), strict=True):
        values, counts = np.unique(column, return_counts=True)
        assert values.tolist() == runs
        # each of k runs equally likely: 300 / k, five standard deviations around it
        assert (abs(counts - 300 / len(runs)) < 5 * np.sqrt(300 / len(runs))).all()


@given(st.lists(st.sampled_from([7, 40, 900, 8]), max_size=20), st.integers(0, 5))
def test_a_draw_depends_on_the_architecture_and_the_seed_alone(index: list[int], seed: int) -> None:
    benchmark = _Few()
    together = benchmark.query(_cells(*index), draw=(seed,)).columns["acc"]
    alone = [benchmark.query(_cells(cell), draw=(seed,)).columns["acc"][0] for cell in index]
    np.testing.assert_array_equal(together, alone)


def test_other_metrics_are_not_drawn() -> None:
    answer = _Few().query(_cells(900), ["time_s", "acc_s0"], draw=(1,))
    assert answer.columns["time_s"] == 1
    assert answer.columns["acc_s0"] == 0.8


@given(st.sets(st.integers(0, 60)), st.lists(st.integers(-2, 62)))
def test_rows(keys: set[int], asked: list[int]) -> None:
    ordered = sorted(keys)
    rows = Table(np.array(ordered, np.int64), {}).rows(np.array(asked, np.int64))
    assert rows.tolist() == [ordered.index(key) if key in keys else -1 for key in asked]


def test_a_table_is_not_copied() -> None:
    """Or a memory-mapped file would be read as a whole."""
    table = pa.table({"key": np.arange(9), "acc": np.arange(9.0)})
    (buffer,) = table["acc"].chunk(0).buffers()[1:]
    assert Table.of(table).columns["acc"].ctypes.data == buffer.address
