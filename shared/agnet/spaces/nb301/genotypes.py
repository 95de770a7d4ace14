"""Genotypes, the canonical notation, as matrices of characters.

A genotype is what DARTS prints: ``Genotype(normal=[('sep_conv_3x3', 0), ...], normal_concat=[2, 3, 4, 5],
reduce=[...], reduce_concat=[2, 3, 4, 5])``. All operations have names of twelve letters, so genotypes are all of one
length, with the same thing always in the same place: a column of them is written and read as one matrix.
"""

from __future__ import annotations

import re
from itertools import product

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import arrow
from agnet.spaces.nb301.darts import CELLS, CONCAT, INPUTS, NODES, NUM_CODES, OPERATIONS, OPS, encode

_SLOT = "('{}', {}), ('{}', {})"


def write(codes: NDArray[np.integer]) -> pa.StringArray:
    """Genotypes of architectures [n, 2, 4], the lower input of each node first."""
    text = np.empty((len(codes), len(_TEMPLATE)), dtype=np.uint8)
    text[:] = _TEMPLATE
    for cell, slots in enumerate(_SLOTS):
        for node, slot in enumerate(slots):
            text[:, slot] = _NODE_TEXT[codes[:, cell, node]]
    return arrow.characters(text)


def read(arch: pa.StringArray) -> NDArray[np.int64]:
    """[n, 2, 4] codes of the rows that :func:`write` could have written, but for the order of inputs; -1 elsewhere."""
    codes = np.full((len(arch), len(CELLS), NODES), -1, dtype=np.int64)
    rows, text = _of_length(arch, len(_TEMPLATE))
    good = (text[:, _FIXED] == _TEMPLATE[_FIXED]).all(axis=1)
    found = np.empty((len(rows), len(CELLS), NODES), dtype=np.int64)
    for cell, slots in enumerate(_SLOTS):
        for node, slot in enumerate(slots):
            spelling = np.zeros(len(rows), dtype=np.int64)
            for place, worth in _CLUES:
                spelling += worth[text[:, slot.start + place]]
            found[:, cell, node] = _SPELLING_CODE[spelling]
            good &= (text[:, slot] == _SPELLING_TEXT[spelling]).all(axis=1)
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
    """[length] a genotype, zero where nodes are to be written, and the places of each cell's nodes."""
    width = len(_SLOT.format(OPERATIONS[0], 0, OPERATIONS[0], 1))
    text = "Genotype("
    slots: list[list[slice]] = []
    for cell in CELLS:
        text += f"{', ' if slots else ''}{cell}=["
        starts = [len(text) + node * (width + len(", ")) for node in range(NODES)]
        slots.append([slice(start, start + width) for start in starts])
        text += ", ".join(["\0" * width] * NODES) + f"], {cell}_concat={CONCAT}"
    return _characters(text + ")"), slots


def _clues() -> list[tuple[int, NDArray[np.int64]]]:
    """(place, [256] what the character there adds to the spelling) for the characters that tell spellings apart."""
    second, tenth, digit = (np.zeros(256, dtype=np.int64) for _ in range(3))
    for position, name in reversed(list(enumerate(OPERATIONS))):
        second[ord(name[1])] = position  # of max, avg, skip, sep, dil; of two kernel sizes the first
    tenth[ord("5")] = 1
    digit[ord("0") : ord("0") + NODES + 1] = np.arange(NODES + 1)
    example = _SLOT.format("o" * len(OPERATIONS[0]), 0, "o" * len(OPERATIONS[0]), 0)
    clues = []
    for weight, part in zip((35, 245, 1, 7), re.finditer("o+|0", example), strict=True):
        if part[0] == "0":
            clues.append((part.start(), weight * digit))
        else:
            clues += [(part.start() + 1, weight * second), (part.start() + 9, weight * tenth)]
    return clues


_TEMPLATE, _SLOTS = _template()
_FIXED = np.flatnonzero(_TEMPLATE)
_NODE_TEXT = np.stack(
    [_characters(_SLOT.format(OPERATIONS[i], a, OPERATIONS[j], b)) for (a, b), (i, j) in zip(INPUTS, OPS, strict=True)]
)
# Nodes with their inputs in any order: a *spelling* is (input, operation, input, operation) as one number with the
# bases 5, 7, 5, 7. Reading guesses it from a few characters, then compares them all.
_SPELLINGS = np.array(list(product(range(NODES + 1), range(len(OPERATIONS)), repeat=2)))
_SPELLING_TEXT = np.stack([_characters(_SLOT.format(OPERATIONS[i], a, OPERATIONS[j], b)) for a, i, b, j in _SPELLINGS])
_SPELLING_CODE = encode(_SPELLINGS[:, ::2], _SPELLINGS[:, 1::2])
_CLUES = _clues()
