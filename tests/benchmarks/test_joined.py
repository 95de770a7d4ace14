"""Metrics of devices beside those of a benchmark that does not have them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from agnet import benchmarks, spaces
from agnet.benchmarks import sources
from agnet.benchmarks.joined import joined
from agnet.errors import InputError

ECHO = "sh:sed 's/}$/,\"val_acc\":0.5}/'"


def test_a_device_answers_for_its_metrics(data: Path, fresh: Path) -> None:
    sources.bring_in("hw", data / "hwnas" / "hw_nas_bench_nb201.parquet")
    graphs = next(spaces.get("nb201").enumerate(50))
    program = benchmarks.load(ECHO, space="nb201")
    benchmark = joined(program, ["val_acc", "latency_ms@edgegpu"])
    columns = benchmark.query(graphs, ["val_acc", "latency_ms@edgegpu"]).columns
    truth = benchmarks.load("hw/edgegpu").query(graphs).columns["latency_ms"]
    np.testing.assert_array_equal(columns["latency_ms@edgegpu"], truth)
    assert columns["val_acc"].tolist() == [0.5] * 50
    assert joined(program, ["val_acc"]) is program
    cells = benchmarks.load("nb201/cifar100")  # has them itself, for its own data set
    assert joined(cells, ["latency_ms@edgegpu"]) is cells
    with pytest.raises(InputError, match="did you mean 'energy_mj'"):
        joined(program, ["energy_m@edgegpu"])


def test_a_device_whose_data_is_not_here(fresh: Path) -> None:
    with pytest.raises(InputError, match="hw/edgegpu"):
        joined(benchmarks.load(ECHO, space="nb201"), ["latency_ms@edgegpu"])
