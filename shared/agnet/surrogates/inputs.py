"""What a surrogate reads of an architecture: encodings of the graph, or what a generator says of its latent."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from agnet import encodings
from agnet.errors import InputError
from agnet.names import nearest
from agnet.surrogates.base import Batch

if TYPE_CHECKING:
    from agnet.generator.checkpoint import Checkpoint

_ROWS = 128
"""Latents that are decoded together."""


@dataclass(frozen=True)
class Inputs:
    """Architectures to rows of numbers: the parts asked for, side by side."""

    kinds: Sequence[str] = ("features",)
    """Names of encodings, see :mod:`agnet.encodings`."""
    generator: Checkpoint | None = None
    """If given, the scores of nodes and edges that it gives for an architecture's latent."""

    columns: Sequence[str] = ()
    """Names of numeric columns that are read beside the graph, such as zero-cost scores."""

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in encodings.KINDS:
                raise InputError(f"no encoding is called {kind!r}{nearest(kind, encodings.KINDS)}")

    @property
    def latent_length(self) -> int | None:
        """Length of the latents that are needed; None if there is no need for any."""
        return self.generator.agnet.latent_length if self.generator else None

    def of(self, batch: Batch) -> NDArray[np.float32]:
        """[n, d] rows of ``n`` architectures, with latents if there is a need for them."""
        parts = [encodings.encode(batch.space, batch.graphs, kind) for kind in self.kinds]
        if self.generator:
            assert batch.latent is not None
            parts.append(_scores(self.generator, batch.latent))
        if self.columns:
            parts.append(self.columns_of(batch))
        return np.concatenate([part.astype(np.float32, copy=False) for part in parts], axis=1)

    def columns_of(self, batch: Batch) -> NDArray[np.float32]:
        """[n, len(columns)] sign(v)·log(1 + |v|) of each value v: scores of untrained networks span many decades."""
        assert batch.columns is not None
        drawn: NDArray[np.float32] = (np.sign(batch.columns) * np.log1p(np.abs(batch.columns))).astype(np.float32)
        return drawn


def _scores(generator: Checkpoint, latent: NDArray[np.float32]) -> NDArray[np.float32]:
    """[n, scores] node and edge scores, those of a cell's nodes before those of its edges.

    Computed in double precision, so that a row does not depend on the others in single precision.
    """
    network = generator.network(double=True)
    rows = np.empty((len(latent), generator.agnet.scores_length), dtype=np.float32)
    for start in range(0, len(latent), _ROWS):
        types, edges = network.scores(latent[start : start + _ROWS])
        n, cells = edges.shape[:2]
        both = np.concatenate([types.reshape(n, cells, -1), edges], axis=2)
        rows[start : start + _ROWS] = both.reshape(n, -1)
    return rows
