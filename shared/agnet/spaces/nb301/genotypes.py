"""Genotypes, the canonical notation, as matrices of characters.

A genotype is what DARTS prints: ``Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=[2, 3, 4, 5],
reduce=[...], reduce_concat=[2, 3, 4, 5])``. All operations have names of twelve letters, so genotypes are all of one
length, with the same thing always in the same place: a column of them is written and read as one matrix.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import arrow
from agnet.spaces.nb301.darts import CELLS, CONCAT, INPUTS, NODES, NUM_CODES, OPERATIONS, OPS, encode

_PAIR = "('{}', {})"


def write(codes: NDArray[np.integer]) -> pa.StringArray:
    """Genotypes of architectures [n, 2, 4], the lower input of each node first."""
    text = np.empty((len(codes), len(_TEMPLATE)), dtype=np.uint8)
    text[:] = _TEMPLATE
    pairs = _PAIRS[codes]
    for cell, places in enumerate(_PLACES):
        for number, place in enumerate(places):
            text[:, place] = _PAIR_TEXT[pairs[:, cell, number // 2, number % 2]]
    return arrow.characters(text)


def read(arch: pa.StringArray) -> NDArray[np.int64]:
    """[n, 2, 4] codes of the rows that :func:`write` could have written, but for the order of inputs; -1 elsewhere."""
    codes = np.full((len(arch), len(CELLS), NODES), -1, dtype=np.int64)
    rows, text = _of_length(arch, len(_TEMPLATE))
    good = (text[:, _FIXED] == _TEMPLATE[_FIXED]).all(axis=1)
    pairs = np.empty((len(rows), len(CELLS), 2 * NODES), dtype=np.int64)
    for cell, places in enumerate(_PLACES):
        for number, place in enumerate(places):
            # A few characters tell pairs apart, then all of them are compared.
            pair = sum((worth[text[:, place.start + at]] for at, worth in _CLUES), np.zeros(len(rows), dtype=np.int64))
            good &= (text[:, place] == _PAIR_TEXT[pair]).all(axis=1)
            pairs[:, cell, number] = pair
    found = _CODES[pairs[..., ::2], pairs[..., 1::2]]
    good &= ((found >= 0) & (found < NUM_CODES)).all(axis=(1, 2))
    codes[rows[good]] = found[good]
    return codes


def _of_length(arch: pa.StringArray, length: int) -> tuple[NDArray[np.int64], NDArray[np.uint8]]:
    """Which rows are strings of this many bytes, and [rows, length] these bytes."""
    offsets = np.frombuffer(arch.buffers()[1], dtype=np.int32)[arch.offset : arch.offset + len(arch) + 1]
    right = np.diff(offsets) == length
    if arch.null_count:
        right &= arrow.to_numpy(arch.is_valid())
    rows = np.flatnonzero(right)
    if not len(rows):
        return rows, np.empty((0, length), dtype=np.uint8)
    if len(rows) < len(arch):
        return rows, _of_length(arch.take(arrow.numbers(rows)), length)[1]
    return rows, np.frombuffer(arch.buffers()[2], dtype=np.uint8)[offsets[0] : offsets[-1]].reshape(-1, length)


def _characters(text: str) -> NDArray[np.uint8]:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _template() -> tuple[NDArray[np.uint8], list[list[slice]]]:
    """[length] a genotype, zero where (operation, input) are to be written, and the places of each cell's eight."""
    width = len(_PAIR.format(OPERATIONS[0], 0))
    text = "Genotype("
    places: list[list[slice]] = []
    for cell in CELLS:
        text += f"{', ' if places else ''}{cell}=["
        starts = [len(text) + number * (width + len(", ")) for number in range(2 * NODES)]
        places.append([slice(start, start + width) for start in starts])
        text += ", ".join(["\0" * width] * (2 * NODES)) + f"], {cell}_concat={CONCAT}"
    return _characters(text + ")"), places


def _clues() -> list[tuple[int, NDArray[np.int64]]]:
    """(place, [256] what the character there adds to the pair) for the characters that tell pairs apart."""
    second, tenth, digit = (np.zeros(256, dtype=np.int64) for _ in range(3))
    for position, name in reversed(list(enumerate(OPERATIONS))):
        second[ord(name[1])] = position  # of max, avg, skip, sep, dil; of two kernel sizes the first
    tenth[ord("5")] = 1
    digit[ord("0") : ord("0") + NODES + 1] = len(OPERATIONS) * np.arange(NODES + 1)
    start, last = _PAIR.index("{"), len(_PAIR.format(OPERATIONS[0], "")) - 1
    return [(start + 1, second), (start + 9, tenth), (last, digit)]


# A pair is (operation, input) as a number, input × 7 + operation.
_PAIR_TEXT = np.stack([_characters(_PAIR.format(op, source)) for source in range(NODES + 1) for op in OPERATIONS])
_PAIRS = INPUTS * len(OPERATIONS) + OPS
"""[490, 2] the pairs of a code."""
_TEMPLATE, _PLACES = _template()
_FIXED = np.flatnonzero(_TEMPLATE)
_CLUES = _clues()


def _codes() -> NDArray[np.int64]:
    """[35, 35] code of two pairs, -1 where they have one input."""
    pairs = np.moveaxis(np.indices((len(_PAIR_TEXT), len(_PAIR_TEXT))), 0, -1)
    return encode(pairs // len(OPERATIONS), pairs % len(OPERATIONS))


_CODES = _codes()
