"""Recipes, the canonical notation, as columns of tokens.

A recipe is NAS-Bench-NLP's JSON object: ``{"node_0": {"op": "linear", "input": ["x", "h_prev_0"]}, "h_new_0": ...}``.
It is a sequence of a few dozen different tokens, so a column of recipes is written by joining tokens, and read by
splitting it at quotation marks.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agnet import arrow
from agnet.spaces.nbnlp.cells import (
    INPUT,
    INPUTS,
    MAX_HIDDEN,
    MAX_NODES,
    MAX_OPERATIONS,
    MOST_INPUTS,
    NODE_TYPES,
    OPERATIONS,
    Cells,
    valid,
)

HIDDEN = tuple(f"h_new_{state}" for state in range(MAX_HIDDEN))
NAMES = (*INPUTS, *HIDDEN, *(f"node_{number}" for number in range(MAX_OPERATIONS)))
_FIRST_HIDDEN, _FIRST_NODE = len(INPUTS), len(INPUTS) + len(HIDDEN)
_MOST = int(MOST_INPUTS.max())

# What is written: for each node its start, its operation, its inputs and its end.
_WRITTEN = [f'"{name}": {{"op": "' for name in NAMES]
_OPERATION = len(_WRITTEN)
_WRITTEN += [f'{name}", "input": [' for name in NODE_TYPES]
_FIRST_INPUT = len(_WRITTEN)
_WRITTEN += [f'"{name}"' for name in NAMES]
_NEXT_INPUT = len(_WRITTEN)
_WRITTEN += [f', "{name}"' for name in NAMES]
_END, _NEXT, _OPEN, _CLOSE = range(len(_WRITTEN), len(_WRITTEN) + 4)
_WRITTEN += ["]}", ", ", "{", "}"]

# What is read: the quoted words.
_READ = [*NAMES, *OPERATIONS, "op", "input"]
_READ_OPERATION, _OP, _INPUT = len(NAMES), len(_READ) - 2, len(_READ) - 1


def write(cells: Cells) -> pa.StringArray:
    """Recipes of valid cells, nodes and inputs in the order that they have."""
    n, nodes = cells.ops.shape
    names = _names(cells)
    sizes = cells.sizes.astype(np.int64)
    inner = np.arange(len(INPUTS), nodes)
    # [n, inner nodes, separator + start + operation + inputs + end] tokens, -1 for none
    tokens = np.full((n, len(inner), _MOST + 4), -1, dtype=np.int64)
    tokens[:, 1:, 0] = _NEXT
    tokens[:, :, 1] = names[:, inner]
    tokens[:, :, 2] = _OPERATION + cells.ops[:, inner]
    cell, source, target = cells.edges()
    place = cells.operands[cell, source, target].astype(np.int64)
    first = np.where(place == 1, _FIRST_INPUT, _NEXT_INPUT)
    tokens[cell, target - len(INPUTS), 2 + np.minimum(place, _MOST)] = first + names[cell, source]
    tokens[:, :, -1] = _END
    tokens[inner >= sizes[:, None] - 1] = -1
    ends = np.full((n, 2), [_OPEN, _CLOSE])
    flat = np.concatenate([ends[:, :1], tokens.reshape(n, tokens.shape[1] * tokens.shape[2]), ends[:, 1:]], axis=1)
    offsets = np.zeros(n + 1, dtype=np.int32)
    np.cumsum((flat >= 0).sum(axis=1), out=offsets[1:])
    words = arrow.strings(_WRITTEN).take(arrow.numbers(flat[flat >= 0]))
    return pc.binary_join(pa.ListArray.from_arrays(arrow.numbers(offsets), words), "")


def read(arch: pa.StringArray) -> tuple[Cells, NDArray[np.bool_]]:
    """Cells of the rows that :func:`write` could have written, and [n] which rows these are."""
    n = len(arch)
    blank = Cells(
        np.zeros((n, MAX_NODES), np.uint8), np.zeros((n, MAX_NODES, MAX_NODES), np.uint8), np.zeros(n, np.uint8)
    )
    split = pc.split_pattern(pc.fill_null(arch, arrow.text("")), '"')
    offsets = arrow.to_numpy(split.offsets).astype(np.int64)
    codes = arrow.to_numpy(pc.fill_null(pc.index_in(split.flatten(), value_set=arrow.strings(_READ)), -1))
    # Only every second piece was between quotation marks.
    rows = np.repeat(np.arange(n), np.diff(offsets))
    quoted = (np.arange(len(codes)) - (offsets - offsets[0])[rows]) % 2 == 1
    cells = _assemble(blank, codes[quoted].astype(np.int64), rows[quoted])
    good = valid(cells)
    chosen = np.flatnonzero(good)
    same = pc.equal(write(cells.take(chosen)), arch.take(arrow.numbers(chosen)))
    good[chosen] = arrow.to_numpy(same)
    return cells, good


def _names(cells: Cells) -> NDArray[np.int64]:
    """[n, nodes] position in NAMES of every node's name; operations that are not hidden states are numbered."""
    n, nodes = cells.ops.shape
    state = cells.operands[np.arange(n), :, np.maximum(cells.sizes, 1) - 1].astype(np.int64)
    plain = (state == 0) & (np.arange(nodes) >= len(INPUTS))
    numbered = np.minimum(_FIRST_NODE - 1 + np.cumsum(plain, axis=1), len(NAMES) - 1)
    names = np.where(state > 0, _FIRST_HIDDEN - 1 + state, numbered)
    names[:, : len(INPUTS)] = np.arange(len(INPUTS))
    return names


def _assemble(cells: Cells, words: NDArray[np.int64], rows: NDArray[np.int64]) -> Cells:
    """The cells that quoted words seem to describe; anything at all where they describe none.

    Args:
        cells: blank ones, filled in place.
        words: [words] positions in _READ, -1 for any other word.
        rows: [words] which cell a word belongs to.
    """
    n, count = len(cells), len(words)
    marks = np.flatnonzero(words == _OP)
    marks = marks[(marks > 0) & (marks + 3 < count)]
    if not len(marks):
        return cells
    owner = rows[marks]
    first = np.searchsorted(owner, owner)  # each cell's first mark
    node = np.arange(len(marks)) - first + len(INPUTS)
    fits = node < MAX_NODES - 1
    marks, owner, node = marks[fits], owner[fits], node[fits]
    names, types = words[marks - 1], words[marks + 1] - _READ_OPERATION + INPUT + 1
    known = (names >= _FIRST_HIDDEN) & (names < len(NAMES)) & (types > INPUT) & (types < len(NODE_TYPES))
    cells.ops[owner[known], node[known]] = types[known]
    cells.ops[:, : len(INPUTS)] = INPUT
    sizes = np.bincount(owner, minlength=n) + len(INPUTS) + 1
    cells.sizes[:] = sizes
    place = np.full((n, len(NAMES)), MAX_NODES - 1)
    place[:, : len(INPUTS)] = np.arange(len(INPUTS))
    place[owner[known], names[known]] = node[known]
    hidden = known & (names < _FIRST_NODE)
    states = names[hidden] - _FIRST_HIDDEN + 1
    cells.operands[owner[hidden], node[hidden], sizes[owner[hidden]] - 1] = states
    # Words three and more behind a mark, up to the word before the next mark, are the node's inputs.
    words_at = np.arange(count)
    mark = np.searchsorted(marks, words_at, side="right") - 1
    following = np.append(marks[1:] - 1, count)
    is_input = (mark >= 0) & (words_at - marks[mark] >= 3) & (words_at < following[mark])
    is_input &= (words >= 0) & (words < len(NAMES)) & (rows == owner[mark])
    at, of = words_at[is_input], mark[is_input]
    number = np.minimum(at - marks[of] - 2, 255)
    cells.operands[owner[of], place[owner[of], words[at]], node[of]] = number
    return cells
