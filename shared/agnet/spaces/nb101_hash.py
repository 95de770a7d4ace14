"""NAS-Bench-101's own key of a cell: the module hash (google-research/nasbench, ``graph_util.hash_module``).

Each vertex starts from the MD5 of its out-degree, in-degree and label; then, as often as there are vertices, from the
sorted hashes of its sources, of its targets, and its own. The hash of the cell is that of the sorted list. All of it is
on hexadecimal text. Here the vertices of many cells go through a round together, grouped by their degrees, so that the
text of a group has one layout.
"""

from __future__ import annotations

import hashlib
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import cache, md5
from agnet.spaces import nb101_cells as cells

_CELLS = 16384  # at a time in a thread: 50 MB of text
_THREADS = 4
_FEW = 64
"""Cells that are done sooner one by one than as arrays."""
_HEX = 32
_BYTES = 16
_MANY = 60_000
"""Cells in one process after which it is worth knowing all."""
_NAME, _SOURCE = "nb101-module-hashes-1", Path(cells.__file__)
_INPUT, _OUTPUT = -1, -2


def _hex_of_pairs() -> NDArray[np.uint32]:
    """[65536] four characters of hexadecimal text for two bytes, both as integers with the first byte lowest."""
    characters = np.frombuffer(b"0123456789abcdef", np.uint8)
    nibbles = np.arange(1 << 16)[:, None] >> np.array([4, 0, 12, 8]) & 15
    return characters[nibbles].view("<u4")[:, 0]


_HEX_OF_PAIR = _hex_of_pairs()


def module_hashes(codes: NDArray[np.int64]) -> NDArray[np.uint8]:
    """[n, 32] characters of the module hash of canonical :mod:`codes <agnet.spaces.nb101_cells>`; zeros for no cell.

    Hashes are kept for as long as the process lives, 7 MB, so a stream however long pays once for each cell. A process
    that needs many makes all of them and leaves them in the user's cache folder.
    """
    digests, known = _memory()
    numbers = cells.numbers(codes)
    rows = np.flatnonzero(~known[numbers])
    if len(rows):
        new, first = np.unique(numbers[rows], return_index=True)
        if len(new) + np.count_nonzero(known) > _MANY:
            digests[:-1] = _all(cache.table(_NAME, _SOURCE, _table))
            known[:] = True
        else:
            digests[new] = _compute(codes[rows[first]])
            known[new] = True
    text = _text(digests.take(numbers, axis=0))
    text[codes == cells.NO_CELL] = 0
    return text


@lru_cache(1)
def _memory() -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """[numbers + 1, 16] digests, and which are there; the last is that of no cell."""
    digests = np.zeros((cells.num_numbers() + 1, _BYTES), np.uint8)
    known = np.zeros(len(digests), np.bool_)
    known[-1] = True
    if (made := cache.find(_NAME, _SOURCE)) is not None:
        digests[:-1] = _all(made)
        known[:] = True
    return digests, known


def _table() -> pa.Table:
    """The digests of all cells, by number."""
    digests = np.zeros((cells.num_numbers(), _BYTES), np.uint8)
    codes = np.concatenate(list(cells.enumerate_codes(1 << 16)))
    digests[cells.numbers(codes)] = _compute(codes)
    kind = pa.binary(_BYTES)
    return pa.table({"digest": pa.FixedSizeBinaryArray.from_buffers(kind, len(digests), [None, pa.py_buffer(digests)])})


def _all(table: pa.Table) -> NDArray[np.uint8]:
    """[numbers, 16] of what :func:`_table` makes."""
    (chunk,) = table["digest"].chunks
    return np.frombuffer(chunk.buffers()[1], np.uint8).reshape(-1, _BYTES)


def _compute(codes: NDArray[np.int64]) -> NDArray[np.uint8]:
    """[n, 16] digests."""
    found = np.empty((len(codes), _BYTES), np.uint8)
    sizes = cells.sizes_of(codes)
    if len(codes) <= _FEW:
        adjacency, labels = cells.unpack(codes).adjacency[:, 0].tolist(), cells.labels_of(codes).tolist()
        for row, size in enumerate(sizes.tolist()):
            found[row] = np.frombuffer(_hash(adjacency[row], labels[row], size), np.uint8)
        return found
    parts = [
        (size, rows[start : start + _CELLS])
        for size in range(cells.MAX_VERTICES, 1, -1)
        for rows in [np.flatnonzero(sizes == size)]
        for start in range(0, len(rows), _CELLS)
    ]

    def fill(part: tuple[int, NDArray[np.int64]]) -> None:
        size, rows = part
        found[rows] = _hashes(codes[rows], size)

    if len(parts) == 1:
        fill(parts[0])
        return found
    # NumPy lets other threads run while it works on arrays, and it does nothing else here.
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        list(pool.map(fill, parts))
    return found


def _hash(adjacency: list[list[bool]], labels: list[int], size: int) -> bytes:
    """The digest of one cell of ``size`` vertices: what :func:`_hashes` does, as the official code has it."""
    vertices = range(size)
    sources = [[a for a in vertices if adjacency[a][b]] for b in vertices]
    targets = [[b for b in vertices if adjacency[a][b]] for a in vertices]
    label = [_INPUT, *labels[: size - 2], _OUTPUT]
    state = [_md5(str((len(targets[v]), len(sources[v]), label[v]))).hex() for v in vertices]
    for _ in vertices:
        around = [["".join(sorted(state[u] for u in near[v])) for near in (sources, targets)] for v in vertices]
        state = [_md5(f"{into}|{out}|{own}").hex() for (into, out), own in zip(around, state, strict=True)]
    return _md5(str(sorted(state)))


def _md5(text: str) -> bytes:
    return hashlib.md5(text.encode(), usedforsecurity=False).digest()


def _hashes(codes: NDArray[np.int64], size: int) -> NDArray[np.uint8]:
    """[n, 16] of cells of ``size`` vertices."""
    n = len(codes)
    adjacency = cells.unpack(codes).adjacency[:, 0, :size, :size]
    order, groups, messages = _group(adjacency)
    digests, kinds = _first_digests(adjacency, cells.labels_of(codes)[:, : size - 2])
    state = _first_round(digests, kinds.take(order), groups)
    for _ in range(size - 1):
        text, keys = _text(state), _keys(state)
        for group in groups:
            group.write(text, keys)
        state = np.concatenate([md5.digests(message) for message in messages])
    position = np.empty(n * size, np.int64)
    position[order] = np.arange(n * size)
    by_cell = position.reshape(n, size).T
    # str() of the sorted list of hashes
    length = size * (_HEX + 4)
    message = np.empty((n, md5.padded_length(length)), np.uint8)
    message[:, :length] = np.frombuffer(str(["0" * _HEX] * size).encode(), np.uint8)
    md5.pad(message, length)
    text, keys = _text(state), _keys(state)
    for place, vertices in enumerate(_sorted(by_cell, keys)):
        start = 2 + place * (_HEX + 4)
        message[:, start : start + _HEX] = text.take(vertices, axis=0)
    return md5.digests(message)


@dataclass(frozen=True, slots=True)
class _Group:
    """Vertices with as many sources and as many targets, by their positions in the state."""

    members: NDArray[np.int64]
    """[m] themselves."""
    sources: NDArray[np.int64]
    """[in-degree, m]"""
    targets: NDArray[np.int64]
    """[out-degree, m]"""
    message: NDArray[np.uint8]
    """[m, padded length] the text of a round, with separators and padding in place; a view of one array of messages."""

    def write(self, text: NDArray[np.uint8], keys: NDArray[np.uint64]) -> None:
        """Put the hashes of all vertices, as text, into the messages of this group."""
        at = 0
        for around in (self.sources, self.targets, self.members[None]):
            for vertices in _sorted(around, keys):
                self.message[:, at : at + _HEX] = text.take(vertices, axis=0)
                at += _HEX
            at += 1  # the bar


def _group(adjacency: NDArray[np.bool_]) -> tuple[NDArray[np.int64], list[_Group], list[NDArray[np.uint8]]]:
    """Vertices of [n, size, size] by length of their messages.

    Returns:
        [n * size] the vertex at each position of the state; the groups; and for each length of padded messages, in the
        order of the state, the array that the groups write to.
    """
    n, size, _ = adjacency.shape
    into, out = (adjacency.sum(axis=axis).reshape(-1) for axis in (1, 2))
    key = (into + out) * cells.MAX_VERTICES + into
    order = np.argsort(key, kind="stable")
    position = np.empty(n * size, np.int64)
    position[order] = np.arange(n * size)
    starts = np.flatnonzero(np.diff(key[order], prepend=-1))
    lengths = (into + out)[order[starts]] * _HEX + 2 + _HEX
    padded = np.array([md5.padded_length(length) for length in lengths.tolist()])
    ends = np.append(starts[1:], n * size)
    groups, messages = [], []
    for width in np.unique(padded):
        same = np.flatnonzero(padded == width)
        base = starts[same[0]]
        message = np.empty((ends[same[-1]] - base, width), np.uint8)
        messages.append(message)
        for group in same:
            members = np.arange(starts[group], ends[group])
            cell, vertex = np.divmod(order[members], size)
            sources = position[np.nonzero(adjacency[cell, :, vertex])[1].reshape(len(cell), -1).T + cell * size]
            targets = position[np.nonzero(adjacency[cell, vertex])[1].reshape(len(cell), -1).T + cell * size]
            part = message[starts[group] - base : ends[group] - base]
            bar = len(sources) * _HEX
            part[:, [bar, bar + 1 + len(targets) * _HEX]] = ord("|")
            md5.pad(part, int(lengths[group]))
            groups.append(_Group(members, sources, targets, part))
    return order, groups, messages


def _first_digests(
    adjacency: NDArray[np.bool_], labels: NDArray[np.int64]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """[kinds, 16] before the first round, and the kind of each of [n * size] vertices."""
    n = len(adjacency)
    label = np.concatenate([np.full((n, 1), _INPUT), labels, np.full((n, 1), _OUTPUT)], axis=1)
    kind = (adjacency.sum(axis=2) * 8 + adjacency.sum(axis=1)) * 8 + (label - _OUTPUT)
    found, index = np.unique(kind.reshape(-1), return_inverse=True)
    text = [str((key >> 6, key >> 3 & 7, (key & 7) + _OUTPUT)) for key in found.tolist()]
    digests = b"".join(map(_md5, text))
    return np.frombuffer(digests, np.uint8).reshape(-1, 16), index


def _first_round(digests: NDArray[np.uint8], kinds: NDArray[np.int64], groups: list[_Group]) -> NDArray[np.uint8]:
    """[n * size, 16] after the first round, in which most vertices have a message that others have, too.

    Args:
        digests: [kinds, 16] before it.
        kinds: [n * size] of the vertices, in the order of the state; there are less than 256.
        groups: of the vertices.
    """
    text, keys = _text(digests), _keys(digests)
    state = np.empty((len(kinds), digests.shape[1]), np.uint8)
    for group in groups:
        own = _Group(kinds[group.members], kinds[group.sources], kinds[group.targets], group.message)
        code = own.members.copy()
        for around in (own.sources, own.targets):
            for kind in _sorted(around, keys):
                code = code << 8 | kind
        _, first, which = np.unique(code, return_index=True, return_inverse=True)
        one = _Group(own.members[first], own.sources[:, first], own.targets[:, first], own.message[first])
        one.write(text, keys)
        state[group.members] = md5.digests(one.message)[which]
    return state


def _text(digests: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[..., 32] hexadecimal characters of [..., 16] bytes."""
    return _HEX_OF_PAIR.take(digests.view("<u2")).view(np.uint8)


def _keys(digests: NDArray[np.uint8]) -> NDArray[np.uint64]:
    """[...] integers that are in the order of the text: the first half of [..., 16] bytes."""
    return digests.view(">u8")[..., 0].astype(np.uint64)


def _sorted(vertices: NDArray[np.int64], keys: NDArray[np.uint64]) -> list[NDArray[np.int64]]:
    """[k, m] as ``k`` rows, each column in the order of the keys.

    Equal keys are taken for equal hashes, whose order does not matter; that two different hashes agree in 64 bits is as
    likely as a random collision of those bits.
    """
    rows = list(vertices)
    if len(rows) == 1:
        return rows
    values = [keys.take(row) for row in rows]
    for last in range(len(rows) - 1, 0, -1):  # k is small: a bubble sort of whole rows
        for i in range(last):
            swap = values[i] > values[i + 1]
            for row in (rows, values):
                row[i], row[i + 1] = np.where(swap, row[i + 1], row[i]), np.where(swap, row[i], row[i + 1])
    return rows
