from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnet import spaces
from agnet.features import columns, features, subsets
from agnet.graphs import Graphs
from agnet.spaces.base import Space


def paths(space: Space, graphs: Graphs, row: int, cell: int) -> list[list[int]]:
    """Operation nodes on every path of a cell from an input to its output, past nothing dead, by walking."""
    ops, adjacency, output = graphs.ops[row, cell], graphs.adjacency[row, cell], int(graphs.sizes[row, cell]) - 1
    names = [space.node_types[op] for op in ops]

    def walk(node: int) -> list[list[int]]:
        if names[node] in space.dead_types:
            return []
        if node == output:
            return [[]]
        here = [] if names[node] in space.input_types else [node]
        return [here + rest for following in np.flatnonzero(adjacency[node]) for rest in walk(int(following))]

    return [path for node in range(output) if names[node] in space.input_types for path in walk(node)]


def names_of(space: Space, graphs: Graphs, row: int, cell: int) -> list[str]:
    size = graphs.sizes[row, cell]
    return [space.node_types[op] for op in graphs.ops[row, cell, :size]]


def by_walking(space: Space, graphs: Graphs, row: int, cell: int) -> dict[str, float]:
    """The features of one cell, as their definitions say."""
    nodes = paths(space, graphs, row, cell)
    names = [[space.node_types[graphs.ops[row, cell, node]] for node in path] for path in nodes]
    live = {node for path in nodes for node in path}
    result: dict[str, float] = {}
    for operation in space.operations:
        of_it = {node for node in live if space.node_types[graphs.ops[row, cell, node]] == operation}
        result[f"count:{operation}"] = len(of_it)
        result[f"first:{operation}"] = len(of_it & {path[0] for path in nodes if path})
        result[f"last:{operation}"] = len(of_it & {path[-1] for path in nodes if path})
    inputs = {node for node, name in enumerate(names_of(space, graphs, row, cell)) if name in space.input_types}
    edges = graphs.adjacency[row, cell]
    output = int(graphs.sizes[row, cell]) - 1
    begins = {(node, path[0]) for path in nodes if path for node in inputs if edges[node, path[0]]}
    ends = {(path[-1], output) for path in nodes if path}
    direct = {(node, output) for node in inputs if edges[node, output]}
    result["edges:input"], result["edges:output"] = len(begins | direct), len(ends | direct)
    result["edges:direct"] = len(direct)
    for subset in subsets(space):
        pure = [path for path in names if set(path) <= set(subset)]
        result[f"paths:{'+'.join(subset)}"] = len(pure)
        result[f"most:{'+'.join(subset)}"] = max((sum(op in subset for op in path) for path in names), default=0)
        result[f"shortest:{'+'.join(subset)}"] = min(map(len, pure), default=space.longest_path + 1)
    return result


@pytest.mark.parametrize("name", spaces.names())
def test_they_are_what_they_are_called(name: str) -> None:
    space = spaces.get(name)
    graphs = space.sample(60, np.random.default_rng(0))
    values = features(space, graphs)
    assert values.dtype == np.float32
    several = len(space.cells) > 1
    for row in range(len(graphs)):
        walked = {
            f"{title}.{feature}" if several else feature: value
            for cell, title in enumerate(space.cells)
            for feature, value in by_walking(space, graphs, row, cell).items()
        }
        assert dict(zip(columns(space), values[row].tolist(), strict=True)) == walked


def test_a_cell_by_hand() -> None:
    space = spaces.get("nb201")
    # 0 -conv3- 1 -skip- 3, 0 -none- 2, 1 -conv1- 2 -pool- 3, 0 -none- 3
    parsed = space.parse(pa.array(["|nor_conv_3x3~0|+|none~0|nor_conv_1x1~1|+|none~0|skip_connect~1|avg_pool_3x3~2|"]))
    found = dict(zip(columns(space), features(space, parsed.graphs)[0].tolist(), strict=True))
    assert {name: value for name, value in found.items() if name.startswith(("count", "first", "last"))} == {
        "count:nor_conv_1x1": 1,
        "count:nor_conv_3x3": 1,
        "count:avg_pool_3x3": 1,
        "count:skip_connect": 1,
        "first:nor_conv_1x1": 0,
        "first:nor_conv_3x3": 1,
        "first:avg_pool_3x3": 0,
        "first:skip_connect": 0,
        "last:nor_conv_1x1": 0,
        "last:nor_conv_3x3": 0,
        "last:avg_pool_3x3": 1,
        "last:skip_connect": 1,
    }
    assert found["paths:nor_conv_3x3+skip_connect"] == 1
    assert found["paths:nor_conv_1x1+nor_conv_3x3+avg_pool_3x3+skip_connect"] == 2
    assert found["shortest:nor_conv_3x3+skip_connect"] == 2
    assert found["shortest:nor_conv_3x3"] == 4
    assert found["most:nor_conv_1x1+nor_conv_3x3"] == 2


def test_nothing_that_is_not_live_counts() -> None:
    """Cells that differ only where no data flows have the same features."""
    space = spaces.get("nb201")
    dead_end = "|{}~0|+|none~0|none~1|+|skip_connect~0|none~1|nor_conv_3x3~2|"
    values = features(space, space.parse(pa.array([dead_end.format(op) for op in space.node_types[2:]])).graphs)
    assert (values == values[0]).all()
    assert values.any()


def test_cells_without_a_path_and_empty_batches() -> None:
    space = spaces.get("nb201")
    nothing = features(space, space.from_index(np.array([-1, 15_624])))
    assert (nothing[0] == nothing[1]).all()
    assert features(space, space.from_index(np.array([], dtype=np.int64))).shape == (0, len(columns(space)))


@given(st.lists(st.integers(0, 15_624), min_size=1, max_size=3))
def test_rows_do_not_depend_on_each_other(index: list[int]) -> None:
    space = spaces.get("nb201")
    together = features(space, space.from_index(np.array([*index, 0, 15_624])))
    for row, i in enumerate(index):
        assert np.array_equal(features(space, space.from_index(np.array([i])))[0], together[row])


def test_blocks_are_seamless() -> None:
    space = spaces.get("nb201")
    graphs = space.sample(10_000, np.random.default_rng(3))
    whole = features(space, graphs)
    assert np.array_equal(whole[4000:5000], features(space, graphs.take(slice(4000, 5000))))


@pytest.mark.parametrize(("dataset", "at_least"), [("cifar10", 0.75), ("cifar100", 0.75), ("ImageNet16-120", 0.73)])
def test_a_linear_model_on_them_ranks_real_cells(data: Path, dataset: str, at_least: float) -> None:
    """Ridge regression on 100 random cells; the one-hot encoding reaches a Kendall tau of 0.59."""
    from scipy.stats import kendalltau

    space = spaces.get("nb201")
    table = pq.read_table(data / "nb201" / "nb201_nats.parquet")
    graphs = space.parse(table["arch_str"].combine_chunks().cast(pa.string())).graphs
    accuracy = table[f"{dataset}_val_acc"].to_numpy()
    values = features(space, graphs)
    values = (values - values.mean(axis=0)) / np.maximum(values.std(axis=0), 1e-9)
    taus = []
    for seed in range(5):
        order = np.random.default_rng(seed).permutation(len(values))
        known, asked = order[:100], order[100:2100]
        ranks = accuracy[known].argsort().argsort() / 100 - 0.5
        gram = values[known] @ values[known].T + 10 * np.eye(100)
        predicted = values[asked] @ values[known].T @ np.linalg.solve(gram, ranks)
        taus.append(kendalltau(predicted, accuracy[asked]).statistic)
    assert np.mean(taus) > at_least
