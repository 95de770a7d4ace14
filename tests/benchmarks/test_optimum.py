import numpy as np
import pyarrow as pa
import pytest

from agnet import benchmarks
from agnet.benchmarks.tabular import Tabular
from agnet.errors import InputError
from agnet.metrics import Metric


class Small(Tabular):
    name, space, title, source, size = "small", "nb201", "a small table", "made here", 3
    metrics = (Metric("val_acc", "fraction", "maximize", ""), Metric("latency_ms", "ms", "minimize", ""))

    def keys(self, graphs):
        raise NotImplementedError

    def open(self):
        return pa.table({"key": [0, 1, 2], "val_acc": [0.5, np.nan, 0.75], "latency_ms": [2.0, 1.5, 3.0]})


def test_the_direction_of_a_metric_decides():
    assert Small().optimum("val_acc") == 0.75
    assert Small().optimum("latency_ms") == 1.5


def test_unknown_metric():
    with pytest.raises(InputError, match="did you mean 'val_acc'"):
        Small().optimum("val_ac")


def test_nb201():
    assert benchmarks.load("nb201/cifar10").optimum("val_acc") == pytest.approx(0.916067, abs=1e-6)
