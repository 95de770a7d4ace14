"""How many values the lists of a Parquet file have, by the headers of its pages.

A page of some bytes may hold a billion equal values, whatever the file's own summary says of it. Where the pages are
stands at the end of the file; Arrow ends the process when it is asked for that and a column's statistics are damaged.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import IO, Any

_HEADER = 1 << 16
"""Bytes of a page's header at most; a few unless there are long texts among its statistics."""
_DATA, _DATA_V2 = 5, 8
_END = struct.Struct("<I4s")
"""Of a file: how long what precedes it is, and what kind of file it is."""
_STRUCT, _LIST, _SET, _MAP, _BINARY, _DOUBLE, _BYTE = 12, 9, 10, 11, 8, 7, 3


@dataclass(frozen=True, slots=True)
class RowGroup:
    """Some rows of a Parquet file."""

    rows: int
    chunks: list[tuple[int, int]]
    """Where the pages of each column begin, and how many bytes they are."""


def row_groups(file: IO[bytes]) -> list[RowGroup]:
    """What the end of a Parquet file says of its row groups.

    Raises:
        ValueError: if it makes no sense.
    """
    size = file.seek(0, 2)
    file.seek(max(size - _END.size, 0))
    try:
        length = _END.unpack(file.read(_END.size))[0]
        file.seek(max(size - _END.size - length, 0))
        footer = _Reader(file.read(length)).structure(0)
        return [_row_group(group) for group in footer.get(4, [])]
    except (IndexError, KeyError, TypeError, AttributeError, struct.error, RecursionError):
        raise ValueError("the end of the file is damaged") from None


def _row_group(group: dict[int, Any]) -> RowGroup:
    chunks = []
    for column in (chunk[3] for chunk in group[1]):
        start, dictionary = int(column[9]), int(column.get(11, 0))
        chunks.append((dictionary if 0 < dictionary < start else start, int(column[7])))
    return RowGroup(int(group[3]), chunks)


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
    """Thrift's compact protocol, as far as Parquet's headers and ends need it."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def structure(self, depth: int) -> dict[int, Any]:
        """Fields by number; what is neither a number, a structure nor a list is None."""
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
            return [self._value(head & 15, depth + 1) for _ in range(head >> 4 if head >> 4 < 15 else self._varint())]
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
