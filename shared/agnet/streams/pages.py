"""How many values the lists of a Parquet file have, by the headers of its pages.

A page of some bytes may hold a billion equal values, whatever the file's own summary says of it.
"""

from __future__ import annotations

import struct
from typing import IO, Any

_HEADER = 1 << 16
"""Bytes of a page's header at most; a few unless there are long texts among its statistics."""
_DATA, _DATA_V2 = 5, 8
_STRUCT, _LIST, _SET, _MAP, _BINARY, _DOUBLE, _BYTE = 12, 9, 10, 11, 8, 7, 3


def values(file: IO[bytes], start: int, length: int) -> int:
    """Values of the pages in ``length`` bytes of a file from ``start``.

    Raises:
        ValueError: if what is there are no pages.
    """
    found, end = 0, start + length
    while start < end:
        file.seek(start)
        reader = _Reader(file.read(_HEADER))
        try:
            header = reader.structure(0)
        except (IndexError, struct.error, RecursionError):
            raise ValueError("a page's header is damaged") from None
        size = header.get(3)
        if not isinstance(size, int) or size < 0:
            raise ValueError("a page without a size")
        for kind in (_DATA, _DATA_V2):
            inside = header.get(kind)
            number = inside.get(1) if isinstance(inside, dict) else 0
            if not isinstance(number, int) or number < 0:
                raise ValueError("a page without a number of values")
            found += number
        start += reader.at + size
    return found


class _Reader:
    """Thrift's compact protocol, as far as the headers of pages need it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def structure(self, depth: int) -> dict[int, Any]:
        """Fields by number; what is neither a number nor a structure is None."""
        if depth > 8:
            raise RecursionError
        found: dict[int, Any] = {}
        field = 0
        while head := self._byte():
            field = field + (head >> 4) if head >> 4 else self._integer()
            kind = head & 15
            found[field] = kind == 1 if kind <= 2 else self._value(kind, depth)
        return found

    def _value(self, kind: int, depth: int) -> Any:
        if kind == _STRUCT:
            return self.structure(depth + 1)
        if kind == _BINARY:
            self._skip(self._varint())
        elif kind == _DOUBLE:
            self._skip(8)
        elif kind == _BYTE:
            self._skip(1)
        elif kind in (_LIST, _SET):
            head = self._byte()
            for _ in range(head >> 4 if head >> 4 < 15 else self._varint()):
                self._value(head & 15, depth + 1)
        elif kind == _MAP:
            raise struct.error("no header has a map")
        else:
            return self._integer()
        return None

    def _byte(self) -> int:
        self.at += 1
        return self._data[self.at - 1]

    def _skip(self, count: int) -> None:
        self.at += count
        if self.at > len(self._data):
            raise IndexError

    def _varint(self) -> int:
        number = shift = 0
        while True:
            byte = self._byte()
            number |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return number
            if shift > 63:
                raise struct.error("a number of more than 64 bits")

    def _integer(self) -> int:
        number = self._varint()
        return number >> 1 ^ -(number & 1)
