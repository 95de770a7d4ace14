"""What becomes of records that a tool finds wrong."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet.errors import RecordError
from agnet.streams.chunk import Chunk, LinesChunk

ERROR = "error"
"""The column that says what is wrong with a kept record."""


def settle(chunk: Chunk, problems: Mapping[int, str], column: str, policy: str) -> tuple[Chunk, NDArray[np.int64]]:
    """Apply ``--on-error`` to the rows of ``problems`` (row to reason), which are wrong in ``column``.

    Returns:
        The chunk that goes on, and which rows of ``chunk`` it holds. Under ``keep`` these are all, and wrong ones say
        so in ``error`` as ``column: reason``, unless an earlier tool found them wrong before. Lines get the column
        only where there is an error, a table always has it: what comes out does not depend on where chunks begin.

    Raises:
        RecordError: under ``fail``, for the first wrong record.
    """
    every = np.arange(len(chunk))
    if policy == "fail":
        if problems:
            first = min(problems)
            raise RecordError(chunk.place(first), column, problems[first])
        return chunk, every
    wrong = np.isin(every, list(problems))
    if policy == "skip":
        return (chunk.take(~wrong), every[~wrong]) if wrong.any() else (chunk, every)
    if isinstance(chunk, LinesChunk) and not wrong.any():
        return chunk, every
    errors = chunk.column(ERROR, pa.string()).to_pylist()
    for row, reason in problems.items():
        errors[row] = errors[row] or f"{column}: {reason}"
    values = pa.array(errors, pa.string())
    if not isinstance(chunk, LinesChunk):
        return chunk.set({ERROR: values}), every
    marked = chunk.take(wrong).set({ERROR: values.filter(pa.array(wrong))})
    assert isinstance(marked, LinesChunk)
    order = np.argsort(np.concatenate([every[~wrong], every[wrong]]))
    return LinesChunk.concat([chunk.take(~wrong), marked]).take(order), every
