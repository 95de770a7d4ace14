"""Sets of architectures by 64-bit hashes of their names: eight bytes each, however long the names are."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_FINAL = (np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB))  # SplitMix64


def hashes(names: pa.StringArray) -> NDArray[np.uint64]:
    """[n] hash of each string. Among ten million strings two share one with a probability of 3e-6."""
    n = len(names)
    _, offsets_buffer, data_buffer = names.buffers()
    if not n or data_buffer is None:
        return np.zeros(n, np.uint64)
    offsets = np.frombuffer(offsets_buffer, np.int32)[names.offset : names.offset + n + 1]
    data = np.frombuffer(data_buffer, np.uint8)
    lengths = np.diff(offsets)
    longest = int(lengths.max())
    words = np.zeros((n, -(-longest // 8)), np.uint64)
    letters = words.view(np.uint8)
    letters[:, :longest][np.arange(longest) < lengths[:, None]] = data[offsets[0] : offsets[-1]]
    result = lengths.astype(np.uint64)
    for number, column in enumerate(words.T):
        mixed = (result ^ column) * _MULTIPLIER
        # what a string hashes to must not depend on the padding that longer ones give it
        result = np.where(lengths > 8 * number, mixed ^ (mixed >> np.uint64(29)), result)
    for shift, factor in zip((np.uint64(30), np.uint64(27)), _FINAL, strict=True):
        result = (result ^ (result >> shift)) * factor
    return result ^ (result >> np.uint64(31))


class Seen:
    """A growing set of hashes."""

    def __init__(self) -> None:
        # Sorted arrays, each more than twice as long as the next: adding n hashes one by one sorts n log n of them.
        self._runs: list[NDArray[np.uint64]] = []

    def __len__(self) -> int:
        return sum(map(len, self._runs))

    def has(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """[n] which hashes are in the set."""
        found = np.zeros(len(keys), np.bool_)
        for run in self._runs:
            found |= run[np.minimum(np.searchsorted(run, keys), len(run) - 1)] == keys
        return found

    def add(self, keys: NDArray[np.uint64]) -> NDArray[np.bool_]:
        """Add hashes; [n] which of them were new, of equal ones the first."""
        distinct, first = np.unique(keys, return_index=True)
        new = ~self.has(distinct)
        if new.any():
            self._runs.append(distinct[new])
            while len(self._runs) > 1 and len(self._runs[-2]) <= 2 * len(self._runs[-1]):
                self._runs.append(np.sort(np.concatenate([self._runs.pop(), self._runs.pop()]), kind="stable"))
        mask = np.zeros(len(keys), np.bool_)
        mask[first[new]] = True
        return mask
