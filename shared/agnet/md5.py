"""MD5 of many short messages at once.

``hashlib`` needs about a microsecond a message, most of it Python's. Here a message is a lane of NumPy arrays: each of
the 64 steps of RFC 1321 is a handful of operations on all lanes, several times faster from a thousand messages on.
"""

from __future__ import annotations

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

BLOCK = 64
"""Bytes that one compression takes in."""

_FEW = 1000  # below, hashlib is faster
_LANES = 32768
"""Few enough for the second-level cache, enough to hide what a NumPy call costs: also that a thread then has to wait
until another lets go of Python."""
_MESSAGES = 512  # that are read word by word while they are in the cache

_ROTATIONS = ((7, 12, 17, 22), (5, 9, 14, 20), (4, 11, 16, 23), (6, 10, 15, 21))
_WORDS = ((0, 1), (1, 5), (5, 3), (0, 7))  # word of a step in its round: first, and distance modulo 16
_START = np.array([0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476], np.uint32)


def _constant(value: int) -> NDArray[np.uint32]:
    return np.array(value, np.uint32)  # a NumPy call converts a scalar anew each time, not an array of no dimensions


_STEPS = [
    (
        kind,
        (_WORDS[kind][0] + _WORDS[kind][1] * turn) % 16,
        _constant(int(abs(math.sin(16 * kind + turn + 1)) * 2**32)),
        _constant(_ROTATIONS[kind][turn % 4]),
        _constant(32 - _ROTATIONS[kind][turn % 4]),
    )
    for kind in range(4)
    for turn in range(16)
]
"""Round, index of the word, additive constant, rotation to the left and its complement, of each step."""


def padded_length(length: int) -> int:
    """Bytes of a message of ``length`` bytes after :func:`pad`."""
    return (length + 8) // BLOCK * BLOCK + BLOCK


def pad(messages: NDArray[np.uint8], length: int) -> None:
    """Write MD5's padding behind the first ``length`` bytes of ``messages`` [n, padded_length(length)]."""
    messages[:, length:] = 0
    messages[:, length] = 0x80
    messages[:, -8:] = np.frombuffer((8 * length).to_bytes(8, "little"), np.uint8)


def digests(padded: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """[n, 16] digests of messages that :func:`pad` has padded to one length; each may have another length before."""
    n = len(padded)
    if n < _FEW:
        lengths = (padded[:, -8:].copy().view("<u8")[:, 0] >> 3).tolist()
        found = [
            hashlib.md5(row[:length], usedforsecurity=False).digest()
            for row, length in zip(padded, lengths, strict=True)
        ]
        return np.frombuffer(b"".join(found), np.uint8).reshape(n, 16)
    out = np.empty((n, 4), np.dtype("<u4"))
    for start in range(0, n, _LANES):
        # Word by word, so that a word of all lanes is contiguous.
        messages = padded[start : start + _LANES].view("<u4")
        words = np.empty((messages.shape[1], len(messages)), np.uint32)
        for first in range(0, len(messages), _MESSAGES):
            words[:, first : first + _MESSAGES] = messages[first : first + _MESSAGES].T
        state = np.repeat(_START[:, None], words.shape[1], axis=1)
        work = np.empty((3, words.shape[1]), np.uint32)
        for block in range(0, len(words), 16):
            _compress(state, words[block : block + 16], work)
        out[start : start + _LANES] = state.T
    return out.view(np.uint8)


def _compress(state: NDArray[np.uint32], words: NDArray[np.uint32], work: NDArray[np.uint32]) -> None:
    """Take one block, ``words`` [16, lanes], into ``state`` [4, lanes]; ``work`` [3, lanes] is scratch."""
    a, b, c, d = state.copy()
    mixed, left, right = work
    for kind, word, constant, rotation, complement in _STEPS:
        if kind == 0:  # b chooses between c and d
            np.bitwise_xor(c, d, mixed)
            np.bitwise_and(mixed, b, mixed)
            np.bitwise_xor(mixed, d, mixed)
        elif kind == 1:  # d chooses between b and c
            np.bitwise_xor(b, c, mixed)
            np.bitwise_and(mixed, d, mixed)
            np.bitwise_xor(mixed, c, mixed)
        elif kind == 2:
            np.bitwise_xor(b, c, mixed)
            np.bitwise_xor(mixed, d, mixed)
        else:  # c ^ (b | ~d)
            np.invert(d, mixed)
            np.bitwise_or(mixed, b, mixed)
            np.bitwise_xor(mixed, c, mixed)
        np.add(a, mixed, a)
        np.add(a, words[word], a)
        np.add(a, constant, a)
        np.left_shift(a, rotation, left)
        np.right_shift(a, complement, right)
        np.bitwise_or(left, right, a)
        np.add(a, b, a)
        a, b, c, d = d, a, b, c
    state += (a, b, c, d)
