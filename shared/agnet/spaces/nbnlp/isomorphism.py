"""One order of nodes for all isomorphic cells, and a hash that all of them share.

Nodes get 64-bit colours that depend on what they are and on everything that leads to them and follows from them (colour
refinement along the directed edges, up and down twice). Nodes of a cell are then put in the order of their depth and
colour. Nodes that still look alike are interchangeable, so one of them is set apart and the colours are refined again.

Hidden states 1 and 2 of a cell with three are only names as well: swapping h_prev_1 with h_prev_2 and h_new_1 with
h_new_2 changes nothing. (State 0 is the output of the cell.)
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agnet.spaces import dag
from agnet.spaces.nbnlp.cells import INPUTS, MAX_HIDDEN, ORDERED, OUTPUT, Cells

_Colours = NDArray[np.uint64]
_UP, _DOWN, _APART = (np.uint64(value) for value in (0xA24BAED4963EE407, 0x9FB21C651E98DF25, 0xD6E8FEB86659FD93))
_SWEEPS = 2


def canonical(cells: Cells) -> Cells:
    """The cells, which may have their nodes in any topological order, in the one order of all their isomorphs."""
    return canonical_and_hashes(cells)[0]


def canonical_and_hashes(cells: Cells) -> tuple[Cells, _Colours]:
    """:func:`canonical` and :func:`hashes`, in little more time than one of them."""
    cells = _name_states(cells)
    structure = _Structure(cells)
    colours = structure.refine(_initial(cells))
    return _sort_operands(cells.reorder(_by_colour(cells, structure, colours))), _combine(cells, colours)


def hashes(cells: Cells) -> _Colours:
    """[n] 64 bits that isomorphic cells share; cells that are not isomorphic differ but for one chance in 2^64."""
    return _hash(_name_states(cells))


def topological(cells: Cells) -> Cells:
    """The cells, which may have their operations in any order, in a topological one."""
    nodes = cells.ops.shape[1]
    ancestors = dag.closure(cells.operands > 0).sum(axis=1)
    place = np.arange(nodes) - (cells.sizes[:, None].astype(np.int64) - 1)
    ancestors = np.where(place < 0, ancestors, nodes + place)
    return cells.reorder(np.argsort(ancestors, axis=1, kind="stable"))


def _name_states(cells: Cells) -> Cells:
    """The cells, with states 1 and 2 of those that have three named in the one way of all isomorphs."""
    output = np.maximum(cells.sizes, 1) - 1
    states = np.count_nonzero(cells.operands[np.arange(len(cells)), :, output], axis=1)
    three = np.flatnonzero(states == MAX_HIDDEN)
    if not len(three):
        return cells
    subset = cells.take(three)
    operands = subset.operands.copy()
    first, second = INPUTS.index("h_prev_1"), INPUTS.index("h_prev_2")
    operands[:, [first, second]] = operands[:, [second, first]]
    rows, output = np.arange(len(three)), output[three]
    operands[rows, :, output] = np.array([0, 1, 3, 2], dtype=np.uint8)[operands[rows, :, output]]
    better = _hash(Cells(subset.ops, operands, subset.sizes)) < _hash(subset)
    result = cells.operands.copy()
    result[three[better]] = operands[better]
    return Cells(cells.ops, result, cells.sizes)


def _hash(cells: Cells) -> _Colours:
    return _combine(cells, _Structure(cells).refine(_initial(cells)))


def _combine(cells: Cells, colours: _Colours) -> _Colours:
    """[n] one hash of the colours [n, nodes] of a cell's nodes."""
    used = np.arange(cells.ops.shape[1]) < cells.sizes[:, None]
    return _mix((_mix(colours) * used).sum(axis=1, dtype=np.uint64))


def _order(cells: Cells, colours: _Colours) -> NDArray[np.int64]:
    """[n, nodes] order that depends on nothing but the cells' structure and ``colours`` [n, nodes]."""
    structure = _Structure(cells)
    return _by_colour(cells, structure, structure.refine(colours))


def _by_colour(cells: Cells, structure: _Structure, colours: _Colours) -> NDArray[np.int64]:
    """[n, nodes] order by refined colours."""
    nodes = np.arange(cells.ops.shape[1])
    sizes = cells.sizes[:, None].astype(np.int64)
    # Inputs stay first, the output and what is behind it last; between them depth, then colour.
    keys = (structure.depth.astype(np.uint64) << np.uint64(58)) | (colours >> np.uint64(6))
    keys = np.where(nodes < len(INPUTS), nodes.astype(np.uint64), keys)
    keys = np.where(nodes >= sizes - 1, np.uint64(63) << np.uint64(58) | nodes.astype(np.uint64), keys)
    order = np.argsort(keys, axis=1, kind="stable")
    keys = np.take_along_axis(keys, order, axis=1)
    alike = keys[:, 1:] == keys[:, :-1]
    tied = np.flatnonzero(alike.any(axis=1))
    if len(tied):
        one = order[tied, alike[tied].argmax(axis=1)]
        colours = colours[tied]
        rows = np.arange(len(tied))
        colours[rows, one] = _mix(colours[rows, one] ^ _APART)
        order[tied] = _order(cells.take(tied), colours)
    return order


def _sort_operands(cells: Cells) -> Cells:
    """The cells with inputs in the order of their nodes wherever their order does not matter."""
    edges = cells.operands > 0
    ascending = np.cumsum(edges, axis=1, dtype=np.uint8) * edges
    return Cells(cells.ops, np.where(ORDERED[cells.ops][:, None, :], cells.operands, ascending), cells.sizes)


def _initial(cells: Cells) -> _Colours:
    """[n, nodes] colour by type, and by number for the inputs."""
    numbers = np.arange(cells.ops.shape[1], dtype=np.uint64)
    return _mix(cells.ops.astype(np.uint64) + np.where(numbers < len(INPUTS), 16 * (numbers + 1), 0).astype(np.uint64))


def _mix(values: _Colours) -> _Colours:
    """Every bit of the result depends on every bit of the value (SplitMix64's last steps)."""
    values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))


class _Structure:
    """The edges of a batch of cells, by depth, so that colours travel along all edges of one depth at once."""

    def __init__(self, cells: Cells) -> None:
        nodes = cells.ops.shape[1]
        self.depth = np.zeros(cells.ops.shape, dtype=np.uint8)
        """[n, nodes] edges on the longest path to a node."""
        edges = cells.operands > 0
        for node in range(len(INPUTS), nodes):
            self.depth[:, node] = (edges[:, :node, node] * (self.depth[:, :node] + np.uint8(1))).max(axis=1)
        cell, source, target = cells.edges()
        self._source, self._target = cell * nodes + source, cell * nodes + target
        # Which operand an edge is matters only for some operations; the output's inputs are no one else's.
        types = cells.ops[cell, target].astype(np.uint64)
        numbers = cells.operands[cell, source, target]
        ordered = ORDERED[types.astype(np.intp)]
        self._role = _mix(np.where(ordered, numbers, 0).astype(np.uint64) + np.uint64(8) * (types == OUTPUT))
        used = np.flatnonzero(np.arange(nodes) < cells.sizes[:, None])
        self._nodes = _by_value(used, self.depth.ravel()[used])
        edge = np.arange(len(cell))
        self._into = _by_value(edge, self.depth.ravel()[self._target])
        self._out_of = _by_value(edge, self.depth.ravel()[self._source])

    def refine(self, colours: _Colours) -> _Colours:
        """[n, nodes] colours that tell apart what ``colours`` did, and what has different surroundings."""
        flat = colours.flatten()
        for _ in range(_SWEEPS):
            self._sweep(flat, self._into, self._source, self._target, _UP, range(1, len(self._nodes)))
            self._sweep(flat, self._out_of, self._target, self._source, _DOWN, range(len(self._nodes) - 1, -1, -1))
        return flat.reshape(colours.shape)

    def _sweep(
        self,
        colours: _Colours,
        edges: list[NDArray[np.int64]],
        tail: NDArray[np.int64],
        head: NDArray[np.int64],
        direction: np.uint64,
        depths: range,
    ) -> None:
        """Give every node, depth by depth, a colour made of its own and of those at the other end of its edges."""
        received = np.zeros_like(colours)
        for depth in depths:
            if depth < len(edges):
                at = edges[depth]
                np.add.at(received, head[at], _mix(colours[tail[at]] ^ self._role[at]))
            nodes = self._nodes[depth]
            colours[nodes] = _mix(colours[nodes] ^ _mix(received[nodes] + direction))


def _by_value(items: NDArray[np.int64], values: NDArray[np.uint8]) -> list[NDArray[np.int64]]:
    """The items with the value 0, with the value 1, and so on."""
    order = np.argsort(values, kind="stable")
    ends = np.cumsum(np.bincount(values)) if len(values) else np.zeros(0, dtype=np.int64)
    return np.split(items[order], ends[:-1])
