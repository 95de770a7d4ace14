from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnet import encodings, spaces
from agnet.encodings import KINDS, adjacency_from_edges, columns, edge_nodes, edge_vector, encode, flat
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.spaces.base import Space

nb201 = spaces.get("nb201")


def walk(space: Space, graphs: Graphs, row: int, node: int = 0) -> set[tuple[str, ...]]:
    """Operations along the paths from a node of a one-cell architecture to the output, past nothing dead."""
    name = space.node_types[graphs.ops[row, 0, node]]
    if name in space.dead_types:
        return set()
    if node == graphs.sizes[row, 0] - 1:
        return {()}
    following = np.flatnonzero(graphs.adjacency[row, 0, node])
    return {(name,) * (node > 0) + rest for after in following for rest in walk(space, graphs, row, int(after))}


@pytest.mark.parametrize("name", spaces.names())
@pytest.mark.parametrize("kind", KINDS)
def test_columns_fit(name: str, kind: str) -> None:
    space = spaces.get(name)
    graphs = space.sample(50, np.random.default_rng(0))
    encoded = encode(space, graphs, kind)
    assert encoded.shape == (50, len(columns(space, kind)))
    assert len(set(columns(space, kind))) == encoded.shape[1]
    assert encoded.dtype == (np.float32 if kind == "features" else np.uint8)
    assert encode(space, graphs.take(slice(0, 0)), kind).shape == (0, encoded.shape[1])
    for row in range(3):
        assert np.array_equal(encode(space, graphs.take(slice(row, row + 1)), kind)[0], encoded[row])


def test_flat_is_agnets_layout() -> None:
    """Eight nodes of seven types, then for target node 1, 2, ... its possible parents in order."""
    arch = "|nor_conv_1x1~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"
    row = flat(nb201, nb201.parse(pa.array([arch])).graphs)[0]
    assert len(row) == nb201.flat_length == 84
    assert row[:56].reshape(8, 7).argmax(axis=1).tolist() == [1, 2, 3, 4, 5, 6, 2, 0]
    assert row[:56].sum() == 8
    edges = [(0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (2, 6), (3, 6), (4, 7), (5, 7), (6, 7)]
    expected = [int((parent, target) in edges) for target in range(1, 8) for parent in range(target)]
    assert row[56:].tolist() == expected


@given(st.integers(1, 12))
def test_edge_vectors_both_ways(nodes: int) -> None:
    rng = np.random.default_rng(nodes)
    adjacency = np.triu(rng.random((3, 2, nodes, nodes)) < 0.5, 1)
    edges = edge_vector(adjacency)
    assert edges.shape == (3, 2, nodes * (nodes - 1) // 2)
    if nodes > 1:
        assert np.array_equal(adjacency_from_edges(edges), adjacency)
    sources, targets = edge_nodes(nodes)
    assert list(zip(targets, sources, strict=True)) == sorted((b, a) for a in range(nodes) for b in range(a + 1, nodes))


@pytest.mark.parametrize("name", spaces.names())
def test_flat_says_everything(name: str) -> None:
    space = spaces.get(name)
    graphs = space.sample(200, np.random.default_rng(1))
    rows = flat(space, graphs).reshape(200, len(space.cells), space.flat_length)
    split = space.max_nodes * len(space.node_types)
    onehot = rows[..., :split].reshape(200, len(space.cells), space.max_nodes, -1)
    assert np.array_equal(onehot.argmax(axis=-1), graphs.ops)
    assert np.array_equal(adjacency_from_edges(rows[..., split:].astype(bool)), graphs.adjacency)


def test_adjacency_leaves_out_what_every_cell_has() -> None:
    arch = "|nor_conv_1x1~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"
    row = encode(nb201, nb201.parse(pa.array([arch])).graphs, "adjacency")[0]
    assert len(row) == 28 + 6 * 5
    assert row[28:].reshape(6, 5).argmax(axis=1).tolist() == [0, 1, 2, 3, 4, 0]


@pytest.mark.parametrize("name", ["nb201", "nb101"])
def test_paths_are_those_that_a_walk_finds(name: str) -> None:
    space = spaces.get(name)
    graphs = space.sample(150, np.random.default_rng(2))
    names = columns(space, "paths")
    encoded = encode(space, graphs, "paths")
    for row in range(len(graphs)):
        walked = {f"path:{'-'.join(path)}" for path in walk(space, graphs, row)}
        assert {names[i] for i in np.flatnonzero(encoded[row])} == walked


def test_lengths_of_path_encodings() -> None:
    assert len(columns(nb201, "paths")) == 1 + 4 + 4**2 + 4**3
    assert len(columns(spaces.get("nb101"), "paths")) == 364  # White et al.


def test_long_path_encodings_share_buckets(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = encode(nb201, nb201.sample(500, np.random.default_rng(3)), "paths")
    monkeypatch.setattr(encodings, "_LONGEST_PATHS", 10)
    encodings._table.cache_clear()
    try:
        hashed = encode(nb201, nb201.sample(500, np.random.default_rng(3)), "paths")
        assert hashed.shape == (500, len(columns(nb201, "paths"))) == (500, 1024)
    finally:
        encodings._table.cache_clear()
    # No more buckets than paths, hardly fewer, and the same cells for the same paths.
    assert (hashed.sum(axis=1) <= exact.sum(axis=1)).all()
    assert hashed.sum() > 0.95 * exact.sum()
    assert len(np.unique(np.hstack([exact, hashed]), axis=0)) == len(np.unique(exact, axis=0))


def test_tables_agree_with_computing(monkeypatch: pytest.MonkeyPatch) -> None:
    graphs = nb201.sample(300, np.random.default_rng(4))
    looked_up = {kind: encode(nb201, graphs, kind) for kind in KINDS}
    monkeypatch.setattr(type(nb201), "index", lambda self, graphs: None)
    for kind in KINDS:
        assert np.array_equal(encode(nb201, graphs, kind), looked_up[kind])


def test_an_unknown_kind() -> None:
    with pytest.raises(
        InputError, match=r"no encoding is called 'one-hot'; there are onehot, adjacency, paths, features"
    ):
        encode(nb201, nb201.sample(1, np.random.default_rng(0)), "one-hot")
    with pytest.raises(InputError, match="no encoding is called"):
        columns(nb201, "")
