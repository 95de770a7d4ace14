"""Records with what a benchmark answers about them."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from agnet import arrow, records, spaces, streams
from agnet.benchmarks.base import Answer, Benchmark
from agnet.seeds import Seed
from agnet.streams import Chunk

if TYPE_CHECKING:
    from agnet.engines.evaluating import Evaluator
    from agnet.records import Parsed

_AHEAD = 4
"""Parts of a stream for each worker that are being evaluated, or wait for an earlier one to be written."""


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
    return _settled(chunk, parsed, oracle.query(parsed.graphs, names, draw=draw), names, on_error)


def spread(evaluator: Evaluator, chunks: Iterable[Chunk], names: Sequence[str], on_error: str) -> Iterator[Chunk]:
    """The same for many chunks, which workers answer; in their order, a bounded number at a time.

    Args:
        evaluator: what answers.
        chunks: what makes one evaluation each.
        names: see :func:`answer`.
        on_error: see :func:`answer`.

    Raises:
        RecordError: see :func:`answer`.
    """
    space = spaces.get(evaluator.benchmark.space)
    waiting: deque[tuple[int, Chunk, Parsed]] = deque()
    ended: dict[int, Answer] = {}

    def written() -> Iterator[Chunk]:
        while waiting and waiting[0][0] in ended:
            number, chunk, parsed = waiting.popleft()
            yield _settled(chunk, parsed, ended.pop(number), names, on_error)

    for chunk in chunks:
        parsed = records.read(space, chunk)
        waiting.append((evaluator.submit(parsed.graphs), chunk, parsed))
        while len(waiting) >= _AHEAD * evaluator.engine.workers:
            ended |= dict(evaluator.wait())
            yield from written()
    while waiting:
        ended |= dict(evaluator.wait())
        yield from written()


def _settled(chunk: Chunk, parsed: Parsed, found: Answer, names: Sequence[str], on_error: str) -> Chunk:
    chunk, rows = streams.settle(chunk, found.problems | parsed.problems, "arch", on_error)
    columns = {name: found.columns[name][rows] for name in names or found.columns}
    return chunk.set({name: arrow.numbers(values, null=np.isnan(values)) for name, values in columns.items()})
