from __future__ import annotations

import subprocess
import sys

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnet import arrow


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int32", "int64", "float32", "float64"])
def test_numbers_both_ways(dtype: str) -> None:
    values = np.arange(19).astype(dtype)
    made = arrow.numbers(values)
    made.validate(full=True)
    assert made.equals(pa.array(values))
    back = arrow.to_numpy(made.slice(3))
    assert back.dtype == values.dtype
    assert np.array_equal(back, values[3:])
    assert np.array_equal(arrow.to_numpy(arrow.numbers(values[::-2])), values[::-2])


def test_nulls() -> None:
    made = arrow.numbers(np.arange(10), null=np.arange(10) == 9)
    assert made.equals(pa.array([*range(9), None], pa.int64()))
    assert np.array_equal(arrow.to_numpy(made), [*range(9), np.nan], equal_nan=True)
    assert np.array_equal(arrow.to_numpy(pa.array([True, None, False])), [1, np.nan, 0], equal_nan=True)


@given(st.lists(st.text()))
def test_strings(values: list[str]) -> None:
    made = arrow.strings(values)
    made.validate(full=True)
    assert made.equals(pa.array(values, pa.string()))


def test_text_repeats() -> None:
    assert pa.repeat(arrow.text("nb201"), 3).to_pylist() == ["nb201"] * 3


def test_lists() -> None:
    values = np.arange(12, dtype=np.float32).reshape(4, 3)
    made = arrow.lists(values)
    made.validate(full=True)
    assert made.type == pa.list_(pa.float32(), 3)
    assert made.to_pylist() == values.tolist()
    assert len(arrow.lists(values[:0])) == 0


def test_pandas_stays_out() -> None:
    pytest.importorskip("pandas")
    code = (
        "import sys, numpy as np, pyarrow as pa; from agnet import arrow as a;"
        "a.to_numpy(a.numbers(np.arange(3), null=np.arange(3) == 1)); a.lists(np.ones((2, 2)));"
        "pa.repeat(a.text('x'), 2).take(a.numbers(np.array([1]))); print('pandas' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "False\n"


def test_characters() -> None:
    made = arrow.characters(np.frombuffer(b"abcdefxy0123", dtype=np.uint8).reshape(3, 4)[:, ::-1])
    made.validate(full=True)
    assert made.to_pylist() == ["dcba", "yxfe", "3210"]
    assert len(arrow.characters(np.zeros((0, 4), dtype=np.uint8))) == 0
    with pytest.raises(ValueError, match="fewer rows"):
        arrow.characters(np.broadcast_to(np.uint8(0), (1 << 20, 1 << 12)))


@given(st.lists(st.tuples(*[st.integers(0, 2**32 - 1)] * 2)))
def test_hexadecimal(values: list[tuple[int, int]]) -> None:
    made = arrow.hexadecimal(np.array(values, dtype=np.uint32).reshape(-1, 2))
    made.validate(full=True)
    assert made.to_pylist() == [f"{first:08x}{second:08x}" for first, second in values]
