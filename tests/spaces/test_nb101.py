from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agnet.graphs import Graphs
from agnet.spaces import dag, get, nb101_cells, nb101_hash
from agnet.spaces.nb101 import NB101

space = NB101()
OFFICIAL = {"conv3x3": "conv3x3-bn-relu", "conv1x1": "conv1x1-bn-relu"}
Cell = tuple[list[list[int]], list[str]]
"""Matrix and operations, as NAS-Bench-101's ModelSpec takes them."""


@pytest.fixture(scope="module")
def everything() -> Graphs:
    return Graphs.concat(list(space.enumerate()))


@pytest.fixture(scope="module", autouse=True)
def computed() -> Iterator[None]:
    """Hashes are computed here, whatever is in the cache folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nb101_hash, "_NAME", "none-of-this-name")
        patch.setattr(nb101_hash, "_MANY", 1 << 30)
        nb101_hash._memory.cache_clear()
        yield
    nb101_hash._memory.cache_clear()


def parse(*texts: str | None) -> list[str]:
    """Canonical strings of what can be read, the reason for what can not."""
    parsed = space.parse(pa.array(texts, pa.string()))
    canonical = space.format(parsed.graphs).to_pylist()
    return [parsed.problems.get(row) or canonical[row] for row in range(len(texts))]


def graph(cell: Cell) -> Graphs:
    matrix, names = cell
    size = len(names)
    ops, adjacency = np.zeros((1, 1, 7), np.uint8), np.zeros((1, 1, 7, 7), np.bool_)
    ops[0, 0, :size] = [space.node_types.index(name) for name in names]
    adjacency[0, 0, :size, :size] = matrix
    return Graphs(ops, adjacency, np.full((1, 1), size, np.uint8))


def cell(graphs: Graphs, row: int = 0) -> Cell:
    size = int(graphs.sizes[row, 0])
    matrix = graphs.adjacency[row, 0, :size, :size].astype(int).tolist()
    return matrix, [space.node_types[op] for op in graphs.ops[row, 0, :size]]


def prune(drawn: Cell) -> Cell | None:
    """ModelSpec's pruning, vertex by vertex; None where input and output are not connected."""
    matrix, names = drawn
    size = len(names)

    def reach(start: int, edges: list[list[int]]) -> set[int]:
        seen, todo = {start}, [start]
        while todo:
            node = todo.pop()
            new = {other for other in range(size) if edges[node][other]} - seen
            seen |= new
            todo += new
        return seen

    keep = sorted(reach(0, matrix) & reach(size - 1, np.transpose(matrix).tolist()))
    if not {0, size - 1} <= set(keep):
        return None
    return [[matrix[a][b] for b in keep] for a in keep], [names[node] for node in keep]


def module_hash(pruned: Cell) -> str:
    """``graph_util.hash_module``, word for word what it computes."""
    matrix, names = pruned
    size = len(names)
    label = {"input": -1, "output": -2, "conv3x3": 0, "conv1x1": 1, "maxpool3x3": 2}

    def md5(text: str) -> str:
        return hashlib.md5(text.encode()).hexdigest()

    into, out = np.sum(matrix, axis=0).tolist(), np.sum(matrix, axis=1).tolist()
    hashes = [md5(str((out[v], into[v], label[names[v]]))) for v in range(size)]
    for _ in range(size):
        hashes = [
            md5(
                "".join(sorted(hashes[w] for w in range(size) if matrix[w][v]))
                + "|"
                + "".join(sorted(hashes[w] for w in range(size) if matrix[v][w]))
                + "|"
                + hashes[v]
            )
            for v in range(size)
        ]
    return md5(str(sorted(hashes)))


def is_cell(drawn: Cell) -> bool:
    pruned = prune(drawn)
    return pruned is not None and int(np.sum(pruned[0])) <= 9


def renumbered(drawn: Cell, order: list[int]) -> Cell:
    matrix, names = drawn
    return [[matrix[a][b] for b in order] for a in order], [names[node] for node in order]


@st.composite
def drawings(draw: st.DrawFn) -> Cell:
    """Any matrix above the diagonal with any operations: useless vertices, too many edges, no connection."""
    size = draw(st.integers(2, 7))
    chance = draw(st.integers(2, 8))
    matrix = [[int(a < b and draw(st.integers(0, 9)) < chance) for b in range(size)] for a in range(size)]
    inner = draw(st.lists(st.sampled_from(nb101_cells.OPERATIONS), min_size=size - 2, max_size=size - 2))
    return matrix, ["input", *inner, "output"]


valid_drawings = drawings().filter(is_cell)


def test_registered() -> None:
    assert isinstance(get("nb101"), NB101)
    assert space.flat_length == 56
    assert parse(space.example) == [space.example]


def test_every_cell_is_enumerated_once_and_canonical(everything: Graphs) -> None:
    assert np.bincount(everything.sizes[:, 0]).tolist() == [0, 0, 1, 6, 84, 2441, 62010, 359082]
    assert len(everything) == space.size
    assert space.valid(everything).all()
    codes = space.codes(everything)
    assert (np.diff(codes) > 0).all()
    again = nb101_cells.unpack(codes)
    for name in ("ops", "adjacency", "sizes"):
        assert (getattr(again, name) == getattr(everything, name)).all()


@pytest.mark.parametrize("chunk", [1000, 100_000])
def test_enumerates_in_chunks_of_one_order(everything: Graphs, chunk: int) -> None:
    start = 0
    for part in space.enumerate(chunk):
        end = start + len(part)
        assert len(part) == min(chunk, len(everything) - start)
        assert (part.ops == everything.ops[start:end]).all()
        start = end
    assert start == space.size


def test_text_and_back_for_every_cell(everything: Graphs) -> None:
    arch = space.format(everything)
    assert len(arch.unique()) == space.size
    parsed = space.parse(arch)
    assert not parsed.problems
    for name in ("ops", "adjacency", "sizes"):
        assert (getattr(parsed.graphs, name) == getattr(everything, name)).all()


def test_published_cells_are_canonical_and_have_their_hashes(nb101: Any) -> None:
    again = nb101_cells.unpack(space.codes(nb101.graphs))
    for name in ("ops", "adjacency", "sizes"):
        assert (getattr(again, name) == getattr(nb101.graphs, name)).all()
    rows = np.random.default_rng(0).permutation(len(again))[:20_000]
    assert space.ids(again.take(rows)).to_pylist() == [nb101.hashes[row] for row in rows]


@given(valid_drawings)
def test_hash_is_the_official_one(drawn: Cell) -> None:
    pruned = prune(drawn)
    assert pruned is not None
    assert space.ids(graph(drawn)).to_pylist() == [module_hash(pruned)]


def test_what_is_not_a_cell_has_neither_arch_nor_id() -> None:
    no_path = graph(([[0, 1, 0], [0, 0, 0], [0, 0, 0]], ["input", "conv3x3", "output"]))
    graphs = Graphs.concat([no_path, graph(([[0, 1], [0, 0]], ["input", "output"]))])
    assert space.format(graphs).to_pylist() == [None, "output:0"]
    assert space.ids(graphs).to_pylist() == [None, module_hash(([[0, 1], [0, 0]], ["input", "output"]))]


def fresh_ids(graphs: Graphs) -> list[str]:
    """Ids, none of them remembered."""
    nb101_hash._memory.cache_clear()
    ids: list[str] = space.ids(graphs).to_pylist()
    return ids


def test_all_hashes_are_kept_once_many_were_needed(
    everything: Graphs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AGNET_CACHE", str(tmp_path))
    made, few = everything.take(slice(0, None, 20)), everything.take(slice(5, None, 7000))
    expected, others = fresh_ids(made), fresh_ids(few)
    assert [*tmp_path.iterdir()] == []
    codes = space.codes(made)  # all cells would take seconds
    monkeypatch.setattr(nb101_cells, "enumerate_codes", lambda chunk: iter([codes[:9000], codes[9000:]]))
    monkeypatch.setattr(nb101_hash, "_MANY", 10_000)
    assert fresh_ids(made) == expected
    assert len([*tmp_path.iterdir()]) == 1
    monkeypatch.setattr(nb101_hash, "_compute", None)
    assert fresh_ids(made) == expected
    assert space.ids(Graphs.blank(1, 1, 7)).to_pylist() == [None]
    next(tmp_path.iterdir()).unlink()
    monkeypatch.undo()
    assert fresh_ids(few) == others


def test_hashes_of_a_batch_do_not_depend_on_the_batch(everything: Graphs) -> None:
    rows = np.random.default_rng(1).permutation(len(everything))[:3000]
    graphs = everything.take(rows)
    together = fresh_ids(graphs)
    assert together[::60] == [fresh_ids(graphs.take(slice(row, row + 1)))[0] for row in range(0, 3000, 60)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nb101_hash, "_CELLS", 700)
        assert fresh_ids(graphs) == together


def test_hashes_that_are_remembered_are_the_same(everything: Graphs) -> None:
    rows = np.random.default_rng(2).permutation(len(everything))[:300]
    first, both = everything.take(rows[:200]), everything.take(rows[100:].repeat(2))
    expected = fresh_ids(both)
    fresh_ids(first)
    assert space.ids(both).to_pylist() == expected
    assert len(set(expected)) == 200


def test_numbers_are_distinct_and_in_order(everything: Graphs) -> None:
    numbers = nb101_cells.numbers(space.codes(everything))
    assert numbers[0] == 0
    assert (np.diff(numbers) > 0).all()
    assert numbers[-1] < nb101_cells.num_numbers()


@given(drawings())
def test_valid_is_the_official_rule_after_pruning(drawn: Cell) -> None:
    assert space.valid(graph(drawn)).tolist() == [is_cell(drawn)]


@pytest.mark.parametrize(
    "names",
    [
        ["output", "conv3x3", "output"],
        ["conv1x1", "conv3x3", "output"],
        ["input", "conv3x3", "conv3x3"],
        ["input", "input", "output"],
        ["input", "output", "output"],
    ],
)
def test_input_and_output_stand_at_the_ends_only(names: list[str]) -> None:
    assert not space.valid(graph(([[0, 1, 0], [0, 0, 1], [0, 0, 0]], names))).any()


def test_unknown_types_and_sizes_are_not_valid() -> None:
    good = graph(([[0, 1, 0], [0, 0, 1], [0, 0, 0]], ["input", "conv3x3", "output"]))
    assert space.valid(good).all()
    good.ops[0, 0, 1] = 200
    assert not space.valid(good).any()
    for size in (0, 1):
        nothing = Graphs(
            np.ones((1, 1, 7), np.uint8), np.zeros((1, 1, 7, 7), np.bool_), np.full((1, 1), size, np.uint8)
        )
        assert not space.valid(nothing).any()


@given(valid_drawings, st.data())
def test_arch_and_id_do_not_depend_on_the_numbering(drawn: Cell, data: st.DataObject) -> None:
    pruned = prune(drawn)
    assert pruned is not None
    size = len(pruned[1])
    orders = [
        [0, *inner, size - 1]
        for inner in permutations(range(1, size - 1))
        if not np.tril(renumbered(pruned, [0, *inner, size - 1])[0]).any()
    ]
    other = graph(renumbered(pruned, data.draw(st.sampled_from(orders))))
    for graphs in (graph(drawn), other):
        assert space.format(graphs).to_pylist() == space.format(graph(pruned)).to_pylist()
        assert space.ids(graphs).to_pylist() == space.ids(graph(pruned)).to_pylist()
    # ... and is the smallest numbering, as the official enumeration finds it first.
    drawn_so = [cell(graph(renumbered(pruned, order))) for order in orders]
    rank = {"input": 0, "conv3x3": 0, "conv1x1": 1, "maxpool3x3": 2, "output": 0}
    first = min(
        drawn_so,
        key=lambda one: (
            sum(2 ** (b * (b - 1) // 2 + a) for b in range(size) for a in range(b) if one[0][a][b]),
            [rank[name] for name in one[1]],
        ),
    )
    assert cell(nb101_cells.unpack(space.codes(graph(drawn)))) == first


@given(valid_drawings)
def test_parse_and_format_are_inverse(drawn: Cell) -> None:
    arch = space.format(graph(drawn))
    parsed = space.parse(arch)
    assert not parsed.problems
    assert cell(parsed.graphs) == cell(nb101_cells.unpack(space.codes(graph(drawn))))
    assert space.format(parsed.graphs).to_pylist() == arch.to_pylist()


@given(valid_drawings)
def test_every_notation_is_the_same_cell(drawn: Cell) -> None:
    matrix, names = drawn
    full = [OFFICIAL.get(name, name) for name in names]
    bits = "".join(str(entry) for row in matrix for entry in row)
    own = ",".join(
        f"{names[b]}:{''.join(str(a) for a in reversed(range(b)) if matrix[a][b])}" for b in range(1, len(names))
    )
    forms = [
        own,
        own.replace(",", " , "),
        json.dumps({"matrix": matrix, "ops": full}),
        json.dumps({"module_adjacency": matrix, "module_operations": names}),
        json.dumps(["0" * 32, 108, bits, ",".join(full), "bm90IHJlYWQ="]),
        f"{bits} {','.join(full)}",
        f"{bits},{','.join(full)}",
    ]
    assert parse(*forms) == space.format(graph(drawn)).to_pylist() * len(forms)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (None, "no architecture"),
        ("  ", "no architecture"),
        ("output:", "no path leads from the input to the output"),
        ("conv3x3:0,output:", "no path leads from the input to the output"),
        ("conv3x3:0,output:2", "vertex 2, 'output:2', can only take input from 0, 1"),
        ("conv3x3:0", "the first vertex, and no other, must be the input, and the last the output"),
        ("output:0,conv3x3:1,output:2", "the first vertex, and no other, must be the input, and the last the output"),
        ("conv3x4:0,output:1", "no operation is called 'conv3x4'; did you mean 'conv3x3'?"),
        ("input:0,output:1", "no operation is called 'input'; there are output, conv3x3, conv1x1, maxpool3x3"),
        ("conv3x3", "'conv3x3' is not a vertex: write each vertex with"),
        ("conv3x3:0,,output:1", "'' is not a vertex: write each vertex with"),
        (",".join(f"conv3x3:{v}" for v in range(6)) + ",output:5", "more than 7 vertices"),
        (
            "conv3x3:0,conv3x3:01,conv3x3:012,conv3x3:0123,output:01234",
            "15 edges are too many, a cell has at most 9",
        ),
        ("0" * 32, "looks like a module hash, which no cell can be read from"),
        ("{", "not JSON"),
        ('{"matrix": [[0]]}', 'an object with "matrix" and "ops"'),
        ("[1, 2]", 'an object with "matrix" and "ops"'),
        ('{"matrix": [[0, 1], [0]], "ops": ["input", "output"]}', "the matrix is not 2 × 2"),
        ('{"matrix": [[0, 1], [1, 0]], "ops": ["input", "output"]}', "'1' in row 2, column 1 of the matrix"),
        ('{"matrix": [[0, 2], [0, 0]], "ops": ["input", "output"]}', "'2' in row 1, column 2 of the matrix"),
        ('{"matrix": [[0, null], [0, 0]], "ops": ["input", "output"]}', "'None' in row 1, column 2 of the matrix"),
        ('{"matrix": [[0, 1], [0, 0]], "ops": ["input", 7]}', "no operation is called '7'"),
        (
            '{"matrix": [[0, 1], [0, 0]], "ops": ["output", "input"]}',
            "the first vertex, and no other, must be the input",
        ),
        (json.dumps({"matrix": [[0] * 8] * 8, "ops": ["input"] * 8}), "8 vertices; a cell has 2 to 7"),
        ("010 input,output", "an adjacency of 3 digits is not square"),
    ],
)
def test_what_cannot_be_read_says_why(text: str | None, reason: str) -> None:
    parsed = space.parse(pa.array(["output:0", text, space.example], pa.string()))
    assert list(parsed.problems) == [1]
    assert reason in parsed.problems[1]
    assert parsed.graphs.sizes[:, 0].tolist() == [2, 0, 7]
    assert space.format(parsed.graphs).to_pylist() == ["output:0", None, space.example]


@settings(max_examples=300)
@given(st.lists(st.text(st.sampled_from('conv3x1maplutdi:0123456,[]{}" |-b'), max_size=40) | st.text(), max_size=5))
def test_no_text_is_a_bug(texts: list[str]) -> None:
    parsed = space.parse(pa.array(texts, pa.string()))
    assert sorted(parsed.problems) == np.flatnonzero(parsed.graphs.sizes[:, 0] == 0).tolist()


def test_sliced_arrays_are_read_where_they_begin() -> None:
    arch = pa.array(["nonsense", None, "output:0", "conv3x3:0,output:1"], pa.string()).slice(1)
    parsed = space.parse(arch)
    assert parsed.problems == {0: "no architecture"}
    assert parsed.graphs.sizes[:, 0].tolist() == [0, 2, 3]


def test_samples_are_uniform_over_the_space() -> None:
    sample = space.sample(200_000, np.random.default_rng(3))
    assert len(sample) == 200_000
    assert (space.codes(sample) == nb101_cells.pack(sample)).all()
    expected = np.array([1, 6, 84, 2441, 62010, 359082]) / space.size * 200_000
    found = np.bincount(sample.sizes[:, 0], minlength=8)[2:]
    assert (np.abs(found - expected) < 5 * np.sqrt(expected) + 5).all()
    small = space.format(sample.take(sample.sizes[:, 0] == 5)).value_counts()
    assert len(small) / 2441 == pytest.approx(1 - np.exp(-expected[3] / 2441), abs=0.04)
    # Distinct cells are as many as chance allows.
    distinct = len(np.unique(space.codes(sample)))
    assert distinct / space.size == pytest.approx(1 - np.exp(-200_000 / space.size), abs=0.005)


def test_samples_depend_on_the_stream_only() -> None:
    first, again, other = (space.sample(50, np.random.default_rng(seed)) for seed in (0, 0, 1))
    assert (first.ops == again.ops).all()
    assert not (first.ops == other.ops).all()
    assert len(space.sample(0, np.random.default_rng(0))) == 0


def edited(drawn: Cell) -> set[str]:
    """Every cell one edit away, edit by edit, the vertices in no particular order."""
    matrix, names = drawn
    size = len(names)
    edges = {(a, b) for a in range(size) for b in range(size) if matrix[a][b]}
    results: list[tuple[set[tuple[int, int]], list[str]]] = []
    for vertex in range(1, size - 1):
        results += [(edges, [*names[:vertex], op, *names[vertex + 1 :]]) for op in nb101_cells.OPERATIONS]
    results += [(edges - {edge}, names) for edge in edges]
    pairs = [(a, b) for a in range(size - 1) for b in range(1, size) if a != b]
    results += [(edges | {pair}, names) for pair in pairs]
    results += [
        (edges | {(a, size), (size, b)}, [*names, op]) for a, b in pairs if size < 7 for op in nb101_cells.OPERATIONS
    ]
    found = set()
    for new, ops in results:
        order = [0]  # input first, output last, each vertex after its sources
        rest = set(range(1, len(ops))) - {size - 1}
        while ready := [node for node in rest if all(a in order for a, b in new if b == node)]:
            order += ready
            rest -= set(ready)
        if rest:
            continue
        order.append(size - 1)
        result = [[int((a, b) in new) for b in order] for a in order], [ops[node] for node in order]
        if is_cell(result):
            found.add(space.format(graph(result))[0].as_py())
    return found - {space.format(graph(drawn))[0].as_py()}


@settings(max_examples=60)
@given(valid_drawings)
def test_neighbours_are_the_cells_one_edit_away(drawn: Cell) -> None:
    pruned = prune(drawn)
    assert pruned is not None
    near, rows = space.neighbours(graph(drawn))
    arch = space.format(near).to_pylist()
    assert len(set(arch)) == len(arch)
    assert set(arch) == edited(pruned)
    assert not rows.any()


def test_neighbours_of_a_batch_are_those_of_its_rows() -> None:
    graphs = space.sample(3000, np.random.default_rng(5))
    near, rows = space.neighbours(graphs)
    assert (np.diff(rows) >= 0).all()
    assert len(np.unique(rows)) == 3000
    assert space.valid(near).all()
    for row in (0, 2047, 2048, 2999):
        alone, _ = space.neighbours(graphs.take(slice(row, row + 1)))
        assert space.format(alone).to_pylist() == space.format(near.take(rows == row)).to_pylist()


def test_every_cell_can_be_reached_from_the_smallest() -> None:
    """Up to 5 vertices, where it is quick: each cell has a neighbour with fewer vertices or edges that has it too."""
    graphs = Graphs.concat([part.take(part.sizes[:, 0] <= 5) for part in space.enumerate(2532)][:1])
    codes = space.codes(graphs)
    near, rows = space.neighbours(graphs)
    found = {(int(codes[row]), int(code)) for row, code in zip(rows, space.codes(near), strict=True)}
    reached = {int(codes[0])}
    todo = list(reached)
    steps: dict[int, list[int]] = {}
    for source, target in found:
        steps.setdefault(source, []).append(target)
    while todo:
        new = set(steps.get(todo.pop(), ())) - reached
        reached |= new
        todo += new
    assert set(codes.tolist()) <= reached


def test_nothing_in_nothing_out() -> None:
    nothing = space.sample(0, np.random.default_rng(0))
    assert space.format(nothing).to_pylist() == space.ids(nothing).to_pylist() == []
    assert len(space.parse(pa.array([], pa.string())).graphs) == 0
    near, rows = space.neighbours(nothing)
    assert len(near) == len(rows) == 0
    assert len(dag.prune(nothing)) == 0
