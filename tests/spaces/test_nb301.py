from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agnet.encodings import KINDS, adjacency_from_edges, columns, edge_nodes, encode
from agnet.graphs import Graphs
from agnet.spaces import get
from agnet.spaces.nb301 import NB301, darts
from agnet.spaces.nb301.vectors import configspace_vector, yahpo_codes

space = NB301()
PREFIX = "NetworkSelectorDatasetInfo:darts:"
FIRST_EDGE = (0, 2, 5, 9)

Cell = list[tuple[str, int]]


@st.composite
def cells(draw: st.DrawFn) -> Cell:
    """Eight (operation, input), the inputs of a node in any order."""
    cell = []
    for node in range(4):
        inputs = draw(st.lists(st.integers(0, node + 1), min_size=2, max_size=2, unique=True))
        cell += [(draw(st.sampled_from(darts.OPERATIONS)), source) for source in inputs]
    return cell


architectures = st.tuples(cells(), cells())


def in_order(cell: Cell) -> Cell:
    return [pair for node in range(4) for pair in sorted(cell[2 * node : 2 * node + 2], key=lambda pair: pair[1])]


def genotype(normal: Cell, reduce: Cell, concat: str = "[2, 3, 4, 5]") -> str:
    return f"Genotype(normal={normal}, normal_concat={concat}, reduce={reduce}, reduce_concat={concat})"


def compact(normal: Cell, reduce: Cell) -> tuple[tuple[tuple[int, int], ...], ...]:
    return tuple(tuple((source, darts.OPERATIONS.index(op)) for op, source in cell) for cell in (normal, reduce))


def configuration(normal: Cell, reduce: Cell) -> dict[str, str]:
    """As nasbench301's converter makes it."""
    made = {}
    for name, cell in (("normal", normal), ("reduce", reduce)):
        for node in range(4):
            pairs = cell[2 * node : 2 * node + 2]
            made |= {f"{PREFIX}edge_{name}_{FIRST_EDGE[node] + source}": op for op, source in pairs}
            if node:
                inputs = sorted(source for _, source in pairs)
                made[f"{PREFIX}inputs_node_{name}_{node + 2}"] = f"{inputs[0]}_{inputs[1]}"
    return made


def parse(*texts: str | None) -> Graphs:
    parsed = space.parse(pa.array(texts, pa.string()))
    assert parsed.problems == {}
    assert space.valid(parsed.graphs).all()
    return parsed.graphs


def problem(text: str | None) -> str:
    parsed = space.parse(pa.array([space.example, text, space.example], pa.string()))
    assert list(parsed.problems) == [1]
    assert parsed.graphs.sizes.tolist() == [[11, 11], [0, 0], [11, 11]]
    assert "\n" not in parsed.problems[1]
    assert len(parsed.problems[1]) < 400
    return parsed.problems[1]


def random(n: int, seed: int = 0) -> Graphs:
    return space.sample(n, np.random.default_rng(seed))


def equal(left: Graphs, right: Graphs) -> bool:
    return all(np.array_equal(getattr(left, name), getattr(right, name)) for name in ("ops", "adjacency", "sizes"))


def test_registered() -> None:
    assert get("nb301").name == "nb301"
    assert get("nb301").flat_length == 176
    assert space.format(parse(space.example)).to_pylist() == [space.example]


@given(architectures)
@settings(max_examples=40)
def test_every_notation_gives_the_same_genotype(cells: tuple[Cell, Cell]) -> None:
    config = configuration(*cells)
    texts = [
        genotype(*cells),
        genotype(*cells, concat="range(2, 6)"),
        genotype(*cells).replace(" ", ""),
        genotype(*cells).replace("'", '"').replace(")]", "),\n]"),
        json.dumps({"normal": cells[0], "reduce": cells[1]}),
        str(compact(*cells)),
        json.dumps(compact(*cells)),
        json.dumps(config),
        json.dumps({"optimized_hyperparamater_config": config | {f"{PREFIX}layers": 8}, "runtime": 3.5}),
        json.dumps({key.replace(":", "_COLON_"): value for key, value in config.items()}),
    ]
    graphs = parse(*texts)
    canonical = genotype(*map(in_order, cells))
    assert space.format(graphs).to_pylist() == [canonical] * len(texts)
    assert space.ids(graphs).unique().to_pylist() == space.ids(parse(canonical)).to_pylist()


@given(architectures)
def test_graphs(cells: tuple[Cell, Cell]) -> None:
    graphs = parse(genotype(*cells))
    for number, cell in enumerate(map(in_order, cells)):
        expected = np.zeros((11, 11), dtype=bool)
        expected[2:10, 10] = True
        for position, (_, source) in enumerate(cell):
            expected[[source] if source < 2 else [2 * source - 2, 2 * source - 1], position + 2] = True
        types = ["input", "input_1", *(op for op, _ in cell), "output"]
        assert [space.node_types[op] for op in graphs.ops[0, number]] == types
        assert np.array_equal(graphs.adjacency[0, number], expected)


def test_slices_nulls_and_mixtures() -> None:
    column = space.format(random(9))
    mixed = pa.array([None, *column.to_pylist(), "x", "", column[3].as_py().replace(", ", " , ")], pa.string())
    parsed = space.parse(mixed.slice(0))
    assert sorted(parsed.problems) == [0, 10, 11]
    assert equal(parsed.graphs.take(slice(1, 10)), random(9))
    assert equal(parsed.graphs.take([12]), random(9).take([3]))
    assert equal(space.parse(column.slice(4, 3)).graphs, random(9).take(slice(4, 7)))
    assert equal(space.parse(mixed.slice(2, 7)).graphs, random(9).take(slice(1, 8)))
    assert len(space.parse(pa.array([], pa.string())).graphs) == 0
    assert len(space.format(random(0))) == len(space.ids(random(0))) == 0


def test_problems() -> None:
    example = space.example
    assert problem(None) == problem("  ") == "no architecture"
    assert "'none'" in problem(example.replace("sep_conv_3x3", "none", 1))
    assert "node 2 of the normal cell has the input 0 twice" in problem(
        example.replace("('sep_conv_3x3', 1)", "('sep_conv_3x3', 0)", 1)
    )
    assert "node 5 of the normal cell has the input '5', which is not 0 to 4" in problem(
        example.replace(", 2)", ", 5)", 1)
    )
    assert "node 2 of the reduce cell has the input '2'" in problem(
        example.replace("('max_pool_3x3', 0)", "('max_pool_3x3', 2)", 1)
    )
    assert "reduce_concat must be" in problem(example.replace("reduce_concat=[2, 3, 4, 5]", "reduce_concat=[3, 4, 5]"))
    assert "eight pairs" in problem(example.replace("('sep_conv_3x3', 0), ", "", 1))
    assert "eight pairs" in problem("[[1], [2]]")
    assert "operation '7' is not 0 to 6" in problem(str([[(0, 7), (1, 1)] * 4] * 2))
    assert "3 cells" in problem("[[], [], []]")
    lonely = {f"{PREFIX}edge_normal_{edge}": "skip_connect" for edge in (0, 1, 2)}
    assert "node 3 of the normal cell has operations on the inputs [0], but two are needed" in problem(
        json.dumps(lonely)
    )
    contradiction = configuration(*[[("skip_connect", place % 2) for place in range(8)]] * 2)
    contradiction[f"{PREFIX}inputs_node_normal_4"] = "1_2"
    assert "on the inputs [0, 1], but inputs_node says '1_2'" in problem(json.dumps(contradiction))


@pytest.mark.parametrize(
    "text",
    ["x", "[", "{}", "[]", "1", "null", '"a"', "Genotype()", "Genotype(1)", "(" * 5000, "[" * 90_000, "x" * 200_000,
     "\0", '{"normal": 1, "reduce": 2}', '{"optimized_hyperparamater_config": 3}', "[[[[], []]], 1]", "9" * 5000,
     str([[([], {})] * 8] * 2).replace("'", '"'), "Genotype(normal=__import__('os').system('true'))"],
)  # fmt: skip
def test_rubbish_has_a_reason(text: str) -> None:
    assert problem(text)


@given(st.text(alphabet="Genotype(nrmal='skip_co,)[]0129{}:\" \n"))
def test_any_text_is_read_or_refused(text: str) -> None:
    assert len(space.parse(pa.array([text])).problems) == 1


@given(st.integers(0, 480), st.integers(0, 255))
def test_one_wrong_character(place: int, character: int) -> None:
    text = space.example[:place] + chr(character) + space.example[place + 1 :]
    parsed = space.parse(pa.array([text]))
    if not parsed.problems:
        assert space.valid(parsed.graphs).all()


def test_random_architectures_are_uniform() -> None:
    graphs = random(20_000)
    assert space.valid(graphs).all()
    codes = darts.from_graphs(graphs)
    for node, codes_of_node in enumerate((49, 147, 294, 490)):
        counts = np.bincount(codes[..., node].ravel(), minlength=codes_of_node)
        assert len(counts) == codes_of_node
        expected = codes[..., node].size / codes_of_node
        assert ((counts - expected) ** 2 / expected).sum() < codes_of_node + 6 * np.sqrt(2 * codes_of_node)


def test_valid_refuses_every_single_change() -> None:
    graphs = random(1)
    changed = []
    for cell, a, b in itertools.product(range(2), range(11), range(11)):
        adjacency = graphs.adjacency.copy()
        adjacency[0, cell, a, b] ^= True
        changed.append(Graphs(graphs.ops, adjacency, graphs.sizes))
    for cell, node, op in itertools.product(range(2), range(11), (0, 1, 2, 3, 11, 255)):
        ops = graphs.ops.copy()
        ops[0, cell, node] = op
        if not np.array_equal(ops, graphs.ops):
            changed.append(Graphs(ops, graphs.adjacency, graphs.sizes))
    sizes = graphs.sizes.copy()
    sizes[0, 1] = 10
    changed.append(Graphs(graphs.ops, graphs.adjacency, sizes))
    assert len(changed) > 300
    assert not space.valid(Graphs.concat(changed)).any()


def test_valid_cells_and_other_shapes() -> None:
    graphs = random(5)
    one = Graphs(graphs.ops[:, :1], graphs.adjacency[:, :1], graphs.sizes[:, :1])
    assert space.valid(one).all()
    small = Graphs(graphs.ops[..., :7], graphs.adjacency[..., :7, :7], graphs.sizes)
    assert not space.valid(small).any()


def renumbered(cell: Cell, order: tuple[int, ...]) -> Cell | None:
    """The cell with node k at place order[k]; None where a node would stand before its input."""
    nodes: list[Cell] = [[], [], [], []]
    for node, place in enumerate(order):
        nodes[place] = [
            (op, source if source < 2 else order[source - 2] + 2) for op, source in cell[2 * node : 2 * node + 2]
        ]
    if any(source >= place + 2 for place, node in enumerate(nodes) for _, source in node):
        return None
    return [pair for node in nodes for pair in node]


@given(architectures)
@settings(max_examples=40)
def test_ids_do_not_depend_on_the_order_of_nodes(cells: tuple[Cell, Cell]) -> None:
    normal, reduce = cells
    same = [cell for order in itertools.permutations(range(4)) if (cell := renumbered(normal, order))]
    same_reduce = [cell for order in itertools.permutations(range(4)) if (cell := renumbered(reduce, order))]
    texts = [genotype(cell, reduce) for cell in same] + [genotype(normal, cell) for cell in same_reduce]
    assert len(space.ids(parse(*texts)).unique()) == 1


def test_ids_tell_architectures_apart() -> None:
    """As many ids among the neighbours of one architecture as graph isomorphism finds classes."""
    graphs, _ = space.neighbours(random(1, seed=3))
    graphs = Graphs.concat([graphs, random(500)])

    def fingerprint(cell: Cell) -> list[Cell]:
        return min(in_order(other) for order in itertools.permutations(range(4)) if (other := renumbered(cell, order)))

    codes = darts.from_graphs(graphs)
    pairs = np.stack([darts.OPS[codes], darts.INPUTS[codes]], axis=-1).reshape(len(graphs), 2, 8, 2).tolist()
    classes = {
        str([fingerprint([(darts.OPERATIONS[op], source) for op, source in cell]) for cell in cells]) for cells in pairs
    }
    ids = space.ids(graphs)
    assert len(ids.unique()) == len(classes)
    assert all(len(id_) == 16 and set(id_) <= set("0123456789abcdef") for id_ in ids.to_pylist())


def test_neighbours() -> None:
    graphs = random(3)
    found, rows = space.neighbours(graphs)
    assert rows.tolist() == np.repeat(np.arange(3), 120).tolist()
    assert space.valid(found).all()
    texts, origins = space.format(found).to_pylist(), space.format(graphs).to_pylist()
    assert len(set(texts)) == 360
    assert not set(texts) & set(origins)
    by_code, origin = darts.from_graphs(found), darts.from_graphs(graphs)[rows]
    assert ((by_code != origin).sum(axis=(1, 2)) == 1).all()
    operations = (found.ops != graphs.ops[rows]).sum(axis=(1, 2))
    same_edges = (found.adjacency == graphs.adjacency[rows]).all(axis=(1, 2, 3))
    assert (operations[same_edges] == 1).all()
    assert same_edges.sum() == 3 * 96
    # being neighbours is mutual
    back, back_rows = space.neighbours(found.take([0, 50, 119]))
    back_texts = np.array(space.format(back).to_pylist())
    assert all(origins[0] in back_texts[back_rows == row] for row in range(3))


def test_configspace_vector(data: Path) -> None:
    order = json.loads((data / "nb301" / "nb301_feature_order.json").read_text())
    vector = configspace_vector(parse(space.example))
    assert vector.dtype == np.float64
    assert vector.tolist() == [[-1.0 if value is None else value for *_, value in order]]


@given(architectures)
@settings(max_examples=25)
def test_vectors_name_edges_and_inputs(data: Path, cells: tuple[Cell, Cell]) -> None:
    graphs = parse(genotype(*cells))
    config = configuration(*cells)
    order = json.loads((data / "nb301" / "nb301_feature_order.json").read_text())
    vector = configspace_vector(graphs)[0]
    for place, name, _, choices, value in order:
        if "edge_" in name or "inputs_node" in name:
            assert vector[place] == (choices.index(config[name]) if name in config else -1)
        else:
            assert vector[place] == value
    encoding = json.loads((data / "nb301" / "encoding.json").read_text())
    names = [f"edge_{cell}_{edge}" for cell in ("normal", "reduce") for edge in range(14)]
    names += [f"inputs_node_{cell}_{node}" for cell in ("normal", "reduce") for node in (3, 4, 5)]
    expected = [
        encoding[f"{PREFIX}{name}".replace(":", "_COLON_")][config.get(PREFIX + name, "#na#")] for name in names
    ]
    codes = yahpo_codes(graphs)
    assert codes.dtype == np.int32
    assert codes.tolist() == [expected]


@pytest.fixture(scope="module")
def published(data: Path) -> pa.Table:
    scores = pq.read_table(data / "zerocost" / "naslib_zero_cost.parquet", filters=[("space", "=", "nb301")])
    assert len(scores) == 725
    return scores


def test_published_architectures(published: pa.Table) -> None:
    arch = published["arch"].combine_chunks()
    parsed = space.parse(arch)
    assert parsed.problems == {}
    again = space.parse(space.format(parsed.graphs))
    assert equal(again.graphs, parsed.graphs)
    assert len(space.format(parsed.graphs).unique()) == 725
    expected = [
        sorted((source, op) for cell in json.loads(text.replace("(", "[").replace(")", "]")) for source, op in cell)
        for text in arch.to_pylist()
    ]
    codes = darts.from_graphs(parsed.graphs)
    found = np.stack([darts.INPUTS[codes], darts.OPS[codes]], axis=-1).reshape(725, 16, 2)
    assert [sorted(map(tuple, pairs)) for pairs in found.tolist()] == expected


def test_operation_numbers_explain_published_parameters(published: pa.Table) -> None:
    """NASLib's numbers mean these operations: bigger kernels and separable convolutions cost more parameters."""
    graphs = space.parse(published["arch"].combine_chunks()).graphs
    counts = np.stack([(graphs.ops == node_type).sum(axis=(1, 2)) for node_type in range(4, 11)], axis=1)
    cost, *_ = np.linalg.lstsq(counts, published["params"].to_numpy(), rcond=None)
    by_name = dict(zip(space.node_types[4:], cost, strict=True))
    assert by_name["sep_conv_5x5"] > by_name["sep_conv_3x3"] > by_name["dil_conv_5x5"] > by_name["dil_conv_3x3"]
    assert by_name["dil_conv_3x3"] > 1.5 * max(
        by_name["skip_connect"], by_name["max_pool_3x3"], by_name["avg_pool_3x3"]
    )


def samples(data: Path, n: int) -> tuple[Graphs, np.ndarray]:
    """``n`` samples for each of 32 normal latents of AG-Net's published generator of cells, and their edge scores."""
    scores = np.load(data / "agnet" / "reference_scores.npz")
    rng = np.random.default_rng(0)
    types = np.repeat(scores["NASBench301_nodes"][:32], n, axis=0).reshape(-1, 11, 11)
    edge_scores = np.repeat(scores["NASBench301_edges"][:32], n, axis=0)
    ops = (types + rng.gumbel(size=types.shape)).argmax(axis=-1)
    ops[:, -1] = 0
    sizes = (ops == 0).argmax(axis=1) + 1
    used = np.arange(11) < sizes[:, None]
    adjacency = adjacency_from_edges(np.log(1 / rng.random(edge_scores.shape) - 1) < edge_scores)
    adjacency &= used[:, :, None] & used[:, None, :]
    graphs = Graphs((ops * used).astype(np.uint8)[:, None], adjacency[:, None], sizes.astype(np.uint8)[:, None])
    return graphs, edge_scores[:, None]


def agnet_inputs(adjacency: np.ndarray, scores: np.ndarray) -> list[list[int]] | None:
    """The inputs of the four nodes of one sample by AG-Net's rule; scores are log-sigmoids."""
    inputs = []
    for node in range(4):
        columns = [2 * node + 2, 2 * node + 3]
        maps = [[0], [1], *([2 * k + 2, 2 * k + 3] for k in range(node))]
        drawn = [k for k, rows in enumerate(maps) if adjacency[np.ix_(rows, columns)].any()]
        best = sorted(drawn, key=lambda k: scores[np.ix_(maps[k], columns)].sum())[-2:]
        if len(best) < 2:
            return None
        inputs.append(sorted(best))
    return inputs


def test_published_generator(data: Path) -> None:
    graphs, scores = samples(data, 200)
    resolved = space.resolve(graphs, scores)
    good = resolved.sizes[:, 0] > 0
    # Measured with the published code: 41.8 % of its samples are valid.
    assert good.mean() == pytest.approx(0.418, abs=0.02)
    assert np.array_equal(space.valid(resolved), good)
    matrix = np.zeros((len(graphs), 11, 11))
    matrix[(slice(None), *edge_nodes(11))] = -np.logaddexp(0, -scores[:, 0])
    codes = darts.from_graphs(resolved)[:, 0]
    for row in range(300):
        expected = agnet_inputs(graphs.adjacency[row, 0], matrix[row])
        assert good[row] == (expected is not None)
        if expected is not None:
            assert darts.INPUTS[codes[row]].tolist() == expected
            assert np.array_equal(resolved.ops[row], graphs.ops[row])


def test_resolve_keeps_what_is_sampled() -> None:
    graphs = random(200)
    scores = np.random.default_rng(0).normal(size=(200, 2, 55))
    assert equal(space.resolve(graphs, scores), graphs)


@pytest.mark.parametrize("kind", KINDS)
def test_encodings(kind: str) -> None:
    graphs = random(30)
    matrix = encode(space, graphs, kind)
    assert matrix.shape == (30, len(columns(space, kind)))
    assert np.array_equal(encode(space, parse(*space.format(graphs).to_pylist()), kind), matrix)
