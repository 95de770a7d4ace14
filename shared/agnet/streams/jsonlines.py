"""JSON lines as arrays of raw text: split, and extended without being encoded again.

Records stand in a ``large_binary`` array, each as ``{...}`` and one newline: the array's data is the stream itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agnet.streams.jsontext import content, json_key

_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_BLANK = re.compile(r"[ \t\r\n]*")


class BadLine(ValueError):
    """Line ``row`` of an array of lines cannot be used: ``column`` (None if it is the line as a whole) and why."""

    def __init__(self, row: int, column: str | None, reason: str) -> None:
        super().__init__(reason)
        self.row = row
        self.column = column
        self.reason = reason


def split(data: bytes) -> tuple[pa.LargeBinaryArray, NDArray[np.int64], int]:
    """The records of ``data``, whole lines with their newlines; for each its line in ``data`` from 0; the lines in all.

    Blank lines are left out, space around a record is trimmed. What is no record is found when it is read.
    """
    octets = np.frombuffer(data, np.uint8)
    stops = np.flatnonzero(octets == ord("\n")) + 1
    offsets = np.concatenate([np.zeros(1, np.int64), stops])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    lines = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(stops), buffers)
    numbers = np.arange(len(stops))
    plain = (octets[offsets[:-1]] == ord("{")) & (octets[np.maximum(stops - 2, 0)] == ord("}"))
    if not plain.all():
        trimmed = [line.strip() for line in lines.filter(pa.array(~plain)).to_pylist()]
        ended = pa.array([line + b"\n" for line in trimmed], pa.large_binary())
        filled = plain.copy()
        filled[~plain] = [bool(line) for line in trimmed]
        lines = pc.replace_with_mask(lines, pa.array(~plain), ended).filter(pa.array(filled))
        numbers = numbers[filled]
    return lines, numbers, len(stops)


def splice(lines: pa.LargeBinaryArray, texts: Mapping[str, pa.LargeStringArray]) -> pa.LargeBinaryArray:
    """``lines``, known to be JSON, with each member of ``texts`` set to its JSON text.

    A member keeps its place in a line that has it, and comes last in one that does not.

    Raises:
        BadLine: for a line that may have such a member and is nested beyond what Python can follow.
    """
    pieces: list[pa.Array | pa.Scalar] = [pc.binary_slice(lines, 0, -2)]
    for name, values in texts.items():
        pieces += [_scalar(f",{json_key(name)}"), values.view(pa.large_binary())]
    spliced = pc.binary_join_element_wise(*pieces, _scalar("}\n"), _scalar(""))
    suspects = _suspects(lines, texts)
    rows = pc.indices_nonzero(suspects)
    if not len(rows):
        return spliced
    replaced = []
    columns = [values.take(rows).to_pylist() for values in texts.values()]
    for row, line, *values in zip(rows.to_pylist(), lines.take(rows).to_pylist(), *columns, strict=True):
        try:
            replaced.append(_replace(line.decode(), dict(zip(texts, values, strict=True))).encode())
        except RecursionError:
            raise BadLine(row, None, "nested too deeply") from None
    return pc.replace_with_mask(spliced, suspects, pa.array(replaced, pa.large_binary()))


def members(line: str) -> Iterator[tuple[str, int, int]]:
    """Name, begin and end of value of every member of ``line``, a JSON object."""

    def skip(at: int) -> int:
        blank = _BLANK.match(line, at)
        return blank.end() if blank else at

    at = skip(1)
    while line[at] != "}":
        name, at = _DECODER.raw_decode(line, at)
        begin = skip(skip(at) + 1)
        _, end = _DECODER.raw_decode(line, begin)
        yield name, begin, end
        at = skip(end)
        if line[at] == ",":
            at = skip(at + 1)


def names(lines: pa.LargeBinaryArray) -> list[str]:
    """Names of all members of ``lines``, known to be JSON, in order of appearance; one line at a time.

    Raises:
        BadLine: for a line that is nested too deeply.
    """
    found: dict[str, None] = {}
    for row, line in enumerate(lines.to_pylist()):
        try:
            found |= dict.fromkeys(name for name, _, _ in members(line.decode()))
        except RecursionError:
            raise BadLine(row, None, "nested too deeply") from None
    return list(found)


def lengths(lines: pa.LargeBinaryArray) -> NDArray[np.int64]:
    """[n] bytes of each line."""
    return np.diff(np.frombuffer(lines.buffers()[1], np.int64)[lines.offset :][: len(lines) + 1])


def _suspects(lines: pa.LargeBinaryArray, names: Iterable[str]) -> pa.BooleanArray:
    """Lines that may have one of the members already, or none at all, so that no comma is due."""
    octets = content(lines)
    data = octets.tobytes()
    quoted = (json_key(name)[:-1].encode() for name in names)
    patterns = [re.escape(name) for name in quoted if name in data]
    if b"\\" in data:
        patterns.append(rb"\\")  # a name can hide behind escapes
    before_brace = octets[np.cumsum(lengths(lines)) - 3]
    if np.isin(before_brace, list(b"{ \t\r")).any():
        patterns.append(rb"^\{\s*\}")
    if not patterns:
        return pa.repeat(pa.scalar(False), len(lines))
    return pc.match_substring_regex(lines, b"|".join(patterns))


def _replace(line: str, values: Mapping[str, str]) -> str:
    found = list(members(line))
    for name, begin, end in reversed(found):
        if name in values:
            line = line[:begin] + values[name] + line[end:]
    have = {name for name, _, _ in found}
    added = ",".join(json_key(name) + value for name, value in values.items() if name not in have)
    return line[:-2] + ("," if found and added else "") + added + "}\n"


def _scalar(value: str) -> pa.Scalar:
    return pa.scalar(value.encode(), pa.large_binary())
