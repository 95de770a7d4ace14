"""Protocol buffer messages, as far as benchmarks use them: the fields of one message, whatever their meaning."""

from __future__ import annotations

import struct
from collections.abc import Iterator

_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5
_WIDTH = {_DOUBLE: 8, _FLOAT: 4}


def fields(message: bytes) -> Iterator[tuple[int, int | float | bytes]]:
    """Number and value of every field, in order: integers, floats, and bytes for strings and messages within.

    Raises:
        ValueError: if the bytes are no message.
    """
    at, end = 0, len(message)
    while at < end:
        tag, at = _varint(message, at)
        number, kind = tag >> 3, tag & 7
        if kind == _VARINT:
            integer, at = _varint(message, at)
            yield number, integer
            continue
        if kind == _BYTES:
            width, at = _varint(message, at)
        elif kind in _WIDTH:
            width = _WIDTH[kind]
        else:
            raise ValueError(f"field {number} is of the unknown wire type {kind}")
        value = message[at : at + width]
        if number == 0 or len(value) < width:
            raise ValueError(f"field {number} is cut short" if number else "there is no field 0")
        at += width
        yield number, value if kind == _BYTES else struct.unpack("<d" if kind == _DOUBLE else "<f", value)[0]


def _varint(message: bytes, at: int) -> tuple[int, int]:
    """The integer at a position, and the position after it."""
    value = shift = 0
    while at < len(message) and shift < 64:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
    raise ValueError("a number is cut short")
