"""Random cells as NAS-Bench-NLP's authors draw them (Klyuchnikov et al., 2020; their ``RecepieGenerator``).

A cell is grown one operation at a time: ``linear`` with probability 1/2, else one of ``blend``, product and sum. A
linear node takes two (four times in five) or three of x, the former hidden states and the activations so far, and an
activation of its own follows; the others take any two or three of the nodes so far and the former states, but not x.
Then random nodes become the new hidden states, and what leads to none of them goes. The cell is refused if it does not
use x and each former state, or if a new state has a former one as a direct input. The authors' examples have one to
three hidden states and 7, 14 or 21 further operations, before what is useless goes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agnet.spaces.nbnlp.cells import (
    BLEND,
    INPUT,
    INPUTS,
    LEAKY_RELU,
    LINEAR,
    MAX_NODES,
    MAX_OPERATIONS,
    PROD,
    SIGM,
    SUM,
    Cells,
)

_SETTINGS = {(1, 7): 2, (1, 14): 2, (1, 21): 2, (2, 7): 7, (2, 14): 4, (2, 21): 4, (3, 7): 32, (3, 14): 13, (3, 21): 8}
"""(hidden states, further operations), and about how many random cells it takes until one is accepted."""
_LARGEST_BLOCK = 4096
_FIRST = len(INPUTS)


def sample(n: int, rng: np.random.Generator) -> Cells:
    """``n`` cells, the nine settings of hidden states and operations equally likely."""
    cells = Cells(
        np.zeros((n, MAX_NODES), np.uint8), np.zeros((n, MAX_NODES, MAX_NODES), np.uint8), np.zeros(n, np.uint8)
    )
    setting = rng.integers(len(_SETTINGS), size=n)
    for number, ((hidden, operations), tries) in enumerate(_SETTINGS.items()):
        missing = np.flatnonzero(setting == number)
        while len(missing):
            block = _accepted(hidden, operations, min(tries * (len(missing) + 1), _LARGEST_BLOCK), rng)
            rows, missing = missing[: len(block)], missing[len(block) :]
            for mine, new in ((cells.ops, block.ops), (cells.operands, block.operands), (cells.sizes, block.sizes)):
                mine[rows] = new[: len(rows)]
    return cells


def _accepted(hidden: int, operations: int, n: int, rng: np.random.Generator) -> Cells:
    """Those of ``n`` random cells with these numbers of states and operations that the rules let pass."""
    ops, operands = _grow(n, hidden, hidden + operations, rng)
    nodes = ops.shape[1]
    # New hidden states: different random operations.
    states = _choose(ops > INPUT, hidden, rng)
    live = np.zeros((n, nodes), dtype=np.bool_)
    np.put_along_axis(live, states, True, axis=1)
    rows = np.arange(n)[:, None]
    edges = operands > 0
    direct = edges[rows, 1:_FIRST, states].any(axis=(1, 2))
    for node in range(nodes - 1, _FIRST - 1, -1):
        live[:, :node] |= edges[:, :node, node] & live[:, node, None]
    count = live[:, _FIRST:].sum(axis=1)
    good = np.flatnonzero(live[:, : hidden + 1].all(axis=1) & ~direct & (count <= MAX_OPERATIONS))

    ops, operands, live = ops[good], operands[good], live[good]
    states, count = states[good], count[good]
    n = len(good)
    full = np.zeros((n, nodes + 1, nodes + 1), dtype=np.uint8)
    full[:, :nodes, :nodes] = operands
    full[np.arange(n)[:, None], states, nodes] = np.arange(1, hidden + 1)
    live[:, :_FIRST] = True
    sizes = (count + _FIRST + 1).astype(np.uint8)
    keep = np.concatenate([live, np.ones((n, 1), dtype=np.bool_)], axis=1)
    whole = Cells(np.pad(ops, ((0, 0), (0, 1))) * keep, full * (keep[:, :, None] & keep[:, None, :]), sizes)
    packed = whole.reorder(np.argsort(~keep, axis=1, kind="stable"))
    spare = max(MAX_NODES - nodes - 1, 0)
    packed_ops = np.pad(packed.ops, ((0, 0), (0, spare)))[:, :MAX_NODES]
    packed_operands = np.pad(packed.operands, ((0, 0), (0, spare), (0, spare)))[:, :MAX_NODES, :MAX_NODES]
    return Cells(packed_ops, packed_operands, sizes)


def _grow(
    n: int, hidden: int, operations: int, rng: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """[n, nodes] types and [n, nodes, nodes] operand numbers of cells before anything is taken away."""
    nodes = _FIRST + operations + 1  # a last linear node still gets its activation
    ops = np.zeros((n, nodes), dtype=np.uint8)
    operands = np.zeros((n, nodes, nodes), dtype=np.uint8)
    ops[:, :_FIRST] = INPUT
    # What linear nodes and other nodes can have as inputs.
    for_linear, for_others = np.zeros((2, n, nodes), dtype=np.bool_)
    for_linear[:, : hidden + 1] = True
    for_others[:, 1 : hidden + 1] = True
    rows = np.arange(n)
    for node in range(_FIRST, nodes):
        follows = ops[:, node - 1] == LINEAR
        free = ~follows & (node < nodes - 1)
        # Where there are too few nodes for an operation, another one is drawn.
        available = hidden + node - _FIRST
        weights = np.array([3.0, available >= 3, available >= 2, available >= 2])
        limits = np.cumsum(weights / weights.sum())[:-1]
        drawn = np.array([LINEAR, BLEND, PROD, SUM])[np.searchsorted(limits, rng.random(n), side="right")]
        activation = rng.integers(SIGM, LEAKY_RELU + 1, size=n)
        ops[:, node] = np.where(follows, activation, np.where(free, drawn, 0))

        linear = drawn == LINEAR
        sources = np.where(linear[:, None], for_linear[:, :node], for_others[:, :node])
        wanted = np.where(linear, np.where(rng.random(n) < 0.8, 2, 3), np.where(drawn == BLEND, 3, 2))
        wanted = np.minimum(wanted, np.count_nonzero(sources, axis=1))
        chosen = _choose(sources, 3, rng)
        for number in range(3):
            taken = free & (number < wanted)
            operands[rows[taken], chosen[taken, number], node] = number + 1
        operands[rows[follows], node - 1, node] = 1
        for_linear[:, node] = follows
        for_others[:, node] = True
    return ops, operands


def _choose(candidates: NDArray[np.bool_], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """[n, count] random nodes out of ``candidates`` [n, nodes], all different; others where there are too few."""
    # Random numbers of 24 bits above the number of the node: one sort gives the nodes in a random order.
    keys = (rng.random(candidates.shape, dtype=np.float32) * (1 << 24)).astype(np.uint32)
    keys[~candidates] = 1 << 24
    keys = (keys << np.uint32(5)) | np.arange(candidates.shape[1], dtype=np.uint32)
    keys.sort(axis=1)
    return (keys[:, :count] & 31).astype(np.int64)
