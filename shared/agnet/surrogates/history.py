"""Evaluated architectures as what surrogates learn from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from agnet import arrow, records, spaces
from agnet.errors import InputError, RecordError
from agnet.names import nearest
from agnet.spaces.base import Space
from agnet.streams import Chunk, concat
from agnet.surrogates.base import Batch


@dataclass(frozen=True, slots=True)
class Examples:
    """Architectures with the values of some metrics."""

    batch: Batch
    """[n]"""
    metrics: Sequence[str]
    y: NDArray[np.float64]
    """[n, metrics]; NaN where an evaluation failed or is missing."""


def examples(
    chunks: Iterable[Chunk],
    metrics: Sequence[str],
    *,
    name: str,
    latent_length: int | None = None,
    columns: Sequence[str] = (),
) -> Examples:
    """All records of a history, which is small enough to hold.

    Args:
        chunks: the history.
        metrics: columns to learn.
        name: what the history is called in messages.
        latent_length: if given, only records with a latent of that length count.
        columns: numeric columns that surrogates read; only records that have a number in each count.

    Raises:
        InputError: if there are no records, or none says its space, has a latent, the columns or one of the metrics.
        RecordError: if a record is not an architecture of the same space as the first, or a value is not a number.
    """
    metrics = list(dict.fromkeys(metrics))
    parts = list(chunks)
    if not parts:
        raise InputError(f"{name}: no records to learn from")
    history = concat(parts)
    latent = None
    if latent_length is not None:
        latent, missing = latents(history, latent_length)
        rows = np.setdiff1d(np.arange(len(history)), list(missing))
        if not len(rows):
            raise InputError(f"{name}: no record has a latent of {latent_length} numbers, which the generator needs")
        history, latent = history.take(rows), latent[rows]
    beside = None
    if columns:
        beside, missing = numeric(history, columns)
        rows = np.setdiff1d(np.arange(len(history)), list(missing))
        if not len(rows):
            there = history.names()
            for column in (column for column in columns if column not in there):
                raise InputError(f"{name}: no record has a column {column!r}{nearest(column, there)}")
            reason = f"no record has a number in every column of {', '.join(columns)}, which the surrogate is to read"
            raise InputError(f"{name}: {reason}")
        history, beside = history.take(rows), beside[rows]
        latent = None if latent is None else latent[rows]
    space = _space(history, name)
    parsed = records.read(space, history)
    if parsed.problems:
        row = min(parsed.problems)
        raise RecordError(history.place(row), "arch", parsed.problems[row])
    y = _numbers(history, metrics)
    for metric, values in zip(metrics, y.T, strict=True):
        if not np.isfinite(values).any():
            raise InputError(f"{name}: {_no_values(history, metric)}")
    return Examples(Batch(space, parsed.graphs, latent, beside), metrics, y)


def numeric(chunk: Chunk, names: Sequence[str]) -> tuple[NDArray[np.float64], dict[int, str]]:
    """[n, k] columns of numbers, and what is wrong in rows where one is missing or not finite; it is NaN there.

    Raises:
        RecordError: if a value is not a number.
    """
    values = _numbers(chunk, names)
    values[~np.isfinite(values)] = np.nan
    wrong = np.isnan(values)
    problems = {
        row: f"no number in the column {names[int(wrong[row].argmax())]!r}, which the surrogate reads"
        for row in np.flatnonzero(wrong.any(axis=1)).tolist()
    }
    return values, problems


def _numbers(chunk: Chunk, names: Sequence[str]) -> NDArray[np.float64]:
    """[n, k] columns as numbers, NaN where there is none."""
    columns = chunk.columns(pa.schema([(name, pa.float64()) for name in names]))
    return np.stack([arrow.to_numpy(columns[name].combine_chunks()) for name in names], axis=1)


def latents(chunk: Chunk, length: int) -> tuple[NDArray[np.float32], dict[int, str]]:
    """[n, length] column ``latent``, and what is wrong in rows that have none such; these are NaN."""
    column = chunk.column("latent", pa.list_(pa.float32()))
    there = arrow.to_numpy(column.is_valid())
    lengths = arrow.to_numpy(pc.list_value_length(column).fill_null(0))
    right = lengths == length
    latent = np.full((len(chunk), length), np.nan, dtype=np.float32)
    latent[right] = arrow.to_numpy(column.filter(arrow.numbers(right)).flatten()).reshape(-1, length)
    finite = np.isfinite(latent).all(axis=1)
    latent[~finite] = np.nan
    problems = {}
    for row in np.flatnonzero(~(right & finite)).tolist():
        if not there[row]:
            problems[row] = "none, but the surrogate reads what a generator makes of it"
        elif not right[row]:
            problems[row] = f"{lengths[row]} numbers, the generator's latents have {length}"
        else:
            problems[row] = "not all numbers"
    return latent, problems


def _space(history: Chunk, name: str) -> Space:
    known = history.column("space", pa.string()).drop_null()
    if not len(known):
        raise InputError(f"{name}: no record says its space; add a column 'space'")
    return spaces.get(known[0].as_py())


def _no_values(history: Chunk, metric: str) -> str:
    table = history.table()
    if metric in table.column_names:
        return f"{metric} is null in every record, there is nothing to learn from"
    numeric = [
        field.name for field in table.schema if pa.types.is_floating(field.type) or pa.types.is_integer(field.type)
    ]
    return f"no record has the metric {metric!r}{nearest(metric, numeric)}" if numeric else f"no record has {metric!r}"
