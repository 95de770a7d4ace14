"""The record: what one line of a stream says about an architecture."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

from agnet import arrow, spaces
from agnet.errors import InputError
from agnet.graphs import Graphs
from agnet.spaces.base import Parsed, Space
from agnet.streams.chunk import Chunk

COLUMNS = pa.schema([("space", pa.string()), ("arch", pa.string())])
"""What makes a record an architecture, and all that a tool needs."""


def records(space: Space, graphs: Graphs) -> pa.Table:
    """Columns ``space``, ``arch`` and ``id`` of valid architectures, one row each."""
    names = pa.repeat(pa.scalar(space.name, pa.string()), len(graphs))
    arch, ids = space.format_and_ids(graphs)
    return pa.table({"space": names, "arch": arch, "id": ids})


def read(space: Space, chunk: Chunk) -> Parsed:
    """The architectures of a chunk, all of one space; a record that does not name its space is taken to be of it.

    Problems are those of the column ``arch``: it cannot be read, or belongs to another space.
    """
    columns = chunk.columns(COLUMNS)
    arch, names = columns["arch"].combine_chunks(), columns["space"].combine_chunks()
    of_this = pc.equal(names, arrow.text(space.name)).fill_null(True)
    strangers = {}
    if of_this.false_count:
        rows = pc.indices_nonzero(pc.invert(of_this))
        # What another space calls an architecture may look like one of this space.
        arch = pc.if_else(of_this, arch, pa.nulls(1, pa.string())[0])
        strangers = {
            row: f"an architecture of {name}, not of {space.name}"
            for row, name in zip(rows.to_pylist(), names.take(rows).to_pylist(), strict=True)
        }
    parsed = space.parse(arch)
    return Parsed(parsed.graphs, parsed.problems | strangers)


def space_of(chunk: Chunk) -> Space:
    """The space that the first record which names one names.

    Raises:
        InputError: if none does, or there is no such space.
    """
    named = chunk.columns(COLUMNS)["space"].drop_null()
    if not len(named):
        raise InputError(
            f"{chunk.place(0)}: space: not said; name it with --space, there are {', '.join(spaces.names())}"
        )
    return spaces.get(named[0].as_py())
