"""Where the records of a chunk came from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Places:
    """The source and the line or row of every record of a chunk, kept while rows are dropped and chunks joined."""

    sources: tuple[str, ...]
    """What stands before the number: ``seen.jsonl:`` or ``seen.parquet:row ``."""
    source: NDArray[np.int32]
    """[n] index into ``sources``."""
    number: NDArray[np.int64]
    """[n] line or row, counted from 1."""

    @staticmethod
    def of(source: str, number: NDArray[np.int64]) -> Places:
        """Places in one source."""
        return Places((source,), np.zeros(len(number), np.int32), number)

    def __getitem__(self, row: int) -> str:
        return f"{self.sources[self.source[row]]}{self.number[row]}"

    def take(self, rows: NDArray[np.integer] | NDArray[np.bool_]) -> Places:
        """The places at ``rows`` (indices or mask)."""
        return Places(self.sources, self.source[rows], self.number[rows])

    @staticmethod
    def concat(parts: Sequence[Places]) -> Places:
        """All places of ``parts`` (at least one), in order."""
        sources = tuple(dict.fromkeys(source for part in parts for source in part.sources))
        index = {source: i for i, source in enumerate(sources)}
        renumbered = [np.array([index[s] for s in part.sources], np.int32)[part.source] for part in parts]
        return Places(sources, np.concatenate(renumbered), np.concatenate([part.number for part in parts]))
