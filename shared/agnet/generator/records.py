"""Generated architectures as records."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from agnet import arrow, records
from agnet.generator.sampling import Block
from agnet.spaces import Space


def table(space: Space, block: Block, *, keep_invalid: bool = False) -> pa.Table:
    """Columns ``space``, ``arch``, ``id`` and ``latent`` of a block; ``valid`` too if it holds what is not."""
    made = records.records(space, block.graphs.take(block.valid))
    columns = {name: made[name].combine_chunks() for name in made.column_names}
    latent = arrow.lists(block.latent)
    if not keep_invalid:
        return pa.table({**columns, "latent": latent})
    place = arrow.numbers(np.cumsum(block.valid) - 1, null=~block.valid)
    columns = {name: values.take(place) for name, values in columns.items()}
    columns["space"] = pa.repeat(pa.scalar(space.name, pa.string()), len(block.valid))
    return pa.table({**columns, "valid": arrow.numbers(block.valid), "latent": latent})
