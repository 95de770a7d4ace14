"""What surrogates and generators read of recurrent cells, and what generators make."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from agnet.encodings import KINDS, adjacency_from_edges, columns, edge_nodes, encode
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.spaces.nbnlp.samples import agnet_valid
from agnet.spaces.nbnlp.vectors import x11_vector

from .nbnlp_recipes import GRU, Recipe, compact, equal, parse, random, space


def test_x11_vector(published: list[Recipe]) -> None:
    """Against a plain version of NAS-Bench-x11's ``encode_adj``."""
    graphs = parse(*published)
    graphs = graphs.take(graphs.sizes[:, 0] <= 14)
    assert len(graphs) == 267
    vectors = x11_vector(graphs)
    assert vectors.shape == (len(graphs), 185)
    for text, vector in zip(space.format(graphs).to_pylist(), vectors.tolist(), strict=True):
        edges, ops, hidden = compact(json.loads(text))
        last = len(ops) - 1
        matrix = np.zeros((13, 13))
        for edge in edges:
            matrix[tuple(12 if node == last else node for node in edge)] = 1
        expected = [*matrix.flatten(), *ops[:-1], *[0] * (12 - last), ops[-1], *hidden, *[0] * (3 - len(hidden))]
        assert vector == expected
    with pytest.raises(InputError, match="up to 9 operations"):
        x11_vector(parse(*published))


def samples(data: Path, n: int) -> tuple[Graphs, np.ndarray]:
    """``n`` samples for each of 32 normal latents of AG-Net's published generator, and their edge scores."""
    scores = np.load(data / "agnet" / "reference_scores.npz")
    rng = np.random.default_rng(0)
    types = np.repeat(scores["NASBenchNLP_nodes"][:32], n, axis=0).reshape(-1, 26, 9)
    edge_scores = np.repeat(scores["NASBenchNLP_edges"][:32], n, axis=0)
    ops = (types + rng.gumbel(size=types.shape)).argmax(axis=-1)
    ops[:, -1] = 0
    sizes = (ops == 0).argmax(axis=1) + 1
    used = np.arange(26) < sizes[:, None]
    adjacency = adjacency_from_edges(np.log(1 / rng.random(edge_scores.shape) - 1) < edge_scores)
    adjacency &= used[:, :, None] & used[:, None, :]
    graphs = Graphs((ops * used).astype(np.uint8)[:, None], adjacency[:, None], sizes.astype(np.uint8)[:, None])
    return graphs, edge_scores[:, None]


def test_published_generator(data: Path) -> None:
    graphs, scores = samples(data, 100)
    # Measured with the published code: 58.4 % of its samples are valid by its rule, 21 % by the rule it means.
    assert agnet_valid(graphs, scores).mean() == pytest.approx(0.584, abs=0.02)
    assert agnet_valid(graphs, scores, mended=True).mean() == pytest.approx(0.21, abs=0.02)
    assert space.valid(graphs).mean() < 0.01
    resolved = space.resolve(graphs, scores)
    good = space.valid(resolved)
    assert good.mean() > 0.9
    texts = space.format(resolved.take(good))
    assert equal(space.parse(texts).graphs, parse(*texts.to_pylist()))


def test_resolve_keeps_what_is_sampled() -> None:
    graphs = random(300)
    bare = Graphs(graphs.ops, graphs.adjacency, graphs.sizes)
    scores = np.random.default_rng(0).normal(size=(300, 1, 325))
    assert equal(space.resolve(bare, scores), bare)


def test_resolve_prunes_and_completes_by_score() -> None:
    graphs = parse(GRU)
    types = [space.node_types[op] for op in graphs.ops[0, 0]]
    blend, output = types.index("blend"), int(graphs.sizes[0, 0]) - 1
    adjacency = graphs.adjacency.copy()
    adjacency[0, 0, 4:blend, blend] = True  # too many inputs: the best three stay
    adjacency[0, 0, blend, output] = False  # no hidden state: the best node becomes it
    adjacency[0, 0, 0, 4] = False  # too few inputs: the best other one comes
    matrix = np.full((26, 26), -1.0)
    matrix[[5, 6, 7], blend] = [1.0, 3.0, 2.0]
    matrix[blend, output] = 5.0
    matrix[[0, 2], 4] = [2.0, 9.0]  # h_prev_1 cannot be: there is one hidden state
    resolved = space.resolve(Graphs(graphs.ops, adjacency, graphs.sizes), matrix[edge_nodes(26)][None, None])
    assert space.valid(resolved).all()
    recipe = json.loads(space.format(resolved)[0].as_py())
    assert recipe["h_new_0"]["op"] == "blend"
    assert resolved.operands is not None
    edges = resolved.adjacency[0, 0]
    last = int(resolved.sizes[0, 0]) - 1
    assert edges[:, last].nonzero()[0].tolist() == [last - 1]
    kept = [types[node] for node in (5, 6, 7)]
    found = [space.node_types[resolved.ops[0, 0, node]] for node in edges[:, last - 1].nonzero()[0]]
    assert found == kept
    assert edges[[0, 1, 2], 4].tolist() == [True, True, False]


@pytest.mark.parametrize("kind", KINDS)
def test_encodings(kind: str) -> None:
    graphs = random(30)
    matrix = encode(space, graphs, kind)
    assert matrix.shape == (30, len(columns(space, kind)))
    assert np.array_equal(encode(space, parse(*space.format(graphs).to_pylist()), kind), matrix)
