"""NAS-Bench-201: one cell of four feature maps, an operation on each of the six edges between them.

A cell is written as its arch string ``|op~0|+|op~0|op~1|+|op~0|op~1|op~2|`` (Dong and Yang, ICLR 2020). As a graph the
operations sit on nodes (arch2vec, AG-Net): node 0 is the input, nodes 1 to 6 are the operations in the order of the
string, node 7 is the output; the edges are the same for every cell.

There are only 5^6 = 15,625 cells, so a cell is its index, a number of six base-5 digits (first operation first, digit 0
the first of :data:`OPERATIONS`), and everything about it is looked up in tables that are made when first asked for.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from itertools import product

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agnet import arrow
from agnet.graphs import Graphs
from agnet.spaces.base import Parsed, Space

OPERATIONS = ("nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3", "skip_connect", "none")
"""Operations by digit; the node type is the digit plus 2."""
CELL_EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))
"""(source, target) feature map of each operation, in the order of the arch string."""
SIZE = len(OPERATIONS) ** len(CELL_EDGES)

_NODES = 8
_POSITIONS = len(CELL_EDGES)
_FIRST_TYPE = 2
_POWERS = len(OPERATIONS) ** np.arange(_POSITIONS - 1, -1, -1, dtype=np.int64)
_GRAPH_EDGES = ((0, 1), (0, 2), (0, 4), (1, 3), (1, 5), (2, 6), (3, 6), (4, 7), (5, 7), (6, 7))

# NASLib counts feature maps from 1 and lists the edges by their source: (1,2), (1,3), (1,4), (2,3), (2,4), (3,4).
_NASLIB_OPERATIONS = ("skip_connect", "none", "nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3")
_NASLIB_POSITIONS = tuple(CELL_EDGES.index(edge) for edge in ((0, 1), (0, 2), (0, 3), (1, 2), (1, 3), (2, 3)))
_NASLIB = re.compile(r"\(([\d\s,]*)\)|\[([\d\s,]*)\]")
_FORM = "write |op~0|+|op~0|op~1|+|op~0|op~1|op~2|, or NASLib's six numbers (a, b, c, d, e, f)"


def _adjacency() -> NDArray[np.bool_]:
    """[2, nodes, nodes]: no edges (of a graph that could not be read), and the edges that every cell has."""
    adjacency = np.zeros((2, _NODES, _NODES), dtype=np.bool_)
    adjacency[1][tuple(np.transpose(_GRAPH_EDGES))] = True
    return adjacency


_ADJACENCY = _adjacency()
_UNKNOWN = arrow.numbers(np.array([-1], dtype=np.int32))[0]


class NB201(Space):
    """NAS-Bench-201, all 15,625 cells."""

    name = "nb201"
    title = "NAS-Bench-201 (Dong and Yang, ICLR 2020)"
    example = "|nor_conv_3x3~0|+|nor_conv_3x3~0|avg_pool_3x3~1|+|skip_connect~0|nor_conv_3x3~1|skip_connect~2|"
    cells = ("cell",)
    node_types = ("output", "input", *OPERATIONS)
    dead_types = ("none",)
    max_nodes = _NODES
    longest_path = 3
    size = SIZE
    identity = "arch"

    def parse(self, arch: pa.StringArray) -> Parsed:
        """Read arch strings, with the inputs of a node in any order, and NASLib's operation tuples."""
        index, problems = self.parse_index(arch)
        return Parsed(self.from_index(index), problems)

    def format(self, graphs: Graphs) -> pa.StringArray:
        """Arch strings as NAS-Bench-201 writes them."""
        return _strings().take(arrow.numbers(self.index(graphs)))

    def valid(self, graphs: Graphs) -> NDArray[np.bool_]:
        """[n] which have an operation on each of the six nodes, and exactly the edges of the space."""
        n = len(graphs)
        if graphs.ops.shape[1:] != (1, _NODES):
            return np.zeros(n, dtype=np.bool_)
        ops = graphs.ops[:, 0]
        inner = ops[:, 1:-1]
        return (
            (graphs.sizes[:, 0] == _NODES)
            & (ops[:, 0] == self.node_types.index("input"))
            & (ops[:, -1] == self.node_types.index("output"))
            & ((inner >= _FIRST_TYPE) & (inner < len(self.node_types))).all(axis=1)
            & (graphs.adjacency[:, 0] == _ADJACENCY[1]).all(axis=(1, 2))
        )

    def ids(self, graphs: Graphs) -> pa.StringArray:
        """16 hexadecimal digits: the 64-bit BLAKE2b hash of the cell's :func:`unique string <unique_strings>`."""
        return _ids().take(arrow.numbers(self.index(graphs)))

    def sample(self, n: int, rng: np.random.Generator) -> Graphs:
        """``n`` cells, each of the 15,625 equally likely."""
        return self.from_index(rng.integers(SIZE, size=n))

    def neighbours(self, graphs: Graphs) -> tuple[Graphs, NDArray[np.int64]]:
        """The 24 cells that differ in one operation, position by position, and the row each came from."""
        digits = _digits(self.index(graphs))
        choices = np.arange(len(OPERATIONS))
        steps = (choices - digits[:, :, None]) * _POWERS[:, None]  # [n, positions, operations]
        neighbours = (self.index(graphs)[:, None, None] + steps)[steps != 0]
        rows = np.repeat(np.arange(len(graphs), dtype=np.int64), _POSITIONS * (len(OPERATIONS) - 1))
        return self.from_index(neighbours), rows

    def enumerate(self, chunk: int = 65536) -> Iterator[Graphs]:
        """All cells, in the order of their index."""
        for start in range(0, SIZE, chunk):
            yield self.from_index(np.arange(start, min(start + chunk, SIZE)))

    def index(self, graphs: Graphs) -> NDArray[np.int64]:
        """[n] index of each cell, 0 to 15,624; -1 for a graph that could not be read."""
        index = (graphs.ops[:, 0, 1:-1].astype(np.int64) - _FIRST_TYPE) @ _POWERS
        return np.where(graphs.sizes[:, 0] == _NODES, index, -1)

    def from_index(self, index: NDArray[np.integer]) -> Graphs:
        """The cells with these indices; -1 makes a graph of size 0. The adjacency may be a read-only view."""
        n = len(index)
        known = np.asarray(index) >= 0
        adjacency = (
            np.broadcast_to(_ADJACENCY[1], (n, _NODES, _NODES)) if known.all() else _ADJACENCY[known.astype(np.intp)]
        )
        sizes = np.where(known, _NODES, 0).astype(np.uint8)
        return Graphs(_ops()[index][:, None], adjacency[:, None], sizes[:, None])

    def parse_index(self, arch: pa.StringArray) -> tuple[NDArray[np.int64], dict[int, str]]:
        """As :meth:`parse`, to indices; -1 for a row with a problem."""
        index = _indices(arch)
        unknown = np.flatnonzero(index < 0)
        problems: dict[int, str] = {}
        if not len(unknown):
            return index, problems
        # Whatever is not written in the canonical way is read once for each distinct string.
        rest = arch.take(arrow.numbers(unknown)).dictionary_encode()
        values = rest.dictionary.to_pylist()
        read = [_read(text) for text in values]
        for row, code in zip(unknown.tolist(), rest.indices.to_pylist(), strict=True):
            found = "no architecture" if code is None else read[code]
            if isinstance(found, str):
                problems[row] = found
            else:
                index[row] = found
        return index, problems


def unique_strings() -> list[str]:
    """For each cell, by index, the string by which NATS-Bench tells cells apart: ``to_unique_str(consider_zero=True)``.

    A feature map is the sorted sum of its inputs; ``skip_connect`` is the identity; ``none``, or any operation on a map
    that is zero, is zero, ``#``. A sum of zeros, ``#+#``, does not count as zero: that is the published rule, and
    without it there would be fewer than 6,466 classes.
    """
    strings: list[str] = []
    from_0 = _results("0")
    for map_1 in from_0:
        from_1 = _results(map_1)
        for terms in product(from_0, from_1):
            from_2 = _results(_sum(terms))
            strings += map(_sum, product(from_0, from_1, from_2))
    return strings


def _results(source: str) -> list[str]:
    """What each operation makes of a feature map."""
    return [
        "#"
        if operation == "none" or source == "#"
        else source
        if operation == "skip_connect"
        else f"({source})@{operation}"
        for operation in OPERATIONS
    ]


def _sum(terms: tuple[str, ...]) -> str:
    return "+".join(sorted(terms))


def _read(text: str) -> int | str:
    """Index of one cell in any notation, or what is wrong with it."""
    text = text.strip()
    if not text:
        return "no architecture"
    if match := _NASLIB.fullmatch(text):
        return _read_naslib(match[1] or match[2] or "")
    return _read_arch_string(text)


def _read_naslib(inside: str) -> int | str:
    numbers = [number.strip() for number in inside.removesuffix(",").split(",")]
    if len(numbers) != _POSITIONS or not all(numbers):
        return f"{_POSITIONS} operations are needed between the brackets; {_FORM}"
    digits = [0] * _POSITIONS
    for number, position in zip(numbers, _NASLIB_POSITIONS, strict=True):
        if number not in ("0", "1", "2", "3", "4"):
            return f"operation {_short(number)} is not 0 to 4 ({', '.join(_NASLIB_OPERATIONS)})"
        digits[position] = OPERATIONS.index(_NASLIB_OPERATIONS[int(number)])
    return int(np.dot(digits, _POWERS))


def _read_arch_string(text: str) -> int | str:
    nodes = text.split("+")
    if len(nodes) != 3:
        return f"{_short(text)} is not a cell: {_FORM}"
    digits = [0] * _POSITIONS
    for target, node in enumerate(map(str.strip, nodes), start=1):
        if len(node) < 2 or node[0] != "|" or node[-1] != "|":
            return f"{_short(node)} does not stand between bars: {_FORM}"
        sources = []
        for part in node[1:-1].split("|"):
            operation, _, source = part.strip().rpartition("~")
            if operation not in OPERATIONS:
                return f"no operation is called {_short(operation or part)}; there are {', '.join(OPERATIONS)}"
            sources.append(source)
            if source not in ("0", "1", "2")[:target] or sources.count(source) > 1:
                break
            digits[CELL_EDGES.index((int(source), target))] = OPERATIONS.index(operation)
        if sorted(sources) != ["0", "1", "2"][:target]:
            return f"{_short(node)} must have the inputs {', '.join(('~0', '~1', '~2')[:target])}, each once"
    return int(np.dot(digits, _POWERS))


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def _digits(index: NDArray[np.integer]) -> NDArray[np.int64]:
    """[n, 6] digits of indices."""
    return np.asarray(index)[:, None] // _POWERS % len(OPERATIONS)


def _indices(arch: pa.StringArray) -> NDArray[np.int64]:
    """[n] index of canonical arch strings, -1 for any other string."""
    found = pc.index_in(arch, value_set=_strings())
    return arrow.to_numpy(found.fill_null(_UNKNOWN)).astype(np.int64)


@cache
def _ops() -> NDArray[np.uint8]:
    """[15626, nodes] node types by index; the last row, which is the row -1, is padding."""
    ops = np.zeros((SIZE + 1, _NODES), dtype=np.uint8)
    ops[:-1, 0] = 1
    ops[:-1, 1:-1] = _digits(np.arange(SIZE)) + _FIRST_TYPE
    return ops


@cache
def _strings() -> pa.StringArray:
    """Arch strings by index."""
    digits = _digits(np.arange(SIZE))
    parts = []
    for position, (source, target) in enumerate(CELL_EDGES):
        before = "|" if source else "+|" if target > 1 else "|"
        after = "|" if source == target - 1 else ""
        names = arrow.strings([f"{before}{operation}~{source}{after}" for operation in OPERATIONS])
        parts.append(names.take(arrow.numbers(digits[:, position])))
    return pc.binary_join_element_wise(*parts, arrow.text(""))


@cache
def _ids() -> pa.StringArray:
    """Ids by index."""
    names = unique_strings()
    digests = {name: hashlib.blake2b(name.encode(), digest_size=8).hexdigest() for name in set(names)}
    return arrow.strings([digests[name] for name in names])
