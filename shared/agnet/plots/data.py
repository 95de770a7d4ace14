"""Read the columns that a picture needs off streams."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agnet import arrow, records, spaces, streams
from agnet.errors import InputError, RecordError
from agnet.graphs import Graphs
from agnet.names import nearest
from agnet.search import journal
from agnet.seen import Seen, hashes
from agnet.spaces import Space
from agnet.streams import Chunk


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
    source = _names(files)
    parts, names = [], set[str]()
    for chunk in _records(files, schema):
        parts.append(chunk.columns(schema))
        if any(part.null_count == len(part) for part in parts[-1].columns):
            names.update(chunk.names())
    table = pa.concat_tables(parts or [schema.empty_table()]).combine_chunks()
    if not len(table):
        raise InputError(f"{source}: no records")
    for name in schema.names:
        if name not in optional and not _has_values(table, name):
            if table[name].null_count < len(table) or name in names:
                raise InputError(f"{source}: {name}: no value in any of {len(table):,} records")
            raise InputError(f"{source}: no record has a column {name!r}{nearest(name, sorted(names))}")
    return table


def _records(files: Sequence[str] | None, schema: pa.Schema) -> Iterator[Chunk]:
    """The stream without what is not a record: the first line of a search's journal."""
    header = pa.field(journal.HEADER, pa.int64())
    for chunk in streams.read(files, columns=schema):
        is_record = pc.is_null(chunk.columns(schema.append(header))[header.name]).combine_chunks()
        yield chunk.take(arrow.to_numpy(is_record)) if is_record.false_count else chunk


def _has_values(table: pa.Table, name: str) -> bool:
    if pa.types.is_floating(table.schema.field(name).type):
        return not np.isnan(numbers(table, name)).all()
    return table[name].null_count < len(table)


def numbers(table: pa.Table, name: str) -> NDArray[np.float64]:
    """[n] a column as numbers; NaN where there is none, or none that is finite."""
    values = arrow.to_numpy(table[name].combine_chunks().cast(pa.float64()))
    return np.where(np.isfinite(values), values, np.nan)


def log(file: str) -> dict[str, NDArray[np.float64]]:
    """All columns of numbers of a log, null as NaN."""
    chunks = list(streams.read([file]))
    if not chunks:
        raise InputError(f"{_names([file])}: no records")
    table = streams.concat(chunks).table()
    return {
        field.name: numbers(table, field.name)
        for field in table.schema
        if pa.types.is_integer(field.type) or pa.types.is_floating(field.type)
    }


def latents(files: Sequence[str] | None, metric: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """[n, d] the column ``latent`` and [n] the metric of the records that have a latent.

    Raises:
        InputError: if a column is missing or has no value, or latents are of different lengths.
    """
    table = columns(files, pa.schema([("latent", pa.list_(pa.float32())), (metric, pa.float64())]))
    table = table.filter(pc.is_valid(table["latent"]))
    lists = table["latent"].combine_chunks()
    lengths = pc.list_value_length(lists).unique().to_pylist()
    if len(lengths) != 1:
        raise InputError(f"{_names(files)}: latent: lengths differ ({', '.join(map(str, sorted(lengths)))})")
    flat = numbers(pa.table({"latent": lists.flatten()}), "latent")
    return flat.reshape(len(table), lengths[0]), numbers(table, metric)


def architectures(
    files: Sequence[str] | None, metric: str, *, top: int | None, maximize: bool, most: int
) -> tuple[Space, Graphs, NDArray[np.float64]]:
    """The ``top`` best architectures of a stream, best first, each once, or the first ``most`` in order; of one space.

    Returns:
        The space, [n] architectures, and [n] the metric of each (NaN where there is none).

    Raises:
        InputError: if there is none, or ``top`` is given and none has the metric.
        RecordError: if an architecture cannot be read.
    """
    schema = pa.schema([*records.COLUMNS, (metric, pa.float64())])
    best = streams.Top(top or 0)
    first: list[Chunk] = []
    drawn = Seen()
    seen = 0
    names: list[str] = []
    for chunk in _records(files, schema):
        names = chunk.names()
        if top is None:
            first.append(chunk.take(np.arange(min(most - seen, len(chunk)))))
        else:
            values = arrow.to_numpy(chunk.column(metric, pa.float64()))
            there = np.flatnonzero(~np.isnan(values))
            notations = chunk.column("arch", pa.string()).take(arrow.numbers(there))
            there = there[drawn.add(hashes(notations.fill_null("")))]
            best.add(chunk.take(there), values[there] if maximize else -values[there])
        seen += len(chunk)
        if top is None and seen >= most:
            break
    if not seen:
        raise InputError(f"{_names(files)}: no records")
    chosen = streams.concat(first) if top is None else best.best()
    if chosen is None and metric not in names:
        raise InputError(f"{_names(files)}: no record has a column {metric!r}{nearest(metric, names)}")
    if chosen is None:
        raise InputError(
            f"{_names(files)}: no record has a value of {metric!r}, so none is the best; name another --metric"
        )
    name = chosen.column("space", pa.string())[0].as_py()
    if name is None:
        raise RecordError(chosen.place(0), "space", f"the space is not named; there are {', '.join(spaces.names())}")
    space = spaces.get(name)
    parsed = records.read(space, chosen)
    if parsed.problems:
        row, reason = min(parsed.problems.items())
        raise RecordError(chosen.place(row), "arch", reason)
    return space, parsed.graphs, arrow.to_numpy(chosen.column(metric, pa.float64()))


def _names(files: Sequence[str] | None) -> str:
    return ", ".join("stdin" if file == "-" else file for file in files or ["-"])


def labels(files: Sequence[str]) -> list[str]:
    """A short name for each file: its stem, or its whole path where stems are the same."""
    stems = ["stdin" if file == "-" else Path(file).name.partition(".")[0] for file in files]
    return [stem if stems.count(stem) == 1 else file for stem, file in zip(stems, files, strict=True)]


def history(file: str, metric: str) -> tuple[NDArray[np.float64], NDArray[np.int64] | None]:
    """The metric of each query of a history, and the trial it belongs to if the column ``trial`` says so."""
    schema = pa.schema([(metric, pa.float64()), ("trial", pa.int64())])
    table = columns([file], schema, optional=["trial"])
    trial = table["trial"].combine_chunks()
    return numbers(table, metric), None if trial.null_count else arrow.to_numpy(trial)


def queries(n: int, trials: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """[n] the number of each query within its trial, from 1."""
    if trials is None:
        return np.arange(1, n + 1)
    _, trial, counts = np.unique(trials, return_inverse=True, return_counts=True)
    order = np.argsort(trial, kind="stable")
    first = np.repeat(np.cumsum(counts) - counts, counts)
    numbered = np.empty(n, dtype=np.int64)
    numbered[order] = np.arange(1, n + 1) - first
    return numbered
