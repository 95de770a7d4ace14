from typing import Any

import pyarrow as pa
import pytest

from agnet.streams import jsonlines, jsonparse

_SCHEMA = pa.schema([("arch", pa.string()), ("n", pa.float64()), ("latent", pa.list_(pa.float32()))])


def _lines(*lines: str | bytes) -> pa.LargeBinaryArray:
    return jsonlines.split(b"".join((x.encode() if isinstance(x, str) else x) + b"\n" for x in lines))[0]


def test_parse_gives_the_columns_asked_for() -> None:
    table = jsonparse.parse(
        _lines('{"n":1,"arch":"x","d":"2020-01-01"}', '{"d":5,"latent":[1,null,2.5]}', "{}", '{"n":null}'), _SCHEMA
    )
    assert table.schema == _SCHEMA
    assert table.to_pydict() == {
        "arch": ["x", None, None, None],
        "n": [1.0, None, None, None],
        "latent": [None, [1.0, None, 2.5], None, None],
    }
    assert jsonparse.parse(_lines(), _SCHEMA).num_rows == 0


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ('{"arch":5}', "arch", "expected a string, got 5"),
        ('{"arch":["x"]}', "arch", 'expected a string, got ["x"]'),
        ('{"n":"1"}', "n", 'expected a number, got "1"'),
        ('{"latent":["x"]}', "latent", 'expected a list of numbers, got ["x"]'),
        ('{"arch":"' + "x" * 99 + '","n":{}}', "n", "expected a number, got {}"),
        ('{"n":"' + "x" * 99 + '"}', "n", 'expected a number, got "' + "x" * 36 + "..."),
        ('{"arch":"x","arch":"y"}', "arch", "appears more than once"),
        ('{"a":1}{"a":2}', None, "more than one record on the line (column 8)"),
        ('[{"a":1}]', None, "a JSON array where a record was expected; jq -c '.[]' makes one record a line"),
        ("{", None, "the record does not end on its line; jq -c . puts records on one line each"),
        ('{"arch": "x', None, "the record does not end on its line; jq -c . puts records on one line each"),
        ("arch,val_acc", None, "expected a JSON object, got arch,val_acc"),
        ('"s"', None, 'expected a JSON object, got "s"'),
        ("null", None, "expected a JSON object, got null"),  # Arrow's reader would end the process
        ('null{"arch":"x"}', None, 'expected a JSON object, got null{"arch":"x"}'),
        ('{"a":1,}', None, "not JSON: expecting property name enclosed in double quotes (column 8)"),
        ("{'a':1}", None, "not JSON: expecting property name enclosed in double quotes (column 2)"),
        (b'{"a":"\xff"}', None, "not UTF-8 text (byte 0xff at column 7)"),
        ('{"a":1}\0}', None, "more than one record on the line (column 8)"),
        ('{"a":"\\ud800"}', None, "The surrogate pair in string is invalid."),
    ],
)
def test_reasons(line: str | bytes, column: str | None, reason: str) -> None:
    for before in range(3):
        lines = _lines(*['{"arch":"ok"}'] * before, line, '{"arch":"ok"}', "{")
        with pytest.raises(jsonlines.BadLine) as caught:
            jsonparse.parse(lines, _SCHEMA)
        assert (caught.value.row, caught.value.column, caught.value.reason) == (before, column, reason)
        with pytest.raises(jsonlines.BadLine) as caught:
            jsonparse.infer(lines)
        assert caught.value.row >= before


def test_problems_finds_every_line() -> None:
    lines = _lines(*['{"arch":"ok"}', '{"arch":5}', "{"] * 50, '{"n":1}')
    found = jsonparse.problems(lines, _SCHEMA)
    assert sorted(found) == [row for row in range(150) if row % 3]
    assert found[1] == "arch: expected a string, got 5"
    assert found[149] == "the record does not end on its line; jq -c . puts records on one line each"


def _infer(*lines: str) -> dict[str, Any]:
    table = jsonparse.infer(_lines(*lines))
    return {field.name: (str(field.type), table[field.name].to_pylist()) for field in table.schema}


def test_infer_keeps_text_and_knows_columns() -> None:
    assert _infer(
        '{"d":"2020-01-01","deep":[{"t":"2020-01-01 00:00:00"}],"val_acc":1,"new":null,"pred_x":2,"latent":[1,2]}',
        '{"i":3,"val_acc":null}',
    ) == {
        "d": ("string", ["2020-01-01", None]),
        "deep": ("list<item: struct<t: string>>", [[{"t": "2020-01-01 00:00:00"}], None]),
        "val_acc": ("double", [1.0, None]),
        "new": ("null", [None, None]),
        "pred_x": ("double", [2.0, None]),
        "latent": ("list<item: float>", [[1.0, 2.0], None]),
        "i": ("int64", [None, 3]),
    }


def test_infer_dates_in_a_known_column_are_text() -> None:
    assert _infer('{"id":"2020-01-01"}', '{"id":"2020-01-02"}') == {"id": ("string", ["2020-01-01", "2020-01-02"])}


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ('{"a":"x"}', "a", "string where records before have number; only JSON lines can hold both (--format jsonl)"),
        ('{"arch":5}', "arch", "expected a string, got 5"),
        ('{"val_acc":"x"}', "val_acc", 'expected a number, got "x"'),
        ('{"b":9223372036854775808}', "b", "the integer 9223372036854775808 has more than 64 bits; use --format jsonl"),
        (
            '{"b":{"c":[1.5,-9223372036854775809]}}',
            "b",
            "the integer -9223372036854775809 has more than 64 bits; use --format jsonl",
        ),
        ('{"b":' + "9" * 300 + "}", "b", f"the integer {'9' * 37}... has more than 64 bits; use --format jsonl"),
        ('{"b":1,"b":2}', "b", "appears more than once"),
        ('{"b":' + "[" * 501 + "]" * 501 + "}", None, "nested deeper than 500 levels; use --format jsonl"),
    ],
)
def test_infer_refuses_what_a_table_cannot_hold(line: str, column: str | None, reason: str) -> None:
    with pytest.raises(jsonlines.BadLine) as caught:
        jsonparse.infer(_lines('{"a":1,"arch":"x"}', line, "{}"))
    assert (caught.value.row, caught.value.column, caught.value.reason) == (1, column, reason)


def test_infer_takes_what_looks_suspicious_and_is_fine() -> None:
    brackets = "[" * 2000
    assert _infer(f'{{"s":"{brackets}","l":[{"[]," * 600}[]],"f":1e300,"i":-9223372036854775808}}')["f"] == (
        "double",
        [1e300],
    )
