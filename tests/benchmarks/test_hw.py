"""HW-NAS-Bench as a table, and in the layout of its own pickle, which is built here: the file is not at hand."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from agnet import benchmarks
from agnet.benchmarks import sources
from agnet.benchmarks.official.hw import COLUMNS, DATA_SETS, DEVICES
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.spaces.nb201 import NB201

from ..layouts import hw_pickle

_FILE = "hw_nas_bench_nb201.parquet"


@pytest.fixture(scope="module")
def table(data: Path) -> pd.DataFrame:
    return pd.read_parquet(data / "hwnas" / _FILE)


def test_the_published_table(data: Path, fresh: Path, table: pd.DataFrame) -> None:
    with pytest.raises(InputError, match=r"hw/fpga needs HW-NAS-Bench .*: 'benchmarks fetch hw' downloads it"):
        benchmarks.load("hw/fpga")
    sources.bring_in("hw", data / "hwnas" / _FILE)
    rows = [0, 11, 284, 15_624]
    graphs = NB201().parse(pa.array(table["arch_str"].iloc[rows])).graphs
    answer = benchmarks.load("hw/eyeriss").query(graphs, ["energy_mj", "latency_ms@ImageNet16-120"]).columns
    np.testing.assert_array_equal(answer["energy_mj"], table["cifar10_eyeriss_energy"].iloc[rows])
    np.testing.assert_array_equal(
        answer["latency_ms@ImageNet16-120"], table["ImageNet16-120_eyeriss_latency"].iloc[rows]
    )
    # The same, beside the accuracies of the data set it belongs to.
    joined = benchmarks.load("nb201/cifar100").query(graphs, ["val_acc", "latency_ms@raspi4"]).columns
    np.testing.assert_array_equal(joined["latency_ms@raspi4"], table["cifar100_raspi4_latency"].iloc[rows])
    assert benchmarks.get("nb201/cifar100").optimum("latency_ms@raspi4") == table["cifar100_raspi4_latency"].min()


def test_what_was_not_measured_is_null(data: Path, fresh: Path, table: pd.DataFrame) -> None:
    sources.bring_in("hw", data / "hwnas" / _FILE)
    latency = benchmarks.load("hw/edgetpu").table.columns["latency_ms"]
    assert np.isnan(latency).sum() == (table["cifar10_edgetpu_latency"] == -1).sum() == 4699
    assert benchmarks.get("hw/edgetpu").optimum("latency_ms") > 0


def test_without_it_the_metric_says_what_to_do(fresh: Path) -> None:
    benchmark = benchmarks.load("nb201/cifar10")
    graphs = NB201().from_index(np.array([0]))
    with pytest.raises(InputError, match="nb201/cifar10 has latency_ms@fpga only with HW-NAS-Bench"):
        benchmark.query(graphs, ["latency_ms@fpga"])
    assert "latency_ms@fpga" not in benchmark.answered()
    assert "val_acc_s2" in benchmark.answered()


@pytest.mark.parametrize("numpy", [True, False])
@pytest.mark.parametrize("protocol", [2, 4])
def test_the_official_layout(fresh: Path, tmp_path: Path, table: pd.DataFrame, numpy: bool, protocol: int) -> None:
    path = tmp_path / "HW-NAS-Bench-v1_0.pickle"
    path.write_bytes(pickle.dumps(hw_pickle(table, 500, numpy), protocol=protocol))
    sources.bring_in("hw", path)
    graphs = NB201().parse(pa.array(table["arch_str"][:500])).graphs
    _assert_everything(graphs, table[:500])


def test_csv(fresh: Path, tmp_path: Path, table: pd.DataFrame) -> None:
    """All devices, data sets and metrics."""
    path = tmp_path / "hw.csv"
    table[:200].to_csv(path, index=False)
    sources.bring_in("hw", path)
    _assert_everything(NB201().parse(pa.array(table["arch_str"][:200])).graphs, table[:200])


def _assert_everything(graphs: Graphs, table: pd.DataFrame) -> None:
    compared = set()
    for device, metrics in DEVICES.items():
        for data_set in DATA_SETS:
            suffix = "" if data_set == "cifar10" else f"@{data_set}"
            for metric in metrics:
                name, column = f"{COLUMNS[metric]}{suffix}", f"{data_set}_{device}_{metric}"
                answer = benchmarks.load(f"hw/{device}").query(graphs, [name]).columns[name]
                np.testing.assert_array_equal(answer, table[column].replace(-1, np.nan))
                beside = f"{COLUMNS[metric]}@{device}"
                joined = benchmarks.load(f"nb201/{data_set}").query(graphs, [beside]).columns[beside]
                np.testing.assert_array_equal(joined, answer)
                compared.add(column)
    assert compared == {*table.columns} - {"arch_str"}
    assert len(compared) == 30


def test_csv_of_one_data_set(fresh: Path, tmp_path: Path, table: pd.DataFrame) -> None:
    path = tmp_path / "hw-cifar100.csv"
    path.write_text('net,edgegpu_latency,fpga_energy\n"(4, 3, 3, 0, 0, 0)",5.5,18.25\n')
    sources.bring_in("hw", path)
    graphs = NB201().parse(pa.array([table["arch_str"][0]])).graphs
    answer = benchmarks.load("hw/fpga").query(graphs, ["energy_mj@cifar100"]).columns
    assert answer["energy_mj@cifar100"].tolist() == [18.25]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"a,b\n1,2\n", "no column arch_str, arch, net"),
        (b"net,b\n1,2\n", "no column such as edgegpu_latency"),
        (b"net,fpga_energy\nx,2\n", "row 1: "),
        (b'net,fpga_energy\n"(4, 3, 3, 0, 0, 0)",2\n"(4, 3, 3, 0, 0, 0)",2\n', "a cell is in it twice"),
        (b'net,fpga_energy\n"(4, 3, 3, 0, 0, 0)",two\n', "two"),
        (b"PAR1 and no more", "not HW-NAS-Bench"),
        (pickle.dumps({"nasbench201": {"cifar10": {}}}), "it has no 'config'"),
        (pickle.dumps([1]), "not HW-NAS-Bench"),
        (pickle.dumps({"a": 1})[:-3], "not read as a pickle"),
    ],
)
def test_other_files(tmp_path: Path, fresh: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError, match=reason) as error:
        sources.bring_in("hw", path)
    assert len(str(error.value)) < 400
    assert not fresh.exists()
