"""Records with what a benchmark answers about them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from agnet import arrow, records, spaces, streams
from agnet.benchmarks.base import Benchmark
from agnet.seeds import Seed
from agnet.streams import Chunk


def answer(oracle: Benchmark, chunk: Chunk, names: Sequence[str], draw: Seed | None, on_error: str) -> Chunk:
    """The records of a chunk with a column for each metric, null where there is none.

    Args:
        oracle: what answers.
        chunk: architectures of its space.
        names: metrics; none: all that it answers.
        draw: see :meth:`Benchmark.query`.
        on_error: see :func:`agnet.streams.settle`.

    Raises:
        RecordError: if a record is wrong, or has no answer, and ``on_error`` is ``fail``.
    """
    parsed = records.read(spaces.get(oracle.space), chunk)
    found = oracle.query(parsed.graphs, names, draw=draw)
    chunk, rows = streams.settle(chunk, found.problems | parsed.problems, "arch", on_error)
    columns = {name: found.columns[name][rows] for name in names or found.columns}
    return chunk.set({name: arrow.numbers(values, null=np.isnan(values)) for name, values in columns.items()})
