from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agnet.networks.nb201 import params
from agnet.spaces.nb201 import NB201


@pytest.mark.parametrize(("dataset", "classes"), [("cifar10", 10), ("cifar100", 100), ("ImageNet16-120", 120)])
def test_all_published_counts(data: Path, dataset: str, classes: int) -> None:
    table = pq.read_table(data / "nb201" / "nb201_nats.parquet")
    graphs = NB201().parse(table["arch_str"].combine_chunks().cast(pa.string())).graphs
    published = table[f"{dataset}_params_M"].to_numpy() * 1e6
    assert np.array_equal(params(graphs, classes), np.round(published).astype(np.int64))


def test_a_known_cell() -> None:
    space = NB201()
    assert params(space.parse(pa.array([space.example])).graphs).tolist() == [802_426]
