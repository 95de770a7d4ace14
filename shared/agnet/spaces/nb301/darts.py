"""DARTS cells as graph arrays and as four node codes.

A cell has two inputs, 0 (the cell before the last) and 1 (the last cell), and four nodes, numbered on as 2 to 5. A
node adds up two operations on two different earlier maps; the output joins all four nodes. So a node is one number, its
*code*: (rank of its two inputs × 7 + operation on the lower one) × 7 + operation on the higher one; and a cell is four
codes. Everything else about a cell is looked up in tables over at most 490 codes.

The graph of a cell (AG-Net) has 11 nodes: the two inputs, two operation nodes for each of the four nodes (lower input
first), the output. An operation on a map is fed by both operation nodes of that map, and all eight feed the output.
"""

from __future__ import annotations

from functools import cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from agnet.graphs import Graphs

CELLS = ("normal", "reduce")
OPERATIONS = (
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
"""Operations in the order of NAS-Bench-301 and NASLib; the node type is the position plus 4."""
NODE_TYPES = ("output", "input", "input_1", "identity", *OPERATIONS)
"""AG-Net's node types; ``identity`` is in no cell."""
GRAPH_NODES = 11
NODES = 4
CONCAT = [2, 3, 4, 5]
"""The maps that the output joins."""
FIRST_EDGE = (0, 2, 5, 9)
"""NAS-Bench-301's number of the edge from input 0 to each node; the edges from the other inputs follow."""
INPUT_PAIRS = tuple((low, high) for high in range(1, NODES + 1) for low in range(high))
"""The two inputs of a node by rank. The first 1, 3, 6, 10 are those that node 0, 1, 2, 3 can have."""

_OPS = len(OPERATIONS)
FIRST_TYPE = NODE_TYPES.index(OPERATIONS[0])
_INPUT, _INPUT_1, _OUTPUT = (NODE_TYPES.index(name) for name in ("input", "input_1", "output"))

NUM_CODES = np.array([_OPS * _OPS * (node + 2) * (node + 1) // 2 for node in range(NODES)])
"""[4] how many codes each node has: 49, 147, 294, 490."""

_all = np.arange(NUM_CODES[-1])
INPUTS = np.array(INPUT_PAIRS)[_all // (_OPS * _OPS)]
"""[490, 2] inputs of a code, 0 to 4, the lower one first."""
OPS = np.stack([_all // _OPS % _OPS, _all % _OPS], axis=1)
"""[490, 2] operations of a code on these inputs, positions in :data:`OPERATIONS`."""


def encode(inputs: NDArray[np.integer], ops: NDArray[np.integer]) -> NDArray[np.int64]:
    """[...] code of nodes with ``inputs`` [..., 2] in any order and ``ops`` [..., 2]; -1 where both inputs are one."""
    (a, b), (i, j) = np.moveaxis(inputs, -1, 0), np.moveaxis(ops, -1, 0)
    low, high = np.minimum(a, b), np.maximum(a, b)
    code = ((high * (high - 1) // 2 + low) * _OPS + np.where(a < b, i, j)) * _OPS + np.where(a < b, j, i)
    return np.where(a == b, -1, code).astype(np.int64)


def to_graphs(codes: NDArray[np.integer]) -> Graphs:
    """Graph arrays of cells [n, cells, 4]; a cell with a code of -1 is of size 0."""
    batch = codes.shape[:-1]
    known = np.all(codes >= 0, axis=-1)
    codes = np.where(known[..., None], codes, -1)
    ops = np.zeros((*batch, GRAPH_NODES), dtype=np.uint8)
    adjacency = np.zeros((*batch, GRAPH_NODES, GRAPH_NODES), dtype=np.bool_)
    ops[..., 0] = np.where(known, _INPUT, 0)
    ops[..., 1] = np.where(known, _INPUT_1, 0)
    adjacency[..., 2:-1, -1] = known[..., None]
    for node in range(NODES):
        columns = slice(2 * node + 2, 2 * node + 4)
        ops[..., columns] = _TYPES[codes[..., node]]
        adjacency[..., columns] = _COLUMNS[codes[..., node]]
    return Graphs(ops, adjacency, np.where(known, GRAPH_NODES, 0).astype(np.uint8))


def from_graphs(graphs: Graphs) -> NDArray[np.int64]:
    """[n, cells, 4] codes of valid cells; whatever they are for arrays that are not valid."""
    ops = graphs.ops[..., 2:-1].astype(np.int16) - FIRST_TYPE
    # Rows 0, 1, 2, 4, 6 tell the maps apart.
    _, *rows = np.moveaxis(graphs.adjacency[..., :8:2, 2:-1].view(np.uint8), -2, 0)
    inputs = graphs.adjacency[..., 1, 2:-1] + 2 * rows[0] + 3 * rows[1] + 4 * rows[2]
    by_node = (*ops.shape[:-1], NODES, 2)
    return encode(inputs.astype(np.int16).reshape(by_node), ops.reshape(by_node))


def valid(graphs: Graphs) -> NDArray[np.bool_]:
    """[n, cells] which arrays are exactly those of a cell of the space."""
    if graphs.ops.shape[-1] != GRAPH_NODES:
        return np.zeros(graphs.sizes.shape, dtype=np.bool_)
    codes = from_graphs(graphs)
    sane = np.all((codes >= 0) & (codes < NUM_CODES), axis=-1)
    same = to_graphs(np.where(sane[..., None], codes, -1))
    sane &= same.sizes == graphs.sizes
    sane &= np.all(same.ops == graphs.ops, axis=-1)
    sane &= np.all(same.adjacency == graphs.adjacency, axis=(-1, -2))
    return sane


def index(codes: NDArray[np.integer]) -> NDArray[np.int64]:
    """[...] position of cells [..., 4] among all 1,037,664,180: a number with one digit a node."""
    total = np.zeros(codes.shape[:-1], dtype=np.int64)
    for node in range(NODES):
        total = total * NUM_CODES[node] + codes[..., node]
    return total


def canonical_index(codes: NDArray[np.integer]) -> NDArray[np.int64]:
    """[...] the least :func:`index` that a cell has when its four nodes are put in another order.

    Cells have the same value if and only if they are isomorphic: the order of a node's two inputs is fixed already,
    every node is live, and the two inputs of the cell play different parts.
    """
    best = np.full(codes.shape[:-1], _IMPOSSIBLE, dtype=np.int64)
    for order in _reordered():
        total = np.zeros_like(best)
        for node in range(NODES):
            total += order[node][codes[..., node]]
        np.minimum(best, total, out=best)
    return best


def neighbours(codes: NDArray[np.integer]) -> NDArray[np.int64]:
    """[n, cells × 60, cells, 4] cells [n, cells, 4] with one operation or one input of one node of one cell changed."""
    cells, tables = codes.shape[1], _neighbour_tables()
    edits = sum(table.shape[1] for table in tables)
    result = np.repeat(codes[:, None].astype(np.int64), cells * edits, axis=1)
    start = 0
    for cell in range(cells):
        for node, table in enumerate(tables):
            result[:, start : start + table.shape[1], cell, node] = table[codes[:, cell, node]]
            start += table.shape[1]
    return result


def _types() -> NDArray[np.uint8]:
    """[491, 2] node types of a code's two operation nodes; the last row, which is code -1, is padding."""
    return np.concatenate([OPS + FIRST_TYPE, np.zeros((1, 2), dtype=np.int64)]).astype(np.uint8)


def _columns() -> NDArray[np.bool_]:
    """[491, 11, 2] adjacency columns of a code's two operation nodes; none for code -1."""
    parents = np.zeros((NODES + 1, GRAPH_NODES), dtype=np.bool_)
    parents[[0, 1], [0, 1]] = True
    for source in range(2, NODES + 1):
        parents[source, 2 * source - 2 : 2 * source] = True
    columns = np.zeros((len(INPUTS) + 1, GRAPH_NODES, 2), dtype=np.bool_)
    columns[:-1] = parents[INPUTS].swapaxes(1, 2)
    return columns


_IMPOSSIBLE = np.int64(1) << 40


@cache
def _reordered() -> list[list[NDArray[np.int64]]]:
    """For each order of the nodes and each node: what the node adds to the index, by its code."""
    weights = np.append(np.cumprod(NUM_CODES[:0:-1])[::-1], 1)
    tables = []
    for places in permutations(range(NODES)):
        renamed = np.array([0, 1, *(2 + place for place in places)])
        order = []
        for node, place in enumerate(places):
            inputs = renamed[INPUTS[: NUM_CODES[node]]]
            code = encode(inputs, OPS[: NUM_CODES[node]])
            # A node can only stand behind its inputs.
            order.append(np.where(inputs.max(axis=1) < place + 2, code * weights[place], _IMPOSSIBLE))
        tables.append(order)
    return tables


@cache
def _neighbour_tables() -> list[NDArray[np.int64]]:
    """For each node [codes, 12 + 2 × node]: the codes one edit away, operations first, then inputs."""
    tables = []
    for node in range(NODES):
        inputs, ops = INPUTS[: NUM_CODES[node]], OPS[: NUM_CODES[node]]
        edits = []
        for changed, choices in ((ops, _OPS), (inputs, node + 2)):
            for side in range(2):
                for choice in range(choices):
                    edit = changed.copy()
                    edit[:, side] = choice
                    codes = encode(inputs, edit) if changed is ops else encode(edit, ops)
                    # No edit where the choice is what was there already; no node where both inputs are one (-1).
                    edits.append(np.where(changed[:, side] == choice, -1, codes))
        table = np.stack(edits, axis=1)
        tables.append(table[table >= 0].reshape(len(table), -1))
    return tables


_TYPES = _types()
_COLUMNS = _columns()
