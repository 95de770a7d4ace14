"""The record: what one line of a stream says about an architecture."""

from __future__ import annotations

import pyarrow as pa

from agnet.graphs import Graphs
from agnet.spaces.base import Space


def records(space: Space, graphs: Graphs) -> pa.Table:
    """Columns ``space``, ``arch`` and ``id`` of valid architectures, one row each."""
    names = pa.repeat(pa.scalar(space.name, pa.string()), len(graphs))
    return pa.table({"space": names, "arch": space.format(graphs), "id": space.ids(graphs)})
