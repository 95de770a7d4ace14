from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agnet.graphs import Graphs
from agnet.spaces import dag


def random_graphs(seed: int, nodes: int, cells: int = 2, n: int = 20) -> Graphs:
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, nodes + 1, (n, cells)).astype(np.uint8)
    used = np.arange(nodes) < sizes[..., None]
    chance = rng.random((n, cells, 1, 1))
    adjacency = np.triu(rng.random((n, cells, nodes, nodes)) < chance, 1) & used[..., None] & used[..., None, :]
    return Graphs(rng.integers(0, 5, (n, cells, nodes)).astype(np.uint8) * used, adjacency, sizes)


def reachable(edges: set[tuple[int, int]], start: int, *, backwards: bool = False) -> set[int]:
    seen, todo = {start}, [start]
    while todo:
        node = todo.pop()
        for a, b in edges:
            here, there = (b, a) if backwards else (a, b)
            if here == node and there not in seen:
                seen.add(there)
                todo.append(there)
    return seen


seeds = st.integers(0, 2**32 - 1)


@given(seeds, st.integers(2, 9))
def test_prune_keeps_exactly_what_is_on_a_path(seed: int, nodes: int) -> None:
    graphs = random_graphs(seed, nodes)
    pruned = dag.prune(graphs)
    for row, cell in np.ndindex(graphs.sizes.shape):
        size = int(graphs.sizes[row, cell])
        edges = set(zip(*np.nonzero(graphs.adjacency[row, cell]), strict=True))
        live = reachable(edges, 0) & reachable(edges, size - 1, backwards=True) if size else set()
        kept = sorted(live) if {0, size - 1} <= live else []
        assert pruned.sizes[row, cell] == len(kept)
        assert pruned.ops[row, cell, : len(kept)].tolist() == graphs.ops[row, cell, kept].tolist()
        assert not pruned.ops[row, cell, len(kept) :].any()
        inside = pruned.adjacency[row, cell, : len(kept), : len(kept)]
        assert (inside == graphs.adjacency[row, cell][np.ix_(kept, kept)]).all()
        assert pruned.adjacency[row, cell].sum() == inside.sum()


@given(seeds, st.integers(2, 9))
def test_prune_is_idempotent_and_leaves_its_argument_alone(seed: int, nodes: int) -> None:
    graphs = random_graphs(seed, nodes)
    before = graphs.adjacency.copy()
    once = dag.prune(graphs)
    twice = dag.prune(once)
    assert (graphs.adjacency == before).all()
    for name in ("ops", "adjacency", "sizes"):
        assert (getattr(once, name) == getattr(twice, name)).all()


@given(seeds, st.integers(2, 8))
def test_closure(seed: int, nodes: int) -> None:
    adjacency = np.random.default_rng(seed).random((3, nodes, nodes)) < 1.5 / nodes
    paths = dag.closure(adjacency)
    for row in range(3):
        edges = set(zip(*np.nonzero(adjacency[row]), strict=True))
        for node in range(nodes):
            after = set().union(*(reachable(edges, b) for a, b in edges if a == node))
            assert set(np.flatnonzero(paths[row, node])) == after


@given(seeds, st.integers(2, 9))
def test_sort_gives_a_topological_order_of_the_same_graph(seed: int, nodes: int) -> None:
    rng = np.random.default_rng(seed)
    graphs = random_graphs(seed, nodes, cells=1)
    sizes = graphs.sizes[:, 0]
    orders = np.argsort(np.where(np.arange(nodes) < sizes[:, None], rng.random((len(graphs), nodes)), 2), axis=1)
    rows = np.arange(len(graphs))[:, None, None]
    names = (orders + 1).astype(np.uint8)
    shuffled = graphs.adjacency[:, 0][rows, orders[:, :, None], orders[:, None, :]]
    sorted_names, adjacency = dag.sort(names, shuffled, sizes)
    assert not np.tril(adjacency).any()
    back = np.argsort(sorted_names, axis=1)
    assert (adjacency[rows, back[:, :, None], back[:, None, :]] == graphs.adjacency[:, 0]).all()
