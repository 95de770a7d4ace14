"""What is known of architectures before any is trained: scores of untrained networks, or how large networks are.

A search that is given such scores begins with architectures that they put first, among others. Scores come from a file,
which need not have every architecture, or are sizes, which every architecture has.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import networks, streams
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.records import COLUMNS
from agnet.search import candidates
from agnet.seeds import Seed, numpy_stream
from agnet.spaces.base import Space
from agnet.surrogates.history import examples

SIZES = {"params": networks.params, "flops": networks.flops}
"""Scores that are computed."""
_BEST = 0.01
"""Share of the scored architectures among which a search begins."""
_LEAST = 20
"""Architectures among which it begins at least."""
_SAMPLE = 10_000
"""Architectures whose sizes are compared, where the space has more."""


class Prior:
    """Scores of a space's architectures.

    Args:
        space: whose architectures.
        text: ``params``, ``flops`` or both with a comma between, or ``FILE:COLUMN,...``. More is taken to be better;
            a minus before a name says that less is. Of several scores the mean rank counts.

    Raises:
        InputError: if it is none of these, or the file has no numbers there.
        RecordError: if a record of the file is not an architecture of the space.
    """

    def __init__(self, space: Space, text: str) -> None:
        self._space = space
        self._file, colon, names = text.rpartition(":")
        columns = [name.strip() for name in names.split(",")]
        self._signs = np.array([-1.0 if name.startswith("-") else 1.0 for name in columns])
        self._columns = [name.removeprefix("-") for name in columns]
        if not all(self._columns) or bool(colon) != bool(self._file):
            raise InputError(f"--prior {text!r}: give params, flops or FILE:COLUMN, more columns with commas between")
        if not colon and (strange := [name for name in self._columns if name not in SIZES]):
            raise InputError(
                f"--prior {text!r}: {strange[0]!r} is not computed, only {' and '.join(SIZES)} are; "
                f"a column of a file is FILE:{strange[0]}"
            )
        _ = self._best  # complains about the file

    def promising(self, seed: Seed) -> Graphs:
        """The architectures that the scores put first, all different, in an order that ``seed`` decides."""
        return self._best.take(numpy_stream(seed, "prior").permutation(len(self._best)))

    @cached_property
    def _best(self) -> Graphs:
        """The best hundredth by mean rank."""
        from scipy.stats import rankdata  # noqa: PLC0415 - half a second, which other searches need not spend

        graphs, scores = self._read() if self._file else self._computed()
        ranks = rankdata(-self._signs * scores, axis=0).mean(axis=1)
        count = min(max(round(_BEST * len(graphs)), _LEAST), len(graphs))
        best = graphs.take(np.argsort(ranks, kind="stable")[:count])
        return candidates.fresh(self._space, best, pa.array([], pa.string()))[0]

    def _read(self) -> tuple[Graphs, NDArray[np.float64]]:
        """Architectures of the file that have every score."""
        schema = pa.schema([*COLUMNS, *((name, pa.float64()) for name in self._columns)])
        known = examples(streams.read([self._file], columns=schema), self._columns, name=self._file)
        if known.batch.space.name != self._space.name:
            raise InputError(f"--prior {self._file}: architectures of {known.batch.space.name}, not {self._space.name}")
        rows = np.flatnonzero(np.isfinite(known.y).all(axis=1))
        if not len(rows):
            raise InputError(f"--prior {self._file}: no record has a number in all of {', '.join(self._columns)}")
        return known.batch.graphs.take(rows), known.y[rows]

    def _computed(self) -> tuple[Graphs, NDArray[np.float64]]:
        """All architectures of a small space, many random ones of a large one."""
        space = self._space
        if space.size is not None and space.size <= 2 * _SAMPLE:
            graphs = Graphs.concat(list(space.enumerate()))
        else:
            graphs = space.sample(_SAMPLE, numpy_stream((0,), "prior"))
        return graphs, np.stack([SIZES[name](space, graphs) for name in self._columns], axis=1).astype(np.float64)
