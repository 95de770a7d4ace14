"""Columns out of JSON lines, by Arrow's reader; and in plain words why a line cannot be read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json as pj
import pyarrow.types as pt

from agnet.streams import jsonsparse
from agnet.streams.jsonlines import BadLine, lengths, members
from agnet.streams.jsontext import content
from agnet.streams.schema import describe, known_type

_FEW = 1 << 16  # bytes
_MAX_DEPTH = 500
"""Nesting up to which a value becomes an Arrow type; Arrow's own recursion ends with the stack."""


def parse(lines: pa.LargeBinaryArray, schema: pa.Schema) -> pa.Table:
    """The columns of ``schema``, null where a line lacks them; other members have to be JSON and are ignored.

    Raises:
        BadLine: for the first line that is not a JSON object, or whose value has another type.
    """
    try:
        return _read(lines, schema)
    except pa.ArrowInvalid:
        row = _first_bad(lines, schema)
        raise BadLine(row, *_reason(lines.slice(row, 1), schema)) from None


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
                column, reason = _reason(piece, schema)
                found[start] = f"{column}: {reason}" if column else reason
            else:
                middle = (start + stop) // 2
                pieces += [(middle, stop), (start, middle)]
    return found


def infer(lines: pa.LargeBinaryArray) -> pa.Table:
    """All members as columns, in order of appearance.

    Columns known to the project have their type whatever they look like, and text that looks like a date stays text.

    Raises:
        BadLine: for the first line that is not a JSON object, or that Arrow cannot hold: a column of several types, an
            integer beyond 64 bits, nesting without end.
    """
    _check_depth(lines)
    try:
        table = _read(lines, None)
    except pa.ArrowInvalid:
        row = _first_bad(lines, None)
        raise BadLine(row, *_clash(lines.slice(0, row + 1))) from None
    if any(_beyond_integers(column.combine_chunks()) for column in table.columns):
        _check_integers(lines)
    wanted = pa.schema([(field.name, known_type(field.name) or _without_dates(field.type)) for field in table.schema])
    # A cast is cheaper than reading again, but cannot give back the text of a date nor say which line is wrong.
    again = [want for want, have in zip(wanted, table.schema, strict=True) if not _castable(have.type, want.type)]
    if again:
        reread = parse(lines, pa.schema(again))
        table = pa.table({name: (reread if name in reread.schema.names else table)[name] for name in wanted.names})
    return table.cast(wanted, safe=False)


def _read(lines: pa.LargeBinaryArray, schema: pa.Schema | None) -> pa.Table:
    """Columns of ``schema``, or all; ArrowInvalid for whatever is wrong, BadLine where there are too many."""
    if schema is not None:
        return _read_whole(lines, schema)
    tables: list[pa.Table] = []
    columns: set[str] = set()
    for piece in jsonsparse.pieces(lines):
        table = _read_whole(piece, None)
        if not tables or not table.schema.equals(tables[-1].schema):
            columns |= jsonsparse.columns(table.schema)
            jsonsparse.check(len(columns), lines)
        tables.append(table)
    if len(tables) > 1 and all(table.schema.equals(tables[0].schema) for table in tables):
        return pa.concat_tables(tables).combine_chunks()
    return tables[0] if len(tables) == 1 else _read_whole(lines, None)


def _read_whole(lines: pa.LargeBinaryArray, schema: pa.Schema | None) -> pa.Table:
    lines.view(pa.large_string()).validate(full=True)  # Arrow's JSON reader does not look whether text is UTF-8 ...
    data = content(lines)
    if not data.all():
        raise pa.ArrowInvalid("NUL byte")  # ... and takes a NUL for the end
    if not len(lines):
        return (schema or pa.schema([])).empty_table()
    if not _objects(lines):
        raise pa.ArrowInvalid("not an object")  # ... and ends the process where the first record is null
    table = pj.read_json(
        pa.BufferReader(data),
        # To hand a few records to another thread takes longer than to read them.
        read_options=pj.ReadOptions(block_size=len(data) + 1, use_threads=len(data) > _FEW),
        parse_options=pj.ParseOptions(
            explicit_schema=schema, unexpected_field_behavior="infer" if schema is None else "ignore"
        ),
    )
    if table.num_rows != len(lines):
        raise pa.ArrowInvalid("more than one record on a line")
    return table


def _objects(lines: pa.LargeBinaryArray) -> bool:
    """Whether all lines begin as objects do."""
    _, offsets, data = lines.buffers()
    bounds = np.frombuffer(offsets, np.int64)[lines.offset : lines.offset + len(lines) + 1]
    filled = bool((bounds[:-1] < bounds[1:]).all())
    return filled and bool((np.frombuffer(data, np.uint8)[bounds[:-1]] == ord("{")).all())


def _readable(lines: pa.LargeBinaryArray, schema: pa.Schema | None) -> bool:
    try:
        _read(lines, schema)
    except pa.ArrowInvalid:
        return False
    return True


def _first_bad(lines: pa.LargeBinaryArray, schema: pa.Schema | None) -> int:
    """The smallest row such that the lines up to it cannot be read."""
    good, bad = 0, len(lines)  # the first `good` lines can be read, the first `bad` cannot
    while bad - good > 1:
        middle = (good + bad) // 2
        if _readable(lines.slice(0, middle), schema):
            good = middle
        else:
            bad = middle
    return bad - 1


def _reason(line: pa.LargeBinaryArray, schema: pa.Schema) -> tuple[str | None, str]:
    """Column and reason of one line that cannot be read."""
    octets: bytes = line[0].as_py()
    malformed = _malformed(octets)
    if malformed:
        return None, malformed
    if not _readable(line, pa.schema([])):  # whatever the columns
        return None, _arrows_reason(line, pa.schema([]))
    text = octets.decode()
    found = list(members(text))
    values = {name: text[begin:end] for name, begin, end in found}
    names = [name for name, _, _ in found]
    for field in schema:
        if names.count(field.name) > 1:
            return field.name, "appears more than once"
        if field.name in values and not _readable(line, pa.schema([field])):
            return field.name, f"expected {describe(field.type)}, got {_short(values[field.name])}"
    return None, _arrows_reason(line, schema)


def _malformed(octets: bytes) -> str | None:
    """Why the bytes are not one JSON object, if they are not."""
    try:
        text = octets.decode().rstrip()
        if not text.startswith("{"):
            json_array = "a JSON array where a record was expected; jq -c '.[]' makes one record a line"
            return json_array if text.startswith("[") else f"expected a JSON object, got {_short(text)}"
        json.loads(text, parse_int=str, parse_float=str)
    except UnicodeDecodeError as error:
        return f"not UTF-8 text (byte 0x{octets[error.start]:02x} at column {error.start + 1})"
    except json.JSONDecodeError as error:
        return _decoders_reason(error)
    except RecursionError:
        return "nested too deeply"
    return None


def _decoders_reason(error: json.JSONDecodeError) -> str:
    if error.pos >= len(error.doc) or error.msg.startswith("Unterminated string"):
        return "the record does not end on its line; jq -c . puts records on one line each"
    if error.msg == "Extra data":
        return f"more than one record on the line (column {error.pos + 1})"
    return f"not JSON: {error.msg[0].lower()}{error.msg[1:]} (column {error.pos + 1})"


def _clash(lines: pa.LargeBinaryArray) -> tuple[str | None, str]:
    """Column and reason why the last of ``lines`` does not go with those before it."""
    last = lines.slice(len(lines) - 1)
    malformed = _malformed(last[0].as_py())
    if malformed:
        return None, malformed
    message = _arrows_reason(lines, None)
    types = re.match(r"Column\(/?(.*?)\) changed from (\w+) to (\w+)", message)
    if types:
        path, before, now = types.groups()
        column = path.split("/")[0]
        kind = known_type(column)
        if kind is not None and not _readable(last, pa.schema([(column, kind)])):
            return _reason(last, pa.schema([(column, kind)]))
        return column, f"{now} where records before have {before}; only JSON lines can hold both (--format jsonl)"
    twice = re.match(r"Column\(/?(.*?)\) was specified twice", message)
    return (twice[1].split("/")[0], "appears more than once") if twice else (None, message)


def _arrows_reason(lines: pa.LargeBinaryArray, schema: pa.Schema | None) -> str:
    try:
        _read(lines, schema)
    except pa.ArrowInvalid as error:
        return re.sub(r"^JSON parse error: | in row \d+$", "", str(error).strip())
    raise AssertionError("the lines can be read")


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "..."


def _without_dates(kind: pa.DataType) -> pa.DataType:
    """``kind`` with strings for timestamps, which Arrow makes of strings that look like them."""
    if pt.is_timestamp(kind):
        return pa.string()
    if pt.is_list(kind):
        return pa.list_(_without_dates(kind.value_type))
    if pt.is_struct(kind):
        return pa.struct([(field.name, _without_dates(field.type)) for field in kind])
    return kind


def _castable(have: pa.DataType, want: pa.DataType) -> bool:
    """Whether a cast gives what reading as ``want`` would have given."""
    if pt.is_list(have) and pt.is_list(want):
        return _castable(have.value_type, want.value_type)
    return have == want or pt.is_null(have) or ((pt.is_integer(have) or pt.is_floating(have)) and pt.is_floating(want))


def _check_depth(lines: pa.LargeBinaryArray) -> None:
    long = np.flatnonzero(lengths(lines) > _MAX_DEPTH)
    brackets = pc.count_substring_regex(lines.take(pa.array(long)), r"[\[{]")
    for row in long[pc.greater(brackets, _MAX_DEPTH).to_numpy(zero_copy_only=False)]:
        depth = deepest = 0
        for token in re.findall(rb'"(?:[^"\\]|\\.)*"|[\[\]{}]', lines[row].as_py()):
            depth += (token in (b"[", b"{")) - (token in (b"]", b"}"))
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
    suspects = pc.indices_nonzero(pc.match_substring_regex(lines, r"[\[:,\s]-?\d{19,}\s*[,\]}]"))
    for row, line in zip(suspects.to_pylist(), lines.take(suspects).to_pylist(), strict=True):
        for name, value in json.loads(line, parse_int=_Digits).items():
            for digits in _integers(value):
                if len(digits) > 20 or not -(2**63) <= int(digits) < 2**63:
                    raise BadLine(row, name, f"the integer {_short(digits)} has more than 64 bits; use --format jsonl")


class _Digits(str):
    """An integer as it is written; Python refuses to read very long ones."""


def _integers(value: object) -> Iterator[_Digits]:
    if isinstance(value, _Digits):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _integers(item)
