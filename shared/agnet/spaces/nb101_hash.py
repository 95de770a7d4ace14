"""NAS-Bench-101's own key of a cell: the module hash (google-research/nasbench, ``graph_util.hash_module``).

Each vertex starts from the MD5 of its out-degree, in-degree and label; then, as often as there are vertices, from the
sorted hashes of its sources, of its targets, and its own. The hash of the cell is that of the sorted list. All of it is
on hexadecimal text. Here the vertices of many cells go through a round together, grouped by their degrees, so that the
text of a group has one layout.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from agnet import md5
from agnet.spaces import nb101_cells as cells

_CELLS = 32768  # at a time: 100 MB of text
_HEX = 32
_INPUT, _OUTPUT = -1, -2
_HEX_OF_PAIR = np.frombuffer(
    b"".join(b"%02x%02x" % tuple(pair.to_bytes(2, "little")) for pair in range(65536)), np.dtype("<u4")
)
"""Four characters of hexadecimal text for two bytes, both read as little-endian integers."""


def module_hashes(codes: NDArray[np.int64]) -> NDArray[np.uint8]:
    """[n, 32] characters of the module hash of cells given as :mod:`codes <agnet.spaces.nb101_cells>`."""
    hashes = np.empty((len(codes), _HEX), np.uint8)
    sizes = cells.sizes_of(codes)
    for size in range(2, cells.MAX_VERTICES + 1):
        rows = np.flatnonzero(sizes == size)
        for start in range(0, len(rows), _CELLS):
            part = rows[start : start + _CELLS]
            hashes[part] = _hashes(codes[part], size)
    return hashes


def _hashes(codes: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """[n, 32] of cells of ``size`` vertices."""
    n = len(codes)
    adjacency = cells.unpack(codes).adjacency[:, 0, :size, :size]
    vertices, position = _group(adjacency)
    digests = _first_digests(adjacency, cells.labels_of(codes)[:, : size - 2])
    state = np.empty_like(digests)
    for group in vertices:
        state[group.start : group.stop] = digests[group.members]
    for _ in range(size):
        text, keys = _text(state), _keys(state)
        state = np.concatenate([group.hash(text, keys) for group in vertices])
    state = state[position].reshape(n, size, 16)
    order = np.argsort(_keys(state), axis=1)  # see _sorted for equal keys
    text = _text(np.take_along_axis(state, order[:, :, None], axis=1))
    # str() of the list of hashes
    length = size * (_HEX + 4)
    message = np.zeros((n, md5.padded_length(length)), np.uint8)
    message[:, :length] = np.frombuffer(str(["0" * _HEX] * size).encode(), np.uint8)
    for vertex in range(size):
        start = 2 + vertex * (_HEX + 4)
        message[:, start : start + _HEX] = text[:, vertex]
    md5.pad(message, length)
    return _text(md5.digests(message, length))


@dataclass(frozen=True, slots=True)
class _Group:
    """Vertices with as many sources and as many targets; numbers of vertices are positions in the sorted state."""

    start: int
    members: NDArray[np.int64]
    """[m] vertex, cell by cell."""
    sources: NDArray[np.int64]
    """[m, in-degree]."""
    targets: NDArray[np.int64]
    """[m, out-degree]."""
    message: NDArray[np.uint8]
    """[m, padded length] the text of a round, with separators and padding in place."""

    @property
    def stop(self) -> int:
        return self.start + len(self.members)

    def hash(self, text: NDArray[np.uint8], keys: NDArray[np.uint64]) -> NDArray[np.uint8]:
        """[m, 16] digests after one more round, from the hashes of all vertices."""
        at = 0
        for around in (self.sources, self.targets):
            for neighbour in _sorted(around, keys):
                self.message[:, at : at + _HEX] = text[neighbour]
                at += _HEX
            at += 1  # the bar
        self.message[:, at : at + _HEX] = text[self.start : self.stop]
        return md5.digests(self.message, at + _HEX)


def _group(adjacency: NDArray[np.bool_]) -> tuple[list[_Group], NDArray[np.int64]]:
    """Vertices of [n, size, size] by degrees, and [n * size] the position of each."""
    n, size, _ = adjacency.shape
    into, out = adjacency.sum(axis=1).reshape(-1), adjacency.sum(axis=2).reshape(-1)
    degrees = into * cells.MAX_VERTICES + out
    order = np.argsort(degrees, kind="stable")
    position = np.empty(n * size, np.int64)
    position[order] = np.arange(n * size)
    base = np.arange(n).repeat(size) * size
    _, starts = np.unique(degrees[order], return_index=True)
    groups = []
    for start, members in zip(starts.tolist(), np.split(order, starts[1:]), strict=True):
        cell, vertex = np.divmod(members, size)
        sources = np.nonzero(adjacency[cell, :, vertex])[1].reshape(len(members), -1) + base[members, None]
        targets = np.nonzero(adjacency[cell, vertex])[1].reshape(len(members), -1) + base[members, None]
        bars = sources.shape[1] * _HEX, (sources.shape[1] + targets.shape[1]) * _HEX + 1
        length = bars[1] + 1 + _HEX
        message = np.empty((len(members), md5.padded_length(length)), np.uint8)
        message[:, bars] = ord("|")
        md5.pad(message, length)
        groups.append(_Group(start, members, position[sources], position[targets], message))
    return groups, position


def _first_digests(adjacency: NDArray[np.bool_], labels: NDArray[np.int64]) -> NDArray[np.uint8]:
    """[n * size, 16] before the first round."""
    n = len(adjacency)
    label = np.concatenate([np.full((n, 1), _INPUT), labels, np.full((n, 1), _OUTPUT)], axis=1)
    kind = (adjacency.sum(axis=2) * 8 + adjacency.sum(axis=1)) * 8 + (label - _OUTPUT)
    found, index = np.unique(kind.reshape(-1), return_inverse=True)
    text = [str((key >> 6, key >> 3 & 7, (key & 7) + _OUTPUT)) for key in found.tolist()]
    digests = b"".join(hashlib.md5(line.encode(), usedforsecurity=False).digest() for line in text)
    return np.frombuffer(digests, np.uint8).reshape(-1, 16)[index]


def _text(digests: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[..., 32] hexadecimal characters of [..., 16] bytes."""
    return _HEX_OF_PAIR[digests.view("<u2")].view(np.uint8)


def _keys(digests: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """[...] integers that are in the order of the text: the first half of [..., 16] bytes."""
    return digests.view(">u8")[..., 0].astype(np.uint64)


def _sorted(vertices: NDArray[np.int64], keys: NDArray[np.uint64]) -> Iterator[NDArray[np.int64]]:
    """The columns of [m, k] after sorting each row by ``keys``.

    Equal keys are taken for equal hashes, whose order does not matter; that two different hashes agree in 64 bits is as
    likely as a random collision of those bits.
    """
    columns = list(vertices.T)
    values = [keys[column] for column in columns]
    for last in range(len(columns) - 1, 0, -1):  # k is small: a bubble sort of whole columns
        for i in range(last):
            swap = values[i] > values[i + 1]
            for rows in (columns, values):
                rows[i], rows[i + 1] = np.where(swap, rows[i + 1], rows[i]), np.where(swap, rows[i], rows[i + 1])
    yield from columns
