"""The best records of a stream, in bounded memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from agnet.streams.chunk import Chunk, concat


class Top:
    """Keeps the ``k`` records with the largest values, the first seen of equals; NaN is less than anything.

    What it keeps does not depend on how the stream is cut into chunks.
    """

    def __init__(self, k: int) -> None:
        self._k = k
        self._chunks: list[Chunk] = []
        self._values: NDArray[np.floating] = np.empty(0)

    def add(self, chunk: Chunk, values: NDArray[np.floating]) -> None:
        """Look at the records of ``chunk``, whose values are the [n] ``values``."""
        kept = len(self._values)
        values = np.where(np.isnan(values), -np.inf, values)
        self._values = np.concatenate([self._values, values])
        best = np.sort(np.argsort(-self._values, kind="stable")[: self._k])
        new = best[best >= kept] - kept
        if not len(new):
            self._values = self._values[:kept]
            return
        old = best[best < kept]
        self._values = self._values[best]
        self._chunks = [part for part in (*self._of_kept(old), chunk.take(new)) if len(part)]

    def _of_kept(self, rows: NDArray[np.intp]) -> list[Chunk]:
        """The kept chunks, reduced to ``rows`` (ascending) of all kept records."""
        starts = np.cumsum([0, *map(len, self._chunks)])
        parts = []
        for chunk, start, stop in zip(self._chunks, starts, starts[1:], strict=False):
            here = rows[(rows >= start) & (rows < stop)] - start
            parts.append(chunk if len(here) == len(chunk) else chunk.take(here))
        # Few large chunks rather than many small ones.
        return [concat(parts)] if len(parts) > 16 else parts

    def best(self) -> Chunk | None:
        """The records that were kept, best first; None if there were none."""
        if not self._chunks:
            return None
        return concat(self._chunks).take(np.argsort(-self._values, kind="stable"))
