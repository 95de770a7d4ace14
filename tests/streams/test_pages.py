"""Headers of Parquet's pages."""

from __future__ import annotations

import io

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
    metadata = pq.ParquetFile(buffer).metadata
    for group in range(metadata.num_row_groups):
        for number in range(2):
            column = metadata.row_group(group).column(number)
            start = column.dictionary_page_offset if dictionary else column.data_page_offset
            assert pages.values(buffer, start, column.total_compressed_size) == column.num_values
            with pytest.raises(ValueError, match="page"):
                pages.values(buffer, start + 1, column.total_compressed_size)


@given(st.binary(max_size=60))
def test_whatever_stands_there(data: bytes) -> None:
    try:
        assert pages.values(io.BytesIO(data), 0, len(data)) >= 0
    except ValueError as error:
        assert "page" in str(error)
