from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from agnet.errors import InputError
from agnet.networks import flops, params, settings
from agnet.networks.nb301 import places
from agnet.spaces.nb301 import NB301, darts

space = NB301()
DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)


def test_naslibs_counts(data: Path) -> None:
    table = pq.read_table(data / "zerocost" / "naslib_zero_cost.parquet", filters=[("space", "==", "nb301")])
    graphs = space.parse(table["arch"].combine_chunks().cast(pa.string())).graphs
    chosen = settings(space, "cifar10-naslib")
    assert len(graphs) == 725
    assert np.array_equal(params(space, graphs, chosen), np.round(table["params"].to_numpy() * 1e6))
    besides = besides_multiply_adds(graphs.ops, graphs.adjacency)
    assert np.array_equal(flops(space, graphs, chosen) + besides, np.round(table["flops"].to_numpy() * 1e6))


def besides_multiply_adds(ops: Any, adjacency: Any) -> Any:
    """What NASLib's FLOPs count too: see the test of nb201. Normalisation without scale and offset counts once."""
    total = np.zeros(len(ops), dtype=np.int64)
    for place in places(settings(space, "cifar10-naslib")):  # type: ignore[arg-type]
        outside, inside = (2 * place.image if place.reduction else place.image) ** 2, place.image**2
        first = outside * (4 if place.after_reduction else 1)
        total += first * place.older + outside * place.newer + 2 * 2 * outside * place.channels
        for node in range(2, 10):
            strided = adjacency[:, 1, :2, node].any(axis=1) & place.reduction
            names = np.array(darts.NODE_TYPES)[ops[:, int(place.reduction), node]]
            source = np.where(strided, outside, inside) * place.channels
            number = inside * place.channels
            total += np.where(np.char.endswith(names, "pool_3x3"), 10 * number, 0)
            total += np.where(np.char.startswith(names, "dil"), source + number, 0)
            total += np.where(np.char.startswith(names, "sep"), source + 3 * number, 0)
            total += np.where((names == "skip_connect") & strided, source + number, 0)
    return total + 2 * 96 * 32**2 + 512 * 9**2 - 10


def test_the_sizes_that_darts_publishes() -> None:
    """3.3 million parameters on CIFAR-10 and 4.7 million on ImageNet, by its README."""
    graphs = space.parse(pa.array([DARTS_V2])).graphs
    cifar = settings(space, "cifar10-darts", auxiliary=False)
    imagenet = settings(space, "imagenet", auxiliary=False)
    assert np.round(params(space, graphs, cifar) / 1e6, 1).tolist() == [3.3]
    assert np.round(params(space, graphs, imagenet) / 1e6, 1).tolist() == [4.7]


def test_a_result_of_nas_bench_301() -> None:
    """``surrogate_models/test/results_fidelity_0/results_0.json`` of its package."""
    genotype = (
        "Genotype(normal=[('skip_connect', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('skip_connect', 1), "
        "('dil_conv_3x3', 0), ('dil_conv_5x5', 2), ('sep_conv_3x3', 1), ('skip_connect', 2)], "
        "normal_concat=[2, 3, 4, 5], reduce=[('max_pool_3x3', 0), ('avg_pool_3x3', 1), ('skip_connect', 0), "
        "('dil_conv_5x5', 1), ('sep_conv_3x3', 1), ('sep_conv_5x5', 2), ('sep_conv_3x3', 2), ('dil_conv_3x3', 3)], "
        "reduce_concat=[2, 3, 4, 5])"
    )
    chosen = settings(space, "cifar10", channels=50, cells=20)
    assert params(space, space.parse(pa.array([genotype])).graphs, chosen).tolist() == [6_369_358]


@pytest.mark.parametrize(
    "changes", [{"image": 30}, {"image": 64}, {"channels": 15}, {"drop_path": 1.0}, {"stem": "resnet"}, {"classes": 0}]
)
def test_impossible_settings(changes: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(changes)) if "image" not in changes else "image"):
        settings(space, **changes)
