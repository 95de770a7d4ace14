import json
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnet.streams import jsonlines
from agnet.streams.jsontext import content, json_text

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
RECORDS = st.dictionaries(st.sampled_from(["a", "b", "é", 'q"', "\\", ""]) | st.text(max_size=3), VALUES, max_size=4)


def _split(text: str) -> pa.LargeBinaryArray:
    return jsonlines.split(text.encode())[0]


def _splice(text: str, **columns: list[Any]) -> str:
    texts = {name: json_text(pa.array(values)) for name, values in columns.items()}
    return content(jsonlines.splice(_split(text), texts)).tobytes().decode()


def test_split_keeps_records_and_counts_lines() -> None:
    lines, numbers, count = jsonlines.split(b'{"a":1}\n\n  {"a":2} \r\n   \n{}\nnonsense\n')
    assert lines.to_pylist() == [b'{"a":1}\n', b'{"a":2}\n', b"{}\n", b"nonsense\n"]
    assert numbers.tolist() == [0, 2, 4, 5]
    assert count == 6


def test_split_does_not_copy() -> None:
    data = b'{"a":1}\n{"a":2}\n'
    assert jsonlines.split(data)[0].buffers()[2].address == pa.py_buffer(data).address


def test_splice_adds_before_the_brace_and_keeps_the_rest() -> None:
    line = '{"big":123456789012345678901234567890, "f":1.10,"e":1E5 ,"u":"\u00e9\\u00e9"}\n'
    assert _splice(line, x=[0.5], y=["s"]) == line[:-2] + ',"x":0.5,"y":"s"}\n'


@pytest.mark.parametrize(
    ("line", "spliced"),
    [
        ('{"x":1,"y":2}', '{"x":9,"y":2}'),
        ('{ "y" : [ "x" ] , "x" : {"x":1} }', '{ "y" : [ "x" ] , "x" : 9 }'),
        ('{"y":{"x":1}}', '{"y":{"x":1},"x":9}'),
        ('{"y":"x"}', '{"y":"x","x":9}'),
        ('{"y":"\\"x\\":1"}', '{"y":"\\"x\\":1","x":9}'),
        ('{"\\u0078":1}', '{"\\u0078":9}'),
        ('{"x":1,"x":2}', '{"x":9,"x":9}'),
        ("{}", '{"x":9}'),
        ("{ \t }", '{ \t "x":9}'),
        ('{"y":{}}', '{"y":{},"x":9}'),
        ('{"y":{} }', '{"y":{} ,"x":9}'),
    ],
)
def test_splice_replaces_top_level_members_only(line: str, spliced: str) -> None:
    assert _splice(line + "\n", x=[9]) == spliced + "\n"
    both = _splice(f'{{"z":0}}\n{line}\n{{"z":1}}\n', x=[7, 9, 8])
    assert both == f'{{"z":0,"x":7}}\n{spliced}\n{{"z":1,"x":8}}\n'


@given(st.lists(st.tuples(RECORDS, VALUES), min_size=1, max_size=5), st.sampled_from(["a", "é", 'q"', "\\", "", "new"]))
def test_splice_is_a_dictionary_update(rows: list[tuple[dict[str, Any], Any]], name: str) -> None:
    lines = _split("".join(json.dumps(record, ensure_ascii=len(record) % 2 == 0) + "\n" for record, _ in rows))
    values = pa.array([json.dumps(value) for _, value in rows], pa.large_string())
    spliced = jsonlines.splice(lines, {name: values}).to_pylist()
    for line, (record, value) in zip(spliced, rows, strict=True):
        assert line.endswith(b"}\n")
        assert list(json.loads(line).items()) == list((record | {name: value}).items())


def test_splice_names_the_line_that_is_nested_too_deeply() -> None:
    deep = '{"x":' + "[" * 100_000 + "]" * 100_000 + "}\n"
    with pytest.raises(jsonlines.BadLine, match="nested") as caught:
        _splice('{"y":1}\n' + deep, x=[1, 2])
    assert caught.value.row == 1
