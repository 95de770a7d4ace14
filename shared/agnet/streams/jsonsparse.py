"""How much room records take as a table, before Arrow makes it.

A table has a cell for each record and each column that any of them has: a few bytes of records that share no member, a
list of such objects, or one with very many members would become gigabytes. What follows counts without a table.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from agnet.streams.jsonlines import BadLine, lengths
from agnet.streams.jsontext import content

_CELLS = 1 << 24
_CELLS_PER_BYTE = 4
"""A cell that is filled has at least four bytes of text, ``"":1`` and a comma between: 16 times as many are empty."""
_COLUMNS = 20_000
_MEMBERS = 50_000
"""Most colons in a piece: as many columns, at worst, take Arrow a second."""


def pieces(lines: pa.LargeBinaryArray) -> Iterator[pa.LargeBinaryArray]:
    """``lines`` in pieces, none of which has too many cells whatever is in it.

    Colons are at least as many as columns, braces as records and objects within them. Where those of one line are too
    many, it is looked at.

    Raises:
        BadLine: for a line that takes too much room alone.
    """
    data = content(lines)
    at = [np.flatnonzero(data == ord(sign)) for sign in ":{"]
    if _few(*map(len, at)):
        yield lines
        return
    ends = np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths(lines))])
    colons, braces = (np.searchsorted(found, ends) for found in at)
    start = 0
    while start < len(lines):
        members, objects = colons[start + 1 :] - colons[start], braces[start + 1 :] - braces[start]
        too_many = (members * objects > _CELLS) | (members > _MEMBERS)
        count = int(too_many.argmax()) if too_many.any() else len(too_many)
        if not count:
            count = 1
            _check_line(lines, start)
        yield lines.slice(start, count)
        start += count


def check(columns: int, lines: pa.LargeBinaryArray) -> None:
    """Refuse a table of ``lines`` with so many columns if it were far larger than they are.

    Raises:
        BadLine: if so, for the last line.
    """
    data = content(lines)
    if columns > _COLUMNS or (
        columns * len(data) > _CELLS  # hardly ever: to count what is inside can wait
        and columns * int(np.count_nonzero(data == ord("{"))) > max(_CELLS, _CELLS_PER_BYTE * len(data))
    ):
        raise _refused(len(lines) - 1, f"the records up to here have {columns:,} columns")


def columns(schema: pa.Schema) -> set[str]:
    """A name for each column, and each within one."""
    return {name for field in schema for name in _names(field)}


def _names(field: pa.Field, before: str = "") -> Iterator[str]:
    name = f"{before}\0{field.name}"
    yield name
    kind = field.type
    for number in range(kind.num_fields):
        yield from _names(kind.field(number), name)


def _few(members: int, objects: int) -> bool:
    return members * objects <= _CELLS and members <= _MEMBERS


def _check_line(lines: pa.LargeBinaryArray, row: int) -> None:
    text = lines[row].as_py()
    try:
        columns, cells = _room([json.loads(text, parse_int=len, parse_float=len)], 1)
    except (ValueError, RecursionError):
        return  # whoever reads it says what is wrong
    if columns > _COLUMNS:
        raise _refused(row, f"it has {columns - 1:,} members")
    if cells > max(_CELLS, _CELLS_PER_BYTE * len(text)):
        raise _refused(row, f"its objects have {columns - 1:,} different members")


def _room(values: list[object], rows: int) -> tuple[int, int]:
    """Columns and cells that the values of one column, of which there are ``rows`` with the missing, take."""
    columns, cells = 1, rows
    inside: dict[str, list[object]] = {}
    for value in values:
        if isinstance(value, dict):
            for name, member in value.items():
                inside.setdefault(name, []).append(member)
    items = [item for value in values if isinstance(value, list) for item in value]
    for more in (
        *(_room(members, rows) for members in inside.values()),
        *([_room(items, len(items))] if items else []),
    ):
        columns, cells = columns + more[0], cells + more[1]
    return columns, cells


def _refused(row: int, what: str) -> BadLine:
    return BadLine(row, None, f"{what}, too many for a table; use --format jsonl, or jq to choose some")
