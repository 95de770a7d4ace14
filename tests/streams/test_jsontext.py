import datetime
import decimal
import json
import math

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnet.streams.jsontext import json_objects, json_text


@pytest.mark.parametrize(
    ("array", "text"),
    [
        (pa.array([1.0, None, float("nan"), -0.0, 1e22]), ["1.0", "null", "null", "-0.0", "1e+22"]),
        (pa.array([0.1, 3.0], pa.float32()), ["0.1", "3.0"]),
        (pa.array([1.5, 2.0], pa.float16()), ["1.5", "2.0"]),
        (pa.array([float("inf"), -float("inf")]), ["null", "null"]),
        (pa.array([2**63 - 1, None]), ["9223372036854775807", "null"]),
        (pa.array([2**64 - 1], pa.uint64()), ["18446744073709551615"]),
        (pa.array([True, None, False]), ["true", "null", "false"]),
        (pa.nulls(1), ["null"]),
        (pa.array(["", "é", None, 'a"\\\n\x01']), ['""', '"é"', "null", '"a\\"\\\\\\n\\u0001"']),
        (pa.array(["a", None, "a"]).dictionary_encode(), ['"a"', "null", '"a"']),
        (pa.array(["a", None], pa.string_view()), ['"a"', "null"]),
        (pa.array([[1, None], None, []]), ["[1,null]", "null", "[]"]),
        (pa.array([[1.0, 0.5], None, [2.0]], pa.list_(pa.float32()))[1:], ["null", "[2.0]"]),
        (pa.array([[1, 2], None], pa.list_(pa.int64(), 2)), ["[1,2]", "null"]),
        (pa.array([[["x"], []], [None]]), ['[["x"],[]]', "[null]"]),
        (pa.array([{"a": 1, "b": "x"}, None, {"a": None}]), ['{"a":1,"b":"x"}', "null", '{"a":null,"b":null}']),
        (pa.array([{"a": 1}, None, {"a": 2}])[1:], ["null", '{"a":2}']),
        (pa.array([datetime.date(2024, 2, 29), None]), ['"2024-02-29"', "null"]),
        (pa.array([decimal.Decimal("1.20")]), ["1.20"]),
        (pa.array([b"\xff"]), ['"/w=="']),
        (pa.array([[("a", 1)]], pa.map_(pa.string(), pa.int64())), ['[["a",1]]']),
        (pa.chunked_array([["a"], ["b"]]), ['"a"', '"b"']),
        (pa.array([], pa.list_(pa.float32())), []),
    ],
)
def test_text_of_every_kind(array: pa.Array, text: list[str]) -> None:
    result = json_text(array)
    assert result.type == pa.large_string()
    assert result.null_count == 0
    assert result.to_pylist() == text


@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False)))
def test_floats_read_back_exactly_and_as_floats(values: list[float | None]) -> None:
    read = [json.loads(text) for text in json_text(pa.array(values, pa.float64())).to_pylist()]
    assert read == values
    assert all(value is None or isinstance(value, float) for value in read)
    signs = [math.copysign(1, value) for value in values if value is not None]
    assert signs == [math.copysign(1, value) for value in read if value is not None]


@given(st.lists(st.none() | st.text()))
def test_strings_read_back(values: list[str | None]) -> None:
    assert [json.loads(text) for text in json_text(pa.array(values, pa.string())).to_pylist()] == values


def test_objects() -> None:
    columns = [pa.array([1, None]), pa.array(["x", "y"])]
    assert json_objects(['q"', "b"], columns, 2).to_pylist() == ['{"q\\"":1,"b":"x"}', '{"q\\"":null,"b":"y"}']
    assert json_objects([], [], 2).to_pylist() == ["{}", "{}"]
