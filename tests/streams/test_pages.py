"""Headers of Parquet's pages."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agnet.streams import pages


@pytest.mark.parametrize("version", ["1.0", "2.0"])
@pytest.mark.parametrize("dictionary", [True, False])
def test_values_are_those_of_the_summary(version: str, dictionary: bool) -> None:
    rng = np.random.default_rng(0)
    lists = [rng.random(size).round(1).tolist() for size in rng.integers(30, size=5000)]
    texts = [["x" * 300, None], None, []] * 1000
    buffer = io.BytesIO()
    table = pa.table({"numbers": lists[:3000], "texts": texts})
    pq.write_table(
        table, buffer, data_page_version=version, use_dictionary=dictionary, data_page_size=5000, row_group_size=1100
    )
    metadata, groups = pq.ParquetFile(buffer).metadata, pages.row_groups(buffer)
    assert [group.rows for group in groups] == [1100, 1100, 800]
    for number, group in enumerate(groups):
        for column, (start, length) in enumerate(group.chunks):
            summary = metadata.row_group(number).column(column)
            assert start == (summary.dictionary_page_offset if dictionary else summary.data_page_offset)
            assert length == summary.total_compressed_size
            assert pages.values(buffer, start, length) == summary.num_values
            with pytest.raises(ValueError, match="page"):
                pages.values(buffer, start + 1, length)


@given(st.binary(max_size=60))
def test_whatever_stands_there(data: bytes) -> None:
    try:
        assert pages.values(io.BytesIO(data), 0, len(data)) >= 0
    except ValueError as error:
        assert "page" in str(error)


@given(st.binary(max_size=60))
def test_whatever_stands_at_the_end(data: bytes) -> None:
    end = len(data).to_bytes(4, "little") + b"PAR1"
    for file in (data, data + end):
        try:
            assert isinstance(pages.row_groups(io.BytesIO(file)), list)
        except ValueError as error:
            assert "damaged" in str(error)


def test_a_damaged_end_is_an_error_and_not_the_end_of_the_process(tmp_path: Path) -> None:
    """In a process of its own, which Arrow's Python would end where a column's statistics do not suit its schema."""
    buffer = io.BytesIO()
    pq.write_table(pa.table({"arch": ["a", "b"], "numbers": [[1.0, 2.0], [None]]}), buffer)
    whole = buffer.getvalue()
    (tmp_path / "whole").write_bytes(whole)
    program = """
import io, random, sys
from agnet import streams
from agnet.errors import InputError
whole = open("whole", "rb").read()
end = int.from_bytes(whole[-8:-4], "little") + 8
refused = 0
for place in range(len(whole) - end, len(whole) - 8):
    for change in (1, 2, 127):
        data = bytearray(whole)
        data[place] ^= change
        open("damaged", "wb").write(data)
        try:
            for chunk in streams.read(["damaged"]):
                pass
        except InputError:
            refused += 1
print(refused)
"""
    ended = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    assert int(ended.stdout) > 100
