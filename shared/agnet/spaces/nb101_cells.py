"""NAS-Bench-101 cells as integers, and the one integer that stands for all drawings of a cell.

A cell without useless vertices is a *code*: its edges (21 bits) above its operations (2 bits each, first vertex first).
The edges from vertex a to vertex b > a are bit b(b-1)/2 + a, as in NAS-Bench-101's own enumeration (``graph_util``), so
the code of the smallest vertex numbering is the numbering in which NAS-Bench-101 publishes (and trained) the cell.

Only 6,472 sets of edges occur, hence tables: for each the smallest set that a renumbering of its vertices gives, and
the renumberings that give it (several where the graph has symmetries; the operations decide between them).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from agnet.graphs import Graphs

MAX_VERTICES = 7
MAX_EDGES = 9
INNER = MAX_VERTICES - 2
OPERATIONS = ("conv3x3", "conv1x1", "maxpool3x3")
"""Operations by label, in the order of NAS-Bench-101's labels."""
NODE_TYPES = ("output", "input", "conv1x1", "conv3x3", "maxpool3x3")
"""Operations by index in graph arrays."""
NO_CELL = -1

_TARGETS, _SOURCES = np.tril_indices(MAX_VERTICES, -1)  # of each bit of the edges
_EDGE_BITS = len(_TARGETS)
_LABEL_BITS = 2 * INNER
CODE_BITS = _EDGE_BITS + _LABEL_BITS
_LABEL_SHIFTS = np.arange(_LABEL_BITS - 2, -1, -2)
_NO_LABEL = len(OPERATIONS)
_POWERS = len(OPERATIONS) ** np.arange(INNER - 1, -1, -1)
_TYPE_OF_LABEL = np.array([NODE_TYPES.index(name) for name in OPERATIONS], np.uint8)
_LABEL_OF_TYPE = np.full(256, _NO_LABEL, np.int64)
_LABEL_OF_TYPE[_TYPE_OF_LABEL] = np.arange(len(OPERATIONS))


def edges_of(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """[n] the edges, 21 bits."""
    return codes >> _LABEL_BITS


def labels_of(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """[n, 5] label of each inner vertex, 0 where there is none."""
    return (codes[:, None] >> _LABEL_SHIFTS) & 3


def join(edges: NDArray[np.int64], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    """Codes of ``edges`` [n] and ``labels`` [n, 5]."""
    codes = edges << _LABEL_BITS
    for position, shift in enumerate(_LABEL_SHIFTS.tolist()):  # column by column: a sum over rows of five is slow
        codes = codes | labels[..., position] << shift
    return codes


def sizes_of(codes: NDArray[np.int64]) -> NDArray[np.uint8]:
    """[n] number of vertices; 0 where the edges are not those of a cell."""
    tables = _tables()
    return tables.sizes[tables.rows[edges_of(codes)]]


def pack(graphs: Graphs) -> NDArray[np.int64]:
    """[n] codes of pruned graphs; :data:`NO_CELL` where the graph is not a cell of the space."""
    ops = graphs.ops[:, 0]
    bits = graphs.adjacency[:, 0].reshape(len(ops), MAX_VERTICES**2).take(_SOURCES * MAX_VERTICES + _TARGETS, axis=1)
    bytes_ = np.packbits(bits, axis=1, bitorder="little").astype(np.int64)
    edges = bytes_[:, 0] | bytes_[:, 1] << 8 | bytes_[:, 2] << 16
    sizes = graphs.sizes[:, 0].astype(np.int64)
    labels = _LABEL_OF_TYPE[ops[:, 1:-1]]
    labels *= np.arange(1, INNER + 1) < sizes[:, None] - 1
    tables = _tables()
    good = (
        (tables.sizes[tables.rows[edges]] == sizes)
        & (sizes > 0)
        & (ops[:, 0] == NODE_TYPES.index("input"))
        & (ops[np.arange(len(ops)), sizes - 1] == NODE_TYPES.index("output"))
        & (labels != _NO_LABEL).all(axis=1)
    )
    return np.where(good, join(edges, labels), NO_CELL)


def unpack(codes: NDArray[np.int64]) -> Graphs:
    """The graphs; :data:`NO_CELL` makes a graph of size 0."""
    codes = np.asarray(codes, np.int64)
    sizes = sizes_of(codes)
    used = np.arange(1, INNER + 1) < sizes[:, None].astype(np.int64) - 1
    ops = np.zeros((len(codes), 1, MAX_VERTICES), np.uint8)
    ops[:, 0, 0] = np.where(sizes > 0, NODE_TYPES.index("input"), 0)
    ops[:, 0, 1:-1] = np.where(used, _TYPE_OF_LABEL[np.where(used, labels_of(codes), 0)], 0)
    return Graphs(ops, adjacency_of(np.where(sizes > 0, edges_of(codes), 0))[:, None], sizes[:, None])


def adjacency_of(edges: NDArray[np.int64]) -> NDArray[np.bool_]:
    """[n, 7, 7] from the 21 bits."""
    adjacency = np.zeros((len(edges), MAX_VERTICES, MAX_VERTICES), np.bool_)
    bytes_ = edges.astype("<u4").view(np.uint8).reshape(len(edges), 4)
    adjacency[:, _SOURCES, _TARGETS] = np.unpackbits(bytes_, axis=1, count=_EDGE_BITS, bitorder="little")
    return adjacency


def canonical(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """[n] the smallest code that a renumbering of the vertices gives: equal for two codes if and only if isomorphic."""
    tables = _tables()
    rows = tables.rows[edges_of(codes)]
    labels = labels_of(codes)
    first = tables.first[rows]
    count = tables.first[rows + 1] - first
    smallest = np.einsum("ij,ij->i", labels, tables.weights[first])
    more = np.arange(len(codes))
    for k in range(1, int(count.max(initial=1))):
        more = more[count[more] > k]
        other = np.einsum("ij,ij->i", labels[more], tables.weights[first[more] + k])
        smallest[more] = np.minimum(smallest[more], other)
    return np.where(codes >= 0, tables.smallest[rows] << _LABEL_BITS | smallest, NO_CELL)


def numbers(codes: NDArray[np.int64]) -> NDArray[np.int64]:
    """[n] small numbers of canonical codes, each its own, ascending but with gaps; -1 for :data:`NO_CELL`."""
    tables = _tables()
    digits = labels_of(codes) @ _POWERS
    number = tables.base[tables.rows[edges_of(codes)]] + digits // len(OPERATIONS) ** (
        MAX_VERTICES - sizes_of(codes).astype(np.int64)
    )
    return np.where(codes == NO_CELL, -1, number)


def num_numbers() -> int:
    """One more than the largest number."""
    return int(_tables().base[-1])


def enumerate_codes(chunk: int) -> Iterator[NDArray[np.int64]]:
    """All canonical codes in ascending order, about ``chunk`` at a time, so also ascending by number of vertices."""
    for size in range(2, MAX_VERTICES + 1):
        edges = _smallest_edge_sets(size)
        inner = size - 2
        labels = np.zeros((len(OPERATIONS) ** inner, INNER), np.int64)
        labels[:, :inner] = np.indices((len(OPERATIONS),) * inner).reshape(inner, len(labels)).T
        step = max(1, chunk // len(labels))
        for start in range(0, len(edges), step):
            codes = join(edges[start : start + step, None], labels).reshape(-1)
            yield codes[canonical(codes) == codes]


def sample_codes(n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """``n`` independent canonical codes, all equally likely."""
    edges = [_smallest_edge_sets(size) for size in range(2, MAX_VERTICES + 1)]
    # Every pair of edges and operations is equally likely; nine in ten are canonical, the rest is drawn again.
    inner = np.arange(INNER + 1).repeat([len(part) for part in edges])
    chances = float(len(OPERATIONS)) ** inner
    chances /= chances.sum()
    found = np.empty(0, np.int64)
    while len(found) < n:
        missing = n - len(found)
        drawn = rng.choice(len(inner), missing + missing // 8 + 8, p=chances)
        labels = rng.integers(0, len(OPERATIONS), (len(drawn), INNER)) * (np.arange(INNER) < inner[drawn, None])
        codes = join(np.concatenate(edges)[drawn], labels)
        found = np.concatenate([found, codes[canonical(codes) == codes][:missing]])
    return found


@dataclass(frozen=True, slots=True)
class _Tables:
    """What is known of each of the 6,472 sets of edges, and in the last row that there is no such set."""

    rows: NDArray[np.int16]
    """[2^21] row of a set of edges, -1 for the rest."""
    sizes: NDArray[np.uint8]
    """[rows] number of vertices."""
    smallest: NDArray[np.int64]
    """[rows] the smallest set of edges that a renumbering gives."""
    first: NDArray[np.int64]
    """[rows + 1] where the renumberings that give it begin in ``weights``."""
    base: NDArray[np.int64]
    """[rows] where the numbers of canonical codes with these edges begin; in the last row, where all end."""
    weights: NDArray[np.int64]
    """[renumberings, 5] place value of the label of each inner vertex, by its old number."""


@cache
def _tables() -> _Tables:
    found = [_edge_sets(size) for size in range(2, MAX_VERTICES + 1)]
    edges = np.concatenate(found)
    rows = np.full(1 << _EDGE_BITS, -1, np.int16)
    rows[edges] = np.arange(len(edges))
    sizes = np.repeat(np.arange(2, MAX_VERTICES + 1), [len(part) for part in found])
    renumbered = [_renumber(part, size) for size, part in enumerate(found, start=2)]
    smallest, counts, weights = (np.concatenate(parts) for parts in zip(*renumbered, strict=True))
    labellings = np.where(smallest == edges, len(OPERATIONS) ** (sizes - 2), 0)
    return _Tables(
        rows=rows,
        sizes=np.append(sizes, 0).astype(np.uint8),
        smallest=np.append(smallest, 0),
        first=np.concatenate([[0], np.cumsum(counts), [0]]),
        base=np.append(0, np.cumsum(labellings)),
        weights=weights,
    )


def _smallest_edge_sets(size: int) -> NDArray[np.int64]:
    """Sets of edges between ``size`` vertices, one for each unlabelled graph, ascending."""
    tables = _tables()
    return np.unique(tables.smallest[tables.sizes == size])


def _edge_sets(size: int) -> NDArray[np.int64]:
    """Sets of at most 9 edges between ``size`` vertices, each of which is on a path from the first to the last."""
    sets = np.zeros(1, np.int64)
    count = np.zeros(1, np.int64)
    for target in range(1, size):
        # Every vertex needs a source, so the edges that later vertices will need are already spent.
        sources = np.arange(1, 1 << target)
        added = ((sources[:, None] >> np.arange(target)) & 1).sum(axis=1)
        fits = count[:, None] + added <= MAX_EDGES - (size - 1 - target)
        before, chosen = np.nonzero(fits)
        sets = sets[before] | sources[chosen] << target * (target - 1) // 2
        count = count[before] + added[chosen]
    useful = np.full(len(sets), 1 << (size - 1))
    for target in range(size - 1, 0, -1):
        sources = (sets >> target * (target - 1) // 2) & ((1 << target) - 1)
        useful |= np.where((useful >> target) & 1, sources, 0)
    return np.sort(sets[useful == (1 << size) - 1])


def _renumber(edges: NDArray[np.int64], size: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """For each set of ``edges``: the smallest renumbered set, how many renumberings give it, and these as weights."""
    length = size * (size - 1) // 2
    numberings = np.array([(0, *inner, size - 1) for inner in permutations(range(1, size - 1))])
    # Each edge is worth the bit that it moves to, or more than all bits if it would point backwards.
    source, target = numberings[:, _SOURCES[:length]], numberings[:, _TARGETS[:length]]
    worth = np.where(source < target, 2.0 ** (target * (target - 1) // 2 + source), 2.0**_EDGE_BITS)
    renumbered = ((edges[:, None] >> np.arange(length)) & 1) @ worth.T  # exact: whole numbers far below 2^53
    smallest = renumbered.min(axis=1)
    row, numbering = np.nonzero(renumbered == smallest[:, None])
    weights = np.zeros((len(row), INNER), np.int64)
    weights[:, : size - 2] = 4 ** (INNER - numberings[numbering, 1:-1])
    return smallest.astype(np.int64), np.bincount(row, minlength=len(edges)), weights
