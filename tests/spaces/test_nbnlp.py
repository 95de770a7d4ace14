"""Recurrent cells of NAS-Bench-NLP: layout, isomorphism, random cells, rules, neighbours."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agnet.generator import checkpoint
from agnet.generator.sampling import Generation
from agnet.graphs import Graphs
from agnet.spaces import get
from agnet.spaces.nbnlp import cells, recipes

from .nbnlp_recipes import (
    GRU,
    Recipe,
    canonical,
    disguised,
    equal,
    is_state,
    parse,
    random,
    some_recipes,
    space,
    swapped_states,
)


def test_registered() -> None:
    assert get("nbnlp").name == "nbnlp"
    assert get("nbnlp").flat_length == 559
    assert canonical(space.example) == [space.example]


def test_layout() -> None:
    graphs = parse(GRU)
    size = graphs.sizes[0, 0]
    assert size == 4 + 8 + 1
    types = [space.node_types[op] for op in graphs.ops[0, 0, :size]]
    assert types[:4] == ["input"] * 4
    assert types[-1] == "output"
    assert sorted(types[4:-1]) == sorted(node["op"] for node in GRU.values())
    assert graphs.adjacency[0, 0, :, size - 1].nonzero()[0].tolist() == [types.index("blend")]
    blend = graphs.operands[0, 0, :, types.index("blend")]
    assert [types[int((blend == number).argmax())] for number in (1, 2, 3)] == [
        "activation_sigm",
        "input",
        "activation_tanh",
    ]


def test_published_recipes(published: list[Recipe]) -> None:
    graphs = parse(*published)
    text, ids = space.format(graphs), space.ids(graphs)
    again = space.parse(text)
    assert again.problems == {}
    assert equal(again.graphs, graphs)
    assert space.format(again.graphs).equals(text)
    assert space.ids(again.graphs).equals(ids)
    assert recipes.read(text)[1].all()
    assert len(text.unique()) == len(ids.unique()) == 265
    for recipe, canonical_text in zip(published, text.to_pylist(), strict=True):
        mine = json.loads(canonical_text)
        assert sorted(node["op"] for node in mine.values()) == sorted(node["op"] for node in recipe.values())
        assert json.dumps(mine) == canonical_text
    rng = np.random.default_rng(0)
    assert canonical(*(disguised(recipe, rng) for recipe in published)) == text.to_pylist()


def test_ids_mean_isomorphism(published: list[Recipe]) -> None:
    networkx = pytest.importorskip("networkx")

    def graph(recipe: Recipe) -> Any:
        made = networkx.DiGraph()
        for name in ("x", "h_prev_0", "h_prev_1", "h_prev_2"):
            made.add_node(name, label=name)
        for name, node in recipe.items():
            made.add_node(name, label=(node["op"], name if is_state(name) else ""))
            for number, source in enumerate(node["input"]):
                made.add_edge(source, name, number=number if node["op"] == "blend" else 0)
        return made

    def same(left: Recipe, right: Recipe) -> bool:
        match = networkx.algorithms.isomorphism
        labels, numbers = match.categorical_node_match("label", None), match.categorical_edge_match("number", None)
        return any(
            networkx.is_isomorphic(graph(left), graph(other), node_match=labels, edge_match=numbers)
            for other in (right, swapped_states(right))
        )

    small = random(300, seed=5)
    small = small.take(small.sizes[:, 0] <= 9)
    every = [*published, *(json.loads(text) for text in space.format(small).to_pylist())]
    ids = space.ids(parse(*every)).to_pylist()
    alike: dict[str, list[int]] = {}
    for row, recipe in enumerate(every):
        alike.setdefault(str(sorted((node["op"], len(node["input"])) for node in recipe.values())), []).append(row)
    compared = 0
    for rows in alike.values():
        for position, left in enumerate(rows):
            for right in rows[position + 1 : position + 12]:
                assert (ids[left] == ids[right]) == same(every[left], every[right])
                compared += ids[left] == ids[right]
    assert compared > 100


@given(some_recipes(), st.integers(0, 1000))
@settings(max_examples=40)
def test_isomorphic_cells_are_written_alike(recipe: Recipe, seed: int) -> None:
    other = disguised(recipe, np.random.default_rng(seed))
    graphs = parse(recipe, other)
    assert len(space.format(graphs).unique()) == 1
    assert len(space.ids(graphs).unique()) == 1
    assert equal(graphs.take([0]), graphs.take([1]))


def test_order_of_operands_and_states_matters() -> None:
    swapped = json.loads(json.dumps(GRU))
    swapped["h_new_0"]["input"] = ["z_act", "h_tilde_act", "h_prev_0"]
    two = {
        "a": {"op": "linear", "input": ["x", "h_prev_0", "h_prev_1"]},
        "h_new_0": {"op": "activation_tanh", "input": ["a"]},
        "h_new_1": {"op": "activation_sigm", "input": ["a"]},
    }
    other = {"a": two["a"], "h_new_1": two["h_new_0"], "h_new_0": two["h_new_1"]}
    graphs = parse(GRU, swapped, two, other)
    assert len(space.ids(graphs).unique()) == len(space.format(graphs).unique()) == 4
    # AG-Net's graphs, without the order, are those of two cells only.
    bare = Graphs(graphs.ops, graphs.adjacency, graphs.sizes)
    assert space.valid(bare).all()
    assert len(space.ids(bare).unique()) == 2
    assert equal(parse(*space.format(bare).to_pylist()), space.parse(space.format(bare)).graphs)


def test_interchangeable_nodes() -> None:
    """Many nodes that look alike from below and differ only by where they lead, or not at all."""
    leaves = {f"l{k}": {"op": "linear", "input": ["x", "h_prev_0"]} for k in range(8)}
    sums = {f"s{k}": {"op": "elementwise_sum", "input": [f"l{2 * k}", f"l{2 * k + 1}"]} for k in range(4)}
    top = {
        "p": {"op": "elementwise_prod", "input": ["s0", "s1"]},
        "q": {"op": "elementwise_prod", "input": ["s2", "s3"]},
        "h_new_0": {"op": "elementwise_sum", "input": ["p", "q"]},
    }
    ring = {f"s{k}": {"op": "elementwise_sum", "input": [f"l{k}", f"l{(k + 1) % 4}"]} for k in range(4)}
    four = {name: leaves[name] for name in ("l0", "l1", "l2", "l3")}
    rng = np.random.default_rng(0)
    for recipe in (leaves | sums | top, four | ring | top):
        assert len(set(canonical(*(disguised(recipe, rng) for _ in range(50))))) == 1


def test_random_cells() -> None:
    graphs = random(2000)
    assert space.valid(graphs).all()
    assert equal(random(2000), graphs)
    text = space.format(graphs)
    assert recipes.read(text)[1].all()
    assert equal(space.parse(text).graphs, graphs)
    hidden = graphs.adjacency[np.arange(2000), 0, :, graphs.sizes[:, 0] - 1].sum(axis=1)
    assert np.all(np.bincount(hidden, minlength=4)[1:] > 550)
    for recipe in map(json.loads, text.to_pylist()[:200]):
        states = sum(map(is_state, recipe))
        used = {source for node in recipe.values() for source in node["input"]}
        assert {"x", *(f"h_prev_{state}" for state in range(states))} <= used
        assert not any(
            source.startswith("h_prev") for name in recipe if is_state(name) for source in recipe[name]["input"]
        )
        for node in recipe.values():
            if node["op"].startswith("activation"):
                assert recipe[node["input"][0]]["op"] == "linear"
    # of the published generator, 1,500 accepted cells of each setting: 8.86, 12.76, 16.78 nodes
    assert 11.5 < graphs.sizes.mean() < 13.5
    linear = (graphs.ops == cells.LINEAR).sum() / (graphs.ops > cells.INPUT).sum()
    assert 0.44 < linear < 0.49


def test_notation_and_ids_at_once() -> None:
    """Of cells in any order of their nodes, as a generator draws them."""
    drawn = Generation(checkpoint.load("nbnlp"), space, 300, (0,))
    graphs = Graphs.concat([space.sample(300, np.random.default_rng(0)), *(block.graphs for block in drawn)])
    arch, ids = space.format_and_ids(graphs)
    assert arch.equals(space.format(graphs))
    assert ids.equals(space.ids(graphs))


def test_valid_refuses() -> None:
    graphs = parse(GRU)
    size = int(graphs.sizes[0, 0])

    def refused(**arrays: np.ndarray) -> bool:
        parts = {"ops": graphs.ops, "adjacency": graphs.adjacency, "sizes": graphs.sizes, "operands": graphs.operands}
        return not space.valid(Graphs(**(parts | arrays)))[0]

    def without(a: int, b: int) -> np.ndarray:
        adjacency = graphs.adjacency.copy()
        adjacency[0, 0, a, b] = False
        return adjacency

    assert not refused(operands=None)
    # every edge is needed, every further one too much for its node
    for a, b in np.argwhere(graphs.adjacency[0, 0]):
        assert refused(adjacency=without(a, b), operands=None)
    for b in range(size - 1):
        for a in range(26):
            if not graphs.adjacency[0, 0, a, b] and space.node_types[graphs.ops[0, 0, b]] != "linear":
                adjacency = graphs.adjacency.copy()
                adjacency[0, 0, a, b] = True
                assert refused(adjacency=adjacency, operands=None)
    for node in range(26):
        for op in (0, 1, 9, 255):
            ops = graphs.ops.copy()
            ops[0, 0, node] = op
            assert np.array_equal(ops, graphs.ops) or refused(ops=ops)
    for value in (0, 1, size - 1, size + 1, 26, 27, 255):
        assert refused(sizes=np.array([[value]], dtype=np.uint8))
    for wrong in (0, 4, 255):
        operands = graphs.operands.copy()
        operands[operands == 2] = wrong
        assert refused(operands=operands)
    state = graphs.adjacency.copy()
    state[0, 0, [1, 2], 4] = [False, True]
    assert refused(adjacency=state, operands=None)  # h_prev_1 without h_new_1
    small = Graphs(graphs.ops[..., :20], graphs.adjacency[..., :20, :20], graphs.sizes)
    assert not space.valid(small).any()


@given(some_recipes())
@settings(max_examples=10)
def test_neighbours(recipe: Recipe) -> None:
    origin = parse(recipe)
    found, rows = space.neighbours(origin)
    assert (rows == 0).all()
    assert len(found) > 0
    assert space.valid(found).all()
    ids = space.ids(found)
    assert len(ids.unique()) == len(ids)
    assert space.ids(origin)[0].as_py() not in ids.to_pylist()
    assert equal(space.parse(space.format(found)).graphs, found)
    assert (found.sizes == origin.sizes).all()
    types = np.stack([(graphs.ops == kind).sum(axis=(1, 2)) for graphs in (found,) for kind in range(9)], axis=1)
    before = np.array([(origin.ops == kind).sum() for kind in range(9)])
    assert (np.abs(types - before).sum(axis=1) <= 2).all()
    # being neighbours is mutual
    back, _ = space.neighbours(found.take([len(found) // 2]))
    assert space.ids(origin)[0].as_py() in space.ids(back).to_pylist()


def test_neighbours_of_a_plain_cell() -> None:
    found, rows = space.neighbours(parse(space.example))
    texts = space.format(found).to_pylist()
    expected = {space.example.replace("activation_tanh", f"activation_{name}") for name in ("sigm", "leaky_relu")}
    assert set(texts) == expected
    batch = random(20)
    together, rows = space.neighbours(batch)
    for row in (0, 7, 19):
        alone, _ = space.neighbours(batch.take([row]))
        assert equal(together.take(rows == row), alone)
