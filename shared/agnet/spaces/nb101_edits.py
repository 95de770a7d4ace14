"""The cells of NAS-Bench-101 that are one edit away from others."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agnet.graphs import Graphs
from agnet.spaces import dag
from agnet.spaces import nb101_cells as cells

_NODES = cells.MAX_VERTICES
_TYPES = np.array([cells.NODE_TYPES.index(name) for name in cells.OPERATIONS], np.uint8)

_Found = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Rows of the cells they were made from, and codes, not canonical."""


def neighbours(codes: NDArray[np.int64]) -> _Found:
    """Rows of ``codes`` (canonical) and canonical codes of the other cells one edit away, in order and each once."""
    graphs = cells.unpack(codes)
    edits = (_change_operation(codes), _remove_edge(graphs), _add_edge(graphs), _add_vertex(graphs))
    rows = np.concatenate([edit[0] for edit in edits])
    found = cells.canonical(np.concatenate([edit[1] for edit in edits]))
    kept = (found != cells.NO_CELL) & (found != codes[rows])
    pairs = np.unique(rows[kept] << cells.CODE_BITS | found[kept])
    return pairs >> cells.CODE_BITS, pairs & ((1 << cells.CODE_BITS) - 1)


def _change_operation(codes: NDArray[np.int64]) -> _Found:
    labels = cells.labels_of(codes)
    inner = np.arange(1, cells.INNER + 1) < cells.sizes_of(codes)[:, None].astype(np.int64) - 1
    rows, vertices = np.nonzero(inner)
    others = len(cells.OPERATIONS) - 1
    changed = labels[rows].repeat(others, axis=0)
    which = np.arange(len(changed))
    at = vertices.repeat(others)
    changed[which, at] = (changed[which, at] + 1 + which % others) % len(cells.OPERATIONS)
    rows = rows.repeat(others)
    return rows, cells.join(cells.edges_of(codes)[rows], changed)


def _remove_edge(graphs: Graphs) -> _Found:
    rows, sources, targets = np.nonzero(graphs.adjacency[:, 0])
    without = graphs.take(rows)
    without.adjacency[np.arange(len(rows)), 0, sources, targets] = False
    return rows, cells.pack(dag.prune(without))


def _add_edge(graphs: Graphs) -> _Found:
    adjacency = graphs.adjacency[:, 0]
    room = adjacency.sum(axis=(1, 2)) < cells.MAX_EDGES
    rows, sources, targets = np.nonzero(room[:, None, None] & ~adjacency & _possible(graphs))
    ops, adjacency = graphs.ops[rows, 0], adjacency[rows]
    adjacency[np.arange(len(rows)), sources, targets] = True
    return rows, _sorted_codes(ops, adjacency, graphs.sizes[rows, 0])


def _add_vertex(graphs: Graphs) -> _Found:
    adjacency, sizes = graphs.adjacency[:, 0], graphs.sizes[:, 0]
    room = (adjacency.sum(axis=(1, 2)) <= cells.MAX_EDGES - 2) & (sizes < _NODES)
    rows, sources, targets = (
        index.repeat(len(_TYPES)) for index in np.nonzero(room[:, None, None] & _possible(graphs))
    )
    ops, adjacency, new = graphs.ops[rows, 0], adjacency[rows], sizes[rows]
    every = np.arange(len(rows))
    ops[every, new] = np.resize(_TYPES, len(rows))
    adjacency[every, sources, new] = True
    adjacency[every, new, targets] = True
    return rows, _sorted_codes(ops, adjacency, new + 1)


def _possible(graphs: Graphs) -> NDArray[np.bool_]:
    """[n, nodes, nodes] where an edge can be: it closes no cycle, enters no input and leaves no output."""
    node = np.arange(_NODES)
    last = graphs.sizes[:, 0, None].astype(np.int64) - 1
    source, target = node < last, (node >= 1) & (node <= last)
    back = dag.closure(graphs.adjacency[:, 0]).transpose(0, 2, 1)
    return source[:, :, None] & target[:, None, :] & ~back & ~np.eye(_NODES, dtype=np.bool_)


def _sorted_codes(ops: NDArray[np.uint8], adjacency: NDArray[np.bool_], sizes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Codes of graphs without useless vertices, numbered in any order."""
    ops, adjacency = dag.sort(ops, adjacency, sizes)
    return cells.pack(Graphs(ops[:, None], adjacency[:, None], sizes[:, None]))
