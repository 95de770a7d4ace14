"""Fixtures that all tests share."""

from __future__ import annotations

import importlib.util
import os
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import settings

from agnet.graphs import Graphs
from agnet.spaces.nb101_cells import NODE_TYPES

# The tests run in as many processes as there are cores: threads of libraries would only wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A test must not fail because the machine is busy.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of real benchmark results that stands beside a development checkout; skips the test where it does not."""
    if not _DATA.is_dir():
        pytest.skip("no development data beside the checkout")
    return _DATA


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is parametrised with a surrogate whose library is not installed."""
    if importlib.util.find_spec("torch_geometric") is None:
        for item in items:
            if isinstance(item, pytest.Function) and "gnn" in getattr(item, "callspec", _NONE).params.values():
                item.add_marker(pytest.mark.skip("torch-geometric is not installed"))


_NONE = SimpleNamespace(params={})


@dataclass(frozen=True)
class PublishedNB101:
    """Cells of NAS-Bench-101 as its files number them."""

    graphs: Graphs
    hashes: list[str]
    params: list[int]


@pytest.fixture(scope="session")
def nb101(data: Path) -> PublishedNB101:
    """151,644 published cells."""
    with np.load(data / "nb101" / "nb101_108ep_151644.npz") as file:
        sizes, bits, labels = file["num_vertices"], file["adj_triu_bits"], file["ops"]
        hashes = [digest.tobytes().hex() for digest in file["hash"]]
        params = file["trainable_parameters"].tolist()
    adjacency = np.zeros((len(sizes), 1, 7, 7), np.bool_)
    for size in range(2, 8):
        rows = np.flatnonzero(sizes == size)
        for bit, (source, target) in enumerate(zip(*np.triu_indices(size, 1), strict=True)):
            adjacency[rows, 0, source, target] = bits[rows] >> bit & 1
    types = np.zeros(256, np.uint8)
    types[:3] = [NODE_TYPES.index(name) for name in ("conv3x3", "conv1x1", "maxpool3x3")]
    ops = np.zeros((len(sizes), 1, 7), np.uint8)
    ops[:, 0, 0] = NODE_TYPES.index("input")
    ops[:, 0, 1:-1] = types[labels]
    return PublishedNB101(Graphs(ops, adjacency, sizes[:, None]), hashes, params)
