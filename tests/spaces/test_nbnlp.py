from __future__ import annotations

import json
import zipfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agnet.encodings import KINDS, adjacency_from_edges, columns, edge_nodes, encode
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.spaces import get
from agnet.spaces.nbnlp import NBNLP, cells, recipes
from agnet.spaces.nbnlp.samples import agnet_valid
from agnet.spaces.nbnlp.vectors import x11_vector

space = NBNLP()
Recipe = dict[str, dict[str, Any]]
COMPACT = ("in", *cells.OPERATIONS)

GRU = {
    "r": {"op": "linear", "input": ["x", "h_prev_0"]},
    "r_act": {"op": "activation_sigm", "input": ["r"]},
    "z": {"op": "linear", "input": ["x", "h_prev_0"]},
    "z_act": {"op": "activation_sigm", "input": ["z"]},
    "rh": {"op": "elementwise_prod", "input": ["r_act", "h_prev_0"]},
    "h_tilde": {"op": "linear", "input": ["x", "rh"]},
    "h_tilde_act": {"op": "activation_tanh", "input": ["h_tilde"]},
    "h_new_0": {"op": "blend", "input": ["z_act", "h_prev_0", "h_tilde_act"]},
}


def parse(*things: Recipe | str) -> Graphs:
    parsed = space.parse(pa.array([thing if isinstance(thing, str) else json.dumps(thing) for thing in things]))
    assert parsed.problems == {}
    assert space.valid(parsed.graphs).all()
    return parsed.graphs


def canonical(*things: Recipe | str) -> list[str]:
    return space.format(parse(*things)).to_pylist()


def random(n: int, seed: int = 0) -> Graphs:
    return space.sample(n, np.random.default_rng(seed))


def equal(left: Graphs, right: Graphs) -> bool:
    return (
        np.array_equal(left.ops, right.ops)
        and np.array_equal(left.adjacency, right.adjacency)
        and np.array_equal(left.sizes, right.sizes)
        and np.array_equal(left.ordered(), right.ordered())
    )


def is_state(name: str) -> bool:
    return name.startswith("h_new_") and name[6:].isdigit()


def swapped_states(recipe: Recipe) -> Recipe:
    """The recipe with the names of hidden states 1 and 2 exchanged."""
    other = {"h_prev_1": "h_prev_2", "h_prev_2": "h_prev_1", "h_new_1": "h_new_2", "h_new_2": "h_new_1"}
    return {
        other.get(name, name): {"op": node["op"], "input": [other.get(source, source) for source in node["input"]]}
        for name, node in recipe.items()
    }


def disguised(recipe: Recipe, rng: np.random.Generator) -> Recipe:
    """The same cell: other names, nodes in another order, inputs too where their order does not matter."""
    states = sum(map(is_state, recipe))
    if states == 3 and rng.random() < 0.5:
        recipe = swapped_states(recipe)
    numbers = rng.permutation(len(recipe))
    names = {name: name if is_state(name) else f"v{number}" for name, number in zip(recipe, numbers, strict=True)}
    nodes = []
    for name, node in recipe.items():
        inputs = [names.get(source, source) for source in node["input"]]
        if node["op"] != "blend":
            inputs = [inputs[place] for place in rng.permutation(len(inputs))]
        nodes.append((names[name], {"op": node["op"], "input": inputs}))
    return dict(nodes[place] for place in rng.permutation(len(nodes)))


def compact(recipe: Recipe) -> tuple[Any, ...]:
    """NASLib's converter for recipes whose nodes stand behind their inputs."""
    names = ["x", "h_prev_0", "h_prev_1", "h_prev_2", *recipe]
    edges = [(names.index(source), names.index(name)) for name, node in recipe.items() for source in node["input"]]
    ops = [0] * 4 + [COMPACT.index(node["op"]) for node in recipe.values()]
    return tuple(edges), tuple(ops), tuple(names.index(name) for name in recipe if is_state(name))


@cache
def pool() -> list[str]:
    texts: list[str] = space.format(random(1000, seed=9)).to_pylist()
    return texts


@st.composite
def some_recipes(draw: st.DrawFn) -> Recipe:
    recipe: Recipe = json.loads(pool()[draw(st.integers(0, 999))])
    return recipe


def problem(text: str | None) -> str:
    parsed = space.parse(pa.array([space.example, text, space.example], pa.string()))
    assert list(parsed.problems) == [1]
    assert parsed.graphs.sizes.tolist() == [[7], [0], [7]]
    assert not parsed.graphs.adjacency[1].any()
    assert "\n" not in parsed.problems[1]
    assert len(parsed.problems[1]) < 400
    return parsed.problems[1]


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


@pytest.fixture(scope="module")
def published(data: Path) -> list[Recipe]:
    return [run["recepie"] for run in json.loads((data / "nbnlp" / "nbnlp_wikitext2_345.json").read_text())]


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


def test_published_log_files(data: Path) -> None:
    with zipfile.ZipFile(data / "nbnlp" / "logs.zip") as archive:
        logs = [json.loads(archive.read(name)) for name in archive.namelist() if name.endswith(".json")]
    assert len(logs) == 345
    parse(*(log["recepie"] for log in logs))


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


@given(some_recipes())
@settings(max_examples=20)
def test_every_notation_is_the_same_cell(recipe: Recipe) -> None:
    tuples = compact(recipe)
    # The compact form numbers hidden states by the order of their nodes.
    states = [name for name in recipe if is_state(name)]
    numbered = {name: f"h_new_{number}" for number, name in enumerate(states)}
    renamed = {
        numbered.get(name, name): {
            "op": node["op"],
            "input": [numbered.get(source, source) for source in node["input"]],
        }
        for name, node in recipe.items()
    }
    expected = canonical(renamed)
    assert canonical(str(tuples)) == canonical(json.dumps(tuples)) == expected
    assert canonical(json.dumps(renamed, indent=2)) == expected
    assert canonical(json.dumps(renamed, separators=(",", ":"))) == expected


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


def test_slices_nulls_and_mixtures() -> None:
    graphs = random(8)
    column = space.format(graphs)
    mixed = pa.array([None, "", *column.to_pylist(), json.dumps(GRU), "x"], pa.string())
    parsed = space.parse(mixed)
    assert sorted(parsed.problems) == [0, 1, 11]
    assert equal(parsed.graphs.take(slice(2, 10)), graphs)
    assert equal(parsed.graphs.take([10]), parse(GRU))
    assert equal(space.parse(mixed.slice(3, 5)).graphs, graphs.take(slice(1, 6)))
    empty = space.parse(pa.array([], pa.string())).graphs
    assert (
        len(empty)
        == len(space.format(empty))
        == len(space.ids(empty))
        == len(space.sample(0, np.random.default_rng(0)))
    )
    assert len(space.neighbours(empty)[0]) == 0


def changed(**nodes: Any) -> str:
    recipe = {name: node for name, node in (GRU | nodes).items() if node is not None}
    return json.dumps(recipe)


def test_problems() -> None:
    assert problem(None) == problem(" ") == "no architecture"
    assert "'relu'" in problem(changed(r_act={"op": "relu", "input": ["r"]}))
    assert "node 'r_act': activation_sigm has 1 inputs, not 2" in problem(
        changed(r_act={"op": "activation_sigm", "input": ["r", "z"]})
    )
    assert "linear has 2 or 3 inputs, not 1" in problem(changed(r={"op": "linear", "input": ["x"]}))
    assert "input 'y'" in problem(changed(r={"op": "linear", "input": ["x", "y"]}))
    assert "one input twice" in problem(changed(r={"op": "linear", "input": ["x", "x"]}))
    assert "cannot take x" in problem(changed(rh={"op": "elementwise_prod", "input": ["r_act", "x"]}))
    assert "depends on itself" in problem(changed(r={"op": "linear", "input": ["x", "h_tilde"]}))
    assert "h_prev_1 is used, but there is no h_new_1" in problem(
        changed(r={"op": "linear", "input": ["x", "h_prev_1"]})
    )
    assert "leads to no hidden state" in problem(changed(spare={"op": "linear", "input": ["x", "r"]}))
    assert "at least one" in problem(changed(h_new_0=None, h={"op": "activation_tanh", "input": ["h_tilde"]}))
    assert "h_new_0, h_new_1, h_new_2" in problem(changed(h_new_2={"op": "activation_tanh", "input": ["h_tilde"]}))
    assert "'x' is an input" in problem(changed(x={"op": "linear", "input": ["h_prev_0", "r"]}))
    assert "is not an object with 'op'" in problem(changed(r=["x"]))
    chain = {f"n{k}": {"op": "activation_tanh", "input": [f"n{k - 1}" if k else "h_prev_0"]} for k in range(21)}
    assert "22 nodes; this space has cells of up to 21" in problem(
        json.dumps(chain | {"h_new_0": {"op": "linear", "input": ["x", "n20"]}})
    )
    assert "the first 4 operations must be 0" in problem("(((0, 4),), (1, 0, 0, 0, 2), (4,))")
    assert "operation '8' is not 1 to 7" in problem("(((0, 4),), (0, 0, 0, 0, 8), (4,))")
    assert "hidden states '[3]'" in problem("(((0, 4),), (0, 0, 0, 0, 2), (3,))")
    assert "edge '[0, 5]'" in problem("(((0, 5),), (0, 0, 0, 0, 2), (4,))")
    assert "three lists" in problem("[1, 2]")


@pytest.mark.parametrize(
    "text",
    ["x", "[", "{}", "[]", "1", "null", '"a"', "(" * 5000, "[" * 90_000, '{"a":' * 50_000, "x" * 200_000, "\0",
     '{"a": {"op": [], "input": []}}', '{"a": {"op": "linear", "input": [1, {}]}}',
     '{"": {"op": "linear", "input": ["", ""]}}',
     "[[[[], []]], [0, 0, 0, 0, 1], [4]]", "[[[0, 1e9]], [0, 0, 0, 0, 1], [4]]", "[[], [0, 0, 0, 0], []]",
     '"op" "op" "op" "op" "input" "x"', '{"h_new_0": {"op": "linear", "input": ["x", "h_prev_0"'],
)  # fmt: skip
def test_rubbish_has_a_reason(text: str) -> None:
    assert problem(text)


WORDS = [*recipes.NAMES, *cells.OPERATIONS, "op", "input", "{", "}", "[", "]", ", ", ": ", '"']


@given(st.lists(st.sampled_from(WORDS), max_size=60), st.booleans())
def test_any_words_are_read_or_refused(words: list[str], quoted: bool) -> None:
    parsed = space.parse(pa.array(['"'.join(words) if quoted else "".join(words)]))
    assert space.valid(parsed.graphs)[0] == (not parsed.problems)


@given(some_recipes(), st.data())
@settings(max_examples=60)
def test_one_wrong_word(recipe: Recipe, data: st.DataObject) -> None:
    words = json.dumps(recipe).split('"')
    place = data.draw(st.integers(0, len(words) - 1))
    words[place] = data.draw(st.sampled_from(WORDS))
    parsed = space.parse(pa.array(['"'.join(words)]))
    assert space.valid(parsed.graphs)[0] == (not parsed.problems)


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
