"""JSON lines as arrays of raw text: found, read, extended, never re-encoded.

Records stand in a ``large_binary`` array, each as ``{...}`` and one newline, so that the array's data is the stream itself.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
import pyarrow.types as pt
from numpy.typing import NDArray

from agnet.streams.jsontext import content, json_key
from agnet.streams.schema import describe, known_type

_NEWLINE, _SPACE, _OPEN, _CLOSE = b"\n {}"
_MAX_DEPTH = 500
"""Nesting up to which a value becomes an Arrow type; Arrow's own recursion has no limit but the stack."""


class BadLine(ValueError):
    """Line ``row`` of an array of lines cannot be read: ``column`` (None if it is the line as a whole) and why."""

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
    ends = np.flatnonzero(octets == _NEWLINE) + 1
    offsets = np.concatenate([np.zeros(1, np.int64), ends])
    lines = pa.LargeBinaryArray.from_buffers(
        pa.large_binary(), len(ends), [None, pa.py_buffer(offsets), pa.py_buffer(data)]
    )
    numbers = np.arange(len(ends))
    plain = (octets[offsets[:-1]] == _OPEN) & (octets[np.maximum(ends - 2, 0)] == _CLOSE)
    if not plain.all():
        trimmed = [line.strip() for line in lines.filter(pa.array(~plain)).to_pylist()]
        blank = np.zeros(len(ends), bool)
        blank[~plain] = [not line for line in trimmed]
        lines = pc.replace_with_mask(
            lines, pa.array(~plain), pa.array([line + b"\n" for line in trimmed], pa.large_binary())
        )
        lines, numbers = lines.filter(pa.array(~blank)), numbers[~blank]
    return lines, numbers, len(ends)


def parse(lines: pa.LargeBinaryArray, schema: pa.Schema) -> pa.Table:
    """The columns of ``schema``, null where a line does not have them; other members are checked to be JSON and ignored.

    Raises:
        BadLine: for the first line that is not a JSON object, or whose value has another type.
    """
    try:
        return _read(lines, schema)
    except pa.ArrowInvalid:
        row = _first_bad(lines, schema)
        raise BadLine(row, *_reason(lines[row], schema)) from None


def problems(lines: pa.LargeBinaryArray, schema: pa.Schema) -> dict[int, str]:
    """Every line that :func:`parse` would refuse, by row, as ``reason`` or ``column: reason``."""
    found: dict[int, str] = {}
    pieces = [(0, len(lines))]
    while pieces:
        start, stop = pieces.pop()
        piece = lines.slice(start, stop - start)
        try:
            _read(piece, schema)
        except pa.ArrowInvalid:
            if stop - start == 1:
                column, reason = _reason(piece[0], schema)
                found[start] = f"{column}: {reason}" if column else reason
            else:
                middle = (start + stop) // 2
                pieces += [(middle, stop), (start, middle)]
    return found


def infer(lines: pa.LargeBinaryArray) -> pa.Table:
    """All members as columns, in order of appearance. Known columns have their type; text that looks like a date stays text.

    Raises:
        BadLine: for the first line that is not a JSON object, or that Arrow cannot hold: a column of several types, an
            integer beyond 64 bits, nesting without end.
    """
    _check_depth(lines)
    try:
        table = _read(lines, None)
    except pa.ArrowInvalid:
        row = _first_bad(lines, None)
        raise BadLine(row, *_reason(lines[row], None, lines.slice(0, row + 1))) from None
    wanted = pa.schema([(f.name, known_type(f.name) or _without_dates(f.type)) for f in table.schema])
    reread = pa.schema(
        [w for w, f in zip(wanted, table.schema, strict=True) if w.type != f.type and not _numeric(f.type)]
    )
    if len(reread):
        again = parse(lines, reread)
        table = pa.table({n: again[n] if n in reread.names else table[n] for n in wanted.names})
    if any(_beyond_integers(column.combine_chunks()) for column in table.columns):
        _check_integers(lines)
    for field in wanted:
        if table.schema.field(field.name).type != field.type and not _castable(
            table.schema.field(field.name).type, field.type
        ):
            parse(lines, pa.schema([field]))  # names the line
    return table.cast(wanted, safe=False)


def splice(lines: pa.LargeBinaryArray, texts: Mapping[str, pa.LargeStringArray]) -> pa.LargeBinaryArray:
    """``lines`` with each member of ``texts`` set to its JSON text: in its place where a line has it, else at the end."""
    pieces: list[pa.Array | pa.Scalar] = [pc.binary_slice(lines, 0, -2)]
    for name, values in texts.items():
        pieces += [_scalar(f",{json_key(name)}"), values.view(pa.large_binary())]
    spliced = pc.binary_join_element_wise(*pieces, _scalar("}\n"), _scalar(""))
    slow = _suspects(lines, texts)
    if not pc.any(slow).as_py():
        return spliced
    rows = np.flatnonzero(slow.to_numpy(zero_copy_only=False))
    columns = [values.take(pa.array(rows)).to_pylist() for values in texts.values()]
    replaced = [
        _replace(line.decode(), dict(zip(texts, values, strict=True))).encode()
        for line, *values in zip(lines.take(pa.array(rows)).to_pylist(), *columns, strict=True)
    ]
    return pc.replace_with_mask(spliced, slow, pa.array(replaced, pa.large_binary()))


def _suspects(lines: pa.LargeBinaryArray, names: Iterable[str]) -> pa.BooleanArray:
    """Lines that may have one of the members already, or none at all, so that no comma is due; to be looked at one by one."""
    octets = content(lines)
    data = octets.tobytes()
    quoted = [json_key(name)[:-1].encode() for name in names]
    patterns = [re.escape(name) for name in quoted if name in data]
    if b"\\" in data:
        patterns.append(rb"\\")  # a name can hide behind escapes
    if np.isin(octets[_ends(lines) - 3], list(b"{ \t\r")).any():
        patterns.append(rb"^\{\s*\}")
    if not patterns:
        return pa.repeat(pa.scalar(False), len(lines))
    return pc.match_substring_regex(lines, b"|".join(patterns))


def _ends(lines: pa.LargeBinaryArray) -> NDArray[np.int64]:
    """[n] where each line ends in the content."""
    offsets = np.frombuffer(lines.buffers()[1], np.int64)[lines.offset :][: len(lines) + 1]
    return offsets[1:] - offsets[0]


_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str)
_BLANK = re.compile(r"[ \t\r\n]*")


def _members(line: str) -> Iterator[tuple[str, int, int]]:
    """Name, begin and end of value of every member of a well-formed object."""

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


def _replace(line: str, values: Mapping[str, str]) -> str:
    members = list(_members(line))
    for name, begin, end in reversed(members):
        if name in values:
            line = line[:begin] + values[name] + line[end:]
    have = {name for name, _, _ in members}
    added = ",".join(json_key(name) + value for name, value in values.items() if name not in have)
    return line[:-2] + ("," if members and added else "") + added + "}\n"


def _scalar(value: str) -> pa.Scalar:
    return pa.scalar(value.encode(), pa.large_binary())


def _read(lines: pa.LargeBinaryArray, schema: pa.Schema | None) -> pa.Table:
    """Columns of ``schema``, or all; ArrowInvalid for whatever is wrong."""
    lines.view(pa.large_string()).validate(full=True)  # Arrow's JSON reader does not look whether text is UTF-8 ...
    data = content(lines)
    if not data.all():
        raise pa.ArrowInvalid("NUL byte")  # ... and takes a NUL for the end
    if not len(lines):
        return (schema or pa.schema([])).empty_table()
    table = pj.read_json(
        pa.BufferReader(data),
        read_options=pj.ReadOptions(block_size=len(data) + 1),
        parse_options=pj.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior="infer" if schema is None else "ignore"
        ),
    )
    if table.num_rows != len(lines):
        raise pa.ArrowInvalid("more than one record on a line")
    return table


def _first_bad(lines: pa.LargeBinaryArray, schema: pa.Schema | None) -> int:
    """The smallest row such that the lines up to it cannot be read."""
    good, bad = 0, len(lines)  # the first `good` lines can be read, the first `bad` cannot
    while bad - good > 1:
        middle = (good + bad) // 2
        try:
            _read(lines.slice(0, middle), schema)
            good = middle
        except pa.ArrowInvalid:
            bad = middle
    return bad - 1


def _reason(
    line: pa.Scalar, schema: pa.Schema | None, before: pa.LargeBinaryArray | None = None
) -> tuple[str | None, str]:
    """Column and reason of a line that cannot be read (for inference: that does not go with those before it)."""
    octets: bytes = line.as_py()
    try:
        content = octets.decode().rstrip()
    except UnicodeDecodeError as error:
        return None, f"not UTF-8 text (byte 0x{octets[error.start]:02x} at column {error.start + 1})"
    if content.startswith("["):
        return None, "a JSON array where a record was expected; jq -c '.[]' makes one record a line"
    if not content.startswith("{"):
        return None, f"expected a JSON object, got {_short(content)}"
    try:
        names = [name for name, _ in _pairs(content)]
    except json.JSONDecodeError as error:
        if error.pos >= len(content):
            return None, "the record does not end on its line; jq -c . puts records on one line each"
        if error.msg == "Extra data":
            return None, f"more than one record on the line (column {error.pos + 1})"
        return None, f"not JSON: {error.msg[0].lower()}{error.msg[1:]} (column {error.pos + 1})"
    except RecursionError:
        return None, "nested too deeply"
    values = dict(_pairs(content))
    for field in schema if schema is not None else ():
        if names.count(field.name) > 1:
            return field.name, "appears more than once"
        try:
            _read(pa.array([octets], pa.large_binary()), pa.schema([field]))
        except pa.ArrowInvalid:
            if field.name in values:
                return field.name, f"expected {describe(field.type)}, got {_short(values[field.name])}"
    try:
        _read(pa.array([octets], pa.large_binary()) if before is None else before, schema)
    except pa.ArrowInvalid as error:
        clash = re.search(r"Column\(/?(.*?)\) changed from (\w+) to (\w+)", str(error))
        if clash:
            path, was, now = clash.groups()
            return path.split("/")[0], (
                f"{now} where records before have {was}; Arrow and Parquet need one type a column, use --format jsonl"
            )
        return None, re.sub(r"^JSON parse error: | in row \d+$", "", str(error).strip())
    return None, "cannot be read"


def _pairs(content: str) -> list[tuple[str, str]]:
    """Names and JSON texts of the values of a line; JSONDecodeError or RecursionError if it is not an object."""
    json.loads(content, parse_int=str, parse_float=str)
    return [(name, content[begin:end]) for name, begin, end in _members(content)]


def _short(content: str) -> str:
    return content if len(content) <= 40 else content[:37] + "..."


def _without_dates(kind: pa.DataType) -> pa.DataType:
    """``kind`` with strings for timestamps, which Arrow makes of strings that look like them."""
    if pt.is_timestamp(kind):
        return pa.string()
    if pt.is_list(kind):
        return pa.list_(_without_dates(kind.value_type))
    if pt.is_struct(kind):
        return pa.struct([(field.name, _without_dates(field.type)) for field in kind])
    return kind


def _numeric(kind: pa.DataType) -> bool:
    """Numbers, nulls, and lists of them: what a cast can bring to another such type."""
    if pt.is_list(kind):
        return _numeric(kind.value_type)
    return pt.is_integer(kind) or pt.is_floating(kind) or pt.is_null(kind)


def _castable(have: pa.DataType, want: pa.DataType) -> bool:
    if pt.is_list(have) and pt.is_list(want):
        return _castable(have.value_type, want.value_type)
    return pt.is_null(have) or (_numeric(have) and _numeric(want) and not pt.is_list(have) and not pt.is_list(want))


def _check_depth(lines: pa.LargeBinaryArray) -> None:
    for row in np.flatnonzero(np.diff(_ends(lines), prepend=0) > 2 * _MAX_DEPTH):
        depth = deepest = 0
        for bracket in re.findall(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', lines[row].as_py()):
            depth += (bracket in (b"[", b"{")) - (bracket in (b"]", b"}"))
            deepest = max(depth, deepest)
        if deepest > _MAX_DEPTH:
            raise BadLine(int(row), None, f"nested deeper than {_MAX_DEPTH} levels; use --format jsonl")


def _beyond_integers(column: pa.Array) -> bool:
    """Whether there is a float, at any depth, that an integer beyond 64 bits may have become."""
    if pt.is_floating(column.type):
        return bool(pc.any(pc.greater_equal(pc.abs(column), 2.0**63)).as_py())
    if pt.is_list(column.type):
        return _beyond_integers(column.flatten())
    return pt.is_struct(column.type) and any(map(_beyond_integers, column.flatten()))


def _check_integers(lines: pa.LargeBinaryArray) -> None:
    """Arrow would round integers beyond 64 bits to floats without a word."""
    suspects = pc.match_substring_regex(lines, r"[\[:,\s]-?\d{19,}\s*[,\]}]")
    for row in np.flatnonzero(suspects.to_numpy(zero_copy_only=False)):
        for name, value in json.loads(lines[row].as_py()).items():
            for number in _integers(value):
                if not -(2**63) <= number < 2**63:
                    raise BadLine(
                        int(row), name, f"the integer {_short(str(number))} does not fit 64 bits; use --format jsonl"
                    )


def _integers(value: object) -> Iterator[int]:
    if isinstance(value, int):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _integers(item)
