"""Cells one edit away."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agnet.spaces import dag
from agnet.spaces.nbnlp.cells import (
    BLEND,
    FEWEST_INPUTS,
    INPUT,
    INPUTS,
    LINEAR,
    MOST_INPUTS,
    NODE_TYPES,
    OUTPUT,
    Cells,
    valid,
)
from agnet.spaces.nbnlp.isomorphism import canonical, hashes, topological


def neighbours(cells: Cells) -> tuple[Cells, NDArray[np.int64]]:
    """Every different valid cell one edit away, in canonical form, and the row it came from.

    An edit gives one operation another type with as many inputs, replaces one input of a node or one hidden state by
    another node, gives a linear node a third input or takes it away, or swaps two operands of a blend.
    """
    edits = [edit(cells) for edit in (_other_types, _other_inputs, _more_inputs, _fewer_inputs, _swaps)]
    rows = np.concatenate([rows for rows, _ in edits])
    found = Cells(
        np.concatenate([made.ops for _, made in edits]),
        np.concatenate([made.operands for _, made in edits]),
        np.concatenate([made.sizes for _, made in edits]),
    )
    found = topological(found)
    good = np.flatnonzero(valid(found))
    found, rows = canonical(found.take(good)), rows[good]
    keys = np.stack([rows.astype(np.uint64), hashes(found)], axis=1)
    _, first = np.unique(keys, axis=0, return_index=True)
    first = np.sort(first[hashes(cells)[rows[first]] != keys[first, 1]])
    first = first[np.argsort(rows[first], kind="stable")]
    return found.take(first), rows[first]


_Edits = tuple[NDArray[np.int64], Cells]


def _copies(cells: Cells, rows: NDArray[np.int64]) -> Cells:
    copies = cells.take(rows)
    return Cells(copies.ops.copy(), copies.operands.copy(), copies.sizes)


def _other_types(cells: Cells) -> _Edits:
    inputs = (cells.operands > 0).sum(axis=1)[:, :, None]
    types = np.arange(len(NODE_TYPES))
    possible = (inputs >= FEWEST_INPUTS) & (inputs <= MOST_INPUTS) & (types > INPUT)
    possible &= (cells.ops > INPUT)[:, :, None] & (cells.ops[:, :, None] != types)
    rows, node, type_ = np.nonzero(possible)
    made = _copies(cells, rows)
    made.ops[np.arange(len(rows)), node] = type_
    return rows, made


def _sources(cells: Cells) -> NDArray[np.bool_]:
    """[n, source, target] which nodes can become an input of which: no input already, and not behind it."""
    edges = cells.operands > 0
    nodes = np.arange(cells.ops.shape[1])
    output = (cells.sizes - 1)[:, None]
    target = (nodes >= len(INPUTS)) & (nodes <= output)
    source = nodes < output
    sources = source[:, :, None] & target[:, None, :] & ~edges
    sources &= ~dag.closure(edges).swapaxes(1, 2) & ~np.eye(len(nodes), dtype=np.bool_)
    # hidden states are operations
    sources[:, : len(INPUTS)] &= (nodes != output)[:, None, :]
    return sources


def _other_inputs(cells: Cells) -> _Edits:
    # [n, old source, new source, target]
    possible = (cells.operands > 0)[:, :, None, :] & _sources(cells)[:, None, :, :]
    rows, old, new, target = np.nonzero(possible)
    made = _copies(cells, rows)
    each = np.arange(len(rows))
    made.operands[each, new, target] = made.operands[each, old, target]
    made.operands[each, old, target] = 0
    return rows, made


def _more_inputs(cells: Cells) -> _Edits:
    inputs = (cells.operands > 0).sum(axis=1)
    growing = (cells.ops == LINEAR) & (inputs < MOST_INPUTS[LINEAR])
    rows, new, target = np.nonzero(_sources(cells) & growing[:, None, :])
    made = _copies(cells, rows)
    made.operands[np.arange(len(rows)), new, target] = inputs[rows, target] + 1
    return rows, made


def _fewer_inputs(cells: Cells) -> _Edits:
    inputs = (cells.operands > 0).sum(axis=1)
    shrinking = (cells.ops == LINEAR) & (inputs > FEWEST_INPUTS[LINEAR])
    rows, old, target = np.nonzero((cells.operands > 0) & shrinking[:, None, :])
    made = _copies(cells, rows)
    each = np.arange(len(rows))
    column = made.operands[each, :, target]
    column -= column > column[each, old][:, None]
    column[each, old] = 0
    made.operands[each, :, target] = column
    return rows, made


def _swaps(cells: Cells) -> _Edits:
    """Of the numbers 1, 2, 3 of a blend's operands, or of the hidden states, one pair changes places."""
    orders = np.array([[0, 2, 1, 3], [0, 3, 2, 1], [0, 1, 3, 2]], dtype=np.uint8)
    needed = np.array([2, 3, 3])
    inputs = (cells.operands > 0).sum(axis=1)
    ordered = (cells.ops == BLEND) | ((cells.ops == OUTPUT) & (inputs > 0))
    rows, target, swap = np.nonzero(ordered[:, :, None] & (inputs[:, :, None] >= needed))
    made = _copies(cells, rows)
    each = np.arange(len(rows))
    made.operands[each, :, target] = orders[swap[:, None], made.operands[each, :, target]]
    return rows, made
