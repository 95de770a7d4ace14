"""Read the columns that a picture needs off streams."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from agnet import arrow, streams
from agnet.errors import InputError
from agnet.names import nearest


def columns(files: Sequence[str] | None, schema: pa.Schema, optional: Sequence[str] = ()) -> pa.Table:
    """All records' values of the columns in ``schema``, and nothing else of the stream.

    Args:
        files: the stream's files; none is stdin.
        schema: names and types.
        optional: columns that may be missing; all others have at least one value.

    Raises:
        InputError: if there is no record, or a column is missing or has no value at all.
        RecordError: if a value is not of its column's type.
    """
    source = ", ".join("stdin" if file == "-" else file for file in files or ["-"])
    parts, names = [], set[str]()
    for chunk in streams.read(files, columns=schema):
        parts.append(chunk.columns(schema))
        if any(part.null_count == len(part) for part in parts[-1].columns):
            names.update(chunk.names())
    table = pa.concat_tables(parts or [schema.empty_table()]).combine_chunks()
    if not len(table):
        raise InputError(f"{source}: no records")
    for name in schema.names:
        if name not in optional and table[name].null_count == len(table):
            if name in names:
                raise InputError(f"{source}: {name}: is null in each of the {len(table):,} records")
            raise InputError(f"{source}: no record has a column {name!r}{nearest(name, sorted(names))}")
    return table


def numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    """[n] a column as numbers; NaN for null."""
    return arrow.to_numpy(table[name].combine_chunks().cast(pa.float64()))


def labels(files: Sequence[str]) -> list[str]:
    """A short name for each file: its stem, or its whole path where stems are the same."""
    stems = ["stdin" if file == "-" else Path(file).name.partition(".")[0] for file in files]
    return [stem if stems.count(stem) == 1 else file for stem, file in zip(stems, files, strict=True)]
