"""Types of columns: those the project knows by name, and how two streams' types become one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.types as pt

_KNOWN: dict[str, pa.DataType] = {
    "space": pa.string(),
    "arch": pa.string(),
    "id": pa.string(),
    "latent": pa.list_(pa.float32()),
    "error": pa.string(),
    "raw": pa.string(),
} | dict.fromkeys(
    (
        "val_acc",
        "test_acc",
        "train_acc",
        "val_loss",
        "test_loss",
        "train_loss",
        "train_time_s",
        "latency_ms",
        "energy_mj",
        "params_m",
        "flops_m",
    ),
    pa.float64(),
)

EMPTY = pa.schema([("space", pa.string()), ("arch", pa.string())])
"""Columns of a table without records: what every stream of architectures has."""


def known_type(column: str) -> pa.DataType | None:
    """The type a column has in this project whatever its values look like; None if the name says nothing."""
    return pa.float64() if column.startswith("pred_") else _KNOWN.get(column)


def unify(schemas: Sequence[pa.Schema]) -> pa.Schema:
    """One schema for all: columns in order of appearance, integers widened to floats, null columns to any type.

    Raises:
        pyarrow.ArrowInvalid, pyarrow.ArrowTypeError: if a column has types that do not go together.
    """
    return pa.unify_schemas(list(schemas), promote_options="permissive")


def conform(table: pa.Table, schema: pa.Schema, rows: int) -> pa.Table:
    """``table`` of ``rows`` rows (which it may not know) in a wider ``schema``; columns it lacks are null."""
    if table.schema.equals(schema, check_metadata=True):
        return table
    present = set(table.column_names)
    arrays = [
        # safe=False: an integer beyond 2**53 beside floats becomes the nearest float, as it would within one chunk
        table.column(field.name).cast(field.type, safe=False)
        if field.name in present
        else pa.chunked_array([pa.nulls(rows, field.type)], type=field.type)
        for field in schema
    ]
    return pa.table(arrays, schema=schema)


def holds(outer: pa.Schema, inner: pa.Schema) -> bool:
    """Whether every table of schema ``inner`` can be written as ``outer`` without loss."""
    try:
        return unify([outer, inner]).equals(outer)
    except (pa.ArrowInvalid, pa.ArrowTypeError):
        return False


def describe(kind: pa.DataType) -> str:
    """A type in plain words, for messages: ``a string``, ``a list of numbers``."""
    if pt.is_dictionary(kind):
        return describe(kind.value_type)
    if is_list(kind):
        return f"a list of {describe(kind.value_type).split(' ', 1)[1]}s"
    return next((words for words, fits in _WORDS.items() if fits(kind)), str(kind))


def is_text(kind: pa.DataType) -> bool:
    """Any of Arrow's string types."""
    return pt.is_string(kind) or pt.is_large_string(kind) or pt.is_string_view(kind)


def is_number(kind: pa.DataType) -> bool:
    """Integers, floats and decimals."""
    return pt.is_integer(kind) or pt.is_floating(kind) or pt.is_decimal(kind)


def is_list(kind: pa.DataType) -> bool:
    """Any of Arrow's list types."""
    return (
        pt.is_list(kind)
        or pt.is_large_list(kind)
        or pt.is_fixed_size_list(kind)
        or pt.is_list_view(kind)
        or pt.is_large_list_view(kind)
    )


_WORDS: dict[str, Callable[[pa.DataType], bool]] = {
    "a string": is_text,
    "an integer": pt.is_integer,
    "a number": is_number,
    "a truth value": pt.is_boolean,
    "an object": pt.is_struct,
}
