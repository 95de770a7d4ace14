from __future__ import annotations

import json
import subprocess
import sys
from itertools import product
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnet.graphs import Graphs
from agnet.spaces import get
from agnet.spaces.nb201 import CELL_EDGES, NB201, OPERATIONS, SIZE

space = NB201()
indices = st.integers(0, SIZE - 1)


@pytest.fixture(scope="module")
def cells(data: Path) -> pa.Table:
    return pq.read_table(data / "nb201" / "nb201_nats.parquet")


@pytest.fixture(scope="module")
def everything() -> Graphs:
    return Graphs.concat(list(space.enumerate()))


def parse(*texts: str | None) -> list[str]:
    """Canonical strings of what can be read, the reason for what can not."""
    parsed = space.parse(pa.array(texts, pa.string()))
    good = [row for row in range(len(texts)) if row not in parsed.problems]
    canonical = space.format(parsed.graphs.take(np.array(good, dtype=np.int64))).to_pylist()
    return [text for _, text in sorted([*parsed.problems.items(), *zip(good, canonical, strict=True)])]


def unique_string(operations: tuple[str, ...]) -> str:
    """NATS-Bench's rule, cell by cell."""
    maps = ["0"]
    for target in (1, 2, 3):
        terms = []
        for operation, (source, to) in zip(operations, CELL_EDGES, strict=True):
            if to != target:
                continue
            if operation == "none" or maps[source] == "#":
                terms.append("#")
            elif operation == "skip_connect":
                terms.append(maps[source])
            else:
                terms.append(f"({maps[source]})@{operation}")
        maps.append("+".join(sorted(terms)))
    return maps[3]


def test_registered() -> None:
    assert isinstance(get("nb201"), NB201)
    assert get("nb201").flat_length == 84


def test_graph_of_a_known_cell() -> None:
    """The published layout: nodes in the order of the arch string, ten fixed edges."""
    parsed = space.parse(
        pa.array(["|nor_conv_1x1~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|none~1|nor_conv_1x1~2|"])
    )
    assert [space.node_types[op] for op in parsed.graphs.ops[0, 0]] == [
        "input",
        "nor_conv_1x1",
        "nor_conv_3x3",
        "avg_pool_3x3",
        "skip_connect",
        "none",
        "nor_conv_1x1",
        "output",
    ]
    edges = np.argwhere(parsed.graphs.adjacency[0, 0]).tolist()
    assert edges == [[0, 1], [0, 2], [0, 4], [1, 3], [1, 5], [2, 6], [3, 6], [4, 7], [5, 7], [6, 7]]
    assert parsed.graphs.sizes.tolist() == [[8]]


def test_nodes_are_the_line_graph_of_the_cell() -> None:
    """An operation feeds another where its target feature map is the other's source."""
    adjacency = space.from_index(np.array([0])).adjacency[0, 0]
    for (a, (_, target)), (b, (source, _)) in product(enumerate(CELL_EDGES, 1), enumerate(CELL_EDGES, 1)):
        assert adjacency[a, b] == (target == source)
    assert adjacency[0].tolist() == [False, *(source == 0 for source, _ in CELL_EDGES), False]
    assert adjacency[:, 7].tolist() == [False, *(target == 3 for _, target in CELL_EDGES), False]


def test_all_published_strings(cells: pa.Table) -> None:
    arch = cells["arch_str"].combine_chunks().cast(pa.string())
    parsed = space.parse(arch)
    assert not parsed.problems
    assert space.valid(parsed.graphs).all()
    assert space.format(parsed.graphs).equals(arch)
    assert sorted(space.index(parsed.graphs)) == list(range(SIZE))


def test_ids_are_the_published_classes(cells: pa.Table) -> None:
    parsed = space.parse(cells["arch_str"].combine_chunks().cast(pa.string()))
    ids = space.ids(parsed.graphs).to_pylist()
    pairs = set(zip(ids, cells["iso_index"].to_pylist(), strict=True))
    assert len(pairs) == len({id_ for id_, _ in pairs}) == len({iso for _, iso in pairs}) == 6466


def test_ids_follow_the_published_rule(everything: Graphs) -> None:
    names = [unique_string(cell) for cell in product(OPERATIONS, repeat=6)]
    ids = space.ids(everything).to_pylist()
    assert len(set(names)) == 6466
    assert len(set(zip(ids, names, strict=True))) == len(set(ids)) == 6466
    assert all(len(id_) == 16 and int(id_, 16) >= 0 for id_ in ids)


def test_ids_never_change() -> None:
    """Files that users keep hold ids: they may not depend on the process, and a new version may not change them."""
    code = (
        "import numpy as np; from agnet.spaces.nb201 import NB201; s = NB201();"
        "print(*s.ids(s.from_index(np.array([0, 777, 15624]))).to_pylist())"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONHASHSEED": "7"}
    )
    assert run.stdout.split() == ["8578f78e7349d0ca", "fe64bac0a3d10ca5", "d1e8f1962519fca8"]


def test_naslib_tuples(data: Path) -> None:
    """NASLib's numbers, checked by the published zero-cost table: parameters of its cells are those of the strings."""
    table = pq.read_table(data / "zerocost" / "naslib_zero_cost.parquet").to_pylist()
    rows = [row for row in table if row["space"] == "nb201" and row["dataset"] == "cifar10"]
    assert len(rows) > 700
    arch = parse(*(row["arch"] for row in rows))
    known = pq.read_table(data / "nb201" / "nb201_nats.parquet", columns=["arch_str", "cifar10_params_M"]).to_pydict()
    params = dict(zip(known["arch_str"], known["cifar10_params_M"], strict=True))
    assert [params[a] for a in arch] == pytest.approx([row["params"] for row in rows], abs=1e-6)


def test_every_way_to_write_a_tuple() -> None:
    canonical = "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|"
    assert set(parse("(4, 3, 3, 0, 0, 0)", "(4,3,3,0,0,0)", "[4, 3, 3, 0, 0, 0]", " ( 4 ,3,3,0,0,0,)\n")) == {canonical}


def test_spaces_and_the_order_of_inputs_do_not_matter() -> None:
    loose = " |none~0| + |none~1|skip_connect~0| + | nor_conv_1x1~2 |avg_pool_3x3~0|nor_conv_3x3~1|\t"
    assert parse(loose) == ["|none~0|+|skip_connect~0|none~1|+|avg_pool_3x3~0|nor_conv_3x3~1|nor_conv_1x1~2|"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "no architecture"),
        ("  ", "no architecture"),
        ("resnet50", "'resnet50' is not a cell"),
        ("|none~0|+|none~0|none~1|", "is not a cell"),
        ("none~0+|none~0|none~1|+|none~0|none~1|none~2|", "'none~0' does not stand between bars"),
        ("|+|none~0|none~1|+|none~0|none~1|none~2|", "'|' does not stand between bars"),
        ("||+|none~0|none~1|+|none~0|none~1|none~2|", "no operation is called ''"),
        ("|conv~0|+|none~0|none~1|+|none~0|none~1|none~2|", "no operation is called 'conv'"),
        ("|none~0|+|none~0|none~0|+|none~0|none~1|none~2|", "'|none~0|none~0|' must have the inputs ~0, ~1, each once"),
        ("|none~1|+|none~0|none~1|+|none~0|none~1|none~2|", "'|none~1|' must have the inputs ~0, each once"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|", "must have the inputs ~0, ~1, ~2, each once"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|none~2|", "must have the inputs ~0, ~1, ~2, each once"),
        ("|none~0|+|none~0|none~1|+|none~0|none~1|none~²|", "must have the inputs ~0, ~1, ~2, each once"),
        ("(1, 2, 3)", "6 operations are needed"),
        ("()", "6 operations are needed"),
        ("(0, 0, 0, 0, 0, 5)", "operation '5' is not 0 to 4"),
        ("(0, 0, 0, 0, 0, 00)", "operation '00' is not 0 to 4"),
        ("(0, 0, 0, 0, 0, ٣)", "operation '٣' is not 0 to 4"),
        ("(0, 0, 0, 0, 0, 0]", "is not a cell"),
        ("x" * 10_000, "is not a cell"),
    ],
)
def test_what_is_wrong(text: str | None, reason: str) -> None:
    good = space.example
    first, problem, last = parse(good, text, good)
    assert first == last == good
    assert reason in problem
    assert "\n" not in problem and len(problem) < 250


def test_a_row_with_a_problem_is_an_empty_graph() -> None:
    parsed = space.parse(pa.array(["no cell", space.example]))
    assert parsed.problems.keys() == {0}
    assert parsed.graphs.sizes.tolist() == [[0], [8]]
    assert not parsed.graphs.ops[0].any()
    assert not parsed.graphs.adjacency[0].any()
    assert space.valid(parsed.graphs).tolist() == [False, True]
    assert space.index(parsed.graphs)[0] == -1


@given(st.text())
def test_any_text_is_read_or_refused(text: str) -> None:
    (read,) = parse(text)
    assert "\n" not in read


@given(st.lists(indices, max_size=20))
def test_round_trips(index: list[int]) -> None:
    graphs = space.from_index(np.array(index, dtype=np.int64))
    assert space.valid(graphs).all()
    assert space.index(graphs).tolist() == index
    parsed = space.parse(space.format(graphs))
    assert not parsed.problems
    assert np.array_equal(parsed.graphs.ops, graphs.ops)
    assert np.array_equal(parsed.graphs.adjacency, graphs.adjacency)


def test_enumerate_in_chunks(everything: Graphs) -> None:
    assert len(everything) == space.size == SIZE
    assert space.index(everything).tolist() == list(range(SIZE))
    parts = list(space.enumerate(chunk=1000))
    assert [len(part) for part in parts] == [1000] * 15 + [625]
    assert np.array_equal(Graphs.concat(parts).ops, everything.ops)


def test_sample_is_uniform_and_repeats_with_its_seed() -> None:
    draws = space.index(space.sample(200_000, np.random.default_rng(1)))
    counts = np.bincount(draws, minlength=SIZE)
    # chi-squared with 15,624 degrees of freedom has mean 15,624 and standard deviation 177
    assert abs(((counts - 12.8) ** 2 / 12.8).sum() - 15_624) < 5 * 177
    assert np.array_equal(draws, space.index(space.sample(200_000, np.random.default_rng(1))))


@given(st.lists(indices, min_size=1, max_size=5))
def test_neighbours(index: list[int]) -> None:
    graphs = space.from_index(np.array(index))
    neighbours, rows = space.neighbours(graphs)
    assert space.valid(neighbours).all()
    assert rows.tolist() == sorted(list(range(len(index))) * 24)
    assert ((neighbours.ops != graphs.ops[rows]).sum(axis=(1, 2)) == 1).all()
    found = space.index(neighbours).reshape(len(index), 24)
    assert all(len(set(row)) == 24 for row in found.tolist())


def test_neighbours_of_nothing() -> None:
    neighbours, rows = space.neighbours(space.from_index(np.array([], dtype=np.int64)))
    assert len(neighbours) == len(rows) == 0


def test_valid_refuses_every_single_fault() -> None:
    good = space.from_index(np.array([4321]))
    for node in range(8):
        for op in range(8):
            ops = good.ops.copy()
            ops[0, 0, node] = op
            allowed = {0: [1], 7: [0]}.get(node, [2, 3, 4, 5, 6])
            assert space.valid(Graphs(ops, good.adjacency, good.sizes)).tolist() == [op in allowed]
    for a, b in product(range(8), repeat=2):
        adjacency = good.adjacency.copy()
        adjacency[0, 0, a, b] ^= True
        assert not space.valid(Graphs(good.ops, adjacency, good.sizes)).any()
    assert not space.valid(Graphs(good.ops, good.adjacency, good.sizes - 1)).any()
    assert not space.valid(
        Graphs(np.zeros((1, 2, 8), np.uint8), np.zeros((1, 2, 8, 8), bool), np.zeros((1, 2), np.uint8))
    )


def test_parsing_does_not_load_pandas() -> None:
    """It costs a third of a second where it is installed; pyarrow loads it at the first call of some functions."""
    code = (
        "import sys; from agnet import arrow; from agnet.spaces.nb201 import NB201; s = NB201();"
        "g = s.parse(arrow.strings([s.example])).graphs; s.format(g); s.ids(g); print('pandas' in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(run.stdout.lower()) is False
