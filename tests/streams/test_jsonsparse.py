"""Records that would take far more room as a table than they have as text."""

from __future__ import annotations

import json

import pyarrow as pa
import pytest

from agnet.streams import jsonlines, jsonparse, jsonsparse
from agnet.streams.chunk import LinesChunk


def _lines(*records: object) -> pa.LargeBinaryArray:
    return jsonlines.split(b"".join(json.dumps(record).encode() + b"\n" for record in records))[0]


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([{f"k{row}": 1} for row in range(5000)], "the records up to here have"),
        ([{"a": 1}, {f"k{n}": 1 for n in range(60_000)}], "it has 60,000 members"),
        ([{"a": 1}, {"list": [{f"k{n}": 1} for n in range(6000)]}], "its objects have 6,002 different members"),
        ([{"a": {f"k{row}": [{"b": 1}]}} for row in range(5000)], "the records up to here have"),
    ],
)
def test_too_many_columns(records: list[object], told: str) -> None:
    lines = _lines(*records)
    with pytest.raises(jsonlines.BadLine, match=f"^{told}.*too many for a table; use --format jsonl") as caught:
        jsonparse.infer(lines)
    assert caught.value.row == len(records) - 1
    names = LinesChunk.of(b"".join(lines.to_pylist())).names()  # without a table
    assert set(names) == {name for record in records for name in record}  # type: ignore[attr-defined]


def test_filled_tables_may_be_wide() -> None:
    """Also where they take more than one piece."""
    records = [{f"k{n}": row * n for n in range(3000)} for row in range(60)]
    lines = _lines(*records)
    assert len(list(jsonsparse.pieces(lines))) > 1
    assert jsonparse.infer(lines).to_pylist() == records


def test_pieces_are_read_as_one() -> None:
    """Whatever each of them has: other columns, other types, nothing."""
    records = [{"a": None if row < 5000 else 1 if row < 9000 else 0.5, "b": [{"c": row}]} for row in range(9990)]
    lines = _lines(*records, *({"d": "2020-01-01", "a": None} for _ in range(10)))
    assert len(list(jsonsparse.pieces(lines))) > 2
    table = jsonparse.infer(lines)
    assert table["a"].to_pylist()[4999::4000] == [None, 1.0]
    assert table["a"].to_pylist()[9000] == 0.5
    assert table["b"].to_pylist()[9989] == [{"c": 9989}]
    assert table["d"].to_pylist()[9989:] == [None] + ["2020-01-01"] * 10
    assert table.column_names == ["a", "b", "d"]


def test_damage_is_found_in_the_line_that_has_it() -> None:
    lines = _lines(*({"a": row, "b": row} for row in range(9000)))
    broken = pa.concat_arrays([lines, pa.array([b'{"a":1,}\n'], pa.large_binary()), lines])
    with pytest.raises(jsonlines.BadLine, match="not JSON") as caught:
        jsonparse.infer(broken)
    assert caught.value.row == 9000
