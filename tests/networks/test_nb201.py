from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from agnet.networks import flops, params, presets, settings
from agnet.spaces.nb201 import NB201

space = NB201()


@pytest.mark.parametrize("preset", ["cifar10", "cifar100", "ImageNet16-120"])
def test_all_published_counts(data: Path, preset: str) -> None:
    table = pq.read_table(data / "nb201" / "nb201_nats.parquet")
    graphs = space.parse(table["arch_str"].combine_chunks().cast(pa.string())).graphs
    published = table[f"{preset}_params_M"].to_numpy() * 1e6
    assert np.array_equal(params(space, graphs, settings(space, preset)), np.round(published))


@pytest.mark.parametrize("preset", ["cifar10", "cifar100", "ImageNet16-120"])
def test_naslibs_counts(data: Path, preset: str) -> None:
    table = pq.read_table(data / "zerocost" / "naslib_zero_cost.parquet", filters=[("space", "==", "nb201")])
    table = table.filter(pc.equal(table["dataset"], preset))
    graphs = space.parse(table["arch"].combine_chunks().cast(pa.string())).graphs
    chosen = settings(space, preset)
    assert len(graphs) > 700
    assert np.array_equal(params(space, graphs, chosen), np.round(table["params"].to_numpy() * 1e6))
    # NASLib's FLOPs count, besides multiply-adds, each number that is pooled (9), normalised with a scale and an
    # offset (2) or goes through a ReLU (1); and the global pooling with windows of one pixel too many.
    of_type = {"nor_conv_1x1": 3, "nor_conv_3x3": 3, "avg_pool_3x3": 9}
    weights = np.array([of_type.get(name, 0) for name in space.node_types])
    image = {"ImageNet16-120": 16}.get(preset, 32)
    numbers = [16 << stage << 2 * int(np.log2(image >> stage)) for stage in range(3)]
    outside = 2 * numbers[0] + 3 * numbers[2] + 64 * (image // 4 + 1) ** 2 - chosen.classes  # type: ignore[attr-defined]
    for narrow, wide in pairwise(numbers):
        # ReLU, convolution with a stride, normalisation; the same again; pooling 2×2
        outside += narrow + 2 * wide + 3 * wide + narrow
    besides = outside + 5 * sum(numbers) * weights[graphs.ops[:, 0]].sum(axis=1)
    assert np.array_equal(flops(space, graphs, chosen) + besides, np.round(table["flops"].to_numpy() * 1e6))


@pytest.mark.parametrize(
    ("arch", "published"),
    [
        (
            "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
            [15.64737, 15.65322, 3.91948],
        ),
        (
            "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|none~0|nor_conv_3x3~1|avg_pool_3x3~2|",
            [113.95137, 113.95722, 28.49548],
        ),
        (
            "|skip_connect~0|+|skip_connect~0|skip_connect~1|+|none~0|nor_conv_1x1~1|none~2|",
            [11.71521, 11.72106, 2.93644],
        ),
    ],
)
def test_the_flops_of_nats_bench(arch: str, published: list[float]) -> None:
    """Cells 0, 11 and 284 of its files, millions."""
    graphs = space.parse(pa.array([arch])).graphs
    found = [flops(space, graphs, settings(space, preset))[0] for preset in presets(space)]
    assert found == [round(number * 1e6) for number in published]


def test_a_known_cell() -> None:
    assert params(space, space.parse(pa.array([space.example])).graphs).tolist() == [802_426]
