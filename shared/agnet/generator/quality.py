"""What a generator's samples are like: AG-Net's measures of a trained generator."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from agnet.generator.checkpoint import Checkpoint
from agnet.generator.sampling import Generation, Sampler
from agnet.graphs import Graphs
from agnet.seeds import Seed
from agnet.seen import Seen, hashes
from agnet.spaces.base import Space

_ROWS = 65536


class Quality(NamedTuple):
    """Shares, 0 to 1. Architectures count as equal when ``space.identity`` says so."""

    validity: float
    """Of all samples: architectures of the space."""
    uniqueness: float
    """Of the valid samples: distinct ones."""
    novelty: float
    """Of the distinct ones: those that the generator did not learn from."""
    coverage: float
    """Of what it learned from: architectures among the samples."""


def known(space: Space, graphs: Graphs) -> Seen:
    """The architectures that a generator learns from."""
    seen = Seen()
    for start in range(0, len(graphs), _ROWS):
        part = graphs.take(slice(start, start + _ROWS))
        seen.add(hashes(space.keys(part)))
    return seen


def quality(
    checkpoint: Checkpoint, space: Space, learned: Seen, n: int, seed: Seed, *, sampler: Sampler | None = None
) -> Quality:
    """Measured on ``n`` samples for latents from the distribution of training.

    Args:
        checkpoint: the generator.
        space: the space that it is for.
        learned: what :func:`known` gives.
        n: samples.
        seed: decides which.
        sampler: the checkpoint's, or that of a generator that is just being trained.
    """
    samples = Generation(checkpoint, space, n, seed, keep_invalid=True, sampler=sampler)
    seen = Seen()
    new = valid = 0
    for block in samples:
        graphs = block.graphs.take(block.valid)
        keys = hashes(space.keys(graphs))
        first = keys[seen.add(keys)]
        new += int(np.count_nonzero(~learned.has(first)))
        valid += len(keys)
    distinct = len(seen)
    return Quality(
        valid / n if n else 0.0,
        distinct / valid if valid else 0.0,
        new / distinct if distinct else 0.0,
        (distinct - new) / len(learned) if len(learned) else 0.0,
    )
